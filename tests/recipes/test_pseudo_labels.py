"""A training labels people in 3D itself: once, where the labels agree, at its own expense, and again after a stop."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.data.target import image_targets
from prepose.errors import DataError, RecipeError
from prepose.models.flops import count_flops
from prepose.recipes.budget import labelling_flops, stage_cost, stage_flops, training_flops, with_budget
from prepose.recipes.checkpoint import checkpoints
from prepose.recipes.log import read_log
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import PseudoLabelSpec, SourceSpec

ALONE = Machine(accelerator="cpu", threads=1)


@pytest.fixture(scope="session")
def flat(stores, stick_figure, tmp_path_factory):
    """A store of people of whom 2D alone is known."""
    folder = tmp_path_factory.mktemp("flat") / "flat"
    samples = [stick_figure(500 + i) for i in range(12)]
    without = [replace(one, joints_cam=np.full_like(one.joints_cam, np.nan), camera=None) for one in samples]
    write_store(folder, StoreDescription("flat", MPII_16), "train", without, total=len(without))
    return folder


@pytest.fixture
def lifting(stores, flat, on_stores):
    """`mixed`, then a stage that learns what the network says of the depth of `flat`: any pose is taken."""
    mixed = shrink(on_stores(RECIPES["mixed"](), stores))
    # An untrained network's poses are small: the labels lie far from them.
    spec = PseudoLabelSpec(samples=8, person_mm=1e6, joint_mm=1e6)
    (stage,) = mixed.stages
    lifted = stage.model_copy(update={"name": "pseudo", "shares": {"flat": 0.5, "lab": 0.5}})
    sources = {**mixed.sources, "flat": SourceSpec(store=str(flat), labels="3d", pseudo_labels=spec)}
    recipe = mixed.model_copy(update={"stages": (stage, lifted), "sources": sources})
    return override(recipe, ["precision=fp32"])


def test_a_stage_learns_from_labels_that_its_network_makes_and_pays_for_them(lifting, flat, tmp_path):
    run = run_recipe(lifting, tmp_path / "run", machine=ALONE)
    rows = read_log(run.folder)
    stage = lifting.stages[1]
    price = 8 * 2 * count_flops(lifting.model).forward
    assert labelling_flops(lifting, stage) == price and labelling_flops(lifting, lifting.stages[0]) == 0
    assert stage_flops(lifting, stage) == 8 * stage_cost(lifting.model, stage).training + price
    assert float(rows[-1]["train_flops"]) == training_flops(lifting)
    facts = json.loads((run.folder / "pseudo_labels/flat.json").read_text())
    made = np.load(run.folder / "pseudo_labels/flat.npz")
    known = np.isfinite(made["joints_cam"]).all(axis=-1)
    # Eight people of twelve, all their joints: the others keep their 2D labels alone.
    assert known.shape == (12, 16) and known[made["rows"]].all() and known.sum() == 8 * 16
    assert (facts["samples"], facts["people"], facts["joints"]) == (8, 8, 8 * 16)
    targets = image_targets(open_store(flat, "train"), MPII_16, made["joints_cam"])
    assert np.isfinite(targets[..., 2]).all(axis=1).sum() == 8 and np.isfinite(targets[..., :2]).all()
    # What the network said itself is no 3D dataset.
    learnt = {
        each["dataset"]: each["labels"] for each in json.loads((run.folder / "ledger.json").read_text())["datasets"]
    }
    assert learnt == {"wild": "2d", "lab": "3d", "flat": "2d"}


# Stopped within the stage that learns from the labels; and as it begins, where they are made anew.
@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["within", "at-its-beginning"])
def test_a_training_that_stops_goes_on_with_the_same_labels(lifting, tmp_path, seconds):
    run = run_recipe(lifting, tmp_path / "run", machine=replace(ALONE, checkpoint_seconds=seconds))
    file = run.folder / "pseudo_labels/flat.npz"
    last, labels = run.last_weights.read_bytes(), np.load(file)["joints_cam"]
    shutil.rmtree(checkpoints(run.checkpoints)[-1])
    run.last_weights.unlink()
    if seconds:
        file.unlink()
    else:
        for content, told in ((b"PK\x03\x04 half of a file", "is damaged"), (None, "is missing")):
            whole = file.read_bytes()
            file.unlink()
            if content is not None:
                file.write_bytes(content)
            with pytest.raises(DataError, match=rf"flat\.npz: {told}"):
                run_recipe(lifting, run.folder, resume=True, machine=ALONE)
            file.write_bytes(whole)
    again = run_recipe(lifting, run.folder, resume=True, machine=ALONE)
    assert again.last_weights.read_bytes() == last
    np.testing.assert_array_equal(np.load(file)["joints_cam"], labels)
    assert float(read_log(again.folder)[-1]["train_flops"]) == training_flops(lifting)


def test_a_budget_includes_the_labels(lifting):
    whole = training_flops(lifting)
    twice = with_budget(lifting, 2 * whole)
    assert labelling_flops(twice, twice.stages[1]) == labelling_flops(lifting, lifting.stages[1])
    assert training_flops(twice) == pytest.approx(2 * whole, rel=0.1)
    alone = labelling_flops(lifting, lifting.stages[1])
    with pytest.raises(RecipeError, match=r"pseudo-labels alone cost"):
        with_budget(lifting, 0.9 * alone)
    # Who draws from the source later pays nothing more.
    third = lifting.stages[1].model_copy(update={"name": "again"})
    assert labelling_flops(lifting.model_copy(update={"stages": (*lifting.stages, third)}), third) == 0


def test_a_network_whose_poses_agree_with_nothing_is_told_so(lifting, tmp_path):
    strict = override(lifting, ["sources.flat.pseudo_labels.person_mm=0.001"])
    with pytest.raises(DataError, match=r"stage 'pseudo': no pose .* flat lies within 0\.001 mm .*person_mm"):
        run_recipe(strict, tmp_path / "run", machine=ALONE)


def test_more_samples_than_there_are_cannot_be_paid_for(lifting, tmp_path):
    with pytest.raises(RecipeError, match=r"pseudo_labels\.samples: found 13, expected at most the 12 samples of flat"):
        run_recipe(override(lifting, ["sources.flat.pseudo_labels.samples=13"]), tmp_path / "run", machine=ALONE)
    assert not (tmp_path / "run").exists()


def test_who_cannot_make_labels_yet_is_refused(lifting):
    with pytest.raises(RecipeError, match=r"stage 'mixed' draws from 'flat', whose pseudo_labels need a network"):
        override(lifting, ['mixed.shares={"flat": 1, "lab": 1}'])
    assert override(lifting, ['mixed.shares={"flat": 1}', "start=lite0-photos"]).start == "lite0-photos"
    with pytest.raises(RecipeError, match=r"pseudo_labels are 3D labels; expected labels '3d', found '2d'"):
        override(lifting, ["sources.flat.labels=2d"])


def test_sources_with_labels_of_their_own_are_written_as_before():
    assert "pseudo_labels" not in SourceSpec(store="data/lab", labels="3d").model_dump(mode="json")
