from itertools import pairwise

import pytest

from prepose.recipes.schedule import SCHEDULES, learning_rate
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.recipe import Stage


def stage(schedule: str, **changes: object) -> Stage:
    first = RECIPES["mixed"]().stages[0].model_dump()
    milestones = (0.5, 0.75) if schedule == "steps" else ()
    return Stage.model_validate(
        first | {"schedule": schedule, "milestones": milestones, "samples": 1000, "learning_rate": 0.1} | changes
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warm_up", [0.0, 0.3])
def test_every_rate_is_positive_and_its_peak_is_the_stages(schedule: str, warm_up: float) -> None:
    rates = [learning_rate(stage(schedule, warm_up=warm_up), seen) for seen in range(1000)]
    assert all(rate > 0 for rate in rates)
    assert max(rates) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_while_warming_up_and_never_rises_after(schedule: str) -> None:
    rates = [learning_rate(stage(schedule, warm_up=0.3), seen) for seen in range(1000)]
    assert all(a < b for a, b in pairwise(rates[:301]))
    assert all(a >= b for a, b in pairwise(rates[300:]))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_longer_stage_has_the_same_curve_over_its_length(schedule: str) -> None:
    short, long = stage(schedule), stage(schedule, samples=4000)
    assert [learning_rate(short, s) for s in range(1000)] == [learning_rate(long, 4 * s) for s in range(1000)]


def test_steps_falls_by_its_decay_at_each_milestone() -> None:
    stepped = stage("steps", warm_up=0.0, decay=0.1)
    found = [learning_rate(stepped, seen) for seen in (0, 499, 500, 749, 750, 999)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_one_cycle_begins_at_a_25th_and_ends_at_almost_nothing() -> None:
    cycle = stage("one-cycle")
    assert learning_rate(cycle, 0) == pytest.approx(0.1 / 25)
    assert learning_rate(cycle, 1000) == pytest.approx(0.1 / 25 / 1e4)
