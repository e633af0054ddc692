import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import fake_lsp, fake_lsp_extended, fake_samples
from fakes_3dhp import fake_test_set
from fakes_h36m import draw_lab, write_challenge
from prepose.body.skeletons import COCO_17
from prepose.data.catalog import DATASETS
from prepose.data.on_disk import OriginalFiles, find_original_files, find_stores, usual_places
from prepose.data.store import StoreDescription, write_store

ENTRIES = tuple(DATASETS.values())
DESCRIPTION = StoreDescription("street", COCO_17, made_by={"command": "prepose data add street"})


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(8)


def write(folder: Path, generator: np.random.Generator, *, split: str = "train", total: int = 5) -> None:
    write_store(folder, DESCRIPTION, split, fake_samples(5, COCO_17, generator), total=total, shard_size=2)


def test_a_store_is_found_with_its_splits_pictures_and_size(tmp_path, generator):
    write(tmp_path / "data/street", generator)
    (store,) = find_stores([tmp_path / "data"])
    assert (store.folder, store.dataset, store.skeleton) == (tmp_path / "data/street", "street", "coco-17")
    (split,) = store.splits
    assert (split.name, split.samples, split.total, split.complete) == ("train", 5, 5, True)
    assert (split.images, split.command) == ("inside", "prepose data add street")
    assert split.picture_wh == ((128, 96),)
    assert store.disk_bytes == sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())


def test_an_interrupted_split_is_told_from_a_complete_one(tmp_path, generator):
    write(tmp_path, generator)
    with pytest.raises(Exception, match="was announced with 7 samples, 5 came"):
        write(tmp_path, generator, split="test", total=7)
    (store,) = find_stores([tmp_path])
    assert [(split.name, split.samples, split.total, split.complete) for split in store.splits] == [
        ("test", 5, 7, False),
        ("train", 5, 5, True),
    ]
    assert store.splits[0].picture_wh == ()


def test_damaged_stores_are_told_and_pictures_that_are_gone_do_no_harm(tmp_path, generator):
    write(tmp_path / "good", generator)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/store.json").write_text("{")
    gone = [replace(one, image=tmp_path / "gone.jpg") for one in fake_samples(3, COCO_17, generator)]
    write_store(tmp_path / "gone", DESCRIPTION, "train", gone)
    stores = {store.folder.name: store for store in find_stores([tmp_path])}
    assert list(stores) == ["bad", "gone", "good"]
    assert "store.json: is damaged" in stores["bad"].trouble and stores["bad"].splits == ()
    assert stores["gone"].splits[0].picture_wh == () and stores["gone"].trouble == ""


def test_pictures_of_several_sizes_give_the_smallest_and_the_largest(tmp_path, generator):
    from fakes import fake_jpeg

    sizes = ((40, 30), (60, 50), (50, 40))
    samples = [
        replace(sample, image=fake_jpeg(np.full((17, 2), np.nan), COCO_17, size))
        for sample, size in zip(fake_samples(3, COCO_17, generator), sizes, strict=True)
    ]
    write_store(tmp_path, DESCRIPTION, "train", samples)
    assert find_stores([tmp_path])[0].splits[0].picture_wh == ((40, 30), (60, 50))


def test_each_store_is_listed_once_and_none_is_looked_for_too_deep(tmp_path, generator):
    write(tmp_path / "a/b/c", generator)
    write(tmp_path / "a/b/c2/d", generator)
    write(tmp_path / ".hidden", generator)
    found = find_stores([tmp_path, tmp_path / "a", tmp_path / "a/b/c", tmp_path / "nowhere"])
    assert [store.folder.relative_to(tmp_path).as_posix() for store in found] == ["a/b/c", "a/b/c2/d"]
    assert [store.folder for store in find_stores([tmp_path])] == [tmp_path / "a/b/c"]


def test_usual_places_are_data_quickstart_and_where_recipes_point(tmp_path):
    for name in ("data", "quickstart", "lab", "street", "elsewhere/wild", "runs/one", "quickstart/runs/two"):
        (tmp_path / name).mkdir(parents=True)
    recipe = {"sources": {"lab": {"store": "lab"}, "gone": {"store": "gone"}}, "validation": {"store": "data"}}
    (tmp_path / "mine.json").write_text(json.dumps(recipe))
    (tmp_path / "runs/one/recipe.json").write_text(json.dumps({"stages": [{"validation": {"store": "street"}}]}))
    wild = str(tmp_path / "elsewhere/wild")
    (tmp_path / "quickstart/runs/two/recipe.json").write_text(json.dumps({"watched": [{"store": wild}]}))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[1]")
    places = [place.relative_to(tmp_path).as_posix() for place in usual_places(tmp_path)]
    assert places == ["data", "quickstart", "lab", "street", "elsewhere/wild"]
    assert usual_places(tmp_path / "lab") == ()


def test_built_in_recipes_point_to_a_usual_place():
    from prepose.specs.builtin_recipes import RECIPES

    stores = {source.store for make in RECIPES.values() for source in make().sources.values()}
    assert {store.split("/")[0] for store in stores} == {"data"}


def test_original_files_are_recognised_in_a_folder_or_right_below_it(tmp_path, generator):
    fake_lsp(tmp_path / "sports", generator, count=3)
    fake_lsp_extended(tmp_path / "more", generator, count=3)
    write(tmp_path / "street", generator)
    found = find_original_files([tmp_path], ENTRIES)
    assert [(one.folder.name, one.dataset) for one in found] == [("more", "lsp-extended"), ("sports", "lsp")]
    (here,) = find_original_files([tmp_path / "sports", tmp_path / "street"], ENTRIES)
    assert here == OriginalFiles(tmp_path / "sports", "lsp", here.sign)
    assert here.sign.is_relative_to(tmp_path / "sports")


def test_the_folder_that_can_be_added_is_named_not_one_above_or_below(tmp_path, generator):
    write_challenge(tmp_path / "downloads/h36m", draw_lab(generator, frames=1, subjects=(1, 9)))
    fake_test_set(tmp_path / "downloads/3dhp", generator, frames=3)
    found = find_original_files([tmp_path / "downloads"], ENTRIES)
    assert [(one.folder, one.dataset) for one in found if one.dataset == "h36m"] == [
        (tmp_path / "downloads/h36m", "h36m")
    ]
    # Two levels below there is no folder that was looked into: the place itself can be added as well.
    assert [one.folder for one in find_original_files([tmp_path / "downloads/3dhp"], ENTRIES)] == [
        tmp_path / "downloads/3dhp/mpi_inf_3dhp_test_set"
    ]
    assert [one.dataset for one in find_original_files([tmp_path / "downloads"], ENTRIES)] == ["h36m"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "recipe.json")
    assert usual_places(tmp_path) == ()
