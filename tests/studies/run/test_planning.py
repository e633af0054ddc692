"""Tests for planning: lengths, and what each trial may use."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fake_studies import small_study
from prepose.body.skeletons import MPII_16
from prepose.data.dataset import dataset_of
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError, RecipeError
from prepose.specs.reading import study_from
from prepose.studies.engines.local import cores
from prepose.studies.run import planning as study_planning
from prepose.studies.run.dry_run import step_key
from prepose.studies.run.folder import keep_plan
from prepose.studies.run.planning import (
    RunSettings,
    check_sets,
    check_stores,
    default_jobs,
    has_3d,
    image_px,
    plan_study,
)
from prepose.studies.run.stores import draw_worlds, store_folders
from prepose.studies.trials import arms_of

CPU = RunSettings(jobs=2, accelerator="cpu")


def test_a_plan_says_how_long_trials_are_and_what_they_may_use(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=CPU)
    assert [trial.recipe.samples for trial in planned.trials] == [80] * 4
    assert (planned.resources.at_once, planned.side_by_side) == (2, 2)
    assert planned.machine.threads == planned.resources.threads == max(1, cores() // 2)


def test_threads_and_device_stay_what_they_were(tmp_path):
    first = plan_study(small_study(), tmp_path, settings=replace(CPU, threads=3))
    keep_plan(tmp_path, first.as_json(), extend=False)
    assert json.loads((tmp_path / "plan.json").read_text())["machine"] == {"accelerator": "cpu", "threads": 3}
    later = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1))
    assert (later.machine.threads, later.machine.accelerator, later.resources.at_once) == (3, "cpu", 1)
    other = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=1, threads=2))
    assert other.machine.threads == 2


def test_a_scale_reaches_the_trials(tmp_path):
    planned = plan_study(small_study(), tmp_path, settings=replace(CPU, budget_scale=0.5))
    assert {trial.recipe.samples for trial in planned.trials} == {40}


def test_a_trial_on_a_gpu_makes_its_batches_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(study_planning, "found_accelerator", lambda: "cuda")
    planned = plan_study(small_study(), tmp_path, settings=RunSettings(jobs=4, threads=2, gpus=0.25))
    assert (planned.machine.accelerator, planned.machine.workers, planned.resources.gpus) == ("cuda", 2, 0.25)


def test_jobs_are_as_many_as_cores_while_memory_lasts(monkeypatch):
    monkeypatch.setattr(study_planning, "cores", lambda: 1000)
    assert 1 <= default_jobs(cuda=False) < 1000
    monkeypatch.setattr(study_planning, "cores", lambda: 1)
    assert default_jobs(cuda=False) == 1


def test_arms_are_planned_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(study_planning, "arms_of", lambda study: calls.append(study) or arms_of(study))
    plan_study(small_study(), tmp_path, settings=CPU)
    assert len(calls) == 1
    with pytest.raises(RecipeError, match=r"arm 'pretrained': .*'nonsense'"):
        plan_study(small_study(changes=["nonsense=1"]), tmp_path, settings=CPU)
    with pytest.raises(RecipeError, match=r"rule: found 'seconds', expected 'flops', 'images' or 'none'"):
        study_from(small_study().model_dump(mode="json") | {"budget": {"rule": "seconds", "amount": 20}}, "study.json")


def test_images_are_as_large_as_the_largest_store_that_is_read(tmp_path):
    stores = small_study().model_dump()["stores"]
    planned = plan_study(small_study(), tmp_path, settings=CPU)
    recipe = planned.arms[0].recipe
    assert image_px(planned.study, recipe) == 64
    assert image_px(small_study(stores=stores | {"wild": {"path": "x"}}), recipe) == 256
    assert len({step_key(recipe, stage) for stage in recipe.stages}) == 3


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
