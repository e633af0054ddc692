"""The search for settings that every arm of a study is given before its trials, and what came of it (`tuning.json`).

Every arm tries the same number of settings with the same part of its own budget, and the validation of the recipe
chooses: so that no arm loses because its learning rate was tuned for another one. No torch, no Optuna.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from prepose.specs.fields import NonNegative, Number, Positive, Seed, refuse

Value = float | int | str | bool
MOST_TRIALS = 1000
# A chosen value so near an end of its range, in parts of it, may have its best beyond.
EDGE = 0.05


def _finite(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"found {str(value).lower()}, expected a number")
    return value


End = Annotated[float, BeforeValidator(_finite), Field(allow_inf_nan=False)]
TrialCount = Annotated[int, Number, Field(ge=2, le=MOST_TRIALS)]


class SearchRange(BaseModel):
    """What values a parameter may take: from `low` to `high`, or one of `choices`.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether the logarithm is drawn evenly, as learning rates want.
        whole: Whether only whole numbers are meant.
        choices: The values, in place of a range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: End | None = None
    high: End | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def written(self) -> str:
        """In words: `0.001 to 0.03 (log)`."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}" + (" (log)" if self.log else "")

    @model_validator(mode="after")
    def _is_a_range_or_choices(self) -> "SearchRange":
        low, high = self.low, self.high
        if self.choices:
            if (low, high, self.log, self.whole) != (None, None, False, False):
                raise ValueError("choices go without low, high, log and whole")
            if len(set(map(repr, self.choices))) < max(2, len(self.choices)):
                raise ValueError(f"found choices {list(self.choices)}, expected two or more, each once")
            return self
        if low is None or high is None:
            raise ValueError("expected low and high, or choices")
        if low >= high:
            raise ValueError(f"found low {low:g} and high {high:g}, expected low below high")
        if self.log and low <= 0:
            raise ValueError(f"found low {low:g}, expected more than 0 where log is true")
        if self.whole and (low % 1 or high % 1):
            raise ValueError(f"found low {low:g} and high {high:g}, expected whole numbers where whole is true")
        return self


class Halving(BaseModel):
    """Successive halving: all settings are trained briefly, the best of them longer, and so on.

    Each rung trains from the beginning, with its own learning-rate curve: a setting is judged by a training that has
    come to its end. Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS 2016; in step, not asynchronous (ASHA), so that the choice does not hang on who is faster.

    Attributes:
        rungs: How many lengths; the last is the search's `part` of the budget.
        factor: Each rung has this many times the length of the one before and a part of its settings in turn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rungs: Annotated[int, Number, Field(ge=2, le=10)] = 2
    factor: Annotated[int, Number, Field(ge=2, le=100)] = 3


class Search(BaseModel):
    """The same search for every arm; its settings are chosen by validation alone.

    Attributes:
        parameters: Field of the recipe, as `--set` takes it (`*.learning_rate`) -> its range; every arm must have it.
        trials: Settings tried for each arm.
        sampler: `tpe` (tree-structured Parzen estimator) or `random`; both need Optuna.
        part: Part of the arm's budget that a training of the search has.
        halving: Stops the worse settings early; None: all have the whole part.
        seed: Of the sampler, and of the trainings of the search; no seed of the study.
        at_once: Settings that are asked for together, whatever the number of workers: so the choice does not depend
            on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Annotated[dict[str, SearchRange], Field(min_length=1, max_length=20)]
    trials: TrialCount = 8
    sampler: Literal["tpe", "random"] = "tpe"
    part: Annotated[Positive, Field(le=1)] = 1.0
    halving: Halving | None = None
    seed: Seed = 1000
    at_once: Annotated[int, Number, Field(ge=1, le=MOST_TRIALS)] = 4

    @property
    def rungs(self) -> tuple[tuple[float, int], ...]:
        """(part of the arm's budget, settings) of each rung, the shortest first."""
        if self.halving is None:
            return ((self.part, self.trials),)
        number, factor = self.halving.rungs, self.halving.factor
        return tuple((self.part / factor ** (number - 1 - i), self.trials // factor**i) for i in range(number))

    @property
    def trainings(self) -> int:
        """Trainings of the search of one arm."""
        return sum(count for _, count in self.rungs)

    @property
    def whole_trainings(self) -> float:
        """What the search of one arm costs, in trainings of the arm's whole budget."""
        return sum(part * count for part, count in self.rungs)

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> "Search":
        wrong = [name for name in self.parameters if "=" in name or not name.strip()]
        if wrong:
            refuse([f"parameters: found {wrong[0]!r}, expected a field of the recipe, such as '*.learning_rate'"])
        if self.halving is not None:
            least = self.halving.factor ** (self.halving.rungs - 1)
            if self.trials < least:
                refuse(
                    [
                        f"halving with {self.halving.rungs} rungs by {self.halving.factor} needs at least {least} "
                        f"trials, so that one is left for the last rung; found {self.trials}"
                    ]
                )
        return self


class TriedSetting(BaseModel):
    """A setting that was tried for an arm.

    Attributes:
        number: Its place in the order of asking, from 0.
        values: Field -> value.
        changes: The same as `--set` takes it.
        trials: Id of its training at each rung that it reached; the folder is `tuning/ID`.
        scores: Best validation of each; None where the training diverged.
        train_flops: Of all of them; what is asked for twice is trained once and counts for both.
        validation_flops: Of all of them; a training that diverged counts as a whole one, without validations.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    values: dict[str, Value]
    changes: tuple[str, ...]
    trials: tuple[str, ...]
    scores: tuple[float | None, ...]
    train_flops: NonNegative
    validation_flops: NonNegative


class ArmTuning(BaseModel):
    """The search of one arm.

    Attributes:
        arm: The arm.
        metric: The validation measure that chose.
        store: The study's name of the store that it was measured on.
        split: Its split; never a test set.
        settings: All that were tried, in the order of asking.
        chosen: Number of the setting that the arm's trials have.
        at_edge: Fields whose chosen value is at an end of its range.
    """

    model_config = ConfigDict(frozen=True)

    arm: str
    metric: str
    store: str
    split: str
    settings: tuple[TriedSetting, ...]
    chosen: int
    at_edge: tuple[str, ...] = ()

    @property
    def setting(self) -> TriedSetting:
        """The one that was chosen."""
        return next(each for each in self.settings if each.number == self.chosen)


class Tuning(BaseModel):
    """What the search of a study came to.

    Attributes:
        search: What was asked.
        arms: Arm by arm.
    """

    model_config = ConfigDict(frozen=True)

    search: Search
    arms: tuple[ArmTuning, ...]

    @property
    def changes(self) -> dict[str, tuple[str, ...]]:
        """Arm -> the chosen changes of its recipe."""
        return {each.arm: each.setting.changes for each in self.arms}

    @property
    def train_flops(self) -> float:
        """Training FLOPs of the whole search."""
        return sum(setting.train_flops for each in self.arms for setting in each.settings)

    @property
    def validation_flops(self) -> float:
        """FLOPs of its validations."""
        return sum(setting.validation_flops for each in self.arms for setting in each.settings)
