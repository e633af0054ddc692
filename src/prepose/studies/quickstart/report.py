"""The quickstart's own short page and its report.json, from the analysis of its study, without torch."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.data.store import describe_store, open_store
from prepose.errors import DataError
from prepose.files import inside, read_object, write_json, write_whole
from prepose.metrics.evaluation_files import load_evaluation, plain
from prepose.studies.analysis.analyse import analyse
from prepose.studies.analysis.study_analysis import ArmSummary, SeedCurve, SetResult, StudyAnalysis
from prepose.studies.analysis.wording import NONE, figure, measure, seconds_written
from prepose.studies.pages.gallery import film_strip, jpeg_base64
from prepose.studies.pages.parts import render
from prepose.studies.report.page import words
from prepose.studies.report.pictures import own_store, pictures_of
from prepose.studies.report.plots import colours_of, script_data
from prepose.studies.report.tables_of_page import (
    BASELINES,
    VARIANT_TITLES,
    Cell,
    Row,
    WideTable,
    best_mean,
    group_tables,
)
from prepose.studies.report.write import write_study_report
from prepose.studies.results.study_results import StudyResults, read_study
from prepose.studies.tables import clearly_apart, flops_written, spread

DAMAGED = "choose another --out or delete the folder"
MOST_BYTES_OF_IMAGES = 1_500_000
MEASURES = ("mpjpe_mm", "pa_mpjpe_mm", "pck2d")
WORLD_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "wild": "the widest variety of people, poses, places and cameras; training sees its 2D labels only",
        "lab": "one room, four calibrated cameras, few people, a list of actions; 3D labels; split by person",
        "occluded": "furniture and objects in front of the person; evaluation only",
    }
)
# What is validated during a training: its name in report.json, in the analysis, and what the page calls it.
CURVES = (
    ("lab", "validation", "lab: a person that training does not see"),
    ("wild", "wild", "wild: people and places that training does not see"),
)


def write_report_of(folder: Path, *, stores_in: Path | None = None) -> Path:
    """Write the page of whatever the folder holds: a study, or a quickstart.

    Args:
        folder: What a study or the quickstart wrote.
        stores_in: Where a study's stores are, if not in its folder.

    Raises:
        DataError: it holds neither, or is a quickstart and `stores_in` is given; see also `write_report` and
            `write_study_report`.
    """
    if not (folder / "quickstart.json").is_file():
        return write_study_report(folder, stores_in=stores_in)
    if stores_in is not None:
        raise DataError(f"{folder}: is a quickstart, whose stores are in its folder; leave out --stores {stores_in}")
    return write_report(folder)


def write_report(folder: Path) -> Path:
    """Write `report.json` and `report.html` of a finished quickstart.

    Returns:
        The page's path.

    Raises:
        DataError: a training is not finished, or a file is missing or damaged.
    """
    results = read_study(folder)
    there = [trial for trial in results.done if set(trial.headers) == set(results.study.sets)]
    if len(there) < len(results.trials):
        raise DataError(
            f"{folder}: only {len(there)} of the quickstart's {len(results.trials)} trainings are finished; run "
            f"`prepose quickstart --out {folder}` to its end"
        )
    found = analyse(results)
    report = report_of(results, found)
    pictures = pictures_of(results, colours_of(found), most_bytes=MOST_BYTES_OF_IMAGES, stores=None)
    told = words(found) | pictures.words() | _words(results, found, report)
    page = render("quickstart.html.j2", "study.js", told, script_data(found) | pictures.data())
    write_json(folder / "report.json", report)
    return write_whole(folder / "report.html", page)


def report_of(results: StudyResults, found: StudyAnalysis) -> dict[str, Any]:
    """The content of report.json: each arm's numbers with their spread over seeds, baselines, curves, machine."""
    first, seconds = results.done[0], seconds_of_steps(results.folder)
    variants = {name: load_evaluation(first.evaluation_file(name)).per_variant() for name in results.study.sets}
    environment = read_object(inside(results.folder, "environment.json"), advice=DAMAGED)
    flag = "" if results.size == "standard" else f" --{results.size}"
    return {
        "size": results.size,
        "seeds": list(found.study.seeds),
        "protocol": found.sets[0].protocol.name,
        "command": f"prepose quickstart{flag} --out {results.folder}",
        "sets": [
            {"name": each.name, "title": each.title, "store": f"stores/{each.store}", "split": each.split}
            for each in found.sets
        ],
        "worlds": [
            {"name": name, "text": text, "store": f"stores/{name}", "split": _split_shown(results, name)}
            for name, text in WORLD_TEXTS.items()
            if name in results.study.stores
        ],
        "arms": [_arm(results, found, arm) for arm in found.arms],
        "baselines": {
            baseline: {name: plain(rows[baseline]) for name, rows in variants.items() if baseline in rows}
            for baseline in BASELINES
        },
        "curves": [{"name": name, "title": title} for name, _, title in CURVES],
        "steps": [f"{name}: {value:.0f} s" for name, value in seconds.items()],
        "seconds_total": sum(seconds.values()),
        "environment": {name: value for name, value in environment.items() if name != "resumed"},
    }


