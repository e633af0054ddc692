"""What `import prepose` offers about studies."""

from pathlib import Path

import pytest

import prepose

RESULTS = Path(__file__).parents[1] / "results"


def test_a_published_study_is_read():
    report = prepose.read_study(RESULTS / "pretraining")
    assert len(report.answers) == len(report.results.comparisons) > 0
    assert all(answer for answer in report.answers.values())


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(prepose.DataError, match="study"):
        prepose.read_study(tmp_path)
    with pytest.raises(prepose.DataError, match="study"):
        prepose.plan_labels([tmp_path])


def test_an_unknown_study_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(prepose.PoseError, match="pretraning"):
        prepose.run_study("pretraning", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()
