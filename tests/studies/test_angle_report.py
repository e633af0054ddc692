import csv
import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from fakes_evaluation import drawn_evaluation
from prepose import cli
from prepose.metrics.evaluation_files import save_evaluation
from prepose.studies.angle_report import print_angles, write_angle_report
from prepose.studies.angles import angles_of


@pytest.fixture(scope="module")
def found():
    return angles_of(drawn_evaluation())


def test_every_file_holds_the_same_numbers(found, tmp_path):
    page = write_angle_report(found, tmp_path / "angles")
    rows = list(csv.DictReader((page.parent / "angles.csv").read_text().splitlines()))
    written = json.loads((page.parent / "angles.json").read_text())["rows"]
    assert [float(row["bias"]) for row in rows] == [row["agreement"]["bias"]["value"] for row in written]
    pairs = list(csv.DictReader((page.parent / "pairs.csv").read_text().splitlines()))
    knees = [row for row in pairs if row["angle"] == "knee_flexion"]
    apart = [float(row["estimated_deg"]) - float(row["true_deg"]) for row in knees]
    knee = found.row("knee_flexion").agreement
    assert len(apart) == knee.pairs and np.mean(apart) == pytest.approx(knee.bias.value, abs=1e-3)
    text, table = page.read_text(), (page.parent / "angles.md").read_text()
    for shown in (f"{abs(knee.rmse.value):.1f}", "Bland", "Shrout", "hip-knee-ankle"):
        assert shown in text and shown in table


def test_the_terminal_fits_80_columns(found):
    text = io.StringIO()
    print_angles(found, Console(file=text, width=80))
    assert "limits of agreement" in text.getvalue() and "knee flexion" in text.getvalue()


def test_the_verb_writes_the_page_and_prints_json(tmp_path, monkeypatch, capsys):
    path = save_evaluation(drawn_evaluation(), tmp_path, "mine")
    monkeypatch.setattr(sys, "argv", ["prepose", "angles", str(path), "--out", str(tmp_path / "a b"), "--json"])
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 16
    assert (tmp_path / "a b" / "angles.html").is_file()
