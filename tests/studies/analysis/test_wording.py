from typing import get_args

import pytest

from prepose.metrics.protocol import MEASURE_TEXTS
from prepose.specs.recipe import HIGHER_IS_BETTER
from prepose.specs.study import Metric
from prepose.studies.analysis import wording
from prepose.studies.statistics.interval import Interval

INF = float("inf")


def test_every_measure_has_its_words():
    assert set(wording.MEASURES) == set(MEASURE_TEXTS)
    assert wording.measure("another").title == "another"


@pytest.mark.parametrize("metric", get_args(Metric))
def test_the_better_direction_is_that_of_model_choice(metric):
    higher = metric in HIGHER_IS_BETTER | {"pck3d_150", "auc3d"}
    assert wording.direction(metric) == ("higher" if higher else "lower")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.figure(171.26, "mpjpe_mm"), "171.3 mm"),
        (wording.figure(0.842, "pck2d"), "84.2 %"),
        (wording.figure(0.842, "pck2d", unit=False), "84.2"),
        (wording.figure(None, "pck2d"), "–"),
        (wording.difference(-12.44, "mpjpe_mm"), "−12.4 mm"),
        (wording.difference(0.031, "pck2d"), "+3.1 points"),
        (wording.interval(Interval(-3.14, 2.0), "mpjpe_mm", plus=True), "−3.1 to +2.0"),
        (wording.interval(Interval(0.5, 0.625), "auc3d"), "50.0 to 62.5"),
        (wording.interval(Interval(0.5, INF), "auc3d"), "50.0 to ∞"),
        (wording.interval(None, "auc3d"), ""),
        (wording.signed(-0.04, 1), "0.0"),
        (wording.signed(0.04, 1), "0.0"),
        (wording.times(2.304), "2.30"),
        (wording.times(0.8512), "0.85"),
        (wording.times(14.23), "14.2"),
        (wording.ratio_interval(Interval(1.8, 3.12)), "1.80 to 3.12"),
        (wording.ratio_interval(Interval(0.0, 3.12)), "at most 3.12"),
        (wording.ratio_interval(Interval(1.8, INF)), "at least 1.80"),
        (wording.ratio_interval(Interval(0.0, INF)), "anything"),
        (wording.p_value(0.0312), "p = 0.031"),
        (wording.p_value(0.0002), "p < 0.001"),
        (wording.p_value(None), "–"),
        (wording.counted(1, "seed"), "1 seed"),
        (wording.counted(1200, "sample"), "1,200 samples"),
        (wording.listed(["a"]), "a"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
        (wording.seconds_written(71.6), "72 s"),
        (wording.seconds_written(250.0), "4 min 10 s"),
        (wording.seconds_written(11_100.0), "3 h 05 min"),
        (wording.bytes_written(700.0 * 2**20), "700 MiB"),
        (wording.bytes_written(3.2 * 2**30), "3.2 GiB"),
    ],
)
def test_figures_are_written_so(text, expected):
    assert text == expected
