import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prepose.body.joint_angles import ANGLES, joint_angles
from prepose.body.skeletons import COCO_17, H36M_17, MPII_16

# Standing upright before a camera that looks along z (x right, y down): the person faces it, so the person's left is on
# the image's right. mm.
STANDING = {
    "l_hip": (100, 0, 0), "l_knee": (100, 450, 0), "l_ankle": (100, 900, 0),
    "l_shoulder": (180, -500, 0), "l_elbow": (180, -200, 0), "l_wrist": (180, 50, 0),
}  # fmt: skip
STANDING |= {f"r{name[1:]}": (-x, y, z) for name, (x, y, z) in STANDING.items()}
FRONT, BACK = -1, 1  # along z


def angles_of(skeleton=MPII_16, turn=None, **moved):
    places = STANDING | moved
    joints = np.full((1, len(skeleton), 3), np.nan)
    for name, place in places.items():
        joints[0, skeleton.index(name)] = place
    if turn is not None:
        joints = joints @ turn.as_matrix().T
    return {key: float(values[0]) for key, values in joint_angles(joints, skeleton).items()}


def test_standing_upright_is_zero():
    found = angles_of()
    assert {angle for angle, _ in found} == set(ANGLES) and len(found) == 11
    assert list(found.values()) == pytest.approx([0] * 11, abs=1e-9)


def test_a_sitting_person_bends_hips_and_knees_by_90():
    found = angles_of(l_knee=(100, 0, 450 * FRONT), l_ankle=(100, 450, 450 * FRONT))
    assert found["hip_flexion", "left"] == pytest.approx(90)
    assert found["knee_flexion", "left"] == pytest.approx(90)
    assert found["hip_flexion", "right"] == pytest.approx(0, abs=1e-9)


def test_a_thigh_to_the_back_is_extension():
    back = np.deg2rad(20)
    found = angles_of(r_knee=(-100, 450 * np.cos(back), 450 * np.sin(back) * BACK))
    assert found["hip_flexion", "right"] == pytest.approx(-20)


def test_spreading_a_leg_is_no_flexion():
    found = angles_of(l_knee=(400, 300, 0))
    assert found["hip_flexion", "left"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("elbow", "flexion", "elevation"),
    [
        ((180, -500, 300 * FRONT), 90, 90),  # straight ahead
        ((180, -800, 0), 180, 180),  # straight up
        ((180, -500 + 300 * np.cos(np.pi / 6), 150 * BACK), -30, 30),  # to the back
        ((480, -500, 0), np.nan, 90),  # to the side: the sagittal plane shows nothing of it
    ],
)
def test_arms(elbow, flexion, elevation):
    found = angles_of(l_elbow=elbow)
    assert found["shoulder_flexion", "left"] == pytest.approx(flexion, nan_ok=True)
    assert found["shoulder_elevation", "left"] == pytest.approx(elevation)


def test_an_arm_beyond_straight_up_goes_on_counting():
    over = np.deg2rad(190)
    found = angles_of(l_elbow=(180, -500 + 300 * np.cos(over), 300 * np.sin(over) * FRONT))
    assert found["shoulder_flexion", "left"] == pytest.approx(190)


def test_a_bent_elbow():
    found = angles_of(r_wrist=(-180, -200, 250 * FRONT))
    assert found["elbow_flexion", "right"] == pytest.approx(90)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_turning_the_whole_body_changes_the_lean_alone(axis):
    bent = {"l_knee": (150, 200, 400 * FRONT), "r_elbow": (-200, -400, 250 * FRONT)}
    before, after = angles_of(**bent), angles_of(**bent, turn=Rotation.from_euler(axis, 40, degrees=True))
    lean = after.pop(("trunk_lean", ""))
    assert before.pop(("trunk_lean", "")) == pytest.approx(0)
    assert lean == pytest.approx(0 if axis == "y" else 40, abs=1e-6)
    assert after == pytest.approx(before, abs=1e-6)


def test_joints_that_are_missing_give_no_angle():
    found = angles_of(l_ankle=(np.nan,) * 3)
    assert np.isnan(found["knee_flexion", "left"]) and found["knee_flexion", "right"] == pytest.approx(0)
    without_wrists = joint_angles(np.zeros((2, 17, 3)), H36M_17)
    assert all(np.isnan(values).all() for values in without_wrists.values())


def test_every_skeleton_with_limbs_has_the_angles():
    assert angles_of(COCO_17)["knee_flexion", "left"] == pytest.approx(0)
