"""Networks compared on the same samples: saved evaluations of one protocol, paired by sample; no torch.

One training of each network tells nothing about other trainings of it: the intervals here are over the test set's
people (or samples) alone. A study with several seeds (`prepose study`) says what a *way of training* does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prepose.console import table_of
from prepose.data.store import describe_store
from prepose.errors import DataError
from prepose.files import inside, write_whole
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation, read_description
from prepose.metrics.protocol import IN_MM_OR_PX
from prepose.studies.analysis.study_analysis import to_json
from prepose.studies.analysis.wording import NONE, difference, direction, figure, interval, measure, p_value
from prepose.studies.pages.parts import render
from prepose.studies.results.error_groups import KINDS, breakdown_measure, group_masks
from prepose.studies.results.reduced import clusters_of_evaluation
from prepose.studies.statistics.interval import ALPHA, Interval, combined, holm, t_interval, t_p_value
from prepose.studies.statistics.scores import Clusters, arm_scores
from prepose.studies.statistics.uncertainty import cluster_part, effective_clusters

if TYPE_CHECKING:
    import pandas as pd

SHARED = "shared"
KIND_TITLES = {
    SHARED: "measure, over joints that both predict",
    "joint": "joint",
    "state": "occlusion",
    "hidden": "share of joints occluded",
    "action": "action",
}


@dataclass(frozen=True)
class Difference:
    """One number of a network beside the baseline's, over the same samples.

    Attributes:
        network: The network's name.
        kind: What the samples or joints were picked by: "overall", "shared" (where one of the two lacks joints or
            people that the other predicts: those of both), or a key of `error_groups.KINDS`.
        label: Which of them: a joint, a state, an action ...; the measure's name for "overall" and "shared".
        measure: A key of `Evaluation.overall`.
        mean: The network's number, in the unit of the measure.
        baseline_mean: The baseline's.
        difference: mean - baseline_mean.
        interval: 95 % t interval of the difference over the test set's people or samples; None where it cannot be told.
        p_value: Of "no difference", two-sided; Holm-corrected over the networks for the protocol's headline measure,
            uncorrected elsewhere. None where it cannot be told.
    """

    network: str
    kind: str
    label: str
    measure: str
    mean: float
    baseline_mean: float
    difference: float
    interval: Interval | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `no difference shown`, or `no interval`."""
        if self.p_value is None:
            return "no interval"
        if self.p_value >= ALPHA:
            return "no difference shown"
        return "better" if (self.difference < 0) == (direction(self.measure) == "lower") else "worse"


@dataclass(frozen=True)
class NetworksCompared:
    """Networks against a baseline on one split of a dataset, by one protocol.

    Attributes:
        baseline: The network that the others are compared with.
        networks: The others.
        dataset: The dataset's name.
        split: The split.
        protocol: The protocol's name.
        headline: The measure that the protocol is about.
        num_samples: How many samples were scored.
        resampled: What the intervals are over.
        differences: Every number; `overall` first.
        notes: What a reader has to know.
    """

    baseline: str
    networks: tuple[str, ...]
    dataset: str
    split: str
    protocol: str
    headline: str
    num_samples: int
    resampled: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        told = "; ".join(
            f"{each.network} {difference(each.difference, each.measure)} ({each.verdict})" for each in self.headlines
        )
        return f"NetworksCompared({self.dataset}/{self.split}, {self.protocol}: {told} against {self.baseline})"

    @property
    def headlines(self) -> tuple[Difference, ...]:
        """The headline measure of each network over everything that is scored."""
        return tuple(each for each in self.differences if each.kind == "overall" and each.measure == self.headline)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = [{**to_json(each), "verdict": each.verdict} for each in self.differences]
        return {**to_json(self), "differences": rows}

    def to_dataframe(self) -> "pd.DataFrame":
        """One row for each number; needs pandas."""
        import pandas as pd

        rows = []
        for each in self.differences:
            row = to_json(each)
            ends = row.pop("interval") or {"low": None, "high": None}
            rows.append({**row, **ends, "verdict": each.verdict})
        return pd.DataFrame(rows)


