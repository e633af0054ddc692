import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prepose.body.pose import mirror
from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.anatomy import (
    ANGLE_INDEX,
    ANGLES,
    LIMITS,
    base_name,
    fold_into_limits,
    hinge_error,
    limit_excess,
    mirror_angles,
    pelvis_angles,
    pose_angles,
    segment_turns,
    shortest_turn,
    within_limits,
)
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, mean_proportions, pose_joints

PERSON = mean_proportions(1000.0)


def posed(**degrees: float) -> dict[str, np.ndarray]:
    """Joints (in thousandths of stature) of the anatomical position with some angles set."""
    angles = np.zeros(len(ANGLES))
    for name, value in degrees.items():
        angles[ANGLE_INDEX[name]] = value
    joints, _ = pose_joints(PERSON, BodyPose(segment_turns(angles), np.zeros(3)))
    return dict(zip(PREPOSE_27.joints, joints, strict=True))


def any_angles(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    angles = generator.uniform(-200, 200, len(ANGLES))
    angles[:3] = generator.uniform(-80, 80, 3)
    return fold_into_limits(angles)


STANDING = posed()
# What an angle of 30 degrees does to a joint: which coordinate grows (x right, y forward, z up).
DIRECTIONS = [
    ("pelvis_pitch", "head", "+y"), ("pelvis_roll", "head", "+x"),
    ("trunk_flexion", "thorax", "+y"), ("trunk_bend", "thorax", "+x"), ("trunk_twist", "r_shoulder", "+y"),
    ("neck_flexion", "head", "+y"), ("neck_bend", "head", "+x"), ("neck_twist", "nose", "-x"),
    ("head_flexion", "nose", "-z"), ("head_bend", "head_top", "+x"), ("head_twist", "nose", "-x"),
    ("r_clavicle_elevation", "r_shoulder", "+z"), ("r_clavicle_protraction", "r_shoulder", "+y"),
    ("r_shoulder_elevation", "r_elbow", "+x"), ("r_elbow_flexion", "r_wrist", "+y"),
    ("r_hip_flexion", "r_knee", "+y"), ("r_hip_abduction", "r_knee", "+x"), ("r_hip_rotation", "r_toe", "+x"),
    ("r_knee_flexion", "r_ankle", "-y"), ("r_ankle_flexion", "r_toe", "+z"),
]  # fmt: skip


@pytest.mark.parametrize(("angle", "joint", "way"), DIRECTIONS)
def test_an_angle_moves_its_joint_the_way_its_name_says(angle, joint, way):
    moved = posed(**{angle: 30.0})[joint] - STANDING[joint]
    axis = "xyz".index(way[1])
    assert moved[axis] * (1 if way[0] == "+" else -1) > 5


@pytest.mark.parametrize(("angle", "joint", "way"), [row for row in DIRECTIONS if row[0].startswith("r_")])
def test_the_left_side_mirrors_the_right(angle, joint, way):
    right = posed(**{angle: 30.0})[joint]
    left = posed(**{"l" + angle[1:]: 30.0})["l" + joint[1:]]
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-9)


def test_rotating_the_arm_outward_turns_the_bent_forearm_outward():
    bent = {"r_elbow_flexion": 90.0}
    assert posed(**bent, r_shoulder_rotation=40.0)["r_wrist"][0] > posed(**bent)["r_wrist"][0] + 50


def test_the_arm_hangs_with_the_elbow_bending_forward():
    assert STANDING["r_elbow"][2] < STANDING["r_shoulder"][2] - 150
    np.testing.assert_allclose(STANDING["r_elbow"][:2], STANDING["r_shoulder"][:2], atol=1e-6)


def test_every_joint_angle_has_a_published_limit():
    for name in ANGLES:
        if not name.startswith("pelvis") and not name.endswith("shoulder_plane"):
            limit = LIMITS[base_name(name)]
            assert limit.low < limit.high and limit.source


@pytest.mark.parametrize("seed", range(30))
def test_angles_go_to_turns_and_back(seed):
    angles = any_angles(seed)
    turns = segment_turns(angles)
    again = segment_turns(pose_angles(turns))
    np.testing.assert_allclose(again, turns, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-9)
    planes = np.array([name.endswith("shoulder_plane") for name in ANGLES])
    np.testing.assert_allclose(pose_angles(turns)[~planes], angles[~planes], atol=1e-4)


