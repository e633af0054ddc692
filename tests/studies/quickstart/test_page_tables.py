import copy
import re
from dataclasses import replace

import numpy as np
import pytest

from prepose.studies.quickstart.findings import read_findings
from prepose.studies.quickstart.page_tables import MEASURES, STATE_TITLES, answers, caution, numbers
from prepose.studies.tables import written


@pytest.fixture(scope="module")
def findings(comparison):
    return read_findings(comparison.folder)


def with_seeds(findings, count):
    """The same comparison as if it had had so many seeds."""
    evaluations = {
        name: {arm: [*seeds, *seeds][:count] for arm, seeds in arms.items()}
        for name, arms in findings.evaluations.items()
    }
    return replace(findings, report={**findings.report, "seeds": list(range(count))}, evaluations=evaluations)


def test_each_answer_states_the_difference_of_the_means(findings):
    found = list(answers(findings))
    assert [sentence.split(":")[0] for sentence in found] == [
        "2D pre-training (pretrain-finetune) against only-3d",
        "2D first (pretrain-finetune) against mixed",
    ]
    for sentence, other in zip(found, ("only-3d", "mixed"), strict=True):
        for each in findings.sets:
            mine, theirs = (np.mean(findings.arm_errors(each["name"], arm)) for arm in ("pretrain-finetune", other))
            part = re.search(rf"{each['title']}: (\d+) mm (\w+) \((\d+) against (\d+)", sentence)
            assert part is not None
            assert [int(part[1]), int(part[3]), int(part[4])] == [round(abs(mine - theirs)), round(mine), round(theirs)]
            assert part[2] == ("lower" if mine < theirs else "higher")


def test_an_answer_says_whether_the_seeds_overlap(findings):
    first, second = answers(findings)
    for sentence, other in ((first, "only-3d"), (second, "mixed")):
        for each in findings.sets:
            mine, theirs = (findings.arm_errors(each["name"], arm) for arm in ("pretrain-finetune", other))
            apart = max(mine) < min(theirs) or max(theirs) < min(mine)
            part = sentence.partition(f"{each['title']}: ")[2].partition(")")[0]
            assert part.endswith(", seeds do not overlap" if apart else ", seeds overlap")
    # The noise of the fakes: far more for only-3d, a hair's breadth between mixed and pretrain-finetune.
    assert first.count("seeds do not overlap") == 3 and ", seeds overlap" in second


def test_one_seed_is_not_said_to_overlap(findings):
    assert not any("overlap" in sentence for sentence in answers(with_seeds(findings, 1)))


def test_a_worse_result_is_called_higher(findings):
    worse = {
        name: {**arms, "pretrain-finetune": arms["only-3d"], "only-3d": arms["pretrain-finetune"]}
        for name, arms in findings.evaluations.items()
    }
    first = next(iter(answers(replace(findings, evaluations=worse))))
    assert first.count("mm higher") == 3 and "lower" not in first


def test_arms_that_were_not_run_are_not_spoken_of(findings):
    arms = [arm for arm in findings.report["arms"] if arm["name"] != "mixed"]
    assert len(list(answers(replace(findings, report={**findings.report, "arms": arms})))) == 1


@pytest.mark.parametrize(("count", "begin"), [(1, "One seed is too few"), (2, "2 seeds are too few"), (3, "")])
def test_few_seeds_bring_a_caution(findings, count, begin):
    text = caution(with_seeds(findings, count))
    assert text.startswith(begin) and bool(text) == (count < 3)


def test_the_table_has_a_row_for_each_baseline_and_arm(findings):
    rows = numbers(findings)["rows"]
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("baseline", "mean pose"),
        ("baseline", "true 2D, flat"),
        ("arm", "only-3d"),
        ("arm", "mixed"),
        ("arm", "pretrain-finetune"),
    ]
    assert all(len(row["cells"]) == len(findings.sets) * len(MEASURES) for row in rows)


def test_the_arms_cells_are_the_reports_figures(findings):
    rows = {row["name"]: row for row in numbers(findings)["rows"]}
    for arm in findings.report["arms"]:
        expected = [
            written(arm["evaluations"][each["name"]][measure], factor=factor, digits=digits)
            for each in findings.sets
            for measure, factor, digits in MEASURES
        ]
        row = rows[arm["name"]]
        assert [cell["text"] for cell in row["cells"]] == expected
        assert row["images"] == f"{arm['images_seen']:,}" and row["seconds"] == f"{arm['seconds']:.0f} s"


def test_the_best_arm_of_each_column_is_marked(findings):
    """The fakes have least noise in pretrain-finetune, so that all its errors are lowest and its PCK is highest."""
    marks = {row["name"]: [cell["best"] for cell in row["cells"]] for row in numbers(findings)["rows"]}
    best = np.array([marks[arm] for arm in ("only-3d", "mixed", "pretrain-finetune")])
    assert (best.sum(axis=0) >= 1).all()
    assert not best[0].any() and best[2, [0, 1, 3, 4, 6, 7]].all()
    assert not any(marks["mean pose"]) and not any(marks["true 2D, flat"])


def test_a_figure_that_was_not_measured_is_a_dash_and_never_the_best(findings):
    arms = copy.deepcopy(findings.report["arms"])
    for arm in arms:
        for figure in arm["evaluations"]["wild"].values():
            figure.update(mean=None, std=None)
    rows = numbers(replace(findings, report={**findings.report, "arms": arms}))["rows"]
    wild = [row["cells"][3:6] for row in rows if row["kind"] == "arm"]
    assert all(cell == {"text": "–", "best": False} for cells in wild for cell in cells)


def test_the_mean_pose_has_no_place_in_the_image(findings):
    row = numbers(findings)["rows"][0]
    assert [cell["text"] for cell in row["cells"]][2::3] == ["–"] * 3
    assert row["cells"][0]["text"] == f"{findings.report['baselines']['mean-pose']['lab']['mpjpe_mm']:.0f}"


def test_errors_by_what_hides_a_joint(findings):
    table = numbers(findings)["breakdowns"][0]
    assert [row["name"] for row in table["rows"]] == list(STATE_TITLES.values())
    assert table["columns"][0] == "lab test: only-3d" and len(table["columns"]) == 9
    seeds = findings.evaluations["lab"]["only-3d"]
    expected = np.mean([seed.per_state()["occluded_by_object"]["mpjpe_mm"] for seed in seeds])
    rows = {row["name"]: row["cells"] for row in table["rows"]}
    assert rows["occluded by an object"][0] == f"{expected:.0f}"
    # No joint of the fakes lies outside its picture.
    assert rows["outside the image"] == ["–"] * 9


def test_errors_by_joint_leave_out_the_root_which_is_zero_by_definition(findings):
    table = numbers(findings)["breakdowns"][1]
    names = [row["name"] for row in table["rows"]]
    assert len(names) == 15 and "pelvis" not in names
    seeds = findings.evaluations["wild"]["mixed"]
    expected = np.mean([seed.per_joint()["l_wrist"]["mpjpe_mm"] for seed in seeds])
    column = table["columns"].index("wild: mixed")
    assert table["rows"][names.index("l_wrist")]["cells"][column] == f"{expected:.0f}"
