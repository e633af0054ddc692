"""Tests for the samples of a study: what is drawn, what is kept, what is refused."""

from pathlib import Path

import pytest

from fake_studies import small_study
from prepose.data.store import describe_store
from prepose.errors import DataError, RecipeError
from prepose.specs.study import StoreSpec
from prepose.studies.run.stores import check_worlds, draw_worlds, missing_splits, store_folders

LAB = {"world": "lab", "counts": {"train": 3, "test": 2}, "size": 32}


def study_with(**lab):
    return small_study(stores=small_study().model_dump()["stores"] | {"lab": LAB | lab})


def test_stores_lie_in_the_study_or_are_shared_or_stay_where_they_are(tmp_path):
    study = small_study(stores={"wild": {"path": "somewhere"}, "lab": LAB})
    own = store_folders(study, tmp_path / "out", None)
    assert own == {"wild": Path("somewhere").resolve(), "lab": tmp_path / "out" / "stores" / "lab"}
    shared = store_folders(study, tmp_path / "out", tmp_path / "shared")
    assert shared["lab"] == tmp_path / "shared" / f"lab-{StoreSpec.model_validate(LAB).digest}"


def test_other_samples_have_another_digest():
    digests = {StoreSpec.model_validate(LAB | change).digest for change in ({}, {"seed": 1}, {"size": 64})}
    assert len(digests) == 3 and all(len(each) == 8 for each in digests)


def test_what_is_missing_is_drawn_and_no_more(tmp_path):
    study = small_study(stores={"wild": LAB, "lab": LAB})
    folders = {"wild": tmp_path / "lab", "lab": tmp_path / "lab"}
    moves = []
    draw_worlds(study, folders, workers=1, progress=lambda *move: moves.append(move))
    assert [(name, done, total) for name, done, total in moves] == [("rendering wild", done, 5) for done in range(1, 6)]
    assert {split: part.samples for split, part in describe_store(tmp_path / "lab").splits.items()} == LAB["counts"]
    assert missing_splits(StoreSpec.model_validate(LAB), tmp_path / "lab") == {}
    more = StoreSpec.model_validate(LAB | {"counts": {"train": 3, "test": 2, "validation": 4}})
    assert missing_splits(more, tmp_path / "lab") == {"validation": 4}
    with pytest.raises(
        DataError, match=r"lab: split 'train' was drawn with seed 0 and not 7, samples 3 and not 4; delete"
    ):
        missing_splits(StoreSpec.model_validate(LAB | {"counts": {"train": 4}, "seed": 7}), tmp_path / "lab")


def test_a_world_that_cannot_be_drawn_is_told():
    with pytest.raises(RecipeError, match="'labb'"):
        check_worlds(study_with(world="labb"))
    with pytest.raises(RecipeError, match=r"store 'lab': world 'lab' has no split 'dev'; it has train, validation, te"):
        check_worlds(study_with(counts={"dev": 3}))


@pytest.mark.parametrize("size", [16, 31, 1025, 16384])
def test_worlds_of_a_size_that_cannot_be_rendered_are_refused(size):
    study = small_study()
    stores = {name: spec.model_copy(update={"size": size}) for name, spec in study.stores.items()}
    with pytest.raises(RecipeError, match=f"store 'wild': size {size}, expected 32 to 1024 px"):
        check_worlds(study.model_copy(update={"stores": stores}))
