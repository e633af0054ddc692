import json
import re

import numpy as np
import pytest

from bvh_fake import Y_UP, Z_UP, write_bvh
from prepose.body.skeletons import PREPOSE_27
from prepose.errors import DataError
from prepose.synthetic.bvh import JOINT_NAMES, JointNames, poses_from_bvh, read_joint_names
from prepose.synthetic.contact import lowest_point
from prepose.synthetic.motion import draw_pose, ground
from prepose.synthetic.retarget import FRAMES, NEEDED
from prepose.synthetic.rig import BodyPose, draw_proportions, mean_proportions, pose_joints

PERSON = mean_proportions()
BY_RIG = {names.rig: names for names in JOINT_NAMES}
ACTIONS = ("standing", "walking", "crouching", "reaching_up", "dancing", "throwing", "sitting_ground")


def drawn(count: int = 21, seed: int = 0) -> list[BodyPose]:
    generator = np.random.default_rng(seed)
    return [draw_pose(generator, proportions=PERSON, actions=(ACTIONS[i % len(ACTIONS)],)) for i in range(count)]


def joints_of(poses, person=PERSON) -> np.ndarray:
    return np.stack([pose_joints(person, pose)[0] for pose in poses])


def heading(joints: np.ndarray) -> np.ndarray:
    """The turn about z that makes the hips of the first pose face +y."""
    right = joints[0, PREPOSE_27.index("r_hip")] - joints[0, PREPOSE_27.index("l_hip")]
    angle = -np.arctan2(right[1], right[0])
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


@pytest.mark.parametrize("names", JOINT_NAMES, ids=lambda names: names.rig)
def test_a_table_names_all_that_is_needed(names):
    assert {*NEEDED, *FRAMES, "skull"} <= set(names.joints)
    sides = [names.joints[f"{s}_{part}"] for s in "rl" for part in ("shoulder", "hip", "hand", "toe")]
    assert len(set(sides)) == len(sides)


@pytest.mark.parametrize("rig", BY_RIG)
@pytest.mark.parametrize(("axes", "limb_frames"), [(Y_UP, None), (Z_UP, 3)], ids=["y up", "z up, frames at any angle"])
def test_poses_come_back_from_a_file(tmp_path, rig, axes, limb_frames):
    poses = drawn()
    path = write_bvh(tmp_path / "take.bvh", poses, PERSON, BY_RIG[rig], axes=axes, limb_frames=limb_frames)
    clip = poses_from_bvh(path)
    truth, found = joints_of(poses), joints_of(clip.poses)
    truth = (truth - truth[:, :1]) @ (heading(found).T @ heading(truth)).T  # facing where the clip was made to
    error = np.linalg.norm(found - found[:, :1] - truth, axis=-1)
    assert np.median(error) < 5
    assert error.mean() < 15
    assert clip.name == "take" and {pose.action for pose in clip.poses} == {"take"}
    assert clip.frame_time == pytest.approx(1 / 30, abs=1e-4)


def test_the_unit_of_the_file_does_not_matter(tmp_path):
    clips = [
        poses_from_bvh(write_bvh(tmp_path / f"{unit}.bvh", drawn(), PERSON, BY_RIG["cgspeed"], unit=unit))
        for unit in (0.1, 0.01773)
    ]
    one, other = (joints_of(clip.poses) for clip in clips)
    np.testing.assert_allclose(one, other, atol=2)


def test_people_stand_on_the_ground_and_jump_off_it(tmp_path):
    person = PERSON
    still = drawn(1)[0]
    standing = [still] * 30
    jump = [ground(still, person, clearance=0.15 - 0.15 * ((i - 6) / 6) ** 2) for i in range(13)]
    clip = poses_from_bvh(write_bvh(tmp_path / "jump.bvh", standing + jump + standing, person, BY_RIG["cgspeed"]))
    heights = np.array([lowest_point(joints, person.height) for joints in joints_of(clip.poses)]) / person.height
    np.testing.assert_allclose(heights, clip.clearance, atol=1e-6)
    assert (clip.clearance[:30] == 0).all() and (clip.clearance[-30:] == 0).all()
    assert clip.clearance[36] == pytest.approx(0.15, abs=0.02)


def test_who_stands_on_a_step_stands_on_the_ground(tmp_path):
    still = drawn(1)[0]
    raised = ground(still, PERSON, clearance=0.2)
    clip = poses_from_bvh(write_bvh(tmp_path / "a.bvh", [still] * 20 + [raised] * 20, PERSON, BY_RIG["cgspeed"]))
    assert (clip.clearance[30:] == 0).all()


