import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prepose.camera import crop
from prepose.camera.crop import (
    BOX_MARGIN,
    Crop,
    borders,
    box_about,
    box_of_corners,
    cell_from_crop,
    corners_of_box,
    crop_of_box,
    from_corner,
    is_inside,
    middle_of,
    resize_matrix,
    scale_of,
    shift_matrix,
    transform,
    transform_box,
)

coordinates = st.floats(-500, 2000)
crops = st.builds(
    Crop,
    centre=st.tuples(coordinates, coordinates),
    side=st.floats(5, 2000),
    size=st.sampled_from([32, 64, 96, 256]),
    rotation=st.floats(-3, 3),
    flip=st.booleans(),
)


@given(crop=crops)
def test_crop_then_inverse_is_the_identity(crop):
    points = np.random.default_rng(0).uniform(-100, 2000, (30, 2))
    there = transform(crop.crop_from_img, points)
    np.testing.assert_allclose(transform(crop.img_from_crop, there), points, atol=1e-6)


@given(crop=crops)
def test_the_centre_lands_in_the_middle_and_lengths_scale_alike(crop):
    middle = transform(crop.crop_from_img, np.array([crop.centre]))
    np.testing.assert_allclose(middle, [[(crop.size - 1) / 2] * 2], atol=1e-6)
    assert scale_of(crop.crop_from_img[None]) == pytest.approx(crop.size / crop.side)
    assert np.sign(np.linalg.det(crop.crop_from_img[:2, :2])) == (-1 if crop.flip else 1)


def test_a_crop_of_the_whole_image_at_its_size_is_the_identity():
    np.testing.assert_allclose(Crop((31.5, 31.5), 64.0, 64).crop_from_img, np.eye(3), atol=1e-12)


def test_the_edges_of_the_square_land_on_the_edges_of_the_crop():
    matrix = Crop((100.0, 50.0), 40.0, 64).crop_from_img
    corners = np.array([[80.0, 30.0], [120.0, 70.0]])
    np.testing.assert_allclose(transform(matrix, corners), [[-0.5, -0.5], [63.5, 63.5]])


def test_flip_mirrors_the_crop_after_turning():
    plain, flipped = (Crop((60.0, 70.0), 50.0, 64, rotation=0.4, flip=flip) for flip in (False, True))
    points = np.random.default_rng(0).uniform(0, 128, (20, 2))
    x, y = transform(plain.crop_from_img, points).T
    np.testing.assert_allclose(transform(flipped.crop_from_img, points), np.stack([63 - x, y], 1))


def test_positive_rotation_turns_the_content_clockwise_on_the_screen():
    up = transform(Crop((50.0, 50.0), 64.0, 64, rotation=np.pi / 2).crop_from_img, np.array([[50.0, 40.0]]))
    np.testing.assert_allclose(up, [[41.5, 31.5]], atol=1e-9)


