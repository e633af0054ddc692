"""A study's arms across all its tasks, from the numbers of its report alone, so that published studies have it too."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from prepose.specs.builtin_recipes import base_recipe
from prepose.specs.study import Study, store_name
from prepose.studies.analysis.study_analysis import ArmSummary, SetResult, StudyAnalysis
from prepose.studies.analysis.wording import direction
from prepose.studies.statistics.across_tasks import (
    AcrossTasks,
    EfficiencyPoint,
    LabelEfficiency,
    LabelPoint,
    MethodAcross,
    improvement,
    methods_across,
    relative_errors,
)

FEWEST_TASKS = 2


def compared_factors(found: StudyAnalysis) -> list[str]:
    """The factors that planned comparisons compare by; all with several levels where none does."""
    varied = [factor.name for factor in found.study.factors if len(factor.levels) > 1]
    # A factor that both sides name at one level says where they are compared, not what is.
    named = {name for each in found.comparisons for name, level in each.arm.items() if each.baseline.get(name) != level}
    return [name for name in varied if name in named] or varied


def across_tasks(found: StudyAnalysis) -> AcrossTasks | None:
    """The study across its tasks; None with fewer than two methods or tasks."""
    by = compared_factors(found)
    sets, left_out = _distinct_sets(found)
    places: dict[str, dict[str, ArmSummary]] = {}
    methods: dict[str, dict[str, str]] = {}
    for arm in found.arms:
        name = " / ".join(arm.levels[factor] for factor in by)
        methods[name] = {factor: arm.levels[factor] for factor in by}
        place = " / ".join(
            arm.levels[factor.name]
            for factor in found.study.factors
            if factor.name not in by and len(factor.levels) > 1
        )
        places.setdefault(place, {})[name] = arm
    errors: dict[str, dict[str, np.ndarray]] = {}
    for place, arms in places.items():
        tables = {name: _errors(arms[name], sets) for name in methods if name in arms}
        whole = {name: table for name, table in tables.items() if table is not None}
        if len(whole) == len(methods):
            errors[place] = whole
        else:
            left_out.append(f"{place or 'all'}: {', '.join(name for name in methods if name not in whole)} not run")
    tasks = tuple(" · ".join(filter(None, (each.title, place))) for place in errors for each in sets)
    if len(methods) < 2 or len(tasks) < FEWEST_TASKS:
        return None
    scores = relative_errors({name: [table[name] for table in errors.values()] for name in methods})
    generator = np.random.default_rng(0)
    rows, thresholds = methods_across(scores, generator)
    return AcrossTasks(
        factors=tuple(by),
        tasks=tasks,
        left_out=tuple(left_out),
        methods=rows,
        thresholds=thresholds,
        improvements=tuple(
            improvement((arm, scores[arm]), (other, scores[other]), generator) for arm, other in _pairs(found, methods)
        ),
        efficiency=tuple(_efficiency(found, by, sets, generator)),
        # Last, as it draws from the generator too.
        labels=_label_efficiency(found, by, sets, generator),
    )


def _distinct_sets(found: StudyAnalysis) -> tuple[list[SetResult], list[str]]:
    """One set of each split: the same samples under another protocol are no other task."""
    kept, left_out = {}, []
    for each in found.sets:
        if (each.store, each.split) in kept:
            left_out.append(f"{each.title}: the samples of {kept[each.store, each.split].title}, scored otherwise")
        else:
            kept[each.store, each.split] = each
    return list(kept.values()), left_out


def _errors(arm: ArmSummary, sets: Sequence[SetResult]) -> np.ndarray | None:
    """(S, K) error of each training on each set; None where it was not measured on all sets by some training."""
    columns = []
    for each in sets:
        row = each.figure(arm.name, each.headline)
        if row is None:
            return None
        lower = direction(each.headline) == "lower"
        columns.append(
            {seed: value if lower else 1 - value for seed, value in zip(row.seeds, row.seed_means, strict=True)}
        )
    common = [seed for seed in columns[0] if all(seed in column for column in columns)]
    return np.array([[column[seed] for column in columns] for seed in common]) if common else None


def _pairs(found: StudyAnalysis, methods: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    pairs: dict[tuple[str, str], None] = {}
    for each in found.comparisons:
        for arm, ours in methods.items():
            for baseline, theirs in methods.items():
                named = set(each.arm) & set(ours)
                fits = all(ours[name] == each.arm[name] and theirs[name] == each.baseline[name] for name in named)
                if fits and arm != baseline and all(ours[name] == theirs[name] for name in set(ours) - named):
                    pairs[arm, baseline] = None
    names = list(methods)
    return [*pairs] or [(arm, other) for i, arm in enumerate(names) for other in names[i + 1 :]]


def _efficiency(
    found: StudyAnalysis, by: Sequence[str], sets: Sequence[SetResult], generator: np.random.Generator
) -> list[EfficiencyPoint]:
    factor = found.study.budget_factor
    if factor is None or factor in by:
        return []
    return [
        EfficiencyPoint(method, level, float(np.mean([arm.counted_flops for arm in arms])), row.iqm, row.interval)
        for method, level, arms, row in _at_levels(found, by, sets, generator, factor)
    ]


def _label_efficiency(
    found: StudyAnalysis, by: Sequence[str], sets: Sequence[SetResult], generator: np.random.Generator
) -> LabelEfficiency | None:
    varied = varied_labels(found, by)
    if varied is None:
        return None
    factor, what, amounts = varied
    points = tuple(
        LabelPoint(method, level, amounts[level], row.iqm, row.interval)
        for method, level, _, row in _at_levels(found, by, sets, generator, factor)
    )
    return LabelEfficiency(factor, what, points) if points else None


def varied_labels(found: StudyAnalysis, by: Sequence[str]) -> tuple[str, str, dict[str, float]] | None:
    """The factor that varies how many labels a source has: its name, which labels, and how many at each level.

    None where no factor outside `by` does that and nothing else.
    """
    study = Study.model_validate(dict(found.study.definition))
    for factor in study.factors:
        changes = [level.model_dump(exclude={"name"}, exclude_defaults=True) for level in factor.levels]
        kept = [re.fullmatch(r"sources\.([^.=]+)\.keep=(.+)", (each.get("changes") or ("",))[0]) for each in changes]
        names = {match[1] for match in kept if match}
        alone = all(set(each) == {"changes"} and len(each["changes"]) == 1 for each in changes)
        if factor.name in by or len(changes) < 2 or not alone or not all(kept) or len(names) != 1:
            continue
        parts = [float(match[2]) for match in kept if match]
        source = base_recipe(study).sources[names.pop()]
        store = store_name(source.store)
        count = study.stores[store].counts.get(source.split)
        unit = "samples" if count else "% of the samples"
        amounts = [float(max(1, round(part * count))) if count else 100 * part for part in parts]
        return (
            factor.name,
            f"{unit} of {store} with {source.labels.upper()} labels",
            dict(zip(factor.level_names, amounts, strict=True)),
        )
    return None


def _at_levels(
    found: StudyAnalysis,
    by: Sequence[str],
    sets: Sequence[SetResult],
    generator: np.random.Generator,
    factor: str,
) -> Iterator[tuple[str, str, list[ArmSummary], MethodAcross]]:
    """(method, level of the factor, its arms, their scores) relative to the mean over all arms."""
    tables = {arm.name: _errors(arm, sets) for arm in found.arms}
    whole = {name: table for name, table in tables.items() if table is not None}
    if not whole:
        return
    means = np.mean([table.mean(axis=0) for table in whole.values()], axis=0)
    points: dict[tuple[str, str], list[ArmSummary]] = {}
    for arm in found.arms:
        if arm.name in whole:
            points.setdefault((" / ".join(arm.levels[name] for name in by), arm.levels[factor]), []).append(arm)
    for (method, level), arms in points.items():
        (row,), _ = methods_across({method: [whole[arm.name] / means for arm in arms]}, generator)
        yield method, level, arms, row
