"""The search for settings before a study's trials: every arm tries as many, and validation chooses.

Nothing but the trainings' folders (`tuning/ID`) is kept on the way. Optuna is asked again for the same settings in the
same order, so that a search that was killed finds what it has done by its hash and goes on.
"""

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from prepose.errors import DataError, RecipeError
from prepose.files import inside, read_object, read_object_if_any, write_json
from prepose.recipes.budget import training_flops
from prepose.recipes.log import read_log
from prepose.specs.reading import at_scale, checked, listed
from prepose.specs.recipe import HIGHER_IS_BETTER, Recipe, ValidationSpec
from prepose.specs.search import EDGE, ArmTuning, Search, SearchRange, TriedSetting, Tuning, Value
from prepose.specs.study import Study, store_name
from prepose.studies.engines.local import Engine, Failure
from prepose.studies.run.folder import DAMAGED
from prepose.studies.run.live_table import Expected
from prepose.studies.run.planning import Planned
from prepose.studies.run.trial_work import TrialOrder, run_orders
from prepose.studies.tables import flops_written, number_of
from prepose.studies.trials import Arm, arm_name, arms_of, on_stores, trials_of

FOLDER, FILE = "tuning", "tuning.json"
DIVERGED = "TrainingDiverged"
# Values are written with so many digits, which is what a recipe then says.
DIGITS = 4


@dataclass(frozen=True)
class Found:
    """How a search ended.

    Attributes:
        tuning: What it came to; None where it could not be finished.
        failures: training, in words -> why it failed otherwise than by diverging.
    """

    tuning: Tuning | None
    failures: Mapping[str, Failure]


