"""What a study's folder says that it is: the study and its plan, as `study.json` and `plan.json` hold them.

Read as plain data, so that a report needs no torch (`studies.study` checks a study against recipes, which know
networks). The files were checked when the study was started; here a file that is damaged, or of another version, is
refused in one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prepose.errors import DataError
from prepose.files import inside, read_object

FORMAT = 1


@dataclass(frozen=True)
class FactorOutline:
    """Something that was varied.

    Attributes:
        name: What tables call it.
        levels: Names of its values.
        budgets: level -> this many times the study's budget.
    """

    name: str
    levels: tuple[str, ...]
    budgets: Mapping[str, float]

    @property
    def varies_budget(self) -> bool:
        """Whether its levels differ in what they may spend."""
        return len(set(self.budgets.values())) > 1


@dataclass(frozen=True)
class SetOutline:
    """What every trial was measured on."""

    name: str
    title: str
    store: str
    split: str
    protocol: str


@dataclass(frozen=True)
class ComparisonOutline:
    """What the study set out to compare; see `studies.study.Comparison`."""

    statement: str
    arm: Mapping[str, str]
    baseline: Mapping[str, str]
    sets: tuple[str, ...]
    metric: str


@dataclass(frozen=True)
class ArmOutline:
    """One combination of levels.

    Attributes:
        name: The levels' names, joined.
        levels: factor -> level.
        train_flops: Training FLOPs of one trial, pre-training in full.
        counted_flops: The same with a stage that several trainings share counted by its part.
        images: Samples seen by one trial.
        parameters: Of the network.
        shared_by: stage -> number of trainings that use its outcome.
        stages: Stage by stage: `name`, `samples`, `train_flops`.
    """

    name: str
    levels: Mapping[str, str]
    train_flops: float
    counted_flops: float
    images: int
    parameters: int
    shared_by: Mapping[str, int]
    stages: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class TrialOutline:
    """One training of one arm."""

    id: str
    arm: str
    seed: int


@dataclass(frozen=True)
class Outline:
    """A study and its plan.

    Attributes:
        folder: The study's folder.
        name: What the study is called.
        question: What it asks.
        factors: What was varied.
        seeds: Of the trials.
        budget: `rule` and `amount`.
        size: Size of a built-in study.
        budget_scale: The budget was this many times the study's own.
        sets: What every trial was measured on.
        comparisons: What was to be compared.
        stores: name -> its definition.
        arms: Combinations of levels, in the study's order.
        trials: What was planned.
        definition: The study as it was written, every field.
        plan: The plan as it was written, every field.
    """

    folder: Path
    name: str
    question: str
    factors: tuple[FactorOutline, ...]
    seeds: tuple[int, ...]
    budget: Mapping[str, Any]
    size: str | None
    budget_scale: float
    sets: tuple[SetOutline, ...]
    comparisons: tuple[ComparisonOutline, ...]
    stores: Mapping[str, Mapping[str, Any]]
    arms: tuple[ArmOutline, ...]
    trials: tuple[TrialOutline, ...]
    definition: Mapping[str, Any]
    plan: Mapping[str, Any]

    def arm(self, name: str) -> ArmOutline:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def arm_at(self, levels: Mapping[str, str]) -> ArmOutline | None:
        """The arm at a whole combination of levels; None where it was left out."""
        return next((arm for arm in self.arms if dict(arm.levels) == dict(levels)), None)


def read_outline(folder: Path) -> Outline:
    """The study and the plan of a study's folder.

    Raises:
        DataError: the folder holds no study, its files are damaged, or another version wrote them.
    """
    path, plan_path = inside(folder, "study.json"), inside(folder, "plan.json")
    if not path.is_file():
        raise DataError(
            f"{folder}: holds no study (no study.json) and no quickstart; give a folder that `prepose study` made"
        )
    head = read_object(path, advice="run `prepose study` again")
    version = head.get("format")
    if version != FORMAT:
        raise DataError(
            f"{path}: study format {version}, this version reads {FORMAT}; report it with the version that ran it"
        )
    if not plan_path.is_file():
        raise DataError(f"{folder}: the study has no plan.json yet; run `prepose study` on it to its end")
    plan = read_object(plan_path, advice="run `prepose study` again")
    try:
        return _outline(folder, head, plan)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{folder}: study.json and plan.json are damaged or of another version ({error!r}); run `prepose study` "
            "again into another folder"
        ) from error


def _outline(folder: Path, head: Mapping[str, Any], plan: Mapping[str, Any]) -> Outline:
    study = head["study"]
    outline = Outline(
        folder=folder,
        name=study["name"],
        question=study["question"],
        factors=tuple(_factor(each) for each in study["factors"]),
        seeds=tuple(int(seed) for seed in study["seeds"]),
        budget=study["budget"],
        size=head.get("size"),
        budget_scale=float(head.get("budget_scale", 1.0)),
        sets=tuple(_set(name, each) for name, each in study["sets"].items()),
        comparisons=tuple(_comparison(each) for each in study["comparisons"]),
        stores=study["stores"],
        arms=tuple(_arm(each) for each in plan["arms"]),
        trials=tuple(TrialOutline(each["id"], each["arm"], int(each["seed"])) for each in plan["trials"]),
        definition=study,
        plan=plan,
    )
    names = {arm.name for arm in outline.arms}
    strangers = sorted({trial.arm for trial in outline.trials} - names)
    if strangers or not names:
        raise ValueError(f"trials of arms that the plan does not have: {strangers}" if strangers else "no arm")
    return outline


def _factor(content: Mapping[str, Any]) -> FactorOutline:
    levels = content["levels"]
    budgets = {level["name"]: float(level.get("budget", 1.0)) for level in levels}
    return FactorOutline(content["name"], tuple(budgets), budgets)


def _set(name: str, content: Mapping[str, Any]) -> SetOutline:
    title = content.get("title") or name
    return SetOutline(name, title, content["store"], content["split"], content["protocol"])


def _comparison(content: Mapping[str, Any]) -> ComparisonOutline:
    return ComparisonOutline(
        statement=content["statement"],
        arm=dict(content["arm"]),
        baseline=dict(content["baseline"]),
        sets=tuple(content["sets"]),
        metric=content["metric"],
    )


def _arm(content: Mapping[str, Any]) -> ArmOutline:
    return ArmOutline(
        name=content["name"],
        levels=dict(content["levels"]),
        train_flops=float(content["train_flops"]),
        counted_flops=float(content["counted_flops"]),
        images=int(content["images"]),
        parameters=int(content["parameters"]),
        shared_by=dict(content.get("shared_by") or {}),
        stages=tuple(content.get("stages") or ()),
    )
