"""A training writes what it learnt from into its run, its weights and what is printed."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from prepose.data.store import open_store
from prepose.metrics.evaluation_tables import heading
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import load_weights, save_weights
from prepose.models.pose_net import build_pose_net
from prepose.models.weights_file import read_weights
from prepose.predict.evaluate import evaluate
from prepose.predict.predictor import Predictor
from prepose.recipes.ledger import add_sources
from prepose.recipes.run import Run
from prepose.recipes.sources import open_sources
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Recipe

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
