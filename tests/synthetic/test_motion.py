import numpy as np
import pytest

from prepose.body.pose import bone_lengths, mirror
from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.anatomy import ANGLE_INDEX, ANGLES, LIMITS, base_name, pose_angles, within_limits
from prepose.synthetic.contact import lowest_point, penetrations
from prepose.synthetic.everyday import GAIT, GESTURES, LOW, STANDING
from prepose.synthetic.motion import ACTIONS, TOUCH_DEPTH, draw_angles, draw_pose, ground
from prepose.synthetic.rig import draw_proportions, mean_proportions, pose_joints
from prepose.synthetic.sports import ANYTHING, SPORT

PERSON = mean_proportions()
UPRIGHT = ("standing", "walking", "running", "arms_crossed", "hands_on_hips", "waving", "pointing", "sitting")


def draws(action: str, count: int, seed: int = 0, **settings):
    generator = np.random.default_rng(seed)
    return [draw_pose(generator, proportions=PERSON, actions=(action,), **settings) for _ in range(count)]


def joints_of(poses):
    return np.stack([pose_joints(PERSON, pose)[0] for pose in poses])


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_keeps_limits_bones_ground_and_limbs_apart(action):
    poses = draws(action, 12)
    joints = joints_of(poses)
    assert all(within_limits(pose) for pose in poses)
    assert {pose.action for pose in poses} == {action}
    lengths = bone_lengths(joints, PREPOSE_27)
    np.testing.assert_allclose(lengths, np.tile(bone_lengths(PERSON.rest, PREPOSE_27), (12, 1)), atol=1e-6)
    low, high = ACTIONS[action].clearance
    heights = np.array([lowest_point(joint, PERSON.height) for joint in joints]) / PERSON.height
    assert heights.min() > low - 1e-6 and heights.max() < high + 1e-6
    overlap = np.array([penetrations(joint, PERSON.height).max() for joint in joints])
    assert (overlap < TOUCH_DEPTH).mean() >= 0.8 and overlap.max() < 0.05


@pytest.mark.slow
def test_a_thousand_draws_of_every_action_keep_the_limits():
    generator = np.random.default_rng(1)
    names = [name for name in ANGLES if base_name(name) in LIMITS]
    columns = [ANGLE_INDEX[name] for name in names]
    low, high = (np.array([LIMITS[base_name(name)][end] for name in names]) for end in (0, 1))
    for action in ACTIONS:
        angles = np.array([draw_angles(generator, action) for _ in range(1000)])[:, columns]
        assert (angles >= low).all() and (angles <= high).all(), action


@pytest.mark.parametrize("action", ACTIONS)
def test_draws_of_an_action_differ_and_narrow_with_their_breadth(action):
    wide, narrow = (joints_of(draws(action, 8, breadth=breadth)) for breadth in (1.0, 0.3))
    wide, narrow = ((joints - joints[:, :1]).std(axis=0).mean() for joints in (wide, narrow))
    assert wide > 10
    assert narrow < wide


def test_the_same_seed_draws_the_same_poses():
    one, other = (draws("random", 5, seed=7) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.local, b.local)
        np.testing.assert_array_equal(a.pelvis_world, b.pelvis_world)
    assert not np.allclose(one[0].local, draws("random", 1, seed=8)[0].local)


def test_all_actions_are_drawn_when_none_is_named():
    generator = np.random.default_rng(0)
    drawn = {draw_pose(generator, proportions=PERSON).action for _ in range(100)}
    assert len(drawn) > len(ACTIONS) / 2


@pytest.mark.parametrize("actions", [(), ("flying",), ("standing", "flying")])
def test_an_unknown_action_is_refused(actions):
    with pytest.raises(ValueError, match=r"actions must be some of standing, .*; found"):
        draw_pose(np.random.default_rng(0), proportions=PERSON, actions=actions)


@pytest.mark.parametrize("action", UPRIGHT)
def test_people_face_forward_with_the_head_up(action):
    joints = joints_of(draws(action, 10))
    at = {name: joints[:, i] for i, name in enumerate(PREPOSE_27.joints)}
    assert (at["r_hip"] - at["l_hip"])[:, 0].mean() > 50
    facing = (at["r_toe"] - at["r_ankle"] + at["l_toe"] - at["l_ankle"]).mean(axis=0)
    assert facing[1] > abs(facing[0])
    assert (at["head"][:, 2] > at["pelvis"][:, 2] + 200).all()


@pytest.mark.parametrize("action", ["kicking", "walking", "random"])
def test_left_and_right_are_alike_as_distributions(action):
    joints = joints_of(draws(action, 80))
    joints = joints - joints[:, :1]
    mean, mirrored = joints.mean(axis=0), mirror(joints, PREPOSE_27).mean(axis=0)
    error = joints.std(axis=0) / np.sqrt(len(joints)) + mirror(joints, PREPOSE_27).std(axis=0) / np.sqrt(len(joints))
    assert (np.abs(mean - mirrored) < 4 * error + 1).all()