def compare_evaluations(evaluations: Mapping[str, Evaluation]) -> NetworksCompared:
    """Compare evaluations of the same samples by the same protocol.

    Args:
        evaluations: name -> evaluation; the first is the baseline.

    Raises:
        DataError: there are fewer than two, or they differ in protocol or samples; the message says in what.
    """
    if len(evaluations) < 2:
        raise DataError(f"expected two networks or more to compare, found {len(evaluations)}")
    (baseline, first), *others = evaluations.items()
    for name, each in others:
        unlike = _unlike(first, each)
        if unlike:
            raise DataError(f"{name} cannot be compared with {baseline}: {unlike}")
    clusters = clusters_of_evaluation(first)
    found = [row for name, each in others for row in _differences(name, each, first, clusters)]
    headline = first.protocol.headline
    return NetworksCompared(
        baseline=baseline,
        networks=tuple(name for name, _ in others),
        dataset=first.dataset,
        split=first.split,
        protocol=first.protocol.name,
        headline=headline,
        num_samples=len(first),
        resampled=clusters.text,
        differences=tuple(_corrected(found, headline)),
        notes=tuple(_notes(evaluations)),
    )


def compare_runs(
    runs: Sequence[Path],
    store: Path,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
    progress: Callable[[int, int | None], None] | None = None,
) -> NetworksCompared:
    """Compare runs on a split of a store; the first is the baseline.

    What `prepose evaluate` saved beside a run is used; what is not there is evaluated first, and saved.

    Args:
        runs: Folders of runs, weights files, or the JSON files of saved evaluations.
        store: The dataset.
        split: Which split; None for the one that all runs were evaluated on, else the protocol's own.
        protocol: How to score; None for the one that all runs were evaluated by, else the dataset's default.
        device: Where to run a network that is not evaluated yet.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: fewer than two runs; several saved evaluations fit; or see `compare_evaluations` and `evaluate_run`.
    """
    if len(runs) < 2:
        raise DataError(f"expected two runs or more to compare, found {len(runs)}")
    dataset = describe_store(store).description.name
    saved = {name: _saved(run, dataset, split, protocol) for name, run in _named(runs).items()}
    common = set.intersection(
        *({(each["split"], each["protocol"]["name"]) for each in found} for found in saved.values())
    )
    if len(common) > 1:
        told = "; ".join(f"--split {each} --protocol {name}" for each, name in sorted(common))
        raise DataError(f"{store}: the runs have {len(common)} evaluations in common, name one: {told}")
    wanted = next(iter(common), (split, protocol))
    evaluations: dict[str, Evaluation] = {}
    for name, run in _named(runs).items():
        paths = [found["path"] for found in saved[name] if (found["split"], found["protocol"]["name"]) == wanted]
        if paths:
            evaluations[name] = load_evaluation(paths[0])
            continue
        if (run / "evaluations").is_dir() and not (run / "recipe.json").is_file():
            named = f" --split {wanted[0]}" * bool(wanted[0]) + f" --protocol {wanted[1]}" * bool(wanted[1])
            raise DataError(
                f"{run}: holds evaluations alone, and none that the others have; run `prepose score` or `prepose "
                f"evaluate`{named} --out {run} first, or name another --protocol"
            )
        from prepose.predict.scoring import evaluate_run

        found = evaluate_run(run, store, split=wanted[0], protocol=wanted[1], device=device, progress=progress)
        wanted = (found.split, found.protocol.name)
        evaluations[name] = found
    return compare_evaluations(evaluations)


def _named(runs: Sequence[Path]) -> dict[str, Path]:
    """Runs by the shortest ends of their paths that tell them apart."""
    for depth in range(1, max(len(run.parts) for run in runs) + 1):
        names = ["/".join(run.parts[-depth:]) for run in runs]
        if len(set(names)) == len(names):
            return dict(zip(names, runs, strict=True))
    twice = next(run for run in runs if list(runs).count(run) > 1)
    raise DataError(f"{twice}: is given twice; expected different runs")


def _saved(run: Path, dataset: str, split: str | None, protocol: str | None) -> list[dict[str, Any]]:
    """What a run's saved evaluations of a dataset say, with their `path`."""
    if run.suffix == ".json" and run.is_file():
        return [{**read_description(run), "path": run}]
    # A run may come from someone else: its links are not followed.
    folder = inside(run, "evaluations")
    paths = [inside(folder, path.name) for path in sorted(folder.glob("*.json"))]
    found = [{**read_description(path), "path": path} for path in paths]
    return [
        each
        for each in found
        if each["dataset"] == dataset
        and split in (None, each["split"])
        and protocol in (None, each["protocol"]["name"])
    ]


