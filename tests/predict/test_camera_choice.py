import json

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.camera_choice import assumed_camera, camera_choice

K = [[500.0, 0, 320], [0, 510, 240], [0, 0, 1]]


def test_nothing_given_is_no_camera_and_the_assumed_one_says_so():
    assert camera_choice() is None
    camera, rule = assumed_camera((640, 480))
    assert rule.startswith("assumed: the longer side spans 55 degrees")
    assert camera.focal == pytest.approx(320 / np.tan(np.radians(27.5)))


def test_a_focal_length_looks_through_the_middle():
    camera, rule = camera_choice(focal_px=700)((640, 480))
    np.testing.assert_array_equal(camera.K, [[700, 0, 319.5], [0, 700, 239.5], [0, 0, 1]])
    assert rule.startswith("given: focal length 700 px")


def test_a_field_of_view_spans_the_longer_side():
    for size_wh in ((640, 480), (480, 640)):
        camera, rule = camera_choice(fov_deg=90)(size_wh)
        assert camera.focal == pytest.approx(320)
        assert rule.startswith("given: the longer side spans 90 degrees")


def test_a_camera_file_is_of_one_size_of_image(tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({"K": K, "size_wh": [640, 480], "distortion": [0.1, -0.2]}))
    camera_of = camera_choice(file=path)
    camera, rule = camera_of((640, 480))
    assert camera.K.tolist() == K and camera.distortion.tolist() == [0.1, -0.2, 0, 0, 0]
    assert rule == f"given: {path}"
    with pytest.raises(DataError, match=r"camera\.json: .* 640 x 480 px, but this one is 320 x 240 px"):
        camera_of((320, 240))


@pytest.mark.parametrize(
    "given", [{"focal_px": 0.0}, {"focal_px": float("nan")}, {"fov_deg": 0.0}, {"fov_deg": 180.0}, {"fov_deg": -3.0}]
)
def test_a_number_out_of_range_names_its_option(given):
    option = "--focal" if "focal_px" in given else "--fov"
    with pytest.raises(DataError, match=rf"{option} .*expected"):
        camera_choice(**given)


def test_only_one_way_is_given():
    with pytest.raises(DataError, match="--focal, --fov and --camera"):
        camera_choice(focal_px=500, fov_deg=50)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"K": [[1, 2], [3, 4]], "size_wh": [640, 480]}',
        '{"K": [[500, 0, 320], [0, 500, 240], [0, 0, 1]]}',
        '{"K": [[500, 0, 320], [0, 500, 240], [0, 0, 1]], "size_wh": [640.5, 480]}',
        '{"K": [[-500, 0, 320], [0, 500, 240], [0, 0, 1]], "size_wh": [640, 480]}',
        '{"K": "wide", "size_wh": [640, 480]}',
        '{"K": [[500, 0, 320], [0, 500, 240], [0, 0, 1]], "size_wh": [640, 480], "distortion": [0, 0, 0, 0, 0, 0]}',
        "not json",
    ],
)
def test_a_file_that_is_no_camera_is_said(tmp_path, content):
    path = tmp_path / "camera.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"camera\.json: .*expected"):
        camera_choice(file=path)


def test_a_camera_file_that_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: does not exist"):
        camera_choice(file=tmp_path / "none.json")
