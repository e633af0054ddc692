"""A study as plain data: a question, the factors that are varied, the budget that is kept, what will be compared."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from prepose.errors import nearest, unknown_name
from prepose.specs.fields import Name, NonNegative, Positive, refuse, spelt_with
from prepose.specs.recipe import KnownProtocol, Recipe
from prepose.specs.search import Search

Metric = Literal["mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "pck3d_150", "auc3d", "error_px", "pck2d", "pck2d_box"]
# Names of networks have dots.
LevelName = Annotated[str, spelt_with(r"[a-z0-9][a-z0-9._-]*", "lower-case letters, digits, dots, - and _")]
Levels = dict[Name, LevelName]


def _number(value: Any) -> Any:
    # To Python, and so to pydantic, true is 1.
    if isinstance(value, bool):
        raise ValueError(f"found {str(value).lower()}, expected a number")
    if isinstance(value, int | float) and abs(value) > 1e100:
        raise ValueError("found a number beyond 1e100, expected one that can be meant")
    return value


# The bounds are far beyond what any machine carries out; what is beyond them is a slip of the keyboard.
Count = Annotated[int, BeforeValidator(_number), Field(gt=0, le=10**9)]
Seed = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**63)]
Times = Annotated[Positive, BeforeValidator(_number), Field(le=10**6)]
MOST = {"flops": 1e27, "images": 1e12}


class StoreSpec(BaseModel):
    """Where the samples of a study come from: a world that the study draws itself, or a store that is there.

    Attributes:
        world: The synthetic world to draw.
        counts: split -> samples to draw.
        size: Side of the drawn images, px.
        seed: Which series of samples.
        path: Folder of a store, in place of a world.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: Name | None = None
    counts: dict[Name, Count] = {}
    size: Count = 96
    seed: Seed = 0
    path: Annotated[str, Field(min_length=1)] | None = None

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that name what the store holds."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "StoreSpec":
        if (self.world is None) == (self.path is None):
            raise ValueError("expected either a world or a path")
        if bool(self.counts) != (self.world is not None):
            raise ValueError("counts go with a world, and a world needs them")
        return self


class Level(BaseModel):
    """One value of a factor: what it changes in the recipe.

    Attributes:
        name: What tables call it.
        recipe: A recipe's name or file, which replaces the study's base.
        changes: As `--set` takes them: `model.backbone=resnet-18`; `*` in place of a stage's name means every stage.
        stores: store -> the store that takes its place in the recipe; both by the study's names.
        parts: stage -> its part of the whole length; 0 leaves the stage out.
        budget: This many times the study's budget.
        shared_by: stage -> number of trainings that use its outcome; its cost counts by that part only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: LevelName
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    stores: dict[Name, Name] = {}
    parts: dict[Name, Annotated[NonNegative, BeforeValidator(_number), Field(le=10**6)]] = {}
    budget: Times = 1.0
    shared_by: dict[Name, Count] = {}


class Factor(BaseModel):
    """Something that is varied.

    Attributes:
        name: What tables call it.
        levels: Its values; at least one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of its values."""
        return tuple(level.name for level in self.levels)

    @property
    def varies_budget(self) -> bool:
        """Whether its levels differ in what they may spend."""
        return len({level.budget for level in self.levels}) > 1

    @model_validator(mode="after")
    def _has_distinct_levels(self) -> "Factor":
        names = [level.name for level in self.levels]
        if len(set(names)) != len(names):
            raise ValueError(f"two levels of factor {self.name!r} share a name in {names}")
        return self


class Budget(BaseModel):
    """What every trial has to spend.

    Attributes:
        rule: `flops`: training FLOPs, pre-training included; `images`: samples seen; `none`: every recipe is as long as
            it says.
        amount: In the rule's unit; None for `none`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Literal["flops", "images", "none"] = "flops"
    amount: Annotated[Positive, BeforeValidator(_number)] | None = None

    @model_validator(mode="after")
    def _has_an_amount(self) -> "Budget":
        if (self.rule == "none") != (self.amount is None):
            raise ValueError(f"rule {self.rule!r} with amount {self.amount}; every rule but 'none' needs an amount")
        if self.amount is not None and self.amount > MOST[self.rule]:
            raise ValueError(f"found amount {self.amount:g}, expected at most {MOST[self.rule]:g} {self.rule}")
        return self


