"""The figures of a finished comparison, as report.json holds them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from prepose.metrics.evaluation_files import load_evaluation, plain
from prepose.recipes.log import read_log
from prepose.recipes.run import environment
from prepose.specs.plan import PlannedArm
from prepose.studies.quickstart.plan import PROTOCOL
from prepose.studies.results.study_results import StudyResults, TrialResult
from prepose.studies.tables import spreads

WORLD_TEXTS = MappingProxyType(
    {
        "wild": "the widest variety of people, poses, places and cameras; training sees its 2D labels only",
        "lab": "one room, four calibrated cameras, few people, a list of actions; 3D labels; split by person",
        "occluded": "furniture and objects in front of the person; evaluation only",
    }
)


def summarise(results: StudyResults, seconds: Mapping[str, float]) -> dict[str, Any]:
    """The content of report.json: each arm's figures with their spread over seeds, baselines, curves, machine.

    Args:
        results: The study's, every trial done.
        seconds: step -> how long it took.
    """
    study, first = results.study, results.of_arm(results.plan.arms[0].name)[0]
    variants = {name: load_evaluation(first.evaluation_file(name)).per_variant() for name in study.sets}
    flag = "" if results.size == "standard" else f" --{results.size}"
    return {
        "size": results.size,
        "seeds": list(study.seeds),
        "protocol": PROTOCOL,
        "command": f"prepose quickstart{flag} --out {results.folder}",
        "sets": [
            {"name": name, "title": each.title, "store": f"stores/{each.store}", "split": each.split}
            for name, each in study.sets.items()
        ],
        "worlds": [
            {"name": name, "text": text, "store": f"stores/{name}", "split": "test" if name == "occluded" else "train"}
            for name, text in WORLD_TEXTS.items()
        ],
        "arms": [_arm(results, arm) for arm in results.plan.arms],
        "baselines": {
            baseline: {name: plain(variants[name][baseline]) for name in study.sets}
            for baseline in ("mean-pose", "true-2d-flat-depth")
        },
        "curves": [
            {"name": "lab", "title": "lab: a person that training does not see"},
            {"name": "wild", "title": "wild: people and places that training does not see"},
        ],
        "steps": [f"{name}: {value:.0f} s" for name, value in seconds.items()],
        "seconds_total": sum(seconds.values()),
        "environment": environment(),
    }


def _arm(results: StudyResults, arm: PlannedArm) -> dict[str, Any]:
    trials = results.of_arm(arm.name)
    logs = [read_log(trial.folder) for trial in trials]
    return {
        "name": arm.name,
        "seeds": [trial.seed for trial in trials],
        "runs": [str(trial.folder.relative_to(results.folder)) for trial in trials],
        "train_flops": arm.train_flops,
        "images_seen": arm.images,
        "seconds": sum(float(log[-1]["train_seconds"]) for log in logs) / len(logs),
        "parameters": arm.parameters,
        "evaluations": {name: spreads([_overall(trial, name) for trial in trials]) for name in results.study.sets},
        "curves": [
            {"lab": _curve(log, "validation_mpjpe_mm"), "wild": _curve(log, "watched_wild_mpjpe_mm")} for log in logs
        ],
    }


def _overall(trial: TrialResult, name: str) -> dict[str, float | None]:
    return plain(load_evaluation(trial.evaluation_file(name)).overall())


def _curve(log: Sequence[Mapping[str, str]], column: str) -> list[dict[str, int | float]]:
    return [
        {
            "images": int(row["samples"]),
            "flops": float(row["train_flops"]),
            "mpjpe_mm": float(row[column]),
        }
        for row in log
        if row[column]
    ]
