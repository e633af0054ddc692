from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import prepose
from fakes_evaluation import drawn_evaluation
from prepose.body.joint_angles import ANGLES
from prepose.body.skeletons import MPII_16
from prepose.errors import DataError
from prepose.metrics.evaluation_files import save_evaluation
from prepose.studies.angles import angles_of, measure_angles, measure_network

PEOPLE = tuple(f"S{i % 6}" for i in range(60))


def standing(count=60, knee_deg=30.0, seed=0):
    """People whose knees are bent by about so much, each somewhat else; the rest of them is drawn."""
    generator = np.random.default_rng(seed)
    joints = generator.normal(0, 40, (count, len(MPII_16), 3))
    places = {
        "l_hip": (100, 0, 0), "l_knee": (100, 450, 0), "l_shoulder": (180, -500, 0), "l_elbow": (180, -200, -60),
        "l_wrist": (180, 20, -200),
    }  # fmt: skip
    places |= {f"r{name[1:]}": (-x, y, z) for name, (x, y, z) in places.items()}
    for name, place in places.items():
        joints[:, MPII_16.index(name)] += place
    for side in "lr":
        knee, hip = (joints[:, MPII_16.index(f"{side}_{part}")] for part in ("knee", "hip"))
        bend = Rotation.from_rotvec(np.array([1.0, 0, 0]) * np.deg2rad(knee_deg))
        # About the axis that is square to the thigh, so that the flexion is the angle of the turn.
        thigh = knee - hip
        axis = np.cross(thigh, [0, 0, 1.0])
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        turns = Rotation.from_rotvec(axis * bend.magnitude())
        joints[:, MPII_16.index(f"{side}_ankle")] = knee + turns.apply(thigh)
    return joints


def test_a_knee_that_is_bent_too_far_has_that_bias_and_no_other_angle_has_one():
    found = measure_angles(standing(knee_deg=40.0), standing(knee_deg=30.0), MPII_16, PEOPLE)
    knee = found.row("knee_flexion").agreement
    assert knee.bias.value == pytest.approx(10) and knee.rmse.value == pytest.approx(10)
    assert (knee.lower.value, knee.upper.value) == pytest.approx((10, 10)) and (knee.pairs, knee.subjects) == (120, 6)
    for angle in set(ANGLES) - {"knee_flexion"}:
        assert found.row(angle).agreement.rmse.value == pytest.approx(0, abs=1e-4)
        assert found.row(angle).agreement.icc.value == pytest.approx(1)
    assert found.resampled == "6 subjects" and found.row("trunk_lean").side == ""


def test_scale_place_and_turn_of_the_body_do_not_matter_but_for_the_lean():
    true, turn = standing(), Rotation.from_euler("xyz", [20, 50, 10], degrees=True)
    moved = turn.apply((0.4 * true + 300).reshape(-1, 3)).reshape(true.shape)
    found = measure_angles(moved, true, MPII_16, PEOPLE)
    assert found.row("hip_flexion").agreement.rmse.value == pytest.approx(0, abs=1e-6)
    assert found.row("trunk_lean").agreement.rmse.value > 5


def test_the_shorter_way_round_counts():
    """An arm behind the back on one side of -90 degrees, which is 270 on the other."""
    true = standing()
    wrong = true.copy()
    for joints, y in ((true, -4.0), (wrong, 4.0)):
        shoulder = joints[:, MPII_16.index("l_shoulder")]
        joints[:, MPII_16.index("l_elbow")] = shoulder + np.array([0, y, 300.0])
    found = measure_angles(wrong, true, MPII_16, PEOPLE)
    assert abs(found.row("shoulder_flexion", "left").agreement.bias.value) < 5


def test_what_is_unknown_is_counted_and_named():
    true = standing()
    estimated = true.copy()
    estimated[:20, MPII_16.index("l_ankle")] = np.nan
    estimated[:, MPII_16.index("r_wrist")] = estimated[:, MPII_16.index("l_wrist")] = np.nan
    found = measure_angles(estimated, true, MPII_16, PEOPLE)
    left = found.row("knee_flexion", "left")
    assert (left.poses, left.agreement.pairs) == (60, 40) and found.row("elbow_flexion").agreement is None
    assert any("elbow_flexion" in note for note in found.notes)
    alone = measure_angles(true, true, MPII_16, ("one",) * 60)
    assert any("say nothing about other people" in note for note in alone.notes)
    with pytest.raises(DataError, match="no joint angle is known"):
        measure_angles(np.full_like(true, np.nan), true, MPII_16, PEOPLE)
    with pytest.raises(DataError, match="1 pose"):
        measure_angles(true[:1], true[:1], MPII_16, ("a",))


def test_a_saved_evaluation_is_measured_without_its_store(tmp_path):
    evaluation = drawn_evaluation()
    path = save_evaluation(evaluation, tmp_path, "mine")
    found = measure_network(path, None)
    assert found.facts["network"] == "mine.json" and found.num_poses == len(evaluation)
    assert found.to_json()["rows"] == angles_of(evaluation).to_json()["rows"]
    with pytest.raises(DataError, match="leave out --data"):
        measure_network(path, tmp_path)
    with pytest.raises(DataError, match="by --data"):
        measure_network(tmp_path / "runs", None)
    flat = replace(evaluation, truth_mm=np.full_like(evaluation.truth_mm, np.nan))
    with pytest.raises(DataError, match="3D ground truth"):
        angles_of(flat)


def test_the_table_and_the_words_are_of_every_angle():
    found = measure_angles(standing(knee_deg=40.0), standing(knee_deg=30.0), MPII_16, PEOPLE)
    assert repr(found).startswith("AnglesMeasured(60 poses; RMSE in degrees: knee_flexion 10.0, hip_flexion 0.0")
    assert len(repr(found)) < 250
    table = found.to_dataframe().set_index(["angle", "side"])
    assert len(table) == len(found.rows) and table.loc[("knee_flexion", "left"), "pairs"] == 60
    assert table.loc[("knee_flexion", "both"), "bias"] == pytest.approx(10)
    assert table.loc[("knee_flexion", "both"), "bias_low"] <= table.loc[("knee_flexion", "both"), "bias"] + 1e-9


def test_the_front_door_takes_an_evaluation_and_writes_the_report(tmp_path):
    evaluation = drawn_evaluation()
    found = prepose.angles(evaluation, out=tmp_path / "angles")
    assert found.to_json() == angles_of(evaluation).to_json()
    assert (tmp_path / "angles/angles.html").exists() and (tmp_path / "angles/pairs.csv").exists()
    saved = prepose.angles(str(save_evaluation(evaluation, tmp_path, "mine")))
    assert saved.to_json()["rows"] == found.to_json()["rows"]
    with pytest.raises(prepose.DataError, match="names its data itself; leave out split"):
        prepose.angles(evaluation, split="test")