def seconds_of_steps(folder: Path) -> dict[str, float]:
    """Step of the quickstart in a folder -> how long it has taken so far, over all sessions."""
    path = inside(folder, "quickstart.json")
    seconds = read_object(path, advice=DAMAGED).get("seconds") if path.exists() else {}
    if not isinstance(seconds, dict) or not all(isinstance(each, int | float) for each in seconds.values()):
        raise DataError(f"{path}: is damaged (seconds); {DAMAGED}")
    return seconds


def _split_shown(results: StudyResults, store: str) -> str:
    return "train" if "train" in results.study.stores[store].counts else "test"


def _arm(results: StudyResults, found: StudyAnalysis, arm: ArmSummary) -> dict[str, Any]:
    (seeds,) = (each.seeds for each in found.curves if each.arm == arm.name)
    return {
        "name": arm.name,
        "seeds": list(arm.seeds),
        "runs": [str(trial.folder.relative_to(results.folder)) for trial in results.of_arm(arm.name)],
        "train_flops": arm.train_flops,
        "images_seen": arm.images,
        "seconds": arm.costs.train_seconds,
        "parameters": arm.parameters,
        "evaluations": {
            each.name: {measure: spread(row.seed_means) for measure, row in each.arms[arm.name].measures.items()}
            for each in found.sets
        },
        "curves": [{name: _curve(seed, error) for name, error, _ in CURVES} for seed in seeds],
    }


def _curve(seed: SeedCurve, error: str) -> list[dict[str, int | float]]:
    errors = seed.errors.get(error, (None,) * len(seed.images))
    points = zip(seed.images, seed.flops, errors, strict=True)
    return [{"images": int(images), "flops": flops, "mpjpe_mm": mm} for images, flops, mm in points if mm is not None]


def _words(results: StudyResults, found: StudyAnalysis, report: Mapping[str, Any]) -> dict[str, Any]:
    """What the template names beside what a study's page does."""
    protocol, environment = found.sets[0].protocol, report["environment"]
    told = words(found)
    return {
        "title": "What 2D pre-training does for 3D pose",
        "eyebrow": f"prepose {found.prepose} · {results.size} size · {environment['date'][:10]}",
        "answers": list(answers(found)),
        "caution": [
            *told["caution"],
            f"The networks are small and trained briefly ({flops_written(found.arms[0].train_flops)} an arm).",
        ],
        "protocol": protocol,
        "main": main_table(found, report["baselines"]),
        "curve_errors": [(error, title) for _, error, title in CURVES],
        "group_tables": [_means_alone(table) for table in group_tables(found, kinds=("state", "joint"))],
        "worlds": list(_worlds(results, report)),
        "steps": report["steps"],
        "command": report["command"],
        "facts": [
            *told["facts"],
            ("network", f"{found.arms[0].parameters:,} parameters"),
            ("total time", seconds_written(report["seconds_total"])),
            ("runs", ", ".join(run for arm in report["arms"] for run in arm["runs"])),
        ],
    }


