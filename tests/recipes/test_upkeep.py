import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prepose.data.store import open_store
from prepose.errors import RecipeError
from prepose.models.pose_net import build_pose_net
from prepose.recipes.checkpoint import Position, Snapshot, checkpoints, random_state
from prepose.recipes.conduct import log_columns, stage_batches
from prepose.recipes.log import RunLog, read_log
from prepose.recipes.run import Run, create_run
from prepose.recipes.train import train
from prepose.recipes.training import Nets, Setting
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe

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
        end = train(recipe.stages[0], nets, batches, run, setting=setting_for(log, values), start=start)
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
