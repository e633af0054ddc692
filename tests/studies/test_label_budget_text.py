"""Tests for a label plan as text."""

import io
from pathlib import Path

from prepose.console import PlainConsole
from prepose.studies.label_budget import Asked, plan_labels
from prepose.studies.label_budget_text import print_label_plan

RESULTS = Path(__file__).parents[2] / "results"


def test_a_plan_shows_its_law_its_fit_and_what_it_says():
    text = io.StringIO()
    asked = Asked(have_3d=600, set_name="lab", resamples=20)
    print_label_plan(plan_labels([RESULTS / "label-efficiency"], asked), PlainConsole(file=text, width=100))
    shown = text.getvalue()
    for expected in ("lab, mixed: 2D of wild and 3D of lab (100%)", "MPJPE = ", "(N3 / 3,000)^-", "A level left out",
                     "With 6,000 2D labels, 600 3D labels, 5.62 TFLOP:", "1,000 3D labels"):  # fmt: skip
        assert expected in shown
    # 3D labels alone use no 2D labels.
    assert "With 600 3D labels, 5.62 TFLOP:" in shown