def _unlike(one: Evaluation, other: Evaluation) -> str:
    """In what two evaluations differ that makes them incomparable; empty where they do not."""
    pairs = [("dataset", one.dataset, other.dataset), ("split", one.split, other.split)]
    ours, theirs = one.protocol.to_json(), other.protocol.to_json()
    pairs += [(f"protocol {key}", ours[key], theirs.get(key)) for key in ours]
    pairs.append(("number of samples", len(one), len(other)))
    for what, mine, yours in pairs:
        if mine != yours:
            return f"{what} is {yours!r} there and {mine!r} here; evaluate both alike"
    if not np.array_equal(one.index, other.index):
        return "they scored other samples of the split; evaluate both on all of it"
    for name in ("truth_img", "truth_mm", "states"):
        mine, yours = getattr(one, name), getattr(other, name)
        if not np.array_equal(mine, yours, equal_nan=mine.dtype.kind == "f"):
            where = int(np.argmax([not np.array_equal(a, b, equal_nan=True) for a, b in zip(mine, yours, strict=True)]))
            return f"the ground truth ({name}) of sample {one.index[where]} differs: the store changed; evaluate again"
    return ""


def _differences(name: str, arm: Evaluation, baseline: Evaluation, clusters: Clusters) -> Iterator[Difference]:
    ours, theirs = arm.tables, baseline.tables
    for key in ours:
        if key in theirs:
            found = _difference(name, (ours[key], theirs[key]), arm, clusters)
            if found is not None:
                yield Difference(name, "overall", measure(key).title, key, *found)
    yield from _over_shared(name, arm, baseline, clusters)
    key = breakdown_measure(baseline)
    if key not in ours:
        return
    for kind, masks in group_masks(baseline).items():
        for label, mask in masks.items():
            tables = tuple(np.where(mask, table, np.nan) for table in (ours[key], theirs[key]))
            found = _difference(name, tables, arm, clusters)
            # The root's error is 0 by definition.
            if found is not None and any(found[:2]):
                yield Difference(name, kind, label, key, *found)


def _over_shared(name: str, arm: Evaluation, baseline: Evaluation, clusters: Clusters) -> Iterator[Difference]:
    """Every measure over the joints that both predict, where those are not all that either is scored on."""
    found = [each.of_found() for each in (arm, baseline)]
    masks = [(each.scored_3d, each.scored_2d) for each in found]
    alike = all(np.array_equal(ours, theirs) for ours, theirs in zip(*masks, strict=True))
    if alike and not any(each.has_missed for each in (arm, baseline)):
        return
    in_3d, in_2d = (ours & theirs for ours, theirs in zip(*masks, strict=True))
    tables = [
        replace(
            each,
            prediction_mm=np.where(in_3d[..., None], each.prediction_mm, np.nan),
            prediction_img=np.where(in_2d[..., None], each.prediction_img, np.nan),
        ).tables
        for each in found
    ]
    for key in tables[0]:
        if key in tables[1]:
            row = _difference(name, (tables[0][key], tables[1][key]), arm, clusters)
            if row is not None:
                yield Difference(name, SHARED, measure(key).title, key, *row)


def _difference(
    name: str, tables: tuple[Float[np.ndarray, "N J"], ...], arm: Evaluation, clusters: Clusters
) -> tuple[float, float, float, Interval | None, float | None] | None:
    if any(np.isnan(table).all() for table in tables):
        return None
    settings: dict[str, Any] = {"averaging": arm.protocol.averaging, "actions": arm.actions}
    ours, theirs = (arm_scores(name, {0: table}, clusters, **settings) for table in tables)
    mean, baseline_mean = float(ours.seed_means[0]), float(theirs.seed_means[0])
    moved, weights = ours.influences[0] - theirs.influences[0], (ours.weights + theirs.weights) / 2
    if effective_clusters(weights) < 1 + 1e-6:
        return mean, baseline_mean, mean - baseline_mean, None, None
    uncertainty = combined([cluster_part(moved, weights)])
    apart = mean - baseline_mean
    return mean, baseline_mean, apart, t_interval(apart, uncertainty), t_p_value(apart, uncertainty)


def _corrected(found: list[Difference], headline: str) -> Iterator[Difference]:
    """The headline measure's p-values corrected for there being several networks."""
    places = [i for i, each in enumerate(found) if each.kind == "overall" and each.measure == headline]
    judged = [i for i in places if found[i].p_value is not None]
    p_values = [value for value in (found[i].p_value for i in judged) if value is not None]
    corrected = dict(zip(judged, holm(p_values), strict=True))
    for i, each in enumerate(found):
        yield replace(each, p_value=corrected[i]) if i in corrected else each