class EvaluationSet(BaseModel):
    """Samples on which every trial is measured when it is trained; they choose nothing.

    Attributes:
        store: Name of one of the study's stores.
        split: Which of its splits.
        protocol: How they are scored.
        title: What tables call it; the set's name without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Name
    split: str = "test"
    protocol: KnownProtocol = "true-root-depth"
    title: str = ""


class Comparison(BaseModel):
    """What the study set out to compare, stated before it ran.

    One test is made for each set and each combination of the levels of the factors that are not named here.

    Attributes:
        statement: What is claimed, as a sentence: "2D pre-training lowers the error".
        arm: factor -> level on which the claim is made.
        baseline: The same factors -> the levels that it is compared with.
        sets: Names of evaluation sets.
        metric: The measure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    statement: str
    arm: Annotated[Levels, Field(min_length=1)]
    baseline: Annotated[Levels, Field(min_length=1)]
    sets: Annotated[tuple[Name, ...], Field(min_length=1)]
    metric: Metric = "mpjpe_mm"

    @model_validator(mode="after")
    def _compares_like_with_like(self) -> "Comparison":
        if set(self.arm) != set(self.baseline):
            raise ValueError(
                f"comparison {self.statement!r}: arm names {sorted(self.arm)}, baseline {sorted(self.baseline)}; "
                "both must name the same factors"
            )
        if self.arm == self.baseline:
            raise ValueError(f"comparison {self.statement!r}: arm and baseline are the same")
        return self


class Study(BaseModel):
    """A question, and the trials that answer it.

    Attributes:
        name: What the study is called.
        question: What it asks, in a sentence or two.
        base: The recipe that levels change: a recipe's name or file, or the recipe itself.
        changes: Changes to every recipe of the study, as `--set` takes them; before those of the levels.
        factors: What is varied; every combination of levels is an arm.
        left_out: Combinations of levels that are not run; a combination matches where all levels named match.
        seeds: One trial of each arm for each.
        budget: What each trial has to spend.
        stores: name -> samples. A recipe's source, validation or watched store `NAME` or `data/NAME` is the store NAME.
        sets: name -> what every trial is measured on.
        comparisons: What will be compared.
        search: The search for settings that every arm is given before its trials; None: recipes are taken as they are.
        folders: What names the folders of trials: the `hash` of all that defines one, in `trials/`; or its `arm` and
            seed, in `runs/`, which people can type but which no other study can take over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    question: str
    base: str | Recipe
    changes: tuple[str, ...] = ()
    factors: Annotated[tuple[Factor, ...], Field(min_length=1)]
    left_out: tuple[Levels, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    budget: Budget
    stores: Annotated[dict[Name, StoreSpec], Field(min_length=1)]
    sets: Annotated[dict[Name, EvaluationSet], Field(min_length=1)]
    comparisons: tuple[Comparison, ...] = ()
    search: Search | None = None
    folders: Literal["hash", "arm"] = "hash"

    @model_validator(mode="after")
    def _is_consistent(self) -> "Study":
        faults = []
        names = [factor.name for factor in self.factors]
        if len(set(names)) != len(names):
            faults.append(f"two factors share a name in {names}")
        if len(set(self.seeds)) != len(self.seeds):
            faults.append(f"a seed is named twice in {list(self.seeds)}")
        if self.search is not None and self.search.seed in self.seeds:
            faults.append(
                f"search.seed {self.search.seed} is a seed of the study; what is chosen must not be judged by the same "
                "draws: give the search another one"
            )
        for name, each in self.sets.items():
            if each.store not in self.stores:
                faults.append(
                    f"set {name!r} is of store {each.store!r}{nearest(each.store, self.stores)}; "
                    f"the study's stores are {', '.join(self.stores)}"
                )
        for levels in self.left_out:
            faults += self._unknown_levels(levels, "left_out")
        for comparison in self.comparisons:
            faults += self._faults_of(comparison)
        refuse(faults)
        return self

    def _faults_of(self, comparison: Comparison) -> Iterator[str]:
        where = f"comparison {comparison.statement!r}"
        yield from self._unknown_levels(comparison.arm, where)
        yield from self._unknown_levels(comparison.baseline, where)
        for name in comparison.sets:
            if name not in self.sets:
                yield (
                    f"{where} is on set {name!r}{nearest(name, self.sets)}; the study's sets are {', '.join(self.sets)}"
                )

    def _unknown_levels(self, levels: Levels, where: str) -> Iterator[str]:
        known = {factor.name: [level.name for level in factor.levels] for factor in self.factors}
        for factor, level in levels.items():
            if factor not in known:
                yield f"{where}: {unknown_name('factor', factor, known)}"
            elif level not in known[factor]:
                yield (
                    f"{where}: factor {factor!r} has no level {level!r}{nearest(level, known[factor])}; "
                    f"its levels are {', '.join(known[factor])}"
                )

    def combinations(self) -> tuple[tuple[Level, ...], ...]:
        """Every combination of levels that is run, one level of each factor."""
        return tuple(
            levels
            for levels in itertools.product(*(factor.levels for factor in self.factors))
            if not any(left_out.items() <= self.named(levels).items() for left_out in self.left_out)
        )

    def title_of(self, name: str) -> str:
        """What tables call an evaluation set."""
        return self.sets[name].title or name

    def named(self, levels: Sequence[Level]) -> Levels:
        """Factor -> name of its level, of one level of each factor."""
        return {factor.name: level.name for factor, level in zip(self.factors, levels, strict=True)}


def store_name(store: str) -> str:
    """The study's name of a store that a recipe calls `NAME` or `data/NAME`."""
    return store.removeprefix("data/")
