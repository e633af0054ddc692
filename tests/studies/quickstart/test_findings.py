import json
import shutil
import subprocess
import sys

import pytest

from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation, plain
from prepose.studies.quickstart.findings import read_findings


def test_every_arms_evaluations_come_in_the_order_of_the_seeds(comparison):
    findings = read_findings(comparison.folder)
    assert [each["name"] for each in findings.sets] == ["lab", "wild", "occluded"]
    for name, arms in findings.evaluations.items():
        assert list(arms) == ["only-3d", "mixed", "pretrain-finetune"]
        for arm, seeds in arms.items():
            for seed, evaluation in zip(comparison.size.seeds, seeds, strict=True):
                there = load_evaluation(comparison.run(arm, seed) / "evaluations" / f"{name}.json")
                assert (evaluation.dataset, plain(evaluation.overall())) == (name, plain(there.overall()))
            assert findings.first_seed(name)[arm] is seeds[0]


def test_errors_by_seed_are_what_the_report_takes_means_of(comparison):
    findings = read_findings(comparison.folder)
    for arm in findings.report["arms"]:
        for name, figures in arm["evaluations"].items():
            errors = findings.arm_errors(name, arm["name"])
            assert len(errors) == 2 and errors[0] != errors[1]
            assert sum(errors) / 2 == pytest.approx(figures["mpjpe_mm"]["mean"])


def test_each_arm_has_a_colour_of_its_own(comparison):
    colours = read_findings(comparison.folder).colours
    assert list(colours) == ["only-3d", "mixed", "pretrain-finetune"]
    assert len(set(colours.values())) == 3


def test_a_folder_without_a_report_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match=r"holds no report.json; run `prepose quickstart --out .*` to its end"):
        read_findings(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged"),
        (b'{"arms": [', "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[]", "is not the report of a comparison"),
        (b'{"arms": [3]}', "lacks .*'runs'"),
        (b"3", "is not the report of a comparison"),
        (b'{"arms": [], "sets": []}', "lacks 'seeds', 'size'"),
    ],
)
def test_a_report_that_is_none_is_told(tmp_path, content, message):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(DataError, match=f"report.json: {message}"):
        read_findings(tmp_path)


@pytest.mark.parametrize("key", ["name", "runs", "evaluations"])
def test_an_arm_of_another_version_is_told(own_comparison, key):
    path = own_comparison / "report.json"
    report = json.loads(path.read_text())
    del report["arms"][1][key]
    path.write_text(json.dumps(report))
    with pytest.raises(DataError, match=f"report.json: lacks '{key}'; another version wrote it"):
        read_findings(own_comparison)


def test_a_missing_evaluation_is_named(own_comparison):
    path = own_comparison / "runs/mixed-seed1/evaluations/wild.json"
    path.unlink()
    with pytest.raises(DataError, match=f"^{path}: there is no such evaluation"):
        read_findings(own_comparison)


def test_a_damaged_evaluation_is_named(own_comparison):
    path = own_comparison / "runs/mixed-seed1/evaluations/wild.npz"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(DataError, match=f"^{path}: does not belong to the .json beside it, or is damaged"):
        read_findings(own_comparison)


def test_an_evaluation_of_another_version_is_named(own_comparison):
    path = own_comparison / "runs/mixed-seed1/evaluations/wild.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(DataError, match=f"^{path}: evaluation format 99"):
        read_findings(own_comparison)


@pytest.mark.parametrize(
    "module",
    [
        "prepose.studies.quickstart.findings",
        "prepose.studies.quickstart.page_tables",
        "prepose.studies.quickstart.report",
    ],
)
def test_the_page_is_made_without_torch(module):
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'lightning_fabric', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("part", "key"), [("arms", "runs"), ("sets", "name")])
def test_a_report_from_someone_else_leads_nowhere_else(tmp_path, comparison, part, key):
    report = json.loads((comparison.folder / "report.json").read_text())
    report[part][0][key] = ["../elsewhere"] if key == "runs" else "../../elsewhere"
    shutil.copytree(comparison.folder / "runs", tmp_path / "runs")
    (tmp_path / "report.json").write_text(json.dumps(report))
    with pytest.raises(DataError, match=r"report\.json: names .*elsewhere.*leads out of"):
        read_findings(tmp_path)
