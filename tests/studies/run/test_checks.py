"""Tests for what is checked of a study's samples before anything is trained."""

import numpy as np
import pytest

from fake_studies import small_study
from prepose.body.skeletons import MPII_16
from prepose.data.dataset import dataset_of
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError, RecipeError
from prepose.studies.run.checks import check_sets, check_stores, has_3d
from prepose.studies.run.stores import draw_worlds, store_folders
from prepose.studies.trials import arms_of


def flat(number):
    """A sample with joints in the image alone."""
    joints = np.random.default_rng(number).uniform(10, 50, (16, 2))
    box, unknown = np.array([0.0, 0.0, 60.0, 60.0]), np.full((16, 3), np.nan)
    return PoseSample(b"", MPII_16, box, joints, unknown, np.ones(16, np.uint8))


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The stores of `study` below: `lab` with 3D labels, `flat` without."""
    folder = tmp_path_factory.mktemp("stores")
    for split in ("train", "validation", "test"):
        write_store(folder / "flat", StoreDescription("flat", MPII_16), split, map(flat, range(3)), total=3)
    spec = {"world": "lab", "counts": {"train": 1, "validation": 1, "test": 2}, "size": 32}
    study = small_study(stores={"wild": spec, "lab": spec})
    draw_worlds(study, {"wild": folder / "lab", "lab": folder / "lab"}, workers=1)
    return folder


def study_on(stores, wild, lab, **changes):
    study = small_study(stores={"wild": {"path": str(stores / wild)}, "lab": {"path": str(stores / lab)}}, **changes)
    return study, arms_of(study), store_folders(study, stores, None)


def test_stores_that_have_what_is_needed_pass(stores):
    check_stores(*study_on(stores, "flat", "lab"))
    check_sets(*study_on(stores, "flat", "lab"))


def test_a_stage_does_not_learn_3d_from_2d_labels(stores):
    with pytest.raises(
        RecipeError,
        match=r"arm 'pretrained': stage 'finetune' learns 3D from lab/train, which has no 3D labels; use a store that",
    ):
        check_stores(*study_on(stores, "lab", "flat"))


def test_an_arm_does_not_choose_by_mm_on_2d_labels(stores):
    changes = ["validation.store=wild"]
    with pytest.raises(RecipeError, match="stage 'only-3d' chooses by mpjpe_mm on wild/validation, which has no 3D"):
        check_stores(*study_on(stores, "flat", "lab", factors=ONLY_3D, changes=changes, comparisons=[]))


ONLY_3D = [{"name": "training", "levels": [{"name": "only-3d", "recipe": "only-3d"}]}]


def test_a_store_or_split_that_is_not_there_is_told(stores):
    with pytest.raises(DataError, match=r"arm '.*': .*nowhere: there is no such store"):
        check_stores(*study_on(stores, "nowhere", "lab"))
    with pytest.raises(DataError, match=r"set 'lab': .*lab: .*'dev'"):
        check_stores(*study_on(stores, "flat", "lab", sets={"lab": {"store": "lab", "split": "dev"}}))


def test_a_set_that_its_protocol_does_not_fit_is_told(stores):
    sets = {"lab": {"store": "lab", "protocol": "coco-oks-ap-given-boxes"}}
    with pytest.raises(
        DataError, match=r"^study 'small', set 'lab': lab/test: the protocol coco-oks-ap-given-boxes is"
    ):
        check_sets(*study_on(stores, "flat", "lab", sets=sets))


def test_a_comparison_in_mm_needs_3d_labels(stores):
    comparison = {"statement": "It helps", "arm": {"training": "pretrained"}, "baseline": {"training": "only-3d"}}
    study = study_on(stores, "flat", "lab", comparisons=[comparison | {"sets": ["wild"]}])
    with pytest.raises(RecipeError, match="comparison 'It helps': mpjpe_mm needs 3D labels, which set 'wild' does not"):
        check_sets(*study)
    check_sets(*study_on(stores, "flat", "lab", comparisons=[comparison | {"sets": ["wild"], "metric": "pck2d"}]))


def test_few_3d_labels_are_found_among_many():
    assert not has_3d(dataset_of([flat(0)], skeleton=MPII_16))
    assert not has_3d(dataset_of([], skeleton=MPII_16))
