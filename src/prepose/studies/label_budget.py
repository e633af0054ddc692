"""What the next labels are expected to bring, by the law that finished studies show: `prepose plan`; no torch."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from prepose.errors import DataError, RecipeError, unknown_name
from prepose.specs.reading import study_from
from prepose.studies.analysis.wording import figure, interval
from prepose.studies.label_levels import LabelLevel, ReadStudy, WayOfTraining, common_sets, ways_of_training
from prepose.studies.report.write import analysis_of
from prepose.studies.statistics.bootstrap import percentile_interval
from prepose.studies.statistics.interval import ALPHA, FEWEST_SEEDS, Interval
from prepose.studies.statistics.label_law import (
    EXPONENTS,
    FURTHEST,
    RESAMPLES,
    FittedLaw,
    LawLevel,
    fewest_levels,
    fit_law,
)
from prepose.studies.tables import flops_written, number_of

Variable = Literal["labels_2d", "labels_3d", "flops"]
VARIABLES: tuple[Variable, ...] = get_args(Variable)
SYMBOLS: Mapping[Variable, str] = {"labels_2d": "N2", "labels_3d": "N3", "flops": "F"}
OPTIONS: Mapping[Variable, str] = {"labels_2d": "--have-2d", "labels_3d": "--have-3d", "flops": "--budget"}
ERRORS = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px")
# Of two values every exponent is as good as any other.
FEWEST_VALUES = 3
NEXT_LABELS = 1000


@dataclass(frozen=True)
class Term:
    """What one variable adds to the error: `at_most * (amount / largest) ** -exponent`.

    Attributes:
        variable: Labels or training FLOPs.
        least: The least amount among the levels.
        largest: The largest.
        at_most: What is left of the term at the largest amount: more of it can bring no more than this.
        at_most_interval: Its 95 % interval.
        exponent: How fast the term falls.
        exponent_interval: Its 95 % interval.
        effect: What the error falls by from the least to the largest amount.
        effect_interval: Its 95 % interval.
        without: Error at levels left out, of the law without this term.
        shown: Whether the term is more than a constant.
    """

    variable: Variable
    least: float
    largest: float
    at_most: float
    at_most_interval: Interval
    exponent: float
    exponent_interval: Interval
    effect: float
    effect_interval: Interval
    without: float
    shown: bool


@dataclass(frozen=True)
class Step:
    """What a next step is expected to bring.

    Attributes:
        what: In words: `1,000 2D labels`.
        error: The error after it.
        error_interval: Its 95 % interval over trainings.
        gain: What the error falls by.
        gain_interval: Its 95 % interval.
        refused: Why nothing is said; empty where it is.
    """

    what: str
    error: float | None = None
    error_interval: Interval | None = None
    gain: float | None = None
    gain_interval: Interval | None = None
    refused: str = ""


@dataclass(frozen=True)
class LabelLaw:
    """The law of one way of training on one evaluation set, and what it says of the next labels.

    Attributes:
        set: The evaluation set.
        training: The way of training.
        stages: What it does.
        levels: What the law was fitted to.
        fixed: Variables that do not vary among the levels, with their value; they have no term.
        floor: E: what neither labels nor compute take away.
        floor_interval: Its 95 % interval.
        terms: One for each variable that varies.
        left_out: Root mean square error at levels that the law was not fitted to.
        left_out_constant: The same of a constant.
        left_out_errors: Level by level; None where a law of the others says nothing.
        noise: Root mean square standard error of a level's mean.
        lack_of_fit_p: Of "the law describes the levels".
        off_law: Standard deviation of the levels about the law beyond what trainings explain; intervals allow for it.
        verdict: What the fit can tell, in a sentence.
        notes: What was left out, and what the intervals lack.
        refused: Why there is no law, or why it says nothing of what was asked; empty where it does.
        have: The amount of each variable that was asked about; empty where it was refused.
        now: The error at it.
        now_interval: Its 95 % interval.
        steps: What each next step is expected to bring.
        better: Which kind of label brings more, in a sentence; empty where not both are known.
    """

    set: str
    training: str
    stages: str
    levels: tuple[LabelLevel, ...]
    fixed: Mapping[Variable, float]
    floor: float | None = None
    floor_interval: Interval | None = None
    terms: tuple[Term, ...] = ()
    left_out: float | None = None
    left_out_constant: float | None = None
    left_out_errors: tuple[float | None, ...] = ()
    noise: float | None = None
    lack_of_fit_p: float | None = None
    off_law: float | None = None
    verdict: str = ""
    notes: tuple[str, ...] = ()
    refused: str = ""
    have: Mapping[str, float] | None = None
    now: float | None = None
    now_interval: Interval | None = None
    steps: tuple[Step, ...] = ()
    better: str = ""


@dataclass(frozen=True)
class LabelPlan:
    """What finished studies say of the next labels.

    Attributes:
        studies: Their folders.
        measure: The error.
        next_labels: How many more labels of either kind were asked about.
        furthest: The law is followed up to this many times the largest amount seen.
        laws: One for each set and way of training.
    """

    studies: tuple[str, ...]
    measure: str
    next_labels: int
    furthest: float
    laws: tuple[LabelLaw, ...]


@dataclass(frozen=True)
class Asked:
    """What there is, and what is asked about; None for what the studies do not vary, and for all sets and trainings.

    Attributes:
        have_2d: Number of samples with 2D labels alone.
        have_3d: Number of samples with 3D labels.
        budget: Training FLOPs.
        next_labels: How many more of either kind.
        set_name: The evaluation set.
        training: The way of training.
        measure: The error.
        resamples: Of the bootstrap.
    """

    have_2d: int | None = None
    have_3d: int | None = None
    budget: float | None = None
    next_labels: int = NEXT_LABELS
    set_name: str | None = None
    training: str | None = None
    measure: str = "mpjpe_mm"
    resamples: int = RESAMPLES

    def amount(self, variable: Variable) -> float | None:
        """What there is of a variable."""
        amount = {"labels_2d": self.have_2d, "labels_3d": self.have_3d, "flops": self.budget}[variable]
        return None if amount is None else float(amount)


def plan_labels(folders: Sequence[Path], asked: Asked) -> LabelPlan:
    """Fit the law of each way of training in some studies, and ask it about the next labels.

    Args:
        folders: Folders of finished studies, or published copies of them.
        asked: What there is, and what is asked about.

    Raises:
        RecipeError: a number that the law needs was not given, or is of no use; no law says anything of what was asked.
        DataError: a folder holds no study, the studies share no set, or there is no such way of training.
    """
    _check(folders, asked)
    studies = [_read(folder) for folder in folders]
    laws = []
    for set_name in common_sets(studies, asked.set_name):
        ways = ways_of_training(studies, set_name, asked.measure)
        known = [way.name for way in ways]
        if asked.training is not None and asked.training not in known:
            raise DataError(f"{folders[0]}: {unknown_name('way of training', asked.training, known)}")
        wanted = [way for way in ways if asked.training in (None, way.name)]
        laws += [_law(set_name, way, asked) for way in wanted]
    if all(law.refused for law in laws):
        reasons = dict.fromkeys(f"{law.training}: {law.refused}" for law in laws)
        raise RecipeError("; ".join([*reasons][:3]))
    return LabelPlan(tuple(str(folder) for folder in folders), asked.measure, asked.next_labels, FURTHEST, tuple(laws))


def _check(folders: Sequence[Path], asked: Asked) -> None:
    if not folders:
        raise RecipeError("no study is named; give the folders of finished studies")
    if asked.measure not in ERRORS:
        raise RecipeError(f"--measure {asked.measure}: expected an error, lower is better: {', '.join(ERRORS)}")
    if asked.next_labels < 1:
        raise RecipeError(f"--next {asked.next_labels}: expected at least 1 label")
    for variable in VARIABLES:
        amount = asked.amount(variable)
        least = 0 if variable != "flops" else math.ulp(0.0)
        if amount is not None and not (math.isfinite(amount) and amount >= least):
            raise RecipeError(
                f"{OPTIONS[variable]} {amount:g}: expected a number {'from' if least == 0 else 'above'} 0"
            )


def _read(folder: Path) -> ReadStudy:
    found = analysis_of(folder)
    return ReadStudy(folder, study_from(found.study.definition, str(folder)), found)


def _law(set_name: str, way: WayOfTraining, asked: Asked) -> LabelLaw:
    levels, varied, notes = _usable(way)
    fixed: dict[Variable, float] = {}
    if levels:
        fixed = {name: _amount(levels[0], name) for name in VARIABLES if name not in varied}
    law = LabelLaw(set_name, way.name, way.stages, levels, fixed, notes=tuple(notes))
    few = _too_few(levels, varied)
    if few:
        return replace(law, refused=few)
    # The same numbers whatever else is asked about.
    generator = np.random.default_rng(zlib.crc32(f"{set_name} {way.stages} {asked.measure}".encode()))
    fitted = fit_law(
        [
            LawLevel(np.array([_amount(level, name) for name in varied]), np.array([*level.errors.values()]))
            for level in levels
        ],
        generator=generator,
        resamples=asked.resamples,
    )
    return _asked(_described(law, fitted, varied, asked.measure), fitted, varied, asked)


def _amount(level: LabelLevel, variable: Variable) -> float:
    return float(getattr(level, variable))


def _usable(way: WayOfTraining) -> tuple[tuple[LabelLevel, ...], list[Variable], list[str]]:
    """The levels that a law can be fitted to, the variables that vary among them, and what was left out and why."""
    levels, notes = [*way.levels], []

    def keep(kept: Sequence[LabelLevel], why: str) -> None:
        if len(kept) < len(levels):
            notes.append(f"{number_of(len(levels) - len(kept), 'level')} left out: {why}")
            levels[:] = kept

    keep([level for level in levels if len(level.errors) >= FEWEST_SEEDS], f"fewer than {FEWEST_SEEDS} seeds")
    for variable in VARIABLES:
        if len({_amount(level, variable) for level in levels}) > 1:
            some = [level for level in levels if _amount(level, variable) > 0]
            keep(some, f"without any {noun_of(variable)}, where the law has no value")
    for variable in VARIABLES:
        amounts = [_amount(level, variable) for level in levels]
        if 1 < len(set(amounts)) < FEWEST_VALUES:
            # Of equally many the larger, at which more is known.
            usual = max(sorted(set(amounts), reverse=True), key=amounts.count)
            rest = [level for level in levels if _amount(level, variable) == usual]
            keep(rest, f"{len(set(amounts))} values of {SYMBOLS[variable]} tell no exponent; kept {usual:,.4g}")
    varied: list[Variable] = [name for name in VARIABLES if len({_amount(level, name) for level in levels}) > 1]
    return tuple(levels), varied, notes


def noun_of(variable: Variable) -> str:
    """`2D labels`, `3D labels` or `compute`."""
    return {"labels_2d": "2D labels", "labels_3d": "3D labels", "flops": "compute"}[variable]


def written_amount(variable: Variable, amount: float) -> str:
    """An amount of a variable: `3,000`, `11.2 TFLOP`."""
    return flops_written(amount) if variable == "flops" else f"{amount:,.0f}"


def _too_few(levels: Sequence[LabelLevel], varied: Sequence[Variable]) -> str:
    if not levels:
        return f"no level has {FEWEST_SEEDS} seeds, which a law needs at every level"
    if not varied:
        return "neither labels nor compute vary among its trainings; add a study in which they do"
    least = fewest_levels(len(varied))
    if len(levels) < least:
        names = ", ".join(SYMBOLS[name] for name in varied)
        return (
            f"{number_of(len(levels), 'level')} of at least {FEWEST_SEEDS} seeds, and a law in {names} needs {least}; "
            "add a study with more levels"
        )
    return ""


def _described(law: LabelLaw, fitted: FittedLaw, varied: Sequence[Variable], measure_name: str) -> LabelLaw:
    amounts = np.stack([level.amounts for level in fitted.levels])
    found, draws, good = fitted.law, fitted.resampled, fitted.goodness
    terms = tuple(
        Term(
            variable=name,
            least=float(amounts[:, i].min()),
            largest=float(amounts[:, i].max()),
            at_most=float(found.terms[i]),
            at_most_interval=percentile_interval(draws.terms[:, i]),
            exponent=float(found.exponents[i]),
            exponent_interval=percentile_interval(draws.exponents[:, i]),
            effect=fitted.effects[i][0],
            effect_interval=fitted.effects[i][1],
            without=good.left_out_without[i],
            shown=fitted.shown[i],
        )
        for i, name in enumerate(varied)
    )
    notes = [*law.notes, "intervals are over trainings, on this test set; not over other people or other laws"]
    notes += [
        f"{SYMBOLS[name]} is {written_amount(name, value)} in all of them: no term" if value else
        f"no {noun_of(name)} are used: there is no term for them"
        for name, value in law.fixed.items()
    ]  # fmt: skip
    if good.lack_of_fit_p is not None and good.lack_of_fit_p < ALPHA:
        notes.append(
            f"the levels are further from the law than their trainings explain (lack of fit, p = "
            f"{good.lack_of_fit_p:.2g}); the intervals allow for that ({figure(good.off_law, measure_name)})"
        )
    notes += [
        f"the exponent of {SYMBOLS[term.variable]} is at its bound of {term.exponent:.2g}: what is still to gain from "
        "it cannot be told from E"
        for term in terms
        if term.shown and not 1.01 * EXPONENTS[0] < term.exponent < 0.99 * EXPONENTS[1]
    ]
    return replace(
        law,
        floor=float(found.floor),
        floor_interval=percentile_interval(draws.floor),
        terms=terms,
        left_out=good.left_out,
        left_out_constant=good.left_out_constant,
        left_out_errors=good.left_out_errors,
        noise=good.noise,
        lack_of_fit_p=good.lack_of_fit_p,
        off_law=good.off_law,
        verdict=_verdict(terms, measure_name),
        notes=tuple(notes),
    )


def _verdict(terms: Sequence[Term], measure_name: str) -> str:
    unshown = [term for term in terms if not term.shown]
    if len(unshown) == len(terms):
        return "The fit cannot tell a law from a constant: no term is shown to lower the error."
    if not unshown:
        return "Every term is shown to lower the error."
    names = " and ".join(
        f"{SYMBOLS[term.variable]} (effect {figure(term.effect, measure_name)})" for term in unshown
    )  # fmt: skip
    return f"The fit cannot tell the term of {names} from a constant."


def _asked(law: LabelLaw, fitted: FittedLaw, varied: Sequence[Variable], asked: Asked) -> LabelLaw:
    """What a law says of what was asked about."""
    if not any(term.shown for term in law.terms):
        return replace(law, refused="the fit cannot tell a law from a constant")
    have: dict[str, float] = {}
    for name in VARIABLES:
        amount, fixed = asked.amount(name), law.fixed.get(name)
        if name in varied and amount is None:
            seen = [written_amount(name, end([_amount(level, name) for level in law.levels])) for end in (min, max)]
            reason = f"{SYMBOLS[name]} varies ({' to '.join(seen)}): say how much there is with {OPTIONS[name]}"
            return replace(law, refused=reason)
        if fixed and amount is not None and not math.isclose(amount, fixed, rel_tol=0.05):
            reason = (
                f"{OPTIONS[name]} {amount:g}: all its trainings have {written_amount(name, fixed)}, so that they say "
                "nothing of other amounts; add a study that varies them"
            )
            return replace(law, refused=reason)
        have[name] = float((amount if name in varied else fixed) or 0)
    here = np.array([have[name] for name in varied])
    outside = _outside(law, varied, here)
    if outside:
        return replace(law, refused=outside)
    now, now_interval = fitted.error_at(here)
    steps, draws = [], {}
    for i, name in enumerate(varied):
        step, drawn = _step(law, fitted, varied, here, i, asked)
        steps.append(step)
        if drawn is not None and name != "flops":
            draws[name] = (step, drawn)
    return replace(
        law,
        have=have,
        now=now,
        now_interval=now_interval,
        steps=tuple(steps),
        better=_better(draws, asked.measure),
    )


def _outside(law: LabelLaw, varied: Sequence[Variable], amounts: Float[np.ndarray, "V"]) -> str:
    """Why the law says nothing of a place; empty where it does."""
    for name, amount in zip(varied, amounts, strict=True):
        term = next(term for term in law.terms if term.variable == name)
        told, noun = written_amount(name, amount), noun_of(name)
        if amount < 0.999 * term.least:
            return f"{told} of {noun}: no training had less than {written_amount(name, term.least)}"
        if amount > 1.001 * FURTHEST * term.largest:
            return (
                f"{told} of {noun}: more than {FURTHEST:g} times the largest amount seen "
                f"({written_amount(name, term.largest)}), and the law is not followed so far"
            )
    return ""


def _step(
    law: LabelLaw,
    fitted: FittedLaw,
    varied: Sequence[Variable],
    here: Float[np.ndarray, "V"],
    i: int,
    asked: Asked,
) -> tuple[Step, Float[np.ndarray, "R"] | None]:
    name, after = varied[i], here.copy()
    after[i] = 2 * here[i] if name == "flops" else here[i] + asked.next_labels
    what = "twice the compute" if name == "flops" else f"{asked.next_labels:,} {noun_of(name)}"
    outside = _outside(law, varied, after)
    if not fitted.shown[i]:
        outside = f"the fit cannot tell the term of {SYMBOLS[name]} from a constant"
    if outside:
        return Step(what, refused=outside), None
    error, error_interval = fitted.error_at(after)
    gain, gain_interval, drawn = fitted.gain(here, after)
    return Step(what, error, error_interval, gain, gain_interval), drawn


def _better(draws: Mapping[Variable, tuple[Step, Float[np.ndarray, "R"]]], measure_name: str) -> str:
    if len(draws) < 2:
        return ""
    (step_2d, drawn_2d), (step_3d, drawn_3d) = draws["labels_2d"], draws["labels_3d"]
    more = (step_3d.gain or 0.0) - (step_2d.gain or 0.0)
    ends = percentile_interval(drawn_3d - drawn_2d)
    first, second = ("3D", "2D") if more >= 0 else ("2D", "3D")
    shown = ends if more >= 0 else Interval(-ends.high, -ends.low)
    told = "" if 0.0 not in ends else "; which of the two is better is not shown"
    return (
        f"{first} labels are expected to bring {figure(abs(more), measure_name)} more than as many {second} labels "
        f"({interval(shown, measure_name)}){told}."
    )