# What makes an action what it is, in statures, x right, y forward, z up; either side may be the acting one.
def test_actions_read_as_what_they_are():
    def features(action):
        joints = joints_of(draws(action, 12)) / PERSON.height
        return {name: joints[:, i] for i, name in enumerate(PREPOSE_27.joints)}

    up = features("arms_up")
    assert (np.minimum(up["r_hand"][:, 2], up["l_hand"][:, 2]) > up["head"][:, 2]).mean() > 0.8
    back, belly = features("lying_on_back"), features("lying_on_belly")
    assert (back["nose"][:, 2] > back["head"][:, 2]).all()
    assert all((at[name][:, 2] < 0.2).all() for at in (back, belly) for name in ("pelvis", "thorax", "head"))
    assert (np.minimum(belly["r_ear"][:, 2], belly["l_ear"][:, 2]) < 0.2).all()
    handstand = features("handstand")
    assert (handstand["pelvis"][:, 2] > handstand["head"][:, 2] + 0.2).all()
    phone = features("phoning")
    to_ear = [np.linalg.norm(phone[f"{s}_hand"] - phone[f"{s}_ear"], axis=-1) for s in "rl"]
    assert (np.minimum(*to_ear) < 0.14).mean() > 0.9
    eating = features("eating")
    to_mouth = [np.linalg.norm(eating[f"{s}_hand"] - eating["nose"], axis=-1) for s in "rl"]
    assert (np.minimum(*to_mouth) < 0.14).mean() > 0.8
    behind = features("arms_behind")
    assert (behind["r_hand"][:, 1] < behind["r_shoulder"][:, 1] + 0.02).mean() > 0.8
    crossed = features("arms_crossed")
    assert (crossed["r_hand"][:, 0] < crossed["l_hand"][:, 0]).mean() > 0.9
    sitting = features("sitting")
    assert (np.abs(sitting["r_knee"][:, 2] - sitting["r_hip"][:, 2]) < 0.14).all()


def test_arms_swing_against_legs_when_walking():
    at = dict(zip(PREPOSE_27.joints, np.moveaxis(joints_of(draws("walking", 60)), 1, 0), strict=True))
    legs = at["r_ankle"][:, 1] - at["l_ankle"][:, 1]
    arms = at["r_wrist"][:, 1] - at["l_wrist"][:, 1]
    assert np.corrcoef(legs, arms)[0, 1] < -0.6


def test_knees_bend_with_hips_as_in_natural_movement():
    angles = np.array([pose_angles(pose.local) for pose in draws("random", 100)])
    hip, knee = angles[:, ANGLE_INDEX["r_hip_flexion"]], angles[:, ANGLE_INDEX["r_knee_flexion"]]
    assert np.corrcoef(hip, knee)[0, 1] > 0.25


def test_a_phase_moves_the_legs_half_a_cycle_apart():
    generator = np.random.default_rng(0)
    angles = np.array([draw_angles(generator, "running", breadth=0.0) for _ in range(200)])
    hips = angles[:, [ANGLE_INDEX[f"{s}_hip_flexion"] for s in "rl"]]
    np.testing.assert_allclose(hips.sum(axis=1), 2 * 22, atol=1e-6)
    assert np.ptp(hips) > 60


def test_grounding_another_person_rests_them_too():
    pose = draws("crouching", 1)[0]
    for seed in range(3):
        person = draw_proportions(np.random.default_rng(seed))
        joints, _ = pose_joints(person, ground(pose, person, clearance=0.1))
        assert lowest_point(joints, person.height) == pytest.approx(0.1 * person.height, abs=1e-6)


KNOWN = {*ANGLES, *(base_name(name) for name in ANGLES)}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_names_what_exists(name):
    action = ACTIONS[name]
    for row in (action.mean, action.spread, action.stride, *action.factors):
        assert set(row) <= KNOWN
    assert {*action.arms, *action.other_arm} <= set(GESTURES)
    assert set(action.supports) <= set(PREPOSE_27.joints)
    assert set(action.soles) <= set("rl")
    assert all(1 <= len(terms) <= 2 for terms in action.stride.values())
    assert 0 <= action.clearance[0] <= action.clearance[1] < 1
    assert 0 <= action.alike <= 1


@pytest.mark.parametrize("name", ACTIONS)
def test_means_lie_within_the_limits(name):
    for angle, degrees in ACTIONS[name].mean.items():
        limit = LIMITS.get(base_name(angle))
        assert limit is None or limit.low <= degrees <= limit.high, angle


def test_no_two_groups_share_a_name():
    assert len(ACTIONS) == sum(len(group) for group in (STANDING, GAIT, LOW, SPORT, ANYTHING))
