"""Train x test: where a factor says which samples the 3D labels come from, errors on every evaluation set."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from prepose.errors import DataError
from prepose.files import inside, read_object
from prepose.specs.plan import Plan
from prepose.specs.study import Factor, Study
from prepose.studies.analysis.set_scores import SetScores, figure_of
from prepose.studies.analysis.study_analysis import Matrix, MatrixCell
from prepose.studies.results.study_results import StudyResults
from prepose.studies.statistics.comparison import ArmFigure


def matrices(results: StudyResults, sets: Mapping[str, SetScores]) -> tuple[Matrix, ...]:
    """The matrices of a study: none unless the levels of a factor take their 3D labels from different stores.

    Sets under different protocols are not comparable: each protocol with two sets or more has a matrix of its own.
    """
    stores = {arm.name: labelled_stores(results, arm.name) for arm in results.arms}
    found = []
    for factor in results.study.factors:
        if _tells_train_sets(results.plan, factor, stores):
            for columns in _alike(sets):
                found += _of_factor(results, factor, columns, stores)
    return tuple(found)


def labelled_stores(results: StudyResults, arm: str) -> frozenset[str]:
    """The study's names of the stores that an arm has 3D labels of, from the recipe of one of its trials."""
    path = inside(results.of_arm(arm)[0].folder, "recipe.json")
    recipe = read_object(path, advice="run the trial again")
    try:
        sources = recipe["sources"].values()
        return frozenset(store_name(results.study, spec["store"]) for spec in sources if spec["labels"] == "3d")
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as a recipe ({error!r}); run the trial again") from error


def store_name(study: Study, folder: str) -> str:
    """The study's name of a store's folder: its own name, without the digest that shared stores carry."""
    for name, spec in study.stores.items():
        if spec.path and Path(spec.path) == Path(folder):
            return name
    return re.sub(r"-[0-9a-f]{8}$", "", Path(folder).name)


def _tells_train_sets(plan: Plan, factor: Factor, stores: Mapping[str, frozenset[str]]) -> bool:
    by_level: dict[str, set[frozenset[str]]] = {}
    for arm in plan.arms:
        if arm.name in stores:
            by_level.setdefault(arm.levels[factor.name], set()).add(stores[arm.name])
    known = [next(iter(found)) for found in by_level.values() if len(found) == 1]
    return len(known) == len(by_level) and len(set(known)) > 1


def _alike(sets: Mapping[str, SetScores]) -> Iterator[dict[str, SetScores]]:
    by_protocol: dict[str, dict[str, SetScores]] = {}
    for name, scores in sets.items():
        key = json.dumps(scores.protocol.to_json(), sort_keys=True)
        by_protocol.setdefault(key, {})[name] = scores
    yield from (columns for columns in by_protocol.values() if len(columns) > 1)


def _of_factor(
    results: StudyResults,
    factor: Factor,
    columns: Mapping[str, SetScores],
    stores: Mapping[str, frozenset[str]],
) -> Iterator[Matrix]:
    study, plan = results.study, results.plan
    others = [each for each in study.factors if each.name != factor.name]
    origin = {name: each.store for name, each in study.sets.items()}
    protocol = next(iter(columns.values())).protocol
    for levels in itertools.product(*(each.level_names for each in others)):
        chosen = dict(zip((each.name for each in others), levels, strict=True))
        rows = {level: plan.arm_at({**chosen, factor.name: level}) for level in factor.level_names}
        there = {level: arm.name for level, arm in rows.items() if arm is not None and arm.name in stores}
        if len(there) < 2:
            continue
        yield Matrix(
            factor=factor.name,
            where={each.name: chosen[each.name] for each in others if len(each.levels) > 1},
            measure=protocol.headline,
            protocol=protocol.name,
            rows=tuple(there),
            columns=tuple(columns),
            cells=tuple(
                tuple(
                    MatrixCell(_figure(scores, arm, protocol.headline), origin[name] in stores[arm])
                    for name, scores in columns.items()
                )
                for arm in there.values()
            ),
        )


def _figure(scores: SetScores, arm: str, measure: str) -> ArmFigure | None:
    there = scores.arms.get(arm)
    return None if there is None or measure not in there.measures else figure_of(there.measures[measure])