def _notes(evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    yield (
        "One training of each network: the intervals are over the test set and say nothing about other trainings of "
        "the same recipe."
    )
    counts = {name: int((each.scored_3d | each.scored_2d).sum()) for name, each in evaluations.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        yield f"Not all networks are scored on the same joints: {told}."
    for name, each in evaluations.items():
        if each.has_missed:
            yield (
                f"{name} found {int(each.found.sum()):,} of {len(each):,} people; what it did not predict counts as "
                "not correct, in mm as a joint at the root, in px as a joint at the middle of the box."
            )
        if "system" in each.facts:
            told = "; ".join(each.facts[key] for key in ("size", "approximate_joints") if key in each.facts)
            yield f"{name} is another system's predictions ({told or 'in the image alone'})."
    weights = [each.weights for each in evaluations.values()]
    if len(set(weights)) < len(weights):
        yield "Two of the networks have the same weights."


def print_comparison(found: NetworksCompared, console: Console | None = None) -> None:
    """The comparison as tables for the terminal."""
    console = console or Console()
    console.print(f"{found.dataset}/{found.split}: {found.num_samples} samples, {found.protocol}", highlight=False)
    console.print(
        f"difference to {found.baseline}; 95 % intervals over {found.resampled}", markup=False, highlight=False
    )
    for network in found.networks:
        for kind in ("overall", SHARED, *KINDS):
            rows = [each for each in found.differences if (each.network, each.kind) == (network, kind)]
            if rows:
                console.print()
                console.print(_table(f"{network} - {found.baseline}", rows))
    for note in found.notes:
        console.print(note, markup=False, highlight=False)


def _table(title: str, rows: list[Difference]) -> Table:
    kind, named = rows[0].kind, measure(rows[0].measure).title
    heads = (
        "measure" if kind in ("overall", SHARED) else KIND_TITLES[kind],
        "mean",
        "baseline",
        "difference",
        "95 % interval",
        "p",
    )
    ofs = {"overall": "", SHARED: ", over joints that both predict"}
    told = escape(title + ofs.get(kind, f", {named} by {KIND_TITLES.get(kind, kind)}"))
    table = table_of(*heads, title=told)
    for each in rows:
        table.add_row(*map(escape, cells_of(each)))
    return table


def cells_of(each: Difference) -> tuple[str, ...]:
    """A row as text: label, mean, baseline's mean, difference, interval, p-value."""
    return (
        each.label.replace("_", " "),
        figure(each.mean, each.measure, unit=each.measure not in IN_MM_OR_PX or each.kind in ("overall", SHARED)),
        figure(each.baseline_mean, each.measure, unit=False),
        difference(each.difference, each.measure),
        interval(each.interval, each.measure, plus=True) or NONE,
        p_value(each.p_value).removeprefix("p = ").removeprefix("p "),
    )


def write_comparison_page(found: NetworksCompared, path: Path) -> Path:
    """The comparison as one page that works offline."""
    groups = []
    for kind in ("overall", SHARED, *KINDS):
        rows = [each for each in found.differences if each.kind == kind]
        # Bars of one group share a scale; a group with one very uncertain row must not flatten the others.
        ends = [abs(end) for each in rows if each.interval for end in (each.interval.low, each.interval.high)]
        reach = max(ends, default=1.0)
        if rows:
            groups.append(
                {"title": KIND_TITLES.get(kind, "measure"), "rows": [_page_row(each, reach) for each in rows]}
            )
    words = {
        "title": f"Compared with {found.baseline}",
        "found": found,
        "headlines": [_page_row(each, 1.0) for each in found.headlines],
        "groups": groups,
    }
    return write_whole(path, render("compare.html.j2", None, words, {}))


def _page_row(each: Difference, reach: float) -> dict[str, Any]:
    label, mean, baseline, apart, ends, p = cells_of(each)

    def place(value: float) -> float:
        return round(50 + 50 * float(np.clip(value / (1.04 * reach), -1, 1)), 2)

    drawn = each.measure in IN_MM_OR_PX and each.interval is not None
    return {
        "network": each.network,
        "label": label,
        "mean": mean,
        "baseline": baseline,
        "difference": apart,
        "interval": ends,
        "p": p,
        "verdict": each.verdict,
        "kind": {"better": "good", "worse": "bad"}.get(each.verdict, "none"),
        "at": place(each.difference) if drawn else None,
        "low": place(each.interval.low) if drawn and each.interval else None,
        "width": place(each.interval.high) - place(each.interval.low) if drawn and each.interval else None,
    }
