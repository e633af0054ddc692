"""The figures of a finished comparison, as report.json holds them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prepose.metrics.evaluation_files import load_evaluation, plain
from prepose.models.checkpoint import load_weights
from prepose.recipes.budget import training_flops
from prepose.recipes.environment import environment
from prepose.recipes.log import read_log
from prepose.recipes.run import open_run
from prepose.specs.recipe import Recipe
from prepose.studies.quickstart.plan import Plan
from prepose.studies.tables import spreads

PROTOCOL = "true-root-depth"
TEST_SETS = ("lab", "wild", "occluded")
TITLES = MappingProxyType({"lab": "lab test", "wild": "wild", "occluded": "occluded"})
WORLD_TEXTS = MappingProxyType(
    {
        "wild": "the widest variety of people, poses, places and cameras; training sees its 2D labels only",
        "lab": "one room, four calibrated cameras, few people, a list of actions; 3D labels; split by person",
        "occluded": "furniture and objects in front of the person; evaluation only",
    }
)


def summarise(plan: Plan, recipes: Mapping[str, Recipe], seconds: Mapping[str, float]) -> dict[str, Any]:
    """The content of report.json: each arm's figures with their spread over seeds, baselines, curves, machine.

    Args:
        plan: The comparison.
        recipes: arm -> recipe.
        seconds: step -> how long it took.
    """
    arms = [_arm(plan, arm, recipe) for arm, recipe in recipes.items()]
    first = plan.folder / arms[0]["runs"][0] / "evaluations"
    variants = {name: load_evaluation(first / f"{name}.json").per_variant() for name in TEST_SETS}
    flag = "" if plan.size.name == "standard" else f" --{plan.size.name}"
    return {
        "size": plan.size.name,
        "seeds": list(plan.size.seeds),
        "protocol": PROTOCOL,
        "command": f"prepose quickstart{flag} --out {plan.folder}",
        "sets": [
            {"name": name, "title": TITLES[name], "store": f"stores/{name}", "split": "test"} for name in TEST_SETS
        ],
        "worlds": [
            {"name": name, "text": text, "store": f"stores/{name}", "split": "test" if name == "occluded" else "train"}
            for name, text in WORLD_TEXTS.items()
        ],
        "arms": arms,
        "baselines": {
            baseline: {name: plain(variants[name][baseline]) for name in TEST_SETS}
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


def _arm(plan: Plan, arm: str, recipe: Recipe) -> dict[str, Any]:
    folders = [plan.run(arm, seed) for seed in plan.size.seeds]
    logs = [read_log(folder) for folder in folders]
    net = load_weights(open_run(folders[0]).best_weights)
    return {
        "name": arm,
        "seeds": list(plan.size.seeds),
        "runs": [str(folder.relative_to(plan.folder)) for folder in folders],
        "train_flops": training_flops(recipe),
        "images_seen": recipe.samples,
        "seconds": sum(float(log[-1]["train_seconds"]) for log in logs) / len(logs),
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "evaluations": {name: spreads([_overall(folder, name) for folder in folders]) for name in TEST_SETS},
        "curves": [
            {"lab": _curve(log, "validation_mpjpe_mm"), "wild": _curve(log, "watched_wild_mpjpe_mm")} for log in logs
        ],
    }


def _overall(folder: Path, name: str) -> dict[str, float | None]:
    return plain(load_evaluation(folder / "evaluations" / f"{name}.json").overall())


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
