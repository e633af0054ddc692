from dataclasses import replace

import pytest

from prepose.studies.analysis.study_analysis import PlannedTest
from prepose.studies.analysis.verdicts import answer, caution, outcome_of, sentence
from prepose.studies.statistics.comparison import ArmFigure, Comparison
from prepose.studies.statistics.interval import Interval

TITLES = {"lab": "lab test", "wild": "wild"}
RESULT = Comparison(
    measure="mpjpe_mm",
    direction="lower",
    arm=ArmFigure("a", (0, 1, 2), (90.0, 91.0, 92.0), 91.0, 1.0, Interval(88.0, 94.0)),
    baseline=ArmFigure("b", (0, 1, 2), (100.0, 101.0, 102.0), 101.0, 1.0, Interval(98.0, 104.0)),
    paired=True,
    resampled="8 subjects",
    difference=-10.0,
    per_cent=-9.9,
    interval=Interval(-14.0, -6.0),
    p_value=0.002,
    bootstrap=Interval(-12.0, -8.0),
    bootstrap_p_value=0.001,
    effect_size=-2.0,
    standard_error=1.0,
    df=4.0,
    level=0.025,
    minimum_detectable_effect=5.5,
    seeds_in_favour=3,
    verdict="better",
    adjusted_p_value=0.004,
    adjusted_verdict="better",
)


def test_of(verdict, set_name="lab", where=None):
    result = None if verdict == "not run" else replace(RESULT, adjusted_verdict=verdict)
    reason = "no trial of b is finished" if result is None else ""
    where = where or {}
    place = TITLES[set_name] + (f" ({', '.join(where.values())})" if where else "")
    return PlannedTest(set_name, where, place, "a", "b", (), (), reason, result=result)


test_of.__test__ = False


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        (("better", "better"), "holds"),
        (("better", "no difference shown"), "holds in part"),
        (("better", "too few seeds"), "holds in part"),
        (("better", "not run"), "holds in part"),
        (("worse", "worse"), "the opposite holds"),
        (("worse", "no difference shown"), "the opposite holds in part"),
        (("worse", "better"), "depends on where"),
        (("no difference shown", "too few seeds"), "not shown"),
        (("too few seeds", "too few seeds"), "no conclusion"),
        (("not run", "not run"), "not run"),
    ],
)
def test_a_comparison_comes_to_what_its_tests_show(verdicts, outcome):
    assert outcome_of(tuple(map(test_of, verdicts))) == outcome


def test_an_answer_is_one_plain_sentence_for_each_verdict():
    tests = (test_of("better", "wild", {"labels": "few"}), test_of("no difference shown"))
    assert answer(tests, TITLES) == (
        "Better in 1 of 2 tests (wild): MPJPE −10.0 mm. No difference shown in 1 of 2 tests (lab test): MPJPE −10.0 mm."
    )
    assert answer((test_of("better"),), TITLES) == "Better (lab test): MPJPE −10.0 mm."
    assert "no pair of arms" in answer((), TITLES)


def test_an_answer_says_where_a_set_is_only_a_part():
    tests = (*(test_of(verdict, "wild") for verdict in ("better", "worse", "better")), test_of("better"))
    assert answer(tests, TITLES) == (
        "Better in 3 of 4 tests (wild 2 of 3, lab test): MPJPE −10.0 mm. "
        "Worse in 1 of 4 tests (wild 1 of 3): MPJPE −10.0 mm."
    )


def test_arms_that_never_differed_are_told_as_such():
    test = test_of("no difference shown")
    same = replace(
        RESULT,
        difference=0.0,
        baseline=RESULT.arm,
        minimum_detectable_effect=None,
        adjusted_verdict="no difference shown",
    )
    alike = replace(test, result=same)
    assert answer((alike,), TITLES) == "No difference shown (lab test): the same in every seed."
    assert "the same in every seed" in sentence(alike) and "detectable" not in sentence(alike)


def test_many_tests_are_told_by_their_ends():
    differences = (-3.0, -20.0, -9.0, -1.0, -7.0)
    tests = tuple(replace(test_of("better"), result=replace(RESULT, difference=each)) for each in differences)
    assert answer(tests, TITLES) == ("Better in all 5 tests (lab test): MPJPE −20.0 to −1.0 mm.")


def test_what_was_not_run_is_listed_with_its_reasons_once():
    tests = tuple(test_of("not run", name) for name in ("lab", "wild"))
    assert answer(tests, TITLES) == ("Not run in all 2 tests (lab test, wild): no trial of b is finished.")


def test_few_seeds_draw_no_conclusion():
    few = replace(
        RESULT, arm=replace(RESULT.arm, seeds=(0, 1)), adjusted_p_value=None, adjusted_verdict="too few seeds"
    )
    told = sentence(replace(test_of("better"), result=few))
    assert told.endswith("no conclusion, 2 seeds.") and "Holm" not in told
    assert answer((test_of("too few seeds"),), TITLES).startswith("No conclusion (fewer than 3")


def test_a_sentence_a_test():
    assert sentence(test_of("better")) == (
        "lab test: a −10.0 mm against b (91.0 against 101.0 mm, 95 % interval −14.0 to −6.0; p = 0.004 after Holm's "
        "correction): better."
    )
    assert "minimum detectable effect 5.5 mm" in sentence(test_of("no difference shown"))
    assert sentence(test_of("not run")) == "lab test: not run, because no trial of b is finished."
    alone = replace(test_of("better"), result=replace(RESULT, interval=None, adjusted_p_value=None))
    assert "interval" not in sentence(alone)


def test_cautions_are_given_only_where_due():
    assert caution(3, []) == []
    assert [line[:26] for line in caution(2, ["a"])] == ["Fewer than 3 seeds (2) car", "Not all trials are finishe"]
    assert "a, b, c and d and 2 more" in caution(5, list("abcdef"))[0]