# Made by running the reference. It maps the square's corner to pixel 0, where ours puts it at -0.5.
REFERENCE = [
    (
        (320.0, 240.0), 300.0, 0.0, 256,
        [[0.8533333333333333, 0.0, -145.06666666666666],
         [0.0, 0.8533333333333334, -76.8]],
    ),
    (
        (100.5, 77.25), 123.0, 30.0, 64,
        [[0.4506148660656342, 0.26016261146893305, -33.384355775571315],
         [-0.26016261146893305, 0.4506148337911105, 23.33634654226448]],
    ),
    (
        (640.0, 360.0), 500.0, -17.5, 256,
        [[0.4883030858103357, -0.15396137742317711, -129.0878790462711],
         [0.1539613930481774, 0.48830307018533536, -146.32439681755426]],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("centre", "side", "degrees", "size", "expected"), REFERENCE)
def test_matrices_are_those_of_the_reference_but_for_its_missing_half_pixel(centre, side, degrees, size, expected):
    # The reference counts turns the other way round.
    crop = Crop(centre, side, size, rotation=-np.radians(degrees))
    ours = crop.crop_from_img[:2].copy()
    ours[:, 2] += 0.5
    np.testing.assert_allclose(ours, expected, atol=2e-5)


def blobs(image_wh, centres, sigma):
    """Gaussian blobs of known sub-pixel centres, px; the pixel at (x, y) is sampled at its centre."""
    width, height = image_wh
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    picture = np.zeros((height, width, 3))
    for channel, (cx, cy) in enumerate(centres):
        picture[..., channel] = 255 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
    return picture.round().astype(np.uint8)


def centres_of(picture):
    """The centre of mass of each channel."""
    x, y = np.meshgrid(np.arange(picture.shape[1]), np.arange(picture.shape[0]))
    weight = picture.astype(float)
    return np.stack([(weight * v[..., None]).sum((0, 1)) / weight.sum((0, 1)) for v in (x, y)], axis=1)


CENTRES = np.array([[150.3, 120.6], [120.25, 160.9], [171.5, 150.15]])
VIEWS = {
    "plain": {},
    "flipped": {"flip": True},
    "turned": {"rotation": 0.7},
    "turned and flipped": {"rotation": -0.4, "flip": True},
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(("side", "size"), [(110.7, 128), (160.0, 100), (190.0, 95), (200.0, 64), (220.3, 48)])
def test_pixels_land_where_the_matrix_says(view, side, size):
    crop = Crop((147.2, 141.9), side, size, **view)
    seen = crop.read(blobs((311, 287), CENTRES, sigma=6.0))
    assert seen.shape == (size, size, 3)
    np.testing.assert_allclose(centres_of(seen), transform(crop.crop_from_img, CENTRES), atol=0.06)


@pytest.mark.parametrize("factor", [0.5, 0.375, 0.25, 2.0])
def test_a_crop_of_the_resized_image_is_the_same_crop(factor):
    crop = Crop((147.2, 141.9), 180.0, 40, rotation=0.3, flip=True)
    points = np.random.default_rng(0).uniform(0, 300, (20, 2))
    resized = transform(resize_matrix(factor), points)
    in_resized = crop.in_resized(factor)
    np.testing.assert_allclose(transform(in_resized.crop_from_img, resized), transform(crop.crop_from_img, points))
    assert (in_resized.size, in_resized.rotation, in_resized.flip) == (40, 0.3, True)


def test_outside_the_image_is_black_and_shrinking_averages():
    bright = np.full((50, 50, 3), 200, np.uint8)
    seen = Crop((0.0, 24.5), 50.0, 50).read(bright)
    assert (seen[:, :24] == 0).all()
    assert (seen[:, 27:] == 200).all()
    checks = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    grey = Crop((63.5, 63.5), 128.0, 32).read(checks)
    assert np.abs(grey.astype(int) - 128).max() <= 1, "fine patterns turn grey instead of aliasing"


@given(
    x=st.floats(-50, 500), y=st.floats(-50, 500), width=st.floats(1, 900), height=st.floats(1, 900),
    margin=st.floats(1, 2),
)  # fmt: skip
def test_the_square_about_a_box_holds_the_box(x, y, width, height, margin):
    crop = crop_of_box(np.array([x, y, width, height]), 64, margin)
    assert crop.side == pytest.approx(margin * max(width, height))
    # A box covers x - 0.5 .. x + width - 0.5.
    ends = np.array([[x - 0.5, y - 0.5], [x + width - 0.5, y + height - 0.5]])
    seen = transform(crop.crop_from_img, ends)
    assert ((seen > -0.5 - 1e-6) & (seen < 63.5 + 1e-6)).all()
    np.testing.assert_allclose(seen.sum(axis=0), 63, atol=1e-6)


def test_the_usual_margin():
    assert crop_of_box(np.array([0.0, 0, 100, 40]), 64).side == BOX_MARGIN * 100 == 125


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
def test_cell_centres_lie_in_the_middle_of_their_pixels(stride):
    pixels = np.arange(64.0)
    means = pixels.reshape(-1, stride).mean(axis=1)
    cells = transform(cell_from_crop(stride), np.stack([means, means], axis=1))
    np.testing.assert_allclose(cells[:, 0], np.arange(64 / stride), atol=1e-12)


def test_resizes_compose_and_keep_missing_points_missing():
    np.testing.assert_allclose(resize_matrix(0.5) @ resize_matrix(4.0), resize_matrix(2.0))
    moved = transform(resize_matrix(2.0), np.array([[np.nan, 1.0], [0.0, 0.0]]))
    assert np.isnan(moved[0]).any()
    np.testing.assert_allclose(moved[1], [0.5, 0.5])


def test_inside_means_on_the_picture_to_its_very_edge():
    points = np.array([[-0.5, -0.5], [63.5, 63.5], [-0.51, 5], [5, 63.51], [np.nan, 5], [65, 65]])
    assert is_inside(points, 64).tolist() == [True, True, False, False, False, False]
    assert is_inside(points, 64, margin=1.5).tolist() == [True, True, True, True, False, True]


@pytest.mark.parametrize(
    "bad", [{"side": 0.0}, {"side": float("nan")}, {"size": 0}, {"centre": (float("inf"), 0.0)}], ids=str
)
def test_an_impossible_crop_is_refused(bad):
    with pytest.raises(ValueError, match="a crop needs a finite centre and positive sides, found"):
        Crop(**{"centre": (0.0, 0.0), "side": 10.0, "size": 64, **bad})


@given(crop=crops)
@example(Crop((-900.0, -900.0), 50.0, 32))
@example(Crop((0.0, 299.0), 63.9, 32, rotation=0.785))
def test_reading_only_the_part_that_is_seen_changes_no_pixel(crop):
    image = np.random.default_rng(0).integers(1, 255, (280, 311, 3), dtype=np.uint8)
    seen = crop.read(image)
    if crop.side < 2 * crop.size:
        expected = cv2.warpAffine(image, crop.crop_from_img[:2], (crop.size, crop.size), flags=cv2.INTER_LINEAR)
        # OpenCV rounds places to 1/32 px, here after a shift of the origin.
        assert np.abs(seen.astype(int) - expected).max() <= 16
        assert np.abs(seen.astype(int) - expected).mean() < 0.1
    for channels in (1, 4):
        alike = crop.read(np.ascontiguousarray(image[..., [0, 1, 2, 0][:channels]]))
        assert alike.shape == (crop.size, crop.size, channels)
        np.testing.assert_array_equal(alike[..., 0], seen[..., 0])


def test_a_box_keeps_its_edges_when_the_picture_is_cut_and_resized():
    image = np.zeros((40, 60, 3), np.uint8)
    image[8:20, 12:28] = 255
    box = np.array([12.0, 8, 16, 12])
    matrix = resize_matrix(0.5) @ shift_matrix(10, 4)
    moved = transform_box(matrix, box)
    np.testing.assert_allclose(moved, [1, 2, 8, 6])
    half = cv2.resize(image[4:, 10:], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert (half[2:8, 1:9] == 255).all() and (half > 0).sum() == 3 * 48
    np.testing.assert_allclose(transform_box(np.linalg.inv(matrix), moved), box)
    assert np.isnan(transform_box(matrix, np.full(4, np.nan))).all()


def test_a_picture_has_a_width_and_a_height_and_each_point_may_have_its_own():
    points = np.array([[99.5, 49.5], [99.6, 0.0], [0.0, 49.6], [np.nan, 0.0]])
    assert is_inside(points, (100, 50)).tolist() == [True, False, False, False]
    assert is_inside(points, np.array([[100, 50], [101, 50], [100, 51], [100, 50]])).tolist() == [True] * 3 + [False]


def test_a_box_covers_its_pixels_from_edge_to_edge():
    boxes = np.array([[0.0, 0.0, 64, 48], [3.0, 7.0, 1, 2]])
    low, high = corners_of_box(boxes)
    assert low.tolist() == [[-0.5, -0.5], [2.5, 6.5]] and high.tolist() == [[63.5, 47.5], [3.5, 8.5]]
    np.testing.assert_array_equal(box_of_corners(low, high), boxes)
    np.testing.assert_array_equal(box_about((low + high) / 2, boxes[:, 2:]), boxes)
    assert borders(64) == (-0.5, 63.5) and middle_of(64) == sum(borders(64)) / 2
    assert from_corner(np.array([0.0, 64.0])).tolist() == list(borders(64))


# Sizes and places moved by half a pixel.
HALVES = re.compile(
    r"[<>]=? -0\.5|(?<!/ )\b(size|sides?|sizes?_wh|width|height|stride|[xy]) - 0\.5\b"
    r"|\b(size|side|width|height|stride) - 1\) / 2|:2\] - 0\.5",
    re.IGNORECASE,
)


def test_the_rule_is_written_here_alone():
    sources = Path(crop.__file__).parents[1]
    found = [
        f"{path.relative_to(sources)}:{number}: {line.strip()}"
        for path in sorted(sources.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        # `body` lies below `camera`.
        if path.parent.name != "camera" and path.name != "drawing.py" and HALVES.search(line)
    ]
    assert found == []