@pytest.mark.parametrize("seed", range(30))
def test_folded_angles_are_within_the_limits(seed):
    assert within_limits(BodyPose(segment_turns(any_angles(seed)), np.zeros(3)))


@pytest.mark.parametrize("seed", range(10))
def test_mirrored_angles_pose_the_mirror_image(seed):
    angles = any_angles(seed)
    joints, _ = pose_joints(PERSON, BodyPose(segment_turns(angles), np.zeros(3)))
    mirrored, _ = pose_joints(PERSON, BodyPose(segment_turns(mirror_angles(angles)), np.zeros(3)))
    np.testing.assert_allclose(mirrored, mirror(joints, PREPOSE_27), atol=1e-6)


def test_folding_leaves_angles_within_the_limits_alone():
    angles = fold_into_limits(any_angles(3))
    np.testing.assert_array_equal(fold_into_limits(angles), angles)


def test_an_arm_swung_back_is_raised_on_the_other_side():
    angles = np.zeros(len(ANGLES))
    angles[ANGLE_INDEX["r_shoulder_elevation"]], angles[ANGLE_INDEX["r_shoulder_plane"]] = -20.0, 80.0
    folded = fold_into_limits(angles)
    assert folded[ANGLE_INDEX["r_shoulder_elevation"]] == 20
    assert folded[ANGLE_INDEX["r_shoulder_plane"]] == -100


@pytest.mark.parametrize(
    ("angle", "degrees"),
    [("r_knee_flexion", -8), ("l_elbow_flexion", -8), ("r_knee_flexion", 165), ("l_hip_flexion", -45),
     ("trunk_twist", 60), ("r_ankle_flexion", 50), ("l_wrist_flexion", 86), ("head_flexion", 40)],
)  # fmt: skip
def test_a_joint_turned_too_far_is_told(angle, degrees):
    angles = np.zeros(len(ANGLES))
    angles[ANGLE_INDEX[angle]] = degrees
    pose = BodyPose(segment_turns(angles), np.zeros(3))
    assert not within_limits(pose)
    assert list(limit_excess(pose.local)) == [angle]


@pytest.mark.parametrize(("elevation", "plane", "name"), [(80, -75, "behind"), (80, 150, "across")])
def test_an_arm_that_reaches_where_none_can_is_told(elevation, plane, name):
    angles = np.zeros(len(ANGLES))
    angles[ANGLE_INDEX["l_shoulder_elevation"]], angles[ANGLE_INDEX["l_shoulder_plane"]] = elevation, plane
    assert f"l_shoulder_{name}" in limit_excess(segment_turns(angles))


def test_a_knee_that_bends_sideways_is_told():
    local = segment_turns(np.zeros(len(ANGLES)))
    local[SEGMENT_NAMES.index("r_shin")] = Rotation.from_euler("y", 15, degrees=True).as_matrix()
    assert hinge_error(local) == pytest.approx(15, abs=1e-6)
    assert not within_limits(BodyPose(local, np.zeros(3)))


@pytest.mark.parametrize("degrees", [(10, 20, 30), (0, -90, 0), (40, 90, 0), (20, 170, -10), (-170, 5, 100)])
def test_a_pelvis_turns_the_same_through_its_angles(degrees):
    angles = np.zeros(len(ANGLES))
    angles[:3] = degrees
    turn = segment_turns(angles)[0]
    angles[:3] = pelvis_angles(turn)
    np.testing.assert_allclose(segment_turns(angles)[0], turn, atol=1e-7)


def test_shortest_turns_meet_their_targets_about_a_perpendicular_axis():
    vectors = np.random.default_rng(0).normal(size=(2, 20, 3))
    source, target = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    turns = shortest_turn(source, target)
    np.testing.assert_allclose(np.einsum("nab,nb->na", turns, source), target, atol=1e-9)
    angle = np.arccos(np.sum(source * target, axis=-1))
    np.testing.assert_allclose(Rotation.from_matrix(turns).magnitude(), angle, atol=1e-7)
