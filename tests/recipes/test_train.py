"""The loop called by itself; whole trainings are in `test_conduct`."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prepose.data.store import open_store
from prepose.models.pose_net import build_pose_net
from prepose.recipes.checkpoint import Position, Snapshot, checkpoints, load_checkpoint, random_state
from prepose.recipes.conduct import stage_batches
from prepose.recipes.run import create_run
from prepose.recipes.stopping import TrainingStopped
from prepose.recipes.train import train
from prepose.recipes.training import Nets, Setting
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe

SettingFor = Callable[..., Setting]


@pytest.fixture
def recipe(tiny: Recipe) -> Recipe:
    """`finetune` alone, five steps long, without validation."""
    only = tiny.model_copy(update={"stages": (tiny.stages[1],), "validation": None})
    return override(only, ["finetune.samples=20", "finetune.schedule=constant", "finetune.warm_up=0"])


def nets(recipe: Recipe) -> Nets:
    net = build_pose_net(recipe.model, seed=1).to(memory_format=torch.channels_last)
    return Nets(net, copy.deepcopy(net) if recipe.ema_decay else None)


def test_it_ends_at_the_start_of_the_next_stage_and_has_saved_there(
    recipe: Recipe, setting_for: SettingFor, tmp_path: Path
) -> None:
    run, trained = create_run(tmp_path / "run", recipe), nets(recipe)
    sources = {name: open_store(Path(spec.store), spec.split) for name, spec in recipe.sources.items()}
    batches = stage_batches(recipe, recipe.stages[0], sources)
    start = Snapshot(Position(), None, None, random_state())
    end = train(recipe.stages[0], trained, batches, run, setting=setting_for(None), start=start)
    assert (end.stage, end.stage_step, end.step, end.samples) == (1, 0, 5, 20)
    loaded = nets(recipe)
    found = load_checkpoint(run.checkpoints, *loaded)
    assert found is not None and found.position == end and found.optimiser is None
    pairs = zip(trained.net.state_dict().values(), loaded.net.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_stopped_after_any_step_it_goes_on_to_the_same_end(
    recipe: Recipe, setting_for: SettingFor, tmp_path: Path
) -> None:
    recipe = override(recipe, ["ema_decay=0.9"])
    sources = {name: open_store(Path(spec.store), spec.split) for name, spec in recipe.sources.items()}
    stage, ends = recipe.stages[0], []
    batches = stage_batches(recipe, stage, sources)
    for stop_after in (9, 0, 1, 3, 4):
        run, trained = create_run(tmp_path / f"run-{stop_after}", recipe), nets(recipe)
        start: Snapshot | None = Snapshot(Position(), None, None, random_state())
        if stop_after < 5:
            with pytest.raises(TrainingStopped, match=f"saved at step {stop_after + 1} "):
                setting = setting_for(None, stop_after=stop_after)
                train(stage, trained, batches, run, setting=setting, start=start)
            trained = nets(recipe)
            start = load_checkpoint(run.checkpoints, *trained)
            assert len(checkpoints(run.checkpoints)) == 1
        assert start is not None
        train(stage, trained, batches, run, setting=setting_for(None), start=start)
        assert trained.averaged is not None
        ends.append([*trained.net.state_dict().values(), *trained.averaged.state_dict().values()])
    for end in ends[1:]:
        assert all(torch.equal(a, b) for a, b in zip(end, ends[0], strict=True))


def test_clipping_bounds_what_a_step_changes(recipe: Recipe, setting_for: SettingFor, tmp_path: Path) -> None:
    recipe = override(
        recipe, ["finetune.samples=4", "finetune.optimiser=sgd", "finetune.learning_rate=1", "finetune.weight_decay=0"]
    )
    sources = {name: open_store(Path(spec.store), spec.split) for name, spec in recipe.sources.items()}
    for norm in (0.01, 0.001):
        clipped = override(recipe, [f"clip_norm={norm}"])
        run, trained = create_run(tmp_path / f"run-{norm}", clipped), nets(clipped)
        before = [p.detach().clone() for p in trained.net.parameters()]
        batches = stage_batches(clipped, clipped.stages[0], sources)
        start = Snapshot(Position(), None, None, random_state())
        train(clipped.stages[0], trained, batches, run, setting=setting_for(None), start=start)
        change = torch.stack([(a - b).norm() for a, b in zip(before, trained.net.parameters(), strict=True)]).norm()
        assert change.item() == pytest.approx(norm, rel=1e-2)
