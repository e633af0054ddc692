"""One self-contained page from a quickstart folder: reads what the runs left, needs no torch and no network."""

import base64
import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from prepose.body.drawing import bone_colours
from prepose.data.store import describe_store, open_store
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.metrics.protocols import get_protocol
from prepose.studies.gallery import Case, cases_of, film_strip, jpeg_base64
from prepose.studies.tables import Spread, clearly_apart, flops_written, written

# Colours that people with any colour vision tell apart. Source: Okabe and Ito, "Color Universal Design", 2008.
ARM_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MEASURES = (("mpjpe_mm", 1.0, 0), ("pa_mpjpe_mm", 1.0, 0), ("pck2d", 100.0, 0))
BASELINE_TITLES = {"mean-pose": "mean pose", "true-2d-flat": "true 2D, flat"}
STATE_TITLES = {
    "visible": "visible",
    "occluded_by_object": "hidden by an object",
    "occluded_by_body": "hidden by the own body",
    "outside": "outside the picture",
}


@dataclass(frozen=True)
class Findings:
    """What a comparison left in its folder.

    Attributes:
        folder: The folder.
        report: Its report.json.
        evaluations: set -> arm -> the evaluations of its seeds, in the order of the seeds.
        colours: arm -> colour.
    """

    folder: Path
    report: Mapping[str, Any]
    evaluations: Mapping[str, Mapping[str, Sequence[Evaluation]]]
    colours: Mapping[str, str]

    @property
    def sets(self) -> list[dict[str, str]]:
        """The test sets: name, title, store."""
        return self.report["sets"]

    def first_seed(self, set_name: str) -> dict[str, Evaluation]:
        """Each arm's evaluation of its first seed."""
        return {arm: seeds[0] for arm, seeds in self.evaluations[set_name].items()}

    def arm_errors(self, set_name: str, arm: str) -> list[float]:
        """MPJPE of each seed, mm."""
        return [evaluation.overall()["mpjpe_mm"] for evaluation in self.evaluations[set_name][arm]]


def read_findings(folder: Path) -> Findings:
    """Everything the page is made of.

    Raises:
        DataError: the folder holds no finished comparison, or a part of it is missing or damaged.
    """
    path = folder / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: holds no report.json; run `prepose quickstart --out {folder}` to its end"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error}); run `prepose quickstart` again") from error
    if not {"arms", "sets", "seeds"} <= report.keys():
        raise DataError(f"{path}: is not the report of a comparison; expected keys arms, sets and seeds")
    evaluations = {
        each["name"]: {
            arm["name"]: [load_evaluation(folder / run / "evaluations" / f"{each['name']}.json") for run in arm["runs"]]
            for arm in report["arms"]
        }
        for each in report["sets"]
    }
    colours = {arm["name"]: ARM_COLOURS[i % len(ARM_COLOURS)] for i, arm in enumerate(report["arms"])}
    return Findings(folder, report, evaluations, colours)


