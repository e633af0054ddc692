import numpy as np
import pytest

from prepose.body.drawing import (
    LEFT,
    MIDDLE,
    RIGHT,
    SIDE_VIEW,
    draw_box,
    draw_figure,
    draw_skeleton,
    draw_text,
    side_colour,
)
from prepose.body.skeletons import MPII_16, SKELETONS


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def spread(skeleton, size: float) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1 * size, 0.9 * size, (len(skeleton), 2))


def centroid(weight: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_is_drawn_on_a_copy(skeleton):
    image = grey(200, 200)
    drawn = draw_skeleton(image, spread(skeleton, 200), skeleton)
    assert (image == 128).all()
    assert (drawn != 128).any()


@pytest.mark.parametrize("place", [(20.0, 20.0), (20.25, 19.5), (20.5, 20.5), (19.8, 20.3)])
def test_a_joint_lies_where_it_is_to_a_part_of_a_pixel(place):
    joints = np.full((16, 2), np.nan)
    joints[MPII_16.index("pelvis")] = place
    drawn = draw_skeleton(np.zeros((41, 41, 3), np.uint8), joints, MPII_16, thickness=4)
    np.testing.assert_allclose(centroid(drawn[..., 1].astype(float)), place, atol=0.06)


@pytest.mark.parametrize(("joint", "colour"), [("r_wrist", RIGHT), ("l_ankle", LEFT), ("thorax", MIDDLE)])
def test_the_side_decides_the_colour(joint, colour):
    assert side_colour(joint) == colour
    joints = np.full((16, 2), np.nan)
    joints[MPII_16.index(joint)] = (10, 12)
    np.testing.assert_array_equal(draw_skeleton(grey(24, 24), joints, MPII_16, thickness=4)[12, 10], colour)


def test_right_is_warm_and_left_is_cool():
    assert RIGHT[0] > RIGHT[2]
    assert LEFT[2] > LEFT[0]


def test_missing_joints_take_their_bones_with_them():
    joints = spread(MPII_16, 100)
    knee = MPII_16.index("r_knee")
    missing = joints.copy()
    missing[knee, 1] = np.nan
    nowhere = np.full_like(joints, np.nan)
    assert (draw_skeleton(grey(100, 100), nowhere, MPII_16) == 128).all()
    only_bone = np.full_like(joints, np.nan)
    only_bone[knee], only_bone[MPII_16.index("r_ankle")] = (10, 50), (90, 50)
    assert (draw_skeleton(grey(100, 100), only_bone, MPII_16)[50, 50] != 128).any()
    only_bone[knee] = np.nan
    assert (draw_skeleton(grey(100, 100), only_bone, MPII_16)[50, 50] == 128).all()
    assert np.isfinite(draw_skeleton(grey(100, 100), missing, MPII_16)).all()


def test_hidden_joints_are_rings():
    joints = np.full((16, 2), np.nan)
    joints[0] = (20, 20)
    hidden = np.arange(16) == 0
    drawn = draw_skeleton(grey(41, 41), joints, MPII_16, thickness=8, hidden=hidden)
    np.testing.assert_array_equal(drawn[20, 20], (255, 255, 255))
    assert (np.abs(drawn[20].astype(int) - RIGHT).sum(axis=1) < 30).any()
    np.testing.assert_array_equal(draw_skeleton(grey(41, 41), joints, MPII_16, thickness=8)[20, 20], RIGHT)


def test_doubt_fades_to_grey():
    joints = np.full((16, 2), np.nan)
    joints[0] = (20, 20)
    spans = []
    for value in (1.0, 0.5, 0.0, np.nan):
        drawn = draw_skeleton(grey(41, 41), joints, MPII_16, thickness=8, confidence=np.full(16, value))
        spans.append(int(np.ptp(drawn[20, 20].astype(int))))
    assert spans[0] > spans[1] > spans[2] == spans[3] == 0


@pytest.mark.parametrize("size", [96, 256, 1000, 2160])
def test_the_drawing_keeps_its_share_of_the_picture(size):
    drawn = draw_skeleton(grey(size, size), np.tile(np.linspace(0.1, 0.9, 16)[:, None] * size, 2), MPII_16)
    share = (drawn != 128).any(axis=2).mean()
    assert 0.01 < share < 0.12


def test_a_small_person_in_a_large_picture_is_not_a_blot():
    joints = spread(MPII_16, 60)
    drawn = draw_skeleton(grey(2000, 2000), joints, MPII_16)
    assert (drawn[:60, :60] != 128).any(axis=2).mean() < 0.6


@pytest.mark.parametrize("far", [1e9, -1e9, np.inf])
def test_joints_far_away_do_no_harm(far):
    joints = spread(MPII_16, 50)
    joints[3] = far
    assert draw_skeleton(grey(50, 50), joints, MPII_16).shape == (50, 50, 3)


def test_a_box_runs_along_the_edges_of_its_pixels():
    drawn = draw_box(np.zeros((40, 40, 3), np.uint8), np.array([10.5, 5.5, 20.0, 25.0]), thickness=1)
    lit = drawn[..., 0] > 60
    assert np.flatnonzero(lit.any(axis=0))[[0, -1]].tolist() == [10, 30]
    assert np.flatnonzero(lit.any(axis=1))[[0, -1]].tolist() == [5, 30]
    assert (draw_box(grey(40, 40), np.array([0, 0, np.nan, 1.0])) == 128).all()


def test_a_figure_fills_its_square_upright():
    joints = np.full((16, 3), np.nan)
    joints[MPII_16.index("pelvis")] = (0, 0, 4000)
    joints[MPII_16.index("r_hip")] = (-100, 0, 4000)
    joints[MPII_16.index("thorax")] = (0, -500, 4000)
    drawn = draw_figure(joints, MPII_16, size=100)
    ink = (drawn != drawn[0, 0]).any(axis=2)
    # The width of lines and joints comes on top of the pose's 84 px.
    assert np.ptp(np.flatnonzero(ink.any(axis=1))) == pytest.approx(84 + 5, abs=3)
    assert not ink.all(axis=1).any()
    assert (draw_figure(np.full((16, 3), np.nan), MPII_16, size=30) == drawn[0, 0]).all()


def test_the_side_view_shows_what_is_near_on_the_left():
    # Seen from the camera's right, what is nearer to the camera is on the left of the sheet.
    joints = np.full((16, 3), np.nan)
    joints[MPII_16.index("pelvis")] = (0, 0, 4000)
    joints[MPII_16.index("r_hip")] = (0, 0, 3800)
    drawn = draw_figure(joints, MPII_16, size=100, view=SIDE_VIEW)
    reddish = (drawn[..., 0] > 200) & (drawn[..., 2] < 120)
    assert reddish[:, :50].any()
    assert pytest.approx(np.eye(3)) == SIDE_VIEW @ SIDE_VIEW.T
    assert np.linalg.det(SIDE_VIEW) == pytest.approx(1)


def test_near_bones_cover_far_ones():
    joints = np.full((16, 3), np.nan)
    for joint, x, z in (("r_knee", -100, 1), ("r_ankle", 100, 1), ("l_knee", -100, 2), ("l_ankle", 100, 2)):
        joints[MPII_16.index(joint)] = (x, 0, 1000.0 * z)
    np.testing.assert_array_equal(draw_figure(joints, MPII_16, size=96)[48, 48], RIGHT)
    joints[:, 2] = 3000 - joints[:, 2]
    np.testing.assert_array_equal(draw_figure(joints, MPII_16, size=96)[48, 48], LEFT)


def test_text_is_written_light_on_dark():
    image = grey(30, 200)
    draw_text(image, "12 walk \u00e9", (0, 0), height=10)
    assert image.max() > 200
    assert image.min() < 40
    assert (image[:, 150:] == 128).all()
