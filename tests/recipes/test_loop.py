"""The loop called by itself; whole trainings are in `test_train`."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from prepose.data.store import open_store
from prepose.errors import RecipeError
from prepose.models.pose_net import build_pose_net
from prepose.recipes.checkpoint import Position, Snapshot, checkpoints, load_checkpoint, random_state
from prepose.recipes.log import RunLog, read_log
from prepose.recipes.loop import Nets, Setting, Training, train_stage
from prepose.recipes.optimiser import learning_rate
from prepose.recipes.run import Run, create_run
from prepose.recipes.stopping import TrainingStopped
from prepose.recipes.train import log_columns, stage_batches
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
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
    end = train_stage(recipe.stages[0], trained, batches, run, setting=setting_for(None), start=start)
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
                train_stage(stage, trained, batches, run, setting=setting, start=start)
            trained = nets(recipe)
            start = load_checkpoint(run.checkpoints, *trained)
            assert len(checkpoints(run.checkpoints)) == 1
        assert start is not None
        train_stage(stage, trained, batches, run, setting=setting_for(None), start=start)
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
        train_stage(clipped.stages[0], trained, batches, run, setting=setting_for(None), start=start)
        change = torch.stack([(a - b).norm() for a, b in zip(before, trained.net.parameters(), strict=True)]).norm()
        assert change.item() == pytest.approx(norm, rel=1e-2)


def training(stage_step: int, *, samples: int, batch_size: int) -> Training:
    recipe = override(shrink(RECIPES["mixed"]()), [f"mixed.samples={samples}", f"batch_size={batch_size}"])
    under_way = SimpleNamespace(
        run=SimpleNamespace(recipe=recipe), stage=recipe.stages[0], position=Position(stage_step=stage_step)
    )
    return cast(Training, under_way)


@pytest.mark.parametrize(("batch_size", "every"), [(4, 12), (4, 10), (32, 10), (5, 12), (3, 1)])
def test_something_is_due_once_in_every_so_many_samples_and_at_the_end(batch_size: int, every: int) -> None:
    samples = 50 * batch_size
    due = [Training.due(training(s, samples=samples, batch_size=batch_size), every) for s in range(1, 51)]
    seen = [s * batch_size for s, is_due in enumerate(due, start=1) if is_due]
    assert seen[-1] == samples
    assert len(seen) == pytest.approx(min(samples / every, 50), abs=1)
    assert all(b - a <= max(every + batch_size, batch_size) for a, b in zip([0, *seen], seen, strict=False))


def test_the_rate_follows_the_samples() -> None:
    under_way = training(0, samples=400, batch_size=4)
    assert Training.rate(under_way, 7) == learning_rate(under_way.stage, 28)


def test_the_average_is_shown_where_there_is_one() -> None:
    net, averaged = (build_pose_net(RECIPES["mixed"]().model, seed=seed) for seed in (1, 2))
    assert Nets(net, None).shown is net
    assert Nets(net, averaged).shown is averaged


SettingFor = Callable[..., Setting]


def trained(recipe: Recipe, folder: Path, setting_for: SettingFor, values: list[float]) -> tuple[Run, Position]:
    """A run of the recipe's first stage whose validations give these values."""
    run = create_run(folder, recipe)
    log = RunLog(folder, log_columns(recipe), after_step=0)
    sources = {name: open_store(Path(spec.store), spec.split) for name, spec in recipe.sources.items()}
    nets = Nets(build_pose_net(recipe.model, seed=1).to(memory_format=torch.channels_last), None)
    batches = stage_batches(recipe, recipe.stages[0], sources)
    start = Snapshot(Position(), None, None, random_state())
    try:
        end = train_stage(recipe.stages[0], nets, batches, run, setting=setting_for(log, values), start=start)
    finally:
        log.close()
    return run, end


@pytest.mark.parametrize(("metric", "best"), [("error_px", 3.0), ("pck2d", 7.0)])
def test_the_best_is_the_lowest_error_or_the_highest_share(
    metric: str, best: float, tiny: Recipe, setting_for: SettingFor, tmp_path: Path
) -> None:
    recipe = override(tiny, ["pretrain.samples=12", f"pretrain.validation.metric={metric}"])
    run, end = trained(recipe, tmp_path / "run", setting_for, [5.0, best, 6.0 if best == 3 else 6.5])
    assert (end.metric, end.best) == (metric, best)
    rows = read_log(run.folder)
    assert [row[f"validation_{metric}"] for row in rows] == ["5.0", str(best), "6.0" if best == 3 else "6.5"]
    assert [float(row["validation_flops"]) for row in rows] == [1000, 2000, 3000]
    assert run.best_weights.exists() and not run.last_weights.exists()


def test_validation_is_not_counted_as_training(tiny: Recipe, setting_for: SettingFor, tmp_path: Path) -> None:
    recipe = override(tiny, ["pretrain.samples=12"])
    runs = [
        trained(changed, tmp_path / name, setting_for, [1.0] * 9)[1]
        for name, changed in (("often", recipe), ("once", override(recipe, ["pretrain.validation.every=1000"])))
    ]
    assert runs[0].train_flops == runs[1].train_flops
    assert (runs[0].validation_flops, runs[1].validation_flops) == (3000, 1000)


def test_a_metric_without_labels_is_refused(tiny: Recipe, setting_for: SettingFor, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"lab/validation: its labels cannot give pck2d_box; choose another metric"):
        trained(tiny, tmp_path / "run", setting_for, [math.nan])


def test_a_row_is_the_mean_over_its_steps(tiny: Recipe, setting_for: SettingFor, tmp_path: Path) -> None:
    recipe = override(tiny, ["pretrain.samples=24", "pretrain.validation=null", "validation=null"])
    each = read_log(trained(recipe, tmp_path / "each", setting_for, [])[0].folder)
    some = read_log(trained(override(recipe, ["log_every=12"]), tmp_path / "some", setting_for, [])[0].folder)
    assert [row["step"] for row in some] == ["3", "6"]
    for part in range(2):
        for column in ("loss", "loss_joint", "loss_heatmap_cross_entropy"):
            mean = sum(float(row[column]) for row in each[3 * part : 3 * part + 3]) / 3
            assert float(some[part][column]) == pytest.approx(mean, rel=1e-5)
    assert float(each[0]["loss"]) == pytest.approx(
        float(each[0]["loss_joint"]) + 0.1 * float(each[0]["loss_heatmap_cross_entropy"]), rel=1e-6
    )


def test_broken_weights_are_never_saved(tiny: Recipe, setting_for: SettingFor, tmp_path: Path) -> None:
    recipe = override(tiny, ["pretrain.optimiser=sgd", "pretrain.learning_rate=1e9", "clip_norm=null"])
    recipe = override(recipe, ["pretrain.losses.joint=1e9"])
    recipe = override(recipe, ["pretrain.validation=null", "validation=null", "pretrain.weight_decay=0"])
    with pytest.raises(RecipeError, match=r"stage 'pretrain': .* no longer finite.* lower pretrain\.learning_rate"):
        trained(recipe, tmp_path / "run", setting_for, [])
    assert checkpoints(tmp_path / "run" / "checkpoints") == []
