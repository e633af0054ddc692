from types import SimpleNamespace
from typing import cast

import pytest

from prepose.models.pose_net import build_pose_net
from prepose.recipes.checkpoint import Position
from prepose.recipes.schedule import learning_rate
from prepose.recipes.training import Nets, Training
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink


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