def write_report(folder: Path) -> Path:
    """Write `folder/report.html` from what the comparison left in the folder.

    Returns:
        The page's path.

    Raises:
        DataError: see `read_findings`.
    """
    findings = read_findings(folder)
    page = files("prepose.studies") / "page"
    environment = Environment(
        loader=PackageLoader("prepose.studies", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    html = environment.get_template("report.html.j2").render(
        **_words(findings),
        **_numbers(findings),
        **_pictures(findings),
        css=_safe((page / "report.css").read_text(encoding="utf-8")),
        script=_safe((page / "report.js").read_text(encoding="utf-8")),
        plotly=base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode(),
    )
    target = folder / "report.html"
    aside = target.with_suffix(f".{os.getpid()}.part")
    aside.write_text(html, encoding="utf-8")
    aside.replace(target)
    return target


def _safe(text: str) -> Any:
    """Our own style and script go into the page as they are."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 (package files, no user's text)


def _words(findings: Findings) -> dict[str, Any]:
    report = findings.report
    environment = report["environment"]
    return {
        "title": "What 2D pre-training does for 3D pose",
        "question": "Three ways to spend the same training compute on one small network: 3D labels from a lab alone, the "
        "same with pictures from the wild that have only 2D labels mixed in, and 2D labels first, 3D labels second. "
        "How well does each find a person's joints in 3D, in the lab and elsewhere?",
        "answers": list(_answers(findings)),
        "caution": _caution(findings),
        "environment": environment,
        "size_name": report["size"],
        "date": environment["date"][:10],
        "seeds": report["seeds"],
        "protocol": report["protocol"],
        "protocol_note": get_protocol(report["protocol"]).source,
        "command": report["command"],
        "steps": report["steps"],
        "facts": _facts(report),
        "ranked_by": report["arms"][-1]["name"],
    }


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    environment = report["environment"]
    facts = {
        "machine": f"{environment['cpu']}, {environment['cpu_count']} cores",
        "software": f"prepose {environment['prepose']}, torch {environment['torch']}, Python {environment['python']}",
        "commit": environment["git_commit"] or "not from a repository",
        "seeds": ", ".join(str(seed) for seed in report["seeds"]),
        "network": f"{report['arms'][0]['parameters']:,} parameters",
        "whole time": f"{report['seconds_total']:.0f} s",
        "runs": ", ".join(run for arm in report["arms"] for run in arm["runs"]),
    }
    return list(facts.items())


def _answers(findings: Findings) -> Iterator[str]:
    """One sentence a comparison, from the figures alone."""
    names = [arm["name"] for arm in findings.report["arms"]]
    comparisons = (("pretrain-finetune", "only-3d", "2D pre-training"), ("pretrain-finetune", "mixed", "2D first"))
    for arm, other, what in comparisons:
        if arm not in names or other not in names:
            continue
        parts = []
        for each in findings.sets:
            mine, theirs = (findings.arm_errors(each["name"], name) for name in (arm, other))
            change = float(np.mean(mine) - np.mean(theirs))
            verdict = "seeds do not overlap" if clearly_apart(mine, theirs) else "seeds overlap"
            direction = "lower" if change < 0 else "higher"
            note = f", {verdict}" if len(mine) > 1 else ""
            parts.append(
                f"{each['title']}: {abs(change):.0f} mm {direction} ({np.mean(mine):.0f} against {np.mean(theirs):.0f}{note})"
            )
        yield f"{what} ({arm}) against {other}: {'; '.join(parts)}."


def _caution(findings: Findings) -> str:
    count = len(findings.report["seeds"])
    budget = flops_written(findings.report["arms"][0]["train_flops"])
    if count < 3:
        word = "One seed is" if count == 1 else f"{count} seeds are"
        return (
            f"{word} too few for a statistical conclusion, and the networks are small and trained briefly ({budget} an "
            "arm). The differences above are what this run measured; a study with more seeds gives intervals."
        )
    return ""


def _numbers(findings: Findings) -> dict[str, Any]:
    arms = findings.report["arms"]
    return {
        "sets": findings.sets,
        "arms": arms,
        "rows": [*_baseline_rows(findings), *_arm_rows(findings)],
        "breakdowns": [_by_state(findings), _by_joint(findings)],
    }


def _arm_rows(findings: Findings) -> list[dict[str, Any]]:
    arms, rows = findings.report["arms"], []
    for arm in arms:
        cells = []
        for each in findings.sets:
            for measure, factor, digits in MEASURES:
                value: Spread = arm["evaluations"][each["name"]][measure]
                cells.append(
                    {"text": written(value, factor=factor, digits=digits), "best": _is_best(arms, arm, each, measure)}
                )
        rows.append(
            {
                "kind": "arm",
                "name": arm["name"],
                "colour": findings.colours[arm["name"]],
                "cells": cells,
                "images": f"{arm['images_seen']:,}",
                "flops": flops_written(arm["train_flops"]),
                "seconds": f"{arm['seconds']:.0f} s",
            }
        )
    return rows


def _is_best(arms: Sequence[Mapping[str, Any]], arm: Mapping[str, Any], each: Mapping[str, str], measure: str) -> bool:
    means = [other["evaluations"][each["name"]][measure]["mean"] for other in arms]
    mine = arm["evaluations"][each["name"]][measure]["mean"]
    known = [mean for mean in means if mean is not None]
    if mine is None or not known:
        return False
    return mine == (max(known) if measure == "pck2d" else min(known))


def _baseline_rows(findings: Findings) -> list[dict[str, Any]]:
    rows = []
    for name, sets in findings.report["baselines"].items():
        cells = []
        for each in findings.sets:
            for measure, factor, digits in MEASURES:
                value = sets[each["name"]].get(measure)
                text = "–" if value is None else f"{value * factor:.{digits}f}"
                cells.append({"text": text, "best": False})
        rows.append(
            {"kind": "baseline", "name": BASELINE_TITLES.get(name, name), "colour": "", "cells": cells}
            | dict.fromkeys(("images", "flops", "seconds"), "–")
        )
    return rows


def _by_state(findings: Findings) -> dict[str, Any]:
    columns = [f"{each['title']}: {arm['name']}" for each in findings.sets for arm in findings.report["arms"]]
    rows = []
    for state, title in STATE_TITLES.items():
        cells = []
        for each in findings.sets:
            for arm in findings.report["arms"]:
                values = [seed.per_state().get(state, {}) for seed in findings.evaluations[each["name"]][arm["name"]]]
                known = [value["mpjpe_mm"] for value in values if value and not np.isnan(value["mpjpe_mm"])]
                cells.append(f"{np.mean(known):.0f}" if known else "–")
        rows.append({"name": title, "cells": cells})
    return {
        "title": "Error by what hides a joint",
        "note": "MPJPE in mm over the joints in each state, mean over seeds.",
        "label": "joint is",
        "columns": columns,
        "rows": rows,
    }


def _by_joint(findings: Findings) -> dict[str, Any]:
    columns = [f"{each['title']}: {arm['name']}" for each in findings.sets for arm in findings.report["arms"]]
    tables = [
        [seed.per_joint() for seed in findings.evaluations[each["name"]][arm["name"]]]
        for each in findings.sets
        for arm in findings.report["arms"]
    ]
    joints = [joint for joint in tables[0][0] if joint != "pelvis"]
    rows = [
        {
            "name": joint,
            "cells": [
                f"{np.mean([seed[joint]['mpjpe_mm'] for seed in seeds]):.0f}" if joint in seeds[0] else "–"
                for seeds in tables
            ],
        }
        for joint in joints
    ]
    return {
        "title": "Error by joint",
        "note": "MPJPE in mm relative to the pelvis, mean over seeds.",
        "label": "joint",
        "columns": columns,
        "rows": rows,
    }


def _pictures(findings: Findings) -> dict[str, Any]:
    report = findings.report
    gallery, cases = [], {}
    for each in findings.sets:
        dataset = open_store(findings.folder / each["store"], each["split"])
        found = cases_of(
            each["name"],
            dataset,
            findings.first_seed(each["name"]),
            findings.colours,
            ranked_by=report["arms"][-1]["name"],
        )
        gallery.append({"title": each["title"], "cases": found})
        cases |= {case.key: _turnable(case) for case in found}
    skeleton = get_protocol(report["protocol"]).skeleton
    first = findings.first_seed(findings.sets[0]["name"])
    bones = next(iter(first.values())).skeleton
    data = {
        "bones": bones.bone_indices.tolist(),
        "bone_colours": bone_colours(bones),
        "skeleton": skeleton,
        "cases": cases,
        "curves": _curves(findings),
    }
    # "</" would end the script element early.
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    return {"gallery": gallery, "worlds": list(_world_strips(findings)), "data": _safe(text)}


def _turnable(case: Case) -> dict[str, Any]:
    return {"title": case.title, "truth": case.truth, "arms": [asdict(arm) for arm in case.arms]}


def _curves(findings: Findings) -> list[dict[str, Any]]:
    curves = []
    for each in findings.report["curves"]:
        arms = []
        for arm in findings.report["arms"]:
            points = [seed[each["name"]] for seed in arm["curves"]]
            length = min(len(seed) for seed in points)
            if length == 0:
                continue
            errors = np.array([[point["mpjpe_mm"] for point in seed[:length]] for seed in points])
            arms.append(
                {
                    "name": arm["name"],
                    "colour": findings.colours[arm["name"]],
                    "images": [point["images"] for point in points[0][:length]],
                    "flops": [point["flops"] for point in points[0][:length]],
                    "mean": errors.mean(axis=0).tolist(),
                    "low": errors.min(axis=0).tolist(),
                    "high": errors.max(axis=0).tolist(),
                }
            )
        curves.append({"title": each["title"], "arms": arms})
    return curves


def _world_strips(findings: Findings) -> Iterator[dict[str, str]]:
    for world in findings.report["worlds"]:
        dataset = open_store(findings.folder / world["store"], world["split"])
        description = describe_store(findings.folder / world["store"])
        indices = np.linspace(0, len(dataset) - 1, min(8, len(dataset))).astype(int).tolist()
        counts = ", ".join(f"{count:,} {split}" for split, count in description.counts.items())
        strip = jpeg_base64(film_strip(dataset, indices))
        yield {"name": world["name"], "text": f"{world['text']} ({counts})", "jpeg": strip}
