import json
import shutil

import pytest

from fakes_study import CROSSED, study_content, write
from prepose.errors import DataError
from prepose.specs.study import Study
from prepose.studies.results.study_results import read_study


def headers(folder):
    return sorted(folder.glob("trials/*/evaluations/lab.json"))


def test_every_trial_is_there_with_its_state(crossed):
    results = read_study(crossed)
    states = [trial.state for trial in results.trials]
    assert (states.count("done"), states.count("failed"), states.count("missing")) == (31, 1, 1)
    failed = next(trial for trial in results.trials if trial.state == "failed")
    assert failed.failure is not None and failed.failure["kind"] == "out of memory" and failed.headers == {}
    assert [trial.seed for trial in results.of_arm("mixed / lab-3d / whole")] == [0, 1, 2]
    assert [trial.seed for trial in results.of_arm("only-3d / lab-3d / half")] == [0, 1]
    assert results.protocol("wild").name == "true-root-depth"
    assert list(results.sets) == ["lab", "wild", "occluded"]


def test_reading_leaves_the_arrays_on_the_disk(own_study):
    """A report of hundreds of trials must not hold all their arrays."""
    for path in own_study.glob("trials/*/evaluations/*.npz"):
        path.unlink()
    assert len(read_study(own_study).done) == 6


def test_a_study_without_a_finished_trial_is_refused(own_study):
    for path in own_study.glob("trials/*/costs.json"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the study's 6 trials is finished \(0 failed\); run `prepose study`"):
        read_study(own_study)


def test_a_study_without_evaluations_is_refused(own_study):
    for path in own_study.glob("trials/*/evaluations"):
        shutil.rmtree(path)
    with pytest.raises(DataError, match="no trial has an evaluation"):
        read_study(own_study)


def test_a_trial_that_was_not_measured_on_a_set_is_left_out_there(own_study):
    headers(own_study)[0].unlink()
    results = read_study(own_study)
    assert sum(len(results.measured(arm.name, "lab")) for arm in results.arms) == 5
    assert sum(len(results.measured(arm.name, "wild")) for arm in results.arms) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "validation"}, "split 'validation' against split 'test'"),
        ({"num_samples": 7}, "num_samples 7 against num_samples 48"),
        ({"dataset": "other"}, "dataset 'other' against dataset 'lab'"),
    ],
)
def test_trials_that_were_measured_differently_are_refused(own_study, change, message):
    path = headers(own_study)[1]
    write(path, json.loads(path.read_text()) | change)
    with pytest.raises(DataError, match=f"measured unlike trial .*: {message};"):
        read_study(own_study)


@pytest.mark.parametrize(("field", "value"), [("flip_test", False), ("name", "mean-person"), ("averaging", "samples")])
def test_figures_of_unlike_protocols_do_not_stand_side_by_side(own_study, field, value):
    path = headers(own_study)[1]
    header = json.loads(path.read_text())
    header["protocol"][field] = value
    write(path, header)
    with pytest.raises(DataError, match=r"measured unlike trial [0-9a-f]{12}: protocol .* against protocol"):
        read_study(own_study)


def test_a_header_without_what_is_needed_is_refused(own_study):
    path = headers(own_study)[0]
    header = json.loads(path.read_text())
    del header["arrays_sha256"]
    write(path, header)
    with pytest.raises(DataError, match=f"^{path}: lacks 'arrays_sha256'; evaluate the trial again"):
        read_study(own_study)


@pytest.mark.parametrize("value", ["x", [1], True, -1, {}])
def test_a_cost_that_is_no_number_is_refused(own_study, value):
    path = next(own_study.glob("trials/*/costs.json"))
    write(path, json.loads(path.read_text()) | {"train_seconds": value})
    with pytest.raises(DataError, match=f"^{path}: is damaged .train_seconds: "):
        read_study(own_study)


@pytest.mark.parametrize("kind", ["arms", "trials"])
def test_an_arm_or_a_trial_that_is_planned_twice_is_refused(own_study, kind):
    plan = json.loads((own_study / "plan.json").read_text())
    write(own_study / "plan.json", plan | {kind: [*plan[kind], plan[kind][0]]})
    with pytest.raises(DataError, match=r"plan\.json: is damaged .*pretrained.*: is there twice"):
        read_study(own_study)


def test_a_damaged_file_is_named(own_study):
    path = next(own_study.glob("trials/*/costs.json"))
    path.write_text("{")
    with pytest.raises(DataError, match=f"^{path}: is damaged"):
        read_study(own_study)
    path.write_text("[]")
    with pytest.raises(DataError, match=f"^{path}: is damaged .holds list, expected an object"):
        read_study(own_study)


@pytest.mark.parametrize("name", ["..", "../../secret", "/etc", "a/../../../x"])
def test_a_trials_name_from_someone_else_leads_nowhere_else(own_study, name):
    plan = json.loads((own_study / "plan.json").read_text())
    plan["trials"][0]["id"] = name
    write(own_study / "plan.json", plan)
    with pytest.raises(DataError, match=r"plan\.json: names .* leads out of .*trials"):
        read_study(own_study)


