import numpy as np
import pytest

from fake_people import fake_posed
from prepose.body.pose import mirror
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import H36M_17, OCCLUSION_PERSON_15, PREPOSE_27, SKELETONS, SMPL_24
from prepose.data.sides import FEWEST_POSES, beside, exchanged, forward, side_agreement, side_order, sides_note
from prepose.errors import DataError
from prepose.synthetic.motion import ACTIONS, draw_pose
from prepose.synthetic.rig import draw_proportions, mean_proportions, pose_joints


def people(generator: np.random.Generator, actions: tuple[str, ...], count: int) -> np.ndarray:
    """(count, 27, 3) world, mm, each turned about the vertical by a random angle."""
    poses = []
    for _ in range(count):
        proportions = draw_proportions(generator)
        pose = draw_pose(generator, proportions=proportions, actions=actions)
        joints, _ = pose_joints(proportions, pose)
        turn = generator.uniform(-np.pi, np.pi)
        rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        poses.append(joints @ rotation.T)
    return np.stack(poses)


def as_h36m(joints: np.ndarray) -> np.ndarray:
    mapped = joint_map(PREPOSE_27, H36M_17).apply(joints)
    mapped[:, H36M_17.index("nose_neck")] = joints[:, PREPOSE_27.index("nose")]
    return mapped


@pytest.fixture(scope="module")
def poses() -> np.ndarray:
    return as_h36m(people(np.random.default_rng(0), tuple(ACTIONS), 120))


def test_sound_sides_agree_over_all_actions(poses):
    check = side_agreement(poses, H36M_17)
    assert check.poses > 100
    assert min(check.legs, check.arms) > 0.8
    assert (check.clear, check.legs_swapped, check.arms_swapped) == (True, False, False)


@pytest.mark.parametrize(("legs", "arms"), [(True, False), (False, True), (True, True)])
def test_exchanged_limbs_are_told_apart(poses, legs, arms):
    check = side_agreement(poses[:, side_order(H36M_17, legs=legs, arms=arms)], H36M_17)
    assert (check.legs_swapped, check.arms_swapped, check.clear) == (legs, arms, True)


def test_a_mirrored_frame_looks_like_both_exchanged_and_a_mirrored_person_does_not(poses):
    flipped = poses * np.array([-1.0, 1, 1])
    check = side_agreement(flipped, H36M_17)
    assert check.legs_swapped
    assert check.arms_swapped
    assert not side_agreement(mirror(poses, H36M_17), H36M_17).legs_swapped


def test_half_of_each_is_not_clear(poses):
    mixed = poses.copy()
    mixed[::2] = poses[::2][:, side_order(H36M_17, legs=True, arms=False)]
    check = side_agreement(mixed, H36M_17)
    assert not check.clear
    assert abs(check.legs) < 0.3
    assert check.arms > 0.8


def test_any_frame_will_do(poses):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    turned = side_agreement(poses @ rotation.T + 5000.0, H36M_17)
    straight = side_agreement(poses, H36M_17)
    assert turned.legs == pytest.approx(straight.legs)
    assert turned.arms == pytest.approx(straight.arms)


def test_bent_knees_are_enough_without_a_nose(poses):
    joints = people(np.random.default_rng(2), ("sitting", "walking", "squatting"), 40)
    check = side_agreement(joint_map(PREPOSE_27, SMPL_24).apply(joints), SMPL_24)
    assert check.poses > 20
    assert check.legs > 0.8


def test_nobody_who_faces_anywhere_gives_nan():
    straight = np.zeros((3, 17, 3))
    straight[..., 2] = np.linspace(0, 1600, 17)
    check = side_agreement(straight, H36M_17)
    assert check.poses == 0
    assert np.isnan([check.legs, check.arms]).all()
    assert not (check.clear or check.legs_swapped or check.arms_swapped)


def test_forward_is_where_the_rest_pose_looks():
    direction = forward(as_h36m(mean_proportions().rest[None]), H36M_17)[0]
    assert direction[1] == pytest.approx(np.linalg.norm(direction), rel=0.05)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_orders_are_their_own_inverse(skeleton):
    for legs in (False, True):
        for arms in (False, True):
            order = side_order(skeleton, legs=legs, arms=arms)
            np.testing.assert_array_equal(order[order], np.arange(len(skeleton)))
    every = tuple(dict.fromkeys(name[2:] for name in skeleton.joints if name[:2] in ("l_", "r_")))
    limbs = exchanged(skeleton, every)
    np.testing.assert_array_equal(limbs, skeleton.mirror)


def test_a_point_lies_beside_a_line_by_what_is_across_it():
    start, end = np.zeros((2, 3)), np.array([[0, 0, 5.0], [0, 3.0, 0]])
    np.testing.assert_allclose(
        beside(np.array([[1.0, 2, 9], [1, 2, 9]]), start, end), [[1, 2, 0], [1, 0, 9]], atol=1e-12
    )
    np.testing.assert_allclose(beside(np.array([[1.0, 2, 9]]), start[:1], start[:1]), [[1, 2, 9]])


@pytest.fixture(scope="module", params=(OCCLUSION_PERSON_15, SMPL_24), ids=lambda skeleton: skeleton.name)
def posed(request):
    generator = np.random.default_rng(4)
    return request.param, np.stack([fake_posed(generator, request.param) for _ in range(FEWEST_POSES + 10)])


def test_sides_that_agree_are_told(posed):
    skeleton, joints = posed
    assert sides_note(joints, skeleton, "labels").startswith("left and right agree with the facing direction of ")


def test_exchanged_sides_are_refused(posed):
    skeleton, joints = posed
    with pytest.raises(DataError, match=r"labels: left and right legs and arms are exchanged .*expected near \+1"):
        sides_note(joints[:, skeleton.mirror], skeleton, "labels")
    with pytest.raises(DataError, match="legs and arms are exchanged"):
        sides_note(joints * np.array([1, -1, 1]), skeleton, "labels")  # a left-handed frame


def test_a_few_poses_tell_nothing(posed):
    skeleton, joints = posed
    assert sides_note(joints[:3], skeleton, "labels").startswith("too few poses")