def answers(found: StudyAnalysis) -> Iterator[str]:
    """One sentence for each planned comparison: what the seeds measured, whether or not they are enough for a test."""
    for each in found.comparisons:
        arm, baseline = (" / ".join(side.values()) for side in (each.arm, each.baseline))
        parts = [text for found_on in found.sets if (text := _difference(found_on, arm, baseline))]
        yield f"{arm} against {baseline}: {'; '.join(parts)}."


def _difference(on_set: SetResult, arm: str, baseline: str) -> str:
    mine, theirs = (on_set.figure(name, "mpjpe_mm") for name in (arm, baseline))
    if mine is None or theirs is None:
        return ""
    change, several = mine.mean - theirs.mean, len(mine.seeds) > 1
    apart = "seeds do not overlap" if clearly_apart(mine.seed_means, theirs.seed_means) else "seeds overlap"
    measured = f"{mine.mean:.0f} against {theirs.mean:.0f}" + (f", {apart}" if several else "")
    return f"{on_set.title}: {abs(change):.0f} mm {'lower' if change < 0 else 'higher'} ({measured})"


def main_table(found: StudyAnalysis, baselines: Mapping[str, Any]) -> WideTable:
    """Every baseline and arm on every set, with the lowest and the highest seed, and what an arm cost."""
    places = [(each, name) for each in found.sets for name in MEASURES]
    rows = [
        Row("", VARIANT_TITLES[name], [*(_baseline_cell(of_sets, *place) for place in places), *[Cell(NONE)] * 3])
        for name, of_sets in baselines.items()
    ]
    for arm in found.arms:
        seconds = arm.costs.train_seconds
        costs = (f"{arm.images:,}", flops_written(arm.train_flops), NONE if seconds is None else f"{seconds:.0f} s")
        rows.append(Row(arm.name, arm.name, [*(_cell(arm.name, *place) for place in places), *map(Cell, costs)]))
    return WideTable(
        title="Error in 3D on three test sets",
        note="",
        label="trained",
        groups=[*((each.title, len(MEASURES)) for each in found.sets), ("one training", 3)],
        columns=[*(measure(name).title for _, name in places), "images", "FLOPs", "time"],
        rows=rows,
    )


def _baseline_cell(of_sets: Mapping[str, Any], each: SetResult, name: str) -> Cell:
    return Cell(figure(of_sets.get(each.name, {}).get(name), name, unit=False))


def _cell(arm: str, each: SetResult, name: str) -> Cell:
    row = each.figure(arm, name)
    if row is None:
        return Cell(NONE)
    low, high = (figure(end, name, unit=False) for end in (min(row.seed_means), max(row.seed_means)))
    text = figure(row.mean, name, unit=False)
    return Cell(text, f"{low} to {high}" if len(row.seeds) > 1 else "", row.mean == best_mean(each, name))


def _means_alone(table: WideTable) -> WideTable:
    # An interval of two seeds is a dozen standard errors wide, and says nothing in small print.
    rows = [replace(row, cells=[replace(cell, note="") for cell in row.cells]) for row in table.rows]
    return replace(table, rows=rows, note="Mean over seeds, mm.")


def _worlds(results: StudyResults, report: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A strip of images of each world that is still there."""
    for world in report["worlds"]:
        folder = own_store(results, world["name"])
        if folder is None:
            continue
        # The folder may come from someone else, whose store could name any file: its images lie in it.
        dataset = replace(open_store(folder, world["split"]), confined=True)
        description = describe_store(folder)
        indices = np.linspace(0, len(dataset) - 1, min(8, len(dataset))).astype(int).tolist()
        counts = ", ".join(f"{part.samples:,} {split}" for split, part in description.splits.items())
        strip = jpeg_base64(film_strip(dataset, indices))
        yield {"name": world["name"], "text": f"{world['text']} ({counts})", "jpeg": strip}