@pytest.mark.parametrize("name", ["../../../../victim", "/tmp/victim"])
def test_a_sets_name_from_someone_else_leads_nowhere_else(own_study, name):
    """A report keeps SET.sums.npz beside the evaluation."""
    study = json.loads((own_study / "study.json").read_text())
    study["study"]["sets"][name] = study["study"]["sets"].pop("lab")
    write(own_study / "study.json", study)
    with pytest.raises(DataError, match=r"study\.json: .*victim"):
        read_study(own_study)


@pytest.mark.parametrize("what", ["", "costs.json", "evaluations", "evaluations/lab.json", "evaluations/lab.npz"])
def test_no_link_in_a_study_is_followed(own_study, tmp_path, what):
    run = next((own_study / "trials").iterdir())
    linked, elsewhere = run / what, tmp_path / "elsewhere"
    linked.rename(elsewhere)
    linked.symlink_to(elsewhere)
    with pytest.raises(DataError, match=f"{linked} is a link; links are not followed"):
        read_study(own_study)


# --- the study and its plan ---


def test_a_study_and_its_plan_are_read(crossed):
    results = read_study(crossed)
    study, plan = results.study, results.plan
    assert [factor.name for factor in study.factors] == ["training", "labels-from", "budget"]
    assert [factor.varies_budget for factor in study.factors] == [False, False, True]
    assert len(plan.arms) == 11 and len(plan.trials) == 33
    assert (study.sets["lab"].store, study.sets["lab"].protocol) == ("lab", "true-root-depth")
    arm = plan.arm("2d-first / lab-3d / half")
    assert (arm.shared_by, arm.train_flops) == ({"pretrain": 3}, 0.5e12)
    assert arm.counted_flops == pytest.approx(0.5e12 * (1 / 2 + 1 / 6))
    assert plan.arm_at({"training": "2d-first", "labels-from": "lab-3d", "budget": "half"}) is arm
    assert plan.arm_at({"training": "2d-first", "labels-from": "wild-3d", "budget": "half"}) is None


def test_the_fakes_are_studies():
    """What the report is tested on is what `prepose study` would write."""
    content = study_content(CROSSED)
    study = Study.model_validate(content)
    assert [each.metric for each in study.comparisons] == [each["metric"] for each in content["comparisons"]]
    assert set(study.model_dump(mode="json", exclude={"folders", "search"})) == set(content)


def test_a_folder_that_is_no_study_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no study \(no study.json\) and no quickstart"):
        read_study(tmp_path)


def test_another_version_is_refused(own_study):
    write(own_study / "study.json", {"format": 2})
    with pytest.raises(DataError, match=r"study\.json: study format 2, this version reads 1"):
        read_study(own_study)


def test_a_study_that_was_not_planned_is_refused(own_study):
    (own_study / "plan.json").unlink()
    with pytest.raises(DataError, match=r"the study has no plan\.json yet; run `prepose study`"):
        read_study(own_study)


@pytest.mark.parametrize("text", ["[]", "{", '"a"'])
def test_what_is_not_an_object_is_refused(own_study, text):
    (own_study / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"^\S*plan\.json: "):
        read_study(own_study)


@pytest.mark.parametrize(
    ("key", "value"), [("trials", [{"id": "0"}]), ("arms", [{"name": "a"}]), ("trials", None), ("arms", [])]
)
def test_a_damaged_plan_is_refused_in_one_line(own_study, key, value):
    plan = json.loads((own_study / "plan.json").read_text())
    write(own_study / "plan.json", plan | {key: value})
    with pytest.raises(DataError, match=r"plan\.json: is damaged or of another version \(") as caught:
        read_study(own_study)
    assert "\n" not in str(caught.value)


def test_trials_of_unknown_arms_are_refused(own_study):
    plan = json.loads((own_study / "plan.json").read_text())
    plan["trials"][0]["arm"] = "another"
    write(own_study / "plan.json", plan)
    with pytest.raises(DataError, match=r"plan\.json: .*arms that it does not have: \['another'\]"):
        read_study(own_study)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("study",), None, r"study: found None"),
        (("study", "sets"), {}, r"sets: found \{\}"),
        (("study", "sets", "lab", "store"), "nowhere", r"set 'lab' is of store 'nowhere'"),
        (("study", "comparisons"), [{}], r"faults: .*comparisons\.0\.arm: missing"),
        (("budget_scale",), "1", r"budget_scale: expected a number"),
    ],
)
def test_a_damaged_definition_is_refused_in_one_line(own_study, path, value, message):
    content = json.loads((own_study / "study.json").read_text())
    inner = content
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    write(own_study / "study.json", content)
    with pytest.raises(DataError, match=rf"study\.json: is damaged or of another version \(.*{message}") as caught:
        read_study(own_study)
    assert "\n" not in str(caught.value)
