import numpy as np
import pytest

from prepose.body.drawing import LEFT, MIDDLE, RIGHT
from prepose.body.skeletons import PREPOSE_27, SKELETONS
from prepose.predict.drawing import draw_scene, scene_of
from prepose.synthetic.rig import draw_proportions

SIZE = (210, 320)


def standing():
    """A person who stands upright and faces the camera, arms out to the sides, mm."""
    rest = draw_proportions(np.random.default_rng(0), 1750.0).rest
    # Rest frame: x to the person's right, y to the front, z up. Camera: x right, y down, z forward.
    return np.stack([-rest[:, 0], -rest[:, 2], 4000 - rest[:, 1]], axis=-1)


def pixels_of(picture, colour):
    """Columns and rows of the pixels of about that colour."""
    hue = np.array(colour) / np.linalg.norm(colour)
    pixels = picture.astype(float)
    likeness = (pixels @ hue) / np.maximum(np.linalg.norm(pixels, axis=-1), 1)
    rows, columns = np.nonzero(likeness > 0.985)
    assert len(rows) > 50
    return columns, rows


def where(picture, colour):
    """Mean (x, y) of the pixels of about that colour."""
    columns, rows = pixels_of(picture, colour)
    return columns.mean(), rows.mean()


def view(joints, azimuth):
    return draw_scene(scene_of(joints, PREPOSE_27), size_wh=SIZE, azimuth_deg=azimuth)


def test_the_front_view_is_not_mirrored():
    picture = view(standing(), 0.0)
    right, left, middle = (where(picture, colour)[0] for colour in (RIGHT, LEFT, MIDDLE))
    assert right < middle - 10 < middle + 10 < left, "a person who faces us has the right hand on our left"


def test_from_behind_the_sides_change():
    picture = view(standing(), 180.0)
    assert where(picture, LEFT)[0] < where(picture, RIGHT)[0]


def test_the_side_view_shows_what_is_near_the_camera_on_its_left():
    joints = standing()
    reaching = joints.copy()
    for joint in ("r_wrist", "r_hand", "r_elbow", "r_ankle", "r_toe", "r_knee"):
        reaching[PREPOSE_27.index(joint), 2] -= 900
    picture = view(reaching, 90.0)
    assert where(picture, RIGHT)[0] < where(picture, LEFT)[0] - 15


def test_up_is_up():
    joints = standing()
    arms = joints.copy()
    for joint in ("r_elbow", "r_wrist", "r_hand"):
        arms[PREPOSE_27.index(joint)] = joints[PREPOSE_27.index("r_shoulder")] + np.array([0, -500.0, 0])
    picture = view(arms, 0.0)
    assert pixels_of(picture, RIGHT)[1].min() < pixels_of(picture, LEFT)[1].min() - 20


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_any_skeleton_can_be_drawn_with_joints_missing(skeleton):
    joints = np.random.default_rng(0).normal(0, 400, (len(skeleton), 3)) + np.array([0, 0, 3000.0])
    joints[::3] = np.nan
    picture = draw_scene(scene_of(joints, skeleton), size_wh=(60, 80), azimuth_deg=30.0)
    assert picture.shape == (80, 60, 3)
    assert picture.std() > 3


@pytest.mark.parametrize("azimuth", [0.0, 45.0, 90.0, 210.0])
def test_the_pose_fills_the_view_and_stays_in_it(azimuth):
    joints = standing()
    picture, empty = view(joints, azimuth), view(np.where(np.arange(27)[:, None] < 1, joints, np.nan), azimuth)
    limbs = np.abs(picture.astype(int) - empty).max(axis=-1) > 60
    rows, columns = np.nonzero(limbs)
    assert np.ptp(rows) > 0.3 * SIZE[1]
    assert rows.min() > 2
    assert columns.min() > 2
    assert rows.max() < SIZE[1] - 3
    assert columns.max() < SIZE[0] - 3


def test_a_pose_without_joints_cannot_be_drawn():
    with pytest.raises(ValueError, match="without a single joint"):
        scene_of(np.full((27, 3), np.nan), PREPOSE_27)


def test_an_extreme_pose_is_drawn_all_the_same():
    joints = standing()
    joints[3] *= 1e6
    assert view(joints, 0.0).shape == (SIZE[1], SIZE[0], 3)
