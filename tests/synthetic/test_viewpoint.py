from dataclasses import replace

import numpy as np
import pytest

from prepose.camera.crop import Crop, transform
from prepose.synthetic.viewpoint import (
    NEAREST,
    WIDE_VIEWS,
    draw_square,
    draw_viewpoint,
    frame_camera,
    keep_square,
    look_at,
)

BODY = np.random.default_rng(0).uniform([-350, -250, 0], [350, 250, 1750], (400, 3))


def test_camera_looks_at_its_target_with_a_level_horizon():
    centre, target = np.array([1000.0, -3000, 1500]), np.array([200.0, 300, 900])
    camera = frame_camera(centre, look_at(centre, target), 60.0)
    np.testing.assert_allclose(camera.project(camera.cam_from_world(target)), [499.5, 499.5], atol=1e-6)
    up = camera.project(camera.cam_from_world(target + np.array([0, 0, 200.0])))
    assert up[1] < 499 and up[0] == pytest.approx(499.5)


def test_roll_turns_the_picture_about_the_target():
    centre, target = np.array([0.0, -3000, 1000]), np.array([0.0, 0, 1000])
    rolled = frame_camera(centre, look_at(centre, target, np.radians(90)), 60.0)
    side = rolled.project(rolled.cam_from_world(np.array([300.0, 0, 1000])))
    assert side[0] == pytest.approx(499.5) and side[1] > 520


def test_straight_down_is_refused():
    with pytest.raises(ValueError, match="horizon is not defined"):
        look_at(np.array([0.0, 0, 3000]), np.zeros(3))


@pytest.mark.parametrize("seed", range(60))
def test_drawn_cameras_see_the_whole_body_before_them(seed):
    view = draw_viewpoint(np.random.default_rng(seed), BODY, WIDE_VIEWS)
    in_camera = view.camera.cam_from_world(BODY)
    assert (in_camera[:, 2] > 150).all()
    assert np.linalg.norm(in_camera, axis=1).min() > 0.8 * NEAREST
    assert WIDE_VIEWS.height[0] <= view.centre[2] <= WIDE_VIEWS.height[1]
    assert WIDE_VIEWS.field_of_view[0] - 1e-6 <= view.field_of_view <= WIDE_VIEWS.field_of_view[1] + 1e-6


def test_cameras_vary_in_height_lens_and_distance():
    views = [draw_viewpoint(np.random.default_rng(seed), BODY, WIDE_VIEWS) for seed in range(300)]
    heights, lenses = np.array([view.centre[2] for view in views]), np.array([view.field_of_view for view in views])
    assert heights.min() < 600 and heights.max() > 3500 and 1200 < np.median(heights) < 2000
    assert lenses.min() < 32 and lenses.max() > 92
    distances = [np.linalg.norm(view.centre - BODY.mean(axis=0)) for view in views]
    assert min(distances) < 2000 and max(distances) > 7000


def test_kept_square_projects_exactly_where_the_crop_moves_the_frame():
    view = draw_viewpoint(np.random.default_rng(4), BODY, WIDE_VIEWS)
    camera = replace(view.camera, distortion=np.array([-0.2, 0.2, 0.001, -0.002, 0.0]))
    square = Crop((430.0, 520.0), 333.0, 128)
    points = camera.cam_from_world(BODY)
    expected = transform(square.crop_from_img, camera.project(points))
    kept = keep_square(camera, square)
    np.testing.assert_allclose(kept.project(points), expected, atol=1e-9)
    assert kept.size_wh == (128, 128)


@pytest.mark.parametrize("seed", range(40))
def test_square_is_filled_as_asked_and_holds_the_body(seed):
    generator = np.random.default_rng(seed)
    view = draw_viewpoint(generator, BODY, WIDE_VIEWS)
    body_img = view.camera.project(view.camera.cam_from_world(BODY))
    whole = replace(WIDE_VIEWS, truncated=0.0)
    square, cut = draw_square(generator, body_img, body_img[:27], views=whole, size=100)
    in_square = transform(square.crop_from_img, body_img)
    assert not cut
    assert in_square.min() > -0.5 and in_square.max() < 99.5
    fill = (body_img.max(axis=0) - body_img.min(axis=0)).max() / square.side
    assert WIDE_VIEWS.fill[0] <= fill <= WIDE_VIEWS.fill[1]


def test_truncated_squares_cut_but_keep_a_good_part():
    generator = np.random.default_rng(0)
    view = draw_viewpoint(generator, BODY, WIDE_VIEWS)
    body_img = view.camera.project(view.camera.cam_from_world(BODY))
    joints = body_img[:27]
    for _ in range(30):
        square, cut = draw_square(generator, body_img, joints, views=replace(WIDE_VIEWS, truncated=1.0), size=100)
        inside = np.abs(transform(square.crop_from_img, joints) - 49.5).max(axis=1) <= 50
        assert cut and inside.mean() >= 0.4