def test_a_clip_starts_facing_forward_over_the_origin_and_keeps_its_path(tmp_path):
    poses = [
        BodyPose(pose.local, pose.pelvis_world + np.array([400.0 + 10 * i, 300.0, 0.0]))
        for i, pose in enumerate(drawn())
    ]
    clip = poses_from_bvh(write_bvh(tmp_path / "a.bvh", poses, PERSON, BY_RIG["iclone"]))
    for pose in clip.poses:
        np.testing.assert_array_equal(pose.pelvis_world[:2], 0)
    assert clip.poses[0].local[0][1, 1] > 0 and abs(clip.poses[0].local[0][0, 1]) < 1e-6
    np.testing.assert_array_equal(clip.path[0], 0)
    assert np.linalg.norm(clip.path[-1]) == pytest.approx(200, rel=0.25)


def test_a_frame_is_taken_by_another_person_on_the_same_ground(tmp_path):
    clip = poses_from_bvh(write_bvh(tmp_path / "a.bvh", drawn(5), PERSON, BY_RIG["mocapbank"]))
    person = draw_proportions(np.random.default_rng(0), 1900.0)
    for i in range(5):
        joints, _ = pose_joints(person, clip.pose_of(i, person))
        assert lowest_point(joints, person.height) == pytest.approx(clip.clearance[i] * person.height, abs=1e-6)


