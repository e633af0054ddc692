import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.occluders import SEATED, draw_occluders, draw_seat, hides
from prepose.synthetic.rig import draw_proportions, pose_joints
from prepose.synthetic.solids import boxes
from prepose.synthetic.tracer import build_tracer, first_hits

CAMERA = np.array([0.0, -4500.0, 1500.0])
WHO = draw_proportions(np.random.default_rng(0), 1750.0)


def posed(action, seed=0):
    pose = draw_pose(np.random.default_rng(seed), proportions=WHO, actions=(action,))
    return pose_joints(WHO, pose)[0]


def test_a_thing_hides_what_lies_behind_it_and_nothing_else():
    wall = [boxes([((-1000, -2000, 0), (1000, -1900, 1100))], np.full((1, 3), 0.5))]
    points = np.array([[0.0, 0, 300], [0, 0, 1700], [0, -3000, 300]])
    np.testing.assert_array_equal(hides(wall, points, CAMERA), [True, False, False])


@pytest.mark.parametrize("target", [0.15, 0.4])
def test_about_as_much_is_hidden_as_wanted(target):
    joints = posed("standing")
    shares = []
    for seed in range(25):
        things = draw_occluders(np.random.default_rng(seed), joints, joints, camera=CAMERA, target=target)
        shares.append(hides(things, joints, CAMERA).mean() if things else 0.0)
    assert max(shares) <= target + 0.08
    assert np.mean(shares) > 0.5 * target


def test_nothing_is_put_where_nothing_is_wanted():
    joints = posed("standing")
    assert draw_occluders(np.random.default_rng(0), joints, joints, camera=CAMERA, target=0.0) == []


def test_occluders_keep_out_of_the_body_and_off_the_camera():
    joints = posed("walking")
    for seed in range(15):
        things = draw_occluders(np.random.default_rng(seed), joints, joints, camera=CAMERA, target=0.4)
        for mesh in things:
            to_body = np.linalg.norm(mesh.vertices[:, None, :2] - joints[None, :, :2], axis=2)
            assert to_body.min() > 35
            assert np.linalg.norm(mesh.vertices - CAMERA, axis=1).min() > 300


@pytest.mark.parametrize("action", SEATED)
@pytest.mark.parametrize("seed", range(6))
def test_who_sits_has_a_seat_close_under_the_pelvis_and_none_in_it(action, seed):
    joints = posed(action, seed)
    seat = draw_seat(np.random.default_rng(seed), joints, WHO.height)
    assert seat
    tracer, pelvis = build_tracer(seat), joints[PREPOSE_27.root_index]
    _, down = first_hits(tracer, pelvis[None], np.array([[0.0, 0, -1]]))
    assert 0.03 * WHO.height < down[0] < 0.12 * WHO.height
    # The shins hang before the seat or go back under it, not through it.
    for side in "lr":
        knee, ankle = (joints[PREPOSE_27.index(f"{side}_{name}")] for name in ("knee", "ankle"))
        _, part = first_hits(tracer, (knee + 0.25 * (ankle - knee))[None], 0.75 * (ankle - knee)[None])
        assert part[0] > 0.9


def test_who_stands_low_gets_no_seat():
    assert draw_seat(np.random.default_rng(0), posed("sitting_ground"), WHO.height) == []
