"""What a finished comparison left in its folder, read without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prepose.errors import DataError
from prepose.files import inside, read_json
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.studies.pages.colours import ARM_COLOURS

QUESTION = (
    "Three ways to spend the same training compute on one small network: 3D labels from a lab alone, the same with "
    "pictures from the wild that have only 2D labels mixed in, and 2D labels first, 3D labels second. How well does "
    "each find a person's joints in 3D, in the lab and elsewhere?"
)
# What the page is made of; `summary` writes it.
REPORT_KEYS = (
    "arms", "sets", "seeds", "size", "protocol", "command", "worlds", "baselines", "curves", "steps", "seconds_total",
    "environment",
)  # fmt: skip
ARM_KEYS = ("name", "runs", "train_flops", "images_seen", "seconds", "parameters", "evaluations", "curves")


@dataclass(frozen=True)
class Findings:
    """What a comparison left in its folder.

    Attributes:
        folder: The folder.
        path: Its report.json.
        report: What that holds.
        evaluations: set -> arm -> the evaluations of its seeds, in the order of the seeds.
        colours: arm -> colour.
    """

    folder: Path
    path: Path
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
    path = inside(folder, "report.json")
    if not path.exists():
        raise DataError(f"{folder}: holds no report.json; run `prepose quickstart --out {folder}` to its end")
    report = read_json(path, advice="run `prepose quickstart` again")
    _check(report, path)

    def evaluation(run: str, set_name: str) -> Evaluation:
        place = inside(inside(folder, run, named_by=path), "evaluations")
        inside(place, f"{set_name}.npz", named_by=path)
        return load_evaluation(inside(place, f"{set_name}.json", named_by=path))

    evaluations = {
        each["name"]: {arm["name"]: [evaluation(run, each["name"]) for run in arm["runs"]] for arm in report["arms"]}
        for each in report["sets"]
    }
    colours = {arm["name"]: ARM_COLOURS[i % len(ARM_COLOURS)] for i, arm in enumerate(report["arms"])}
    return Findings(folder, path, report, evaluations, colours)


def _check(report: Any, path: Path) -> None:
    if not isinstance(report, dict) or not isinstance(report.get("arms"), list):
        raise DataError(f"{path}: is not the report of a comparison; run `prepose quickstart` again")
    parts = [(report, REPORT_KEYS), *((arm, ARM_KEYS) for arm in report["arms"])]
    missing = [repr(key) for part, keys in parts for key in keys if not isinstance(part, dict) or key not in part]
    if missing or not report["arms"]:
        found = ", ".join(dict.fromkeys(missing)) or "an arm"
        raise DataError(f"{path}: lacks {found}; another version wrote it: run `prepose quickstart` again")
