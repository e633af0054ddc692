import json

import pytest

from fakes_study import CROSSED, study_content, write
from prepose.errors import DataError
from prepose.specs.study import Study
from prepose.studies.results.outline import read_outline


def test_a_study_and_its_plan_are_read(crossed):
    outline = read_outline(crossed)
    assert [factor.name for factor in outline.factors] == ["training", "labels-from", "budget"]
    assert [factor.varies_budget for factor in outline.factors] == [False, False, True]
    assert len(outline.arms) == 11 and len(outline.trials) == 33
    assert (outline.sets[0].name, outline.sets[0].store, outline.sets[0].protocol) == ("lab", "lab", "true-root-depth")
    arm = outline.arm("2d-first / lab-3d / half")
    assert (arm.shared_by, arm.train_flops) == ({"pretrain": 3}, 0.5e12)
    assert arm.counted_flops == pytest.approx(0.5e12 * (1 / 2 + 1 / 6))
    assert outline.arm_at({"training": "2d-first", "labels-from": "lab-3d", "budget": "half"}) is arm
    assert outline.arm_at({"training": "2d-first", "labels-from": "wild-3d", "budget": "half"}) is None


def test_the_fakes_are_studies():
    """What the report is tested on is what `prepose study` would write."""
    content = study_content(CROSSED)
    study = Study.model_validate(content)
    assert [each.metric for each in study.comparisons] == [each["metric"] for each in content["comparisons"]]
    assert set(study.model_dump(mode="json")) == set(content)


def test_a_folder_that_is_no_study_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no study \(no study.json\) and no quickstart"):
        read_outline(tmp_path)


def test_another_version_is_refused(own_study):
    write(own_study / "study.json", {"format": 2})
    with pytest.raises(DataError, match=r"study\.json: study format 2, this version reads 1"):
        read_outline(own_study)


def test_a_study_that_was_not_planned_is_refused(own_study):
    (own_study / "plan.json").unlink()
    with pytest.raises(DataError, match=r"the study has no plan\.json yet; run `prepose study`"):
        read_outline(own_study)


@pytest.mark.parametrize("text", ["[]", "{", '"a"'])
def test_what_is_not_an_object_is_refused(own_study, text):
    (own_study / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"^\S*plan\.json: "):
        read_outline(own_study)


@pytest.mark.parametrize(
    ("key", "value"), [("trials", [{"id": "0"}]), ("arms", [{"name": "a"}]), ("trials", None), ("arms", [])]
)
def test_a_damaged_plan_is_refused_in_one_line(own_study, key, value):
    plan = json.loads((own_study / "plan.json").read_text())
    write(own_study / "plan.json", plan | {key: value})
    with pytest.raises(DataError, match=r"study\.json and plan\.json are damaged or of another version") as caught:
        read_outline(own_study)
    assert "\n" not in str(caught.value)


def test_trials_of_unknown_arms_are_refused(own_study):
    plan = json.loads((own_study / "plan.json").read_text())
    plan["trials"][0]["arm"] = "another"
    write(own_study / "plan.json", plan)
    with pytest.raises(DataError, match=r"arms that the plan does not have: \['another'\]"):
        read_outline(own_study)
