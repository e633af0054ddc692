"""The part of a source that a recipe keeps, and the mistakes that can be made on purpose."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from rich.console import Console

from prepose.data.batch import PoseBatch
from prepose.data.store import open_store
from prepose.metrics.evaluation_tables import heading
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import load_weights, save_weights
from prepose.models.pose_net import build_pose_net
from prepose.models.weights_file import read_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.predictor import Predictor
from prepose.recipes.log import read_log
from prepose.recipes.run import Run
from prepose.recipes.sources import (
    DEFECTS,
    MISPAIRED_SHARE,
    add_sources,
    kept,
    open_sources,
    unused_labels,
    with_defects,
)
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Defect, Recipe


def test_smaller_parts_lie_within_larger_ones() -> None:
    parts = [set(kept(1000, part, seed=3, source="lab").tolist()) for part in (0.01, 0.1, 0.5, 1.0)]
    assert [len(part) for part in parts] == [10, 100, 500, 1000]
    assert parts[0] < parts[1] < parts[2] < parts[3]


def test_the_seed_and_the_source_decide() -> None:
    lab = kept(1000, 0.1, seed=3, source="lab")
    assert np.array_equal(lab, kept(1000, 0.1, seed=3, source="lab"))
    assert not np.array_equal(lab, kept(1000, 0.1, seed=4, source="lab"))
    assert not np.array_equal(lab, kept(1000, 0.1, seed=3, source="wild"))
    assert np.all(np.diff(lab) > 0)


@pytest.mark.parametrize("samples", [1, 7])
def test_one_sample_is_always_kept(samples: int) -> None:
    assert len(kept(samples, 1e-6, seed=0, source="lab")) == 1


def test_a_recipe_opens_the_part_that_it_keeps(stores: Path, on_stores: Callable[[Recipe, Path], Recipe]) -> None:
    recipe = override(on_stores(RECIPES["mixed"](), stores), ["sources.lab.keep=0.25"])
    sources = open_sources(recipe)
    assert {name: len(dataset) for name, dataset in sources.items()} == {"wild": 24, "lab": 6}
    whole = open_store(stores / "lab", "train")
    chosen = kept(24, 0.25, seed=recipe.seed, source="lab")
    assert np.array_equal(sources["lab"].array("joints_cam"), whole.array("joints_cam", chosen), equal_nan=True)


def test_the_first_samples_can_be_kept_instead(stores: Path, on_stores: Callable[[Recipe, Path], Recipe]) -> None:
    changes = ["sources.lab.keep=0.25", "sources.lab.take=first"]
    sources = open_sources(override(on_stores(RECIPES["mixed"](), stores), changes))
    whole = open_store(stores / "lab", "train")
    first = whole.array("joints_cam", np.arange(6))
    assert np.array_equal(sources["lab"].array("joints_cam"), first, equal_nan=True)


def test_labels_that_the_network_does_not_learn_are_said(
    stores: Path, on_stores: Callable[[Recipe, Path], Recipe]
) -> None:
    recipe = on_stores(RECIPES["mixed"](), stores)
    sources = open_sources(recipe)
    own = recipe.model_copy(update={"model": recipe.model.model_copy(update={"skeleton": "coco-17"})})
    assert unused_labels(recipe, {"lab": sources["lab"]}) == []
    lines = unused_labels(own, sources)
    assert len(lines) == 2
    count = int(np.isfinite(sources["lab"].array("joints_img")[:, :, 0]).sum())
    assert f" of {count:,} labelled joints are not learnt, as coco-17 has no such joint or defines" in lines[1]
    assert "head_top" in lines[1]


def batch(count: int = 32, joints: int = 4) -> PoseBatch:
    """Half with 3D labels; the third joint is nowhere labelled."""
    generator = torch.Generator().manual_seed(0)
    has_2d = torch.ones(count, joints, dtype=torch.bool)
    has_2d[:, 2] = False
    has_3d = has_2d.clone()
    has_3d[1::2] = False
    places = 60 * torch.rand(count, joints, 3, generator=generator) * has_2d[..., None]
    return PoseBatch(
        image=torch.zeros(count, 3, 64, 64, dtype=torch.uint8),
        joints_crop=places,
        has_2d=has_2d,
        has_3d=has_3d,
        img_from_crop=torch.eye(3).expand(count, 3, 3),
        source=torch.zeros(count, dtype=torch.int64),
        index=torch.arange(count),
    )


def test_training_makes_the_mistakes_that_its_recipe_names(
    stores: Path, on_stores: Callable[[Recipe, Path], Recipe], tmp_path: Path
) -> None:
    recipe = shrink(on_stores(RECIPES["mixed"](), stores))
    losses = []
    for name, changes in (("right", []), ("wrong", ['defects=["integer-labels"]'])):
        run_recipe(override(recipe, changes), tmp_path / name, machine=Machine(accelerator="cpu"))
        losses.append(float(read_log(tmp_path / name)[0]["loss_joint"]))
    # The first step's network is the same: only its labels differ.
    assert losses[0] != losses[1]


def test_a_recipe_can_name_every_defect() -> None:
    assert set(get_args(Defect)) == set(DEFECTS)


def test_no_defect_leaves_the_batch_alone() -> None:
    right = batch()
    assert with_defects(right, ()) is right


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_changes_labels_alone_and_not_in_place(name: str) -> None:
    right, untouched = batch(), batch()
    wrong = with_defects(right, [name])
    assert torch.equal(right.joints_crop, untouched.joints_crop)
    assert torch.equal(right.has_2d, untouched.has_2d)
    assert torch.equal(wrong.image, right.image)
    changed = not torch.equal(wrong.joints_crop, right.joints_crop) or not torch.equal(wrong.has_2d, right.has_2d)
    assert changed


@pytest.mark.parametrize(("count", "expected"), [(32, 2), (16, 1), (2, 0)])
def test_some_samples_with_3d_labels_have_anothers(count: int, expected: int) -> None:
    right = batch(count)
    wrong = with_defects(right, ["mispaired-labels"])
    differing = (wrong.joints_crop != right.joints_crop).any(-1).any(-1)
    assert int(differing.sum()) == expected == round(MISPAIRED_SHARE * count / 2)
    assert right.has_3d.any(1)[differing].all()
    for row in torch.nonzero(differing).flatten():
        assert (right.joints_crop == wrong.joints_crop[row]).flatten(1).all(1).any()


def test_integer_labels_lie_half_a_cell_too_far_left_and_up() -> None:
    right = batch(1000)
    wrong = with_defects(right, ["integer-labels"])
    moved = (wrong.joints_crop - right.joints_crop)[right.has_2d]
    assert ((moved[:, :2] <= 0) & (moved[:, :2] > -4)).all()
    assert moved[:, :2].mean() == pytest.approx(-2, abs=0.1)
    assert (moved[:, 2] == 0).all()
    assert torch.equal(wrong.joints_crop[~right.has_2d], right.joints_crop[~right.has_2d])


def test_missing_joints_are_taken_for_labelled_where_no_depth_is_known() -> None:
    right = batch()
    wrong = with_defects(right, ["missing-at-origin"])
    assert wrong.has_2d[1::2].all()
    assert torch.equal(wrong.has_2d[::2], right.has_2d[::2])
    assert (wrong.joints_crop[1::2, 2] == 0).all()
    assert torch.equal(wrong.has_3d, right.has_3d)


OnStores = Callable[[Recipe, Path], Recipe]
ALONE = Machine(accelerator="cpu", threads=1)


@pytest.fixture(scope="module")
def recipe(stores: Path, on_stores: OnStores) -> Recipe:
    return shrink(on_stores(RECIPES["mixed"](), stores))


@pytest.fixture(scope="module")
def trained(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    console = Console(file=StringIO(), width=1000)
    run = run_recipe(recipe, tmp_path_factory.mktemp("ledger") / "run", machine=ALONE, console=console)
    return run, console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def expected(recipe: Recipe) -> set[TrainedOn]:
    return {
        TrainedOn(dataset=store.name, split=store.split, samples=len(store), labels=spec.labels, licence=store.licence)
        for spec in recipe.sources.values()
        for store in [open_store(Path(spec.store), spec.split)]
    }


def test_run_and_weights_carry_the_same_ledger(trained: tuple[Run, str], recipe: Recipe) -> None:
    run, _ = trained
    written = Ledger.model_validate(json.loads((run.folder / "ledger.json").read_text()))
    assert set(written.datasets) == expected(recipe) and len(written.datasets) == 2
    assert written.pretrained == written.unrecorded == ()
    assert read_weights(run.best_weights).ledger == read_weights(run.last_weights).ledger == written
    assert load_weights(run.last_weights).ledger == written


@pytest.mark.parametrize("field", ["model.weights", "start"])
def test_a_training_that_starts_from_weights_takes_their_ledger_over(
    trained: tuple[Run, str], recipe: Recipe, tmp_path: Path, field: str
) -> None:
    other = TrainedOn(dataset="lsp", split="train", samples=3, labels="2d", licence="research use")
    first = load_weights(trained[0].last_weights)
    first.ledger = Ledger(datasets=(other,), pretrained=("imagenet",))
    save_weights(first, tmp_path / "first.safetensors")
    again = override(recipe, [f"{field}={tmp_path / 'first.safetensors'}"])
    console = Console(file=StringIO(), width=1000)
    run = run_recipe(again, tmp_path / "run", machine=ALONE, console=console)
    ledger = read_weights(run.last_weights).ledger
    assert ledger is not None and set(ledger.datasets) == {*expected(recipe), other}
    assert ledger.pretrained == ("imagenet",)
    said = console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert "lsp/train (research use)" in said[-1] and "research-only" in said[-1]


def test_weights_of_an_earlier_version_are_named_as_not_recorded(
    trained: tuple[Run, str], recipe: Recipe, tmp_path: Path
) -> None:
    old = load_weights(trained[0].last_weights)
    old.ledger = None
    path = save_weights(old, tmp_path / "old.safetensors")
    assert load_weights(path).ledger is None
    started = build_pose_net(recipe.model.model_copy(update={"weights": str(path)}))
    add_sources(started, recipe, open_sources(recipe))
    assert started.ledger is not None and started.ledger.unrecorded == (str(path),)
    assert set(started.ledger.datasets) == expected(recipe)


def test_sources_that_no_stage_draws_from_are_not_in_it(stores: Path, on_stores: OnStores) -> None:
    recipe = shrink(on_stores(RECIPES["mixed"](), stores))
    (stage,) = recipe.stages
    name = next(iter(stage.shares))
    alone = recipe.model_copy(update={"stages": (stage.model_copy(update={"shares": {name: 1.0}}),)})
    net = build_pose_net(alone.model)
    assert net.ledger == Ledger()
    add_sources(net, alone, open_sources(alone))
    assert net.ledger is not None and [one.labels for one in net.ledger.datasets] == [alone.sources[name].labels]


def test_free_data_need_no_line_at_the_end_and_an_evaluation_names_all(
    trained: tuple[Run, str], recipe: Recipe
) -> None:
    run, said = trained
    restricted = any(one.research_only for one in expected(recipe))
    assert ("research-only" in said) == restricted
    spec = next(iter(recipe.sources.values()))
    store = open_store(Path(spec.store), spec.split)
    net = load_weights(run.last_weights)
    evaluation = evaluate(net, store.select([0, 1]), get_protocol("pck-box-10"))
    assert evaluation.facts["trained_on"] == str(net.ledger)
    assert f"trained on: {net.ledger}" in heading(evaluation)
    (prediction,) = Predictor.load(run.last_weights).predict(store[0].pixels())
    assert prediction.to_json()["trained_on"] == str(net.ledger)
