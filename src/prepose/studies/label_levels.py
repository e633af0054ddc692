"""How many 2D and 3D labels and how much compute each arm of some studies had, and what it came to; no torch.

Arms that differ in nothing but the number of their labels and their compute are levels of one way of training,
whichever studies they are of; a training that several studies hold counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prepose.data.store import open_store
from prepose.errors import DataError, unknown_name
from prepose.specs.recipe import Recipe, SourceSpec
from prepose.specs.study import StoreSpec, Study, store_name
from prepose.studies.analysis.study_analysis import ArmSummary, SetResult, StudyAnalysis
from prepose.studies.trials import recipe_of

# Budgets are kept to within half a batch: amounts of compute that differ by less are one.
SAME_COMPUTE = 0.02


@dataclass(frozen=True)
class LabelLevel:
    """Trainings with the same labels and compute.

    Attributes:
        labels_2d: Samples whose 2D labels alone are learnt.
        labels_3d: Samples with 3D labels, whose 2D labels are learnt too.
        flops: Training FLOPs, pre-training in full.
        arms: `study: arm` of each arm.
        errors: Id of each training -> its error.
    """

    labels_2d: int
    labels_3d: int
    flops: float
    arms: tuple[str, ...]
    errors: Mapping[str, float]


@dataclass(frozen=True)
class WayOfTraining:
    """Arms that are alike but for labels and compute.

    Attributes:
        name: The level that most of them share, and no others.
        stages: What it does, stage by stage.
        levels: Its levels, by labels and compute.
    """

    name: str
    stages: str
    levels: tuple[LabelLevel, ...]


@dataclass(frozen=True)
class ReadStudy:
    """A study as it was asked, with every number of its report."""

    folder: Path
    study: Study
    found: StudyAnalysis


@dataclass
class _Arms:
    """Arms of one key while they are collected."""

    stages: str
    level_names: list[str] = field(default_factory=list)
    points: list[tuple[int, int, float, str, Mapping[str, float]]] = field(default_factory=list)


def common_sets(studies: Sequence[ReadStudy], asked: str | None) -> list[str]:
    """The evaluation sets that all studies measured alike, in the first one's order.

    Raises:
        DataError: there is none, or not the one that was asked for.
    """
    first, *others = studies
    names = [each.name for each in first.found.sets]
    if asked is not None and asked not in names:
        raise DataError(f"{first.folder}: {unknown_name('evaluation set', asked, names)}")
    wanted = names if asked is None else [asked]
    alike = [name for name in wanted if all(_sample(each, name) == _sample(first, name) for each in others)]
    if not alike:
        folders = ", ".join(str(each.folder) for each in studies)
        raise DataError(
            f"{folders}: do not measure {asked or 'any set'} alike (same samples, same protocol); numbers on different "
            "samples are not comparable: give studies that share a set"
        )
    return alike


def _sample(each: ReadStudy, set_name: str) -> Any:
    """What must be the same for numbers of two studies to be comparable; None where the study lacks the set."""
    result = _set(each.found, set_name)
    if result is None:
        return None
    spec = each.study.stores[result.store]
    return _identity(spec), spec.counts.get(result.split), result.split, result.protocol, result.num_samples


def _set(found: StudyAnalysis, name: str) -> SetResult | None:
    return next((each for each in found.sets if each.name == name), None)


def _identity(spec: StoreSpec) -> Any:
    """What samples a store has, but for how many."""
    return spec.model_dump(mode="json", exclude={"counts"})


def ways_of_training(studies: Sequence[ReadStudy], set_name: str, measure: str) -> tuple[WayOfTraining, ...]:
    """The ways of training of some studies with their levels, those with the most levels first.

    Args:
        studies: The studies.
        set_name: An evaluation set that all measured alike.
        measure: A measure of which lower is better.

    Raises:
        DataError: the measure was not scored, or the size of a store is not known.
    """
    groups: dict[str, _Arms] = {}
    for each in studies:
        for arm in each.found.arms:
            errors = _errors(each, arm, set_name, measure)
            if errors:
                _add(groups, each, arm, errors)
    if not groups:
        raise DataError(f"{studies[0].folder}: no arm has {measure} on set {set_name!r}; choose another --measure")
    everywhere = [set(group.level_names) for group in groups.values()]
    ways = []
    for group in groups.values():
        own = [name for name in group.level_names if sum(name in names for names in everywhere) == 1]
        name = max(own, key=own.count) if own else group.stages
        ways.append(WayOfTraining(name, group.stages, _levels(group)))
    return tuple(sorted(ways, key=lambda way: -len(way.levels)))


def _errors(each: ReadStudy, arm: ArmSummary, set_name: str, measure: str) -> Mapping[str, float]:
    result = _set(each.found, set_name)
    figure = result.figure(arm.name, measure) if result else None
    if result is None or figure is None:
        return {}
    trials = result.arms[arm.name].trials
    if len(trials) != len(figure.seed_means):
        raise DataError(
            f"{each.folder}: arm {arm.name!r} has {len(trials)} trials on set {set_name!r} and "
            f"{len(figure.seed_means)} numbers; write its report again"
        )
    return dict(zip(trials, figure.seed_means, strict=True))


def _add(groups: dict[str, _Arms], each: ReadStudy, arm: ArmSummary, errors: Mapping[str, float]) -> None:
    study = each.study
    levels = [
        next(level for level in factor.levels if level.name == arm.levels[factor.name]) for factor in study.factors
    ]
    recipe = recipe_of(study, levels)
    parts = {stage.name: round(stage.samples / arm.images, 2) for stage in arm.stages}
    key = repr(_key(study, recipe, parts))
    stages = ", then ".join(_words(recipe, name, parts) for name in parts)
    group = groups.setdefault(key, _Arms(stages))
    group.level_names += arm.levels.values()
    counts = {kind: _labels(each, recipe, kind) for kind in ("2d", "3d")}
    group.points.append((counts["2d"], counts["3d"], arm.train_flops, f"{study.name}: {arm.name}", errors))


def _key(study: Study, recipe: Recipe, parts: Mapping[str, float]) -> Any:
    """What a training does, but for how many labels and how long."""

    def placed(spec: Any, *left_out: str) -> Any:
        plain = spec and spec.model_dump(mode="json", exclude={"store", *left_out})
        return plain and (_identity(study.stores[store_name(spec.store)]), plain)

    plain = recipe.model_dump(
        mode="json", exclude={"name", "summary", "seed", "watched", "log_every", "sources", "stages", "validation"}
    )
    sources = {name: placed(spec, "keep") for name, spec in recipe.sources.items()}
    stages = [
        (stage.model_dump(mode="json", exclude={"samples", "validation"}), parts.get(stage.name))
        for stage in recipe.stages
    ]
    # Arms that were tuned alike are alike, whatever setting was chosen.
    search = study.search and study.search.model_dump(mode="json")
    return plain, search, sources, stages, [placed(recipe.validation_of(stage)) for stage in recipe.stages]


def _words(recipe: Recipe, name: str, parts: Mapping[str, float]) -> str:
    stage = next(stage for stage in recipe.stages if stage.name == name)
    sources = [recipe.sources[source] for source in stage.shares]
    labels = " and ".join(f"{_kind(spec)} of {store_name(spec.store)}" for spec in sources)
    return f"{labels} ({parts[name]:.0%})"


def _kind(spec: SourceSpec) -> str:
    return "3D pseudo-labels" if spec.pseudo_labels else spec.labels.upper()


def _labels(each: ReadStudy, recipe: Recipe, kind: str) -> int:
    used = {source for stage in recipe.stages for source in stage.shares}
    # Pseudo-labels are made of 2D labels, which may be a source of their own too.
    given = {
        (spec.store, spec.split, spec.keep): "2d" if spec.pseudo_labels else spec.labels
        for name, spec in recipe.sources.items()
        if name in used
    }
    return sum(
        max(1, round(keep * _samples(each, store_name(store), split)))
        for (store, split, keep), labels in given.items()
        if labels == kind
    )


def _samples(each: ReadStudy, name: str, split: str) -> int:
    spec = each.study.stores[name]
    if split in spec.counts:
        return spec.counts[split]
    try:
        return len(open_store(Path(spec.path or ""), split))
    except DataError as error:
        raise DataError(
            f"{each.folder}: how many labels store {name!r} has is not in the study, and its folder cannot be opened "
            f"({error}); run the command where the study was run"
        ) from error


def _levels(group: _Arms) -> tuple[LabelLevel, ...]:
    """Points of the same labels and compute together."""
    levels: dict[tuple[int, int, float], LabelLevel] = {}
    amounts: list[float] = []
    for labels_2d, labels_3d, flops, arm, errors in sorted(group.points, key=lambda point: point[2]):
        if not amounts or flops > amounts[-1] * (1 + SAME_COMPUTE):
            amounts.append(flops)
        key = (labels_2d, labels_3d, amounts[-1])
        there = levels.get(key)
        levels[key] = LabelLevel(
            *key,
            arms=(*(there.arms if there else ()), arm),
            errors={**(there.errors if there else {}), **errors},
        )
    return tuple(levels[key] for key in sorted(levels))