def test_a_stride_keeps_every_so_many_frames(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", drawn(), PERSON, BY_RIG["cgspeed"])
    clip = poses_from_bvh(path, stride=4)
    assert len(clip.poses) == 6 and clip.frame_time == pytest.approx(4 / 30, abs=1e-3)
    with pytest.raises(ValueError, match="stride must be at least 1; found 0"):
        poses_from_bvh(path, stride=0)


def test_a_reference_pose_in_front_is_left_out(tmp_path):
    rest = BodyPose(np.tile(np.eye(3), (len(drawn(1)[0].local), 1, 1)), np.array([0, 0, 900.0]))
    take = [ground(drawn(1)[0], PERSON, clearance=0.001 * i) for i in range(12)]
    path = write_bvh(tmp_path / "a.bvh", [rest, *take], PERSON, BY_RIG["cgspeed"])
    assert len(poses_from_bvh(path).poses) == 12


def test_missing_joints_are_listed(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", drawn(3), PERSON, BY_RIG["cgspeed"])
    path.write_text(path.read_text().replace("LeftKnee", "Knie").replace("RightElbow", "Ellbogen"))
    with pytest.raises(DataError, match="missing for the cgspeed rig: LeftKnee, RightElbow; found 23 joints"):
        poses_from_bvh(path)


def foreign_table() -> JointNames:
    table = {joint: f"x{i}" for i, joint in enumerate(sorted(BY_RIG["iclone"].joints))}
    return JointNames("foreign", {**table, "skull": table["upper_neck"]})


def test_a_given_table_serves_a_rig_unknown_here(tmp_path):
    foreign = foreign_table()
    path = write_bvh(tmp_path / "a.bvh", drawn(6), PERSON, foreign)
    assert len(poses_from_bvh(path, names=(foreign,)).poses) == 6
    with pytest.raises(DataError, match=r"joints are missing for the .*--joint-names"):
        poses_from_bvh(path)


def test_a_table_is_read_from_a_file(tmp_path):
    joints = {joint: name for joint, name in foreign_table().joints.items() if joint != "skull"}
    (tmp_path / "rig.json").write_text(json.dumps(joints))
    table = read_joint_names(tmp_path / "rig.json")
    assert (table.rig, table.joints) == ("rig.json", joints)
    path = write_bvh(tmp_path / "a.bvh", drawn(6), PERSON, foreign_table())
    again = poses_from_bvh(path, names=(foreign_table(),))
    for one, other in zip(poses_from_bvh(path, names=(table,)).poses, again.poses, strict=True):
        np.testing.assert_array_equal(one.local, other.local)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "expected an object of names"),
        ('{"pelvis": 3}', "expected an object of names"),
        ("{", "cannot be read as JSON"),
        ('{"pelvis": "Hips", "tail": "Tail"}', "prepose has no joint 'tail'; it has pelvis, spine"),
        ('{"pelvis": "Hips"}', "does not name spine, thorax, upper_neck, head, r_shoulder.* only r_hand, .* left out"),
    ],
)
def test_a_broken_table_says_what_is_wrong(tmp_path, content, message):
    (tmp_path / "rig.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_joint_names(tmp_path / "rig.json")
    with pytest.raises(DataError, match="no such file"):
        read_joint_names(tmp_path / "none.json")


def without(names: JointNames, *parts: str) -> JointNames:
    return JointNames(names.rig, {joint: name for joint, name in names.joints.items() if joint[2:] not in parts})


@pytest.mark.parametrize("rig", ["cgspeed", "iclone"])
def test_a_rig_without_fingers_and_toes_keeps_its_limbs_and_stands_flat(tmp_path, rig):
    """The fake writes other names for the joints left out, so that no table finds them."""
    poses = drawn()
    path = write_bvh(tmp_path / "a.bvh", poses, PERSON, without(BY_RIG[rig], "hand", "toe"), limb_frames=3)
    full = write_bvh(tmp_path / "b.bvh", poses, PERSON, BY_RIG[rig], limb_frames=3)
    bare, whole = joints_of(poses_from_bvh(path).poses), joints_of(poses_from_bvh(full).poses)
    error = np.linalg.norm(bare - bare[:, :1] - whole + whole[:, :1], axis=-1)
    ends = [PREPOSE_27.index(f"{s}_{part}") for s in "rl" for part in ("hand", "toe")]
    assert np.delete(error, ends, axis=1).max() < 1
    # A toe is 200 mm from the ankle, a hand 100 mm from the wrist: where both point somewhere else, it is by chance.
    assert np.median(error[:, ends]) < 60


def test_an_end_site_below_the_ankle_is_no_toe(tmp_path):
    """In files of the mocapbank rig `Ankle_end` continues the shin: feet must stay level all the same."""
    generator = np.random.default_rng(0)
    poses = [
        draw_pose(generator, proportions=PERSON, actions=("hands_on_hips", "walking"), breadth=0.3) for _ in range(24)
    ]
    toes = [PREPOSE_27.index(f"{s}_toe") for s in "rl"]
    ankles = [PREPOSE_27.index(f"{s}_ankle") for s in "rl"]
    path = write_bvh(tmp_path / "a.bvh", poses, PERSON, BY_RIG["mocapbank"])
    straight = joints_of(poses_from_bvh(path).poses)
    offset = next(iter(re.findall(r"RightAnkle\n.*?End Site\n{\n(OFFSET [^\n]*)", path.read_text(), re.DOTALL)))
    assert offset
    below = re.sub(
        r"(Ankle\n(?:(?!JOINT).)*?End Site\n{\n)OFFSET [^\n]*", r"\1OFFSET 0 -8 0", path.read_text(), flags=re.DOTALL
    )
    path.write_text(below)
    found = joints_of(poses_from_bvh(path).poses)
    assert np.linalg.norm(found[:, toes] - straight[:, toes], axis=-1).mean() < 60
    slope = (found[:, toes] - found[:, ankles])[..., 2] / np.linalg.norm(found[:, toes] - found[:, ankles], axis=-1)
    assert np.degrees(np.arcsin(np.median(slope))) > -45


@pytest.mark.parametrize("offset", ["0 0 0", "0 -8 0", "0 -2 -8", "8 0 0"], ids=["none", "below", "behind", "aside"])
@pytest.mark.parametrize(("rig", "joint"), [("cgspeed", "JOINT RightToe"), ("mocapbank", "RightAnkle.*?End Site")])
def test_what_does_not_point_forward_is_no_toe_whatever_its_name(tmp_path, rig, joint, offset):
    generator = np.random.default_rng(0)
    poses = [draw_pose(generator, proportions=PERSON, actions=("walking",), breadth=0.3) for _ in range(16)]
    path = write_bvh(tmp_path / "a.bvh", poses, PERSON, BY_RIG[rig])
    ankle, toe = (PREPOSE_27.index(f"r_{joint}") for joint in ("ankle", "toe"))

    def fallen() -> float:
        """How far below the horizontal the foot points, deg."""
        joints = joints_of(poses_from_bvh(path).poses)
        foot = joints[:, toe] - joints[:, ankle]
        return float(np.degrees(np.arcsin(np.median(-foot[:, 2] / np.linalg.norm(foot, axis=1)))))

    sound = fallen()
    text = path.read_text()
    changed = re.sub(rf"({joint}\n{{\n)OFFSET [^\n]*", rf"\1OFFSET {offset}", text, count=1, flags=re.DOTALL)
    assert changed != text
    path.write_text(changed)
    assert fallen() == pytest.approx(sound, abs=15)


def test_a_body_without_lengths_is_refused(tmp_path):
    path = write_bvh(tmp_path / "a.bvh", drawn(4), PERSON, BY_RIG["cgspeed"])
    whole = path.read_text()
    path.write_text(re.sub(r"OFFSET [^\n]*", "OFFSET 0 0 0", whole))
    with pytest.raises(DataError, match="lie 0 apart, the longest limb is 0 long; expected a person"):
        poses_from_bvh(path)
    path.write_text(re.sub(r"(JOINT RightKnee\n{\n)OFFSET [^\n]*", r"\1OFFSET 0 0 0", whole))
    with pytest.raises(DataError, match="RightHip and RightKnee lie 0 apart"):
        poses_from_bvh(path)
    path.write_text(re.sub(r"(JOINT RightKnee\n{\n)OFFSET [^\n]*", r"\1OFFSET 1e308 1e308 1e308", whole))
    with pytest.raises(DataError, match="frame 1 puts a joint further away than"):
        poses_from_bvh(path)
