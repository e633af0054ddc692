"""One self-contained page from a quickstart folder: reads what the runs left, needs no torch and no network."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from prepose.body.drawing import side_colour
from prepose.data.dataset import PoseDataset
from prepose.data.store import describe_store, open_store
from prepose.files import inside, write_whole
from prepose.metrics.protocols import get_protocol
from prepose.studies.pages.gallery import cases_of, film_strip, jpeg_base64
from prepose.studies.pages.parts import render
from prepose.studies.quickstart.findings import QUESTION, Findings, read_findings
from prepose.studies.quickstart.page_tables import answers, caution, numbers


def write_report(folder: Path) -> Path:
    """Write `folder/report.html` from what the comparison left in the folder.

    Returns:
        The page's path.

    Raises:
        DataError: see `read_findings`.
    """
    findings = read_findings(folder)
    words, data = _pictures(findings)
    html = render("report.html.j2", "report.js", {**_words(findings), **numbers(findings), **words}, data)
    return write_whole(folder / "report.html", html)


def _words(findings: Findings) -> dict[str, Any]:
    report = findings.report
    environment = report["environment"]
    return {
        "title": "What 2D pre-training does for 3D pose",
        "question": QUESTION,
        "answers": list(answers(findings)),
        "caution": caution(findings),
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


def _pictures(findings: Findings) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the template and the script need of the stores."""
    report = findings.report
    gallery, cases = [], {}
    for each in findings.sets:
        dataset = _own_store(findings, each)
        found = cases_of(
            each["name"],
            dataset,
            findings.first_seed(each["name"]),
            findings.colours,
            ranked_by=report["arms"][-1]["name"],
        )
        gallery.append({"title": each["title"], "cases": found})
        cases |= {case.key: case.to_json() for case in found}
    skeleton = get_protocol(report["protocol"]).skeleton
    first = findings.first_seed(findings.sets[0]["name"])
    bones = next(iter(first.values())).skeleton
    data = {
        "bones": bones.bone_indices.tolist(),
        "bone_colours": ["#{:02x}{:02x}{:02x}".format(*side_colour(child)) for _, child in bones.bones],
        "skeleton": skeleton,
        "cases": cases,
        "curves": _curves(findings),
    }
    return {"gallery": gallery, "worlds": list(_world_strips(findings))}, data


def _own_store(findings: Findings, each: Mapping[str, Any]) -> PoseDataset:
    """A store of the quickstart's folder, which may come from someone else: its images lie in it."""
    folder = inside(findings.folder, each["store"], named_by=findings.path)
    return replace(open_store(folder, each["split"]), confined=True)


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
        dataset = _own_store(findings, world)
        description = describe_store(inside(findings.folder, world["store"], named_by=findings.path))
        indices = np.linspace(0, len(dataset) - 1, min(8, len(dataset))).astype(int).tolist()
        counts = ", ".join(f"{part.samples:,} {split}" for split, part in description.splits.items())
        strip = jpeg_base64(film_strip(dataset, indices))
        yield {"name": world["name"], "text": f"{world['text']} ({counts})", "jpeg": strip}