@dataclass
class _Tried:
    """A setting while its rungs are trained."""

    number: int
    values: dict[str, Value]
    asked: Any
    trials: list[str]
    scores: list[float | None]
    train_flops: float = 0.0
    validation_flops: float = 0.0

    @property
    def changes(self) -> tuple[str, ...]:
        return tuple(f"{name}={_spelt(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class _Training:
    """One training of the search: a setting at a rung."""

    arm: str
    tried: _Tried
    id: str
    recipe: Recipe
    folder: Path


def check_search(study: Study) -> None:
    """Check that a search can be carried out, before anything is rendered.

    Raises:
        RecipeError: Optuna is not installed; a parameter is no field of an arm's recipe or does not take its range; an
            arm has no validation that could choose; the shortest rung is too short.
    """
    search = study.search
    if search is None:
        return
    _optuna()
    for part in {part for part, _ in search.rungs}:
        ends = {name: _ends(spread) for name, spread in search.parameters.items()}
        for i in range(max(map(len, ends.values()))):
            changes = tuple(f"{name}={_spelt(values[min(i, len(values) - 1)])}" for name, values in ends.items())
            for arm in _arms_at(study, part, dict.fromkeys(_names(study), changes)):
                if arm.recipe.validation_of(arm.recipe.stages[-1]) is None:
                    raise RecipeError(
                        f"study {study.name!r}, arm {arm.name!r}: its last stage has no validation, which must choose "
                        "the setting; add one, or leave out search"
                    )


def tuned(planned: Planned, tuning: Tuning) -> Planned:
    """The plan with every arm at the setting that was chosen for it."""
    arms = arms_of(planned.study, tuning.changes)
    return replace(planned, arms=arms, trials=trials_of(planned.study, arms))


def known_tuning(out: Path, study: Study) -> Tuning | None:
    """What a search that has ended came to; None where it has not, or was another.

    Raises:
        DataError: the file is damaged.
    """
    values = read_object_if_any(inside(out, FILE), advice=DAMAGED)
    if values is None:
        return None
    tuning, faults = checked(Tuning, values)
    if tuning is None:
        raise DataError(f"{out / FILE}: is damaged ({listed(faults)}); delete it, and the search is put together again")
    same = tuning.search == study.search and [each.arm for each in tuning.arms] == _names(study)
    return tuning if same else None


def run_search(out: Path, planned: Planned, *, engine: Engine, console: Console) -> Found:
    """Train every setting of every arm that is not trained yet, and write what was chosen.

    Raises:
        RecipeError: every setting of an arm diverged.
        KeyboardInterrupt: Ctrl-C or SIGTERM; rerun to resume.
    """
    search = planned.study.search
    assert search is not None
    console.print(search_line(planned.study, planned.arms), highlight=False, soft_wrap=True)
    askers = {arm.name: _asker(search) for arm in planned.arms}
    tried: dict[str, list[_Tried]] = {arm.name: [] for arm in planned.arms}
    for rung, (part, count) in enumerate(search.rungs):
        reached = {name: _best_first(planned, name, each)[:count] for name, each in tried.items()} if rung else tried
        for start in range(0, count, search.at_once):
            size = min(search.at_once, count - start)
            if rung == 0:
                for name, asker in askers.items():
                    tried[name] += [_asked(asker, search, start + i) for i in range(size)]
            batch = {name: each[start : start + size] for name, each in reached.items()}
            failures = _train(out, planned, part, batch, engine=engine, console=console)
            if failures:
                return Found(None, failures)
            if rung == 0:
                _tell(askers, batch)
    tuning = Tuning(search=search, arms=tuple(_chosen(planned, arm, tried[arm.name]) for arm in planned.arms))
    write_json(inside(out, FILE), tuning.model_dump(mode="json"))
    for each in tuning.arms:
        console.print(f"{each.arm}: chose {', '.join(each.setting.changes)}", highlight=False, soft_wrap=True)
    return Found(tuning, {})


def search_line(study: Study, arms: Sequence[Arm]) -> str:
    """What a search will train, in a line."""
    search = study.search
    assert search is not None
    rungs = f", halved over {len(search.rungs)} rungs" if search.halving else ""
    return (
        f"search: {number_of(search.trials, 'setting')} for each of {number_of(len(arms), 'arm')} by {search.sampler}"
        f"{rungs}: {number_of(search.trainings * len(arms), 'training')}, {flops_written(search_flops(study, arms))}"
    )


def search_flops(study: Study, arms: Sequence[Arm]) -> float:
    """Training FLOPs of the whole search, before the rounding to whole batches."""
    return study.search.whole_trainings * sum(training_flops(arm.recipe) for arm in arms) if study.search else 0.0


def _names(study: Study) -> list[str]:
    return [arm_name(study, study.named(levels)) for levels in study.combinations()]


def _arms_at(study: Study, part: float, changes: Mapping[str, Sequence[str]]) -> tuple[Arm, ...]:
    """The arms with some changes, at a part of their budgets."""
    try:
        return arms_of(at_scale(study, part), changes)
    except RecipeError as error:
        raise RecipeError(f"search at {part:.3g} of the budget: {error}") from None


def _ends(spread: SearchRange) -> tuple[Value, ...]:
    if spread.choices:
        return spread.choices
    assert spread.low is not None
    assert spread.high is not None
    return tuple(_rounded(end, spread) for end in (spread.low, spread.high))


def _rounded(value: float, spread: SearchRange) -> Value:
    return round(value) if spread.whole else float(f"{value:.{DIGITS}g}")


def _spelt(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise RecipeError("a study with a search needs Optuna; run `pip install 'prepose[search]'`") from None
    return optuna


def _asker(search: Search) -> Any:
    """A sampler that starts alike for every arm: their first settings are the same."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if search.sampler == "random":
        sampler = optuna.samplers.RandomSampler(seed=search.seed)
    else:
        with warnings.catch_warnings():
            # It warns that the option, by which settings asked for together do not crowd, may change.
            warnings.simplefilter("ignore")
            sampler = optuna.samplers.TPESampler(
                seed=search.seed, n_startup_trials=max(search.at_once, search.trials // 3), constant_liar=True
            )
    return optuna.create_study(sampler=sampler, direction="minimize")


def _asked(asker: Any, search: Search, number: int) -> _Tried:
    asked = asker.ask()
    values: dict[str, Value] = {}
    for name, spread in search.parameters.items():
        if spread.choices:
            # By its place, as Optuna takes no lists and tells 1 from True by nothing.
            values[name] = spread.choices[asked.suggest_categorical(name, list(range(len(spread.choices))))]
        elif spread.whole:
            assert spread.low is not None
            assert spread.high is not None
            values[name] = asked.suggest_int(name, int(spread.low), int(spread.high), log=spread.log)
        else:
            assert spread.low is not None
            assert spread.high is not None
            values[name] = _rounded(asked.suggest_float(name, spread.low, spread.high, log=spread.log), spread)
    return _Tried(number, values, asked, [], [])


def _tell(askers: Mapping[str, Any], batch: Mapping[str, Sequence[_Tried]]) -> None:
    optuna = _optuna()
    for name, settings in batch.items():
        for tried in settings:
            score = tried.scores[0]
            if score is None:
                # To the sampler worse than any score.
                askers[name].tell(tried.asked, state=optuna.trial.TrialState.PRUNED)
            else:
                askers[name].tell(tried.asked, score)


def _train(
    out: Path,
    planned: Planned,
    part: float,
    batch: Mapping[str, Sequence[_Tried]],
    *,
    engine: Engine,
    console: Console,
) -> dict[str, Failure]:
    """Train some settings of every arm at a part of their budgets, and note their scores."""
    trainings = _trainings(out, planned, part, batch)
    orders = {each.id: _order(each, planned) for each in trainings}
    flops = {each.id: training_flops(each.recipe) for each in trainings}
    expected = {
        each.id: Expected(f"{each.arm}, search {each.tried.number}", each.folder, each.recipe.samples, flops[each.id])
        for each in trainings
    }
    ended = [each.id for each in trainings if _costs(each.folder) is not None or _diverged(each.folder)]
    failures: dict[str, Failure] = {}
    if len(ended) < len(trainings):
        shared = (out, *dict.fromkeys(planned.folders.values())) if planned.cluster else ()
        resources = replace(planned.resources, shared=shared)
        failures = run_orders(orders, expected, ended, resources=resources, engine=engine, console=console)
    for each in trainings:
        costs = _costs(each.folder)
        score = None if costs is None else _score(each)
        each.tried.trials.append(each.id)
        each.tried.scores.append(score)
        each.tried.train_flops += flops[each.id] if costs is None else float(costs.get("train_flops", 0.0))
        each.tried.validation_flops += 0.0 if costs is None else float(costs.get("validation_flops", 0.0))
    return {expected[name].title: failure for name, failure in failures.items() if failure.kind != DIVERGED}


def _trainings(out: Path, planned: Planned, part: float, batch: Mapping[str, Sequence[_Tried]]) -> list[_Training]:
    search = planned.study.search
    assert search is not None
    study = planned.study.model_copy(update={"seeds": (search.seed,), "folders": "hash"})
    trainings = []
    for place in range(max(len(settings) for settings in batch.values())):
        changes = {name: settings[place].changes for name, settings in batch.items()}
        arms = _arms_at(study, part, changes)
        for arm in arms:
            (trial,) = trials_of(study, (arm,))
            folder = inside(inside(out.resolve(), FOLDER), trial.id)
            trainings.append(_Training(arm.name, batch[arm.name][place], trial.id, trial.recipe, folder))
    return trainings


def _order(training: _Training, planned: Planned) -> TrialOrder:
    return TrialOrder(
        recipe=on_stores(training.recipe, planned.folders),
        folder=training.folder,
        # Test sets are not looked at.
        sets={},
        counted_flops=training_flops(training.recipe),
        machine=planned.machine,
        side_by_side=planned.side_by_side,
    )


def _costs(folder: Path) -> dict[str, Any] | None:
    """What a training that has ended cost; None where it has not."""
    return read_object_if_any(inside(folder, "costs.json"), advice=DAMAGED)


def _diverged(folder: Path) -> bool:
    path = inside(folder, "failure.json")
    return path.exists() and read_object(path, advice=DAMAGED).get("kind") == DIVERGED


def _score(training: _Training) -> float:
    """The best validation of the weights that the training kept, lower is better: of the last stages of one measure."""
    recipe = training.recipe
    chosen = _validation(recipe)
    stages = []
    for stage in reversed(recipe.stages):
        spec = recipe.validation_of(stage)
        if spec is None or spec.metric != chosen.metric:
            break
        stages.append(stage.name)
    column = f"validation_{chosen.metric}"
    rows = [row for row in read_log(training.folder) if row["stage"] in stages and row.get(column)]
    if not rows:
        raise DataError(f"{training.folder / 'log.csv'}: has no {column}; delete the folder, and it is trained again")
    return min(_signed(float(row[column]), chosen.metric) for row in rows)


def _signed(value: float, metric: str) -> float:
    return -value if metric in HIGHER_IS_BETTER else value


def _validation(recipe: Recipe) -> ValidationSpec:
    chosen = recipe.validation_of(recipe.stages[-1])
    assert chosen is not None
    return chosen


def _best_first(planned: Planned, arm: str, settings: Sequence[_Tried]) -> list[_Tried]:
    """The settings that went furthest, the best of them first; of equal ones the one that was asked for first."""
    furthest = max(len(tried.scores) for tried in settings)

    def score(tried: _Tried) -> float:
        last = tried.scores[-1]
        return math.inf if last is None else last

    there = sorted((tried for tried in settings if len(tried.scores) == furthest), key=score)
    if score(there[0]) == math.inf:
        raise RecipeError(
            f"study {planned.study.name!r}, arm {arm!r}: every setting of the search diverged; narrow the ranges in "
            "search.parameters"
        )
    return there


def _chosen(planned: Planned, arm: Arm, settings: Sequence[_Tried]) -> ArmTuning:
    spec, search = _validation(arm.recipe), planned.study.search
    assert search is not None
    best = _best_first(planned, arm.name, settings)[0]

    def shown(score: float | None) -> float | None:
        return None if score is None else _signed(score, spec.metric)

    return ArmTuning(
        arm=arm.name,
        metric=spec.metric,
        store=store_name(spec.store),
        split=spec.split,
        settings=tuple(
            TriedSetting(
                number=tried.number,
                values=tried.values,
                changes=tried.changes,
                trials=tuple(tried.trials),
                scores=tuple(shown(score) for score in tried.scores),
                train_flops=tried.train_flops,
                validation_flops=tried.validation_flops,
            )
            for tried in settings
        ),
        chosen=best.number,
        at_edge=tuple(name for name, spread in search.parameters.items() if _at_edge(best.values[name], spread)),
    )


def _at_edge(value: Value, spread: SearchRange) -> bool:
    if spread.low is None or spread.high is None or isinstance(value, str):
        return False
    scale: Callable[[float], float] = math.log if spread.log else float
    low, high, at = scale(spread.low), scale(spread.high), scale(value)
    return not low + EDGE * (high - low) < at < high - EDGE * (high - low)
