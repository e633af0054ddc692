"""Learning rates as functions of the samples seen."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from prepose.specs.recipe import Stage

# Source: Smith and Topin, "Super-Convergence", 2018; the start and end of the cycle as PyTorch's OneCycleLR has them.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4


def learning_rate(stage: Stage, samples_seen: int) -> float:
    """The rate of the step that begins when the stage has seen so many samples."""
    done = min(max(samples_seen / stage.samples, 0.0), 1.0)
    return stage.learning_rate * SCHEDULES[stage.schedule](stage, done)


def _one_cycle(stage: Stage, done: float) -> float:
    if done < stage.warm_up:
        return _cosine_between(ONE_CYCLE_START, 1.0, done / stage.warm_up)
    return _cosine_between(1.0, ONE_CYCLE_END, (done - stage.warm_up) / (1 - stage.warm_up))


def _cosine(stage: Stage, done: float) -> float:
    if done < stage.warm_up:
        return _rise(stage, done)
    return _cosine_between(1.0, 0.0, (done - stage.warm_up) / (1 - stage.warm_up))


def _steps(stage: Stage, done: float) -> float:
    return _rise(stage, done) * stage.decay ** sum(done >= milestone for milestone in stage.milestones)


def _constant(stage: Stage, done: float) -> float:
    return _rise(stage, done)


def _rise(stage: Stage, done: float) -> float:
    # From a hundredth, not from nothing, so that the first step is not lost.
    return 1.0 if done >= stage.warm_up else 0.01 + 0.99 * done / stage.warm_up


def _cosine_between(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


SCHEDULES: Mapping[str, Callable[[Stage, float], float]] = MappingProxyType(
    {"one-cycle": _one_cycle, "cosine": _cosine, "steps": _steps, "constant": _constant}
)
