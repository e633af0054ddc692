"""What a study's folder says that is planned: the arms with their cost, and the trials (`plan.json`)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from prepose.specs.fields import NonNegative
from prepose.specs.study import Levels


class PlannedStage(BaseModel):
    """A stage of an arm's recipe: samples seen, and what training on them costs."""

    model_config = ConfigDict(frozen=True)

    name: str
    samples: int
    train_flops: NonNegative


class PlannedArm(BaseModel):
    """One combination of levels.

    Attributes:
        name: The levels' names, joined.
        levels: factor -> level.
        train_flops: Training FLOPs of one trial, pre-training in full.
        counted_flops: The same with a stage that several trainings share counted by its part.
        images: Samples seen by one trial.
        parameters: Of the network.
        forward_flops: Of one prediction.
        shared_by: stage -> number of trainings that use its outcome.
        stages: Stage by stage.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    levels: Levels
    train_flops: NonNegative
    counted_flops: NonNegative
    images: int
    parameters: int
    forward_flops: int = 0
    shared_by: dict[str, int] = {}
    stages: tuple[PlannedStage, ...] = ()


class PlannedRun(BaseModel):
    """One training of one arm; its folder in the study's is `trials/ID`, unless it is given."""

    model_config = ConfigDict(frozen=True)

    id: str
    arm: str
    seed: int
    folder: str | None = None


class Plan(BaseModel):
    """The arms of a study and their trials."""

    model_config = ConfigDict(frozen=True)

    arms: Annotated[tuple[PlannedArm, ...], Field(min_length=1)]
    trials: tuple[PlannedRun, ...]

    def arm(self, name: str) -> PlannedArm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def arm_at(self, levels: Mapping[str, str]) -> PlannedArm | None:
        """The arm at a whole combination of levels; None where it was left out."""
        return next((arm for arm in self.arms if arm.levels == dict(levels)), None)
