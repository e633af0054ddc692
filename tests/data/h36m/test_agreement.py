from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes_h36m import AS_IT_IS, BOTH_EXCHANGED, LEFT_LEG_FIRST, draw_lab
from prepose.data.h36m.agreement import in_mm, weak_misses, with_2d_in_order, with_true_sides
from prepose.data.h36m.frames import Frames
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(6), frames=6, subjects=(5, 11))
ARMS_EXCHANGED = BOTH_EXCHANGED[LEFT_LEG_FIRST]


def table() -> Frames:
    shots = list(LAB.shots())
    cam = np.concatenate([shot.joints_cam for shot in shots])
    img = np.concatenate([shot.joints_img for shot in shots])
    count = len(cam)
    where, given = np.ones((count, 5), int), np.full((count, 4), np.nan)
    return Frames(Path(), tuple(map(str, range(count))), cam, img, where, given)


@pytest.fixture
def frames() -> Frames:
    return table()


@pytest.mark.parametrize("order", [AS_IT_IS, LEFT_LEG_FIRST, ARMS_EXCHANGED, BOTH_EXCHANGED])
@pytest.mark.parametrize("order_2d", [AS_IT_IS, LEFT_LEG_FIRST, ARMS_EXCHANGED, BOTH_EXCHANGED])
def test_any_order_of_sides_in_3d_and_2d_is_put_right(frames, order, order_2d):
    mixed = replace(frames, joints_cam=frames.joints_cam[:, order], joints_img=frames.joints_img[:, order_2d])
    right = with_2d_in_order(with_true_sides(mixed, "here"), "here")
    np.testing.assert_array_equal(right.joints_cam, frames.joints_cam)
    np.testing.assert_array_equal(right.joints_img, frames.joints_img)
    assert any("3D: left and right" in note for note in right.notes) == (order is not AS_IT_IS)
    assert any("2D: left and right" in note for note in right.notes) == (order_2d is not AS_IT_IS)


def test_joints_in_the_world_are_put_right_too(frames):
    world = np.concatenate(list(LAB.world.values()))
    first = frames.take(np.arange(len(world)))
    mixed = replace(first, joints_world=world[:, LEFT_LEG_FIRST])
    np.testing.assert_array_equal(with_true_sides(mixed, "here").joints_world, world)


def test_recordings_of_both_kinds_are_refused_with_the_figures(frames):
    mixed = frames.joints_cam.copy()
    mixed[::2] = mixed[::2][:, LEFT_LEG_FIRST]
    with pytest.raises(DataError, match=r"here: right and left cannot be told \(agreement .* legs -?0\.[012]"):
        with_true_sides(replace(frames, joints_cam=mixed), "here")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_axis_is_not_mistaken_for_wrong_names(frames, axis):
    flipped = frames.joints_cam.copy()
    flipped[..., axis] *= -1
    if axis == 2:  # the 2D joints cannot tell a flipped depth; that it lies behind the camera can (see projection)
        assert (flipped[..., 2] < 0).all()
        return
    with pytest.raises(DataError, match=r"2D and 3D joints do not show the same poses .* or an axis is flipped"):
        with_2d_in_order(with_true_sides(replace(frames, joints_cam=flipped), "here"), "here")


def test_a_flipped_depth_without_cameras_is_refused(frames):
    relative = frames.joints_cam - frames.joints_cam[:, :1]
    flipped = replace(frames, joints_cam=relative * np.array([1, 1, -1.0]), rooted=True)
    with pytest.raises(DataError, match="whether names are wrong or an axis is mirrored"):
        with_true_sides(flipped, "here")


def test_a_shifted_pairing_is_refused(frames):
    shifted = replace(frames, joints_img=np.roll(frames.joints_img, 7, axis=0))
    with pytest.raises(DataError, match="labels are paired wrongly"):
        with_2d_in_order(shifted, "here")


def test_frames_without_2d_joints_have_no_order_to_check(frames):
    bare = replace(frames, joints_img=np.full_like(frames.joints_img, np.nan))
    assert with_2d_in_order(bare, "here") is bare


def test_the_misfit_of_a_laid_pose_is_none_and_of_a_mirrored_one_large(frames):
    laid = 0.2 * frames.joints_cam[..., :2] + 100.0
    assert weak_misses(frames.joints_cam, laid).max() < 1e-9
    assert np.median(weak_misses(frames.joints_cam, laid * np.array([-1.0, 1]))) > 0.08
    assert np.median(weak_misses(frames.joints_cam, frames.joints_img)) < 0.02


@pytest.mark.parametrize("order_2d", [AS_IT_IS, LEFT_LEG_FIRST, ARMS_EXCHANGED, BOTH_EXCHANGED])
def test_the_order_of_guessed_2d_joints_is_found_as_well(frames, order_2d):
    # 3 px of people 110 px tall: as far off as a network's guesses are.
    noisy = frames.joints_img + np.random.default_rng(8).normal(0, 3, frames.joints_img.shape)
    right = with_2d_in_order(replace(frames, joints_img=noisy[:, order_2d]), "here")
    np.testing.assert_array_equal(right.joints_img, noisy)


@pytest.mark.parametrize(("factor", "name"), [(1.0, None), (0.1, "cm"), (0.001, "m")])
def test_units_are_told_by_legs(frames, factor, name):
    converted = in_mm(replace(frames, joints_cam=frames.joints_cam * factor), "here")
    np.testing.assert_allclose(converted.joints_cam, frames.joints_cam)
    assert [name in note for note in converted.notes] == ([] if name is None else [True])


def test_legs_of_nobody_are_refused(frames):
    with pytest.raises(DataError, match=r"here: thighs and shins have a median of .* in none of mm, cm, m"):
        in_mm(replace(frames, joints_cam=frames.joints_cam * 4), "here")
