import copy
import shutil
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from prepose.body.pose import bone_lengths
from prepose.body.skeletons import MPII_16
from prepose.camera.camera import Camera
from prepose.errors import DataError
from prepose.models.pose_net import PoseOutput
from prepose.predict.predictor import Predictor, checked_box, find_weights


@pytest.fixture(scope="module")
def predictor(weights):
    return Predictor.load(weights)


def jpeg(pixels, orientation=None):
    data = cv2.imencode(".jpg", pixels[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    if orientation is None:
        return data
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\x00\x00" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def test_a_prediction_agrees_with_itself(predictor, photograph):
    prediction = predictor.predict([photograph])[0]
    assert prediction.skeleton is MPII_16
    assert prediction.size_wh == (180, 120)
    assert prediction.box_xywh.tolist() == [0, 0, 180, 120]
    np.testing.assert_allclose(prediction.camera.project(prediction.joints_cam), prediction.joints_img, atol=1e-6)
    assert bone_lengths(prediction.joints_cam, MPII_16).sum() == pytest.approx(4050)
    assert np.ptp(prediction.joints_img, axis=0).min() > 5, "the test's network must tell joints apart"


def test_what_was_assumed_is_said(predictor, photograph):
    prediction = predictor.predict([photograph])[0]
    assert prediction.camera_rule.startswith("assumed: the longer side spans 55 degrees")
    assert prediction.camera.focal == pytest.approx(90 / np.tan(np.radians(27.5)))
    assert prediction.root_depth_rule == "mean-person: bones of mpii-16 sum to 4050 mm"
    assert len(prediction.weights) == 16


def test_a_given_camera_is_used(predictor, photograph):
    camera = Camera(K=np.array([[500.0, 0, 80], [0, 500, 70], [0, 0, 1]]), size_wh=(180, 120))
    given = predictor.predict([photograph], cameras=[camera])[0]
    assert given.camera is camera
    assert given.camera_rule == "given"
    np.testing.assert_allclose(camera.project(given.joints_cam), given.joints_img, atol=1e-6)


def test_the_box_is_what_is_looked_at(predictor, photograph):
    wide = np.concatenate([photograph, photograph], axis=1)
    left, right = predictor.predict([wide, wide], [np.array([0.0, 0, 180, 120]), np.array([180.0, 0, 180, 120])])
    assert left.crop.centre == (89.5, 59.5)
    assert right.crop.centre == (269.5, 59.5)
    # The margin of each crop shows other surroundings, the middle shows the same.
    assert np.abs(right.joints_img - left.joints_img - np.array([180.0, 0])).mean() < 30


def test_people_may_be_predicted_together_or_alone(predictor, photograph):
    pictures = [photograph, photograph[:, ::-1].copy(), photograph[:50]]
    together = replace(predictor, batch_size=2).predict(pictures)
    for picture, prediction in zip(pictures, together, strict=True):
        np.testing.assert_allclose(predictor.predict([picture])[0].joints_img, prediction.joints_img, atol=0.05)


def test_a_mirrored_photograph_mirrors_the_prediction(predictor, photograph):
    plain, mirrored = predictor.predict([photograph, photograph[:, ::-1].copy()])
    expected = plain.joints_img[MPII_16.mirror]
    expected[:, 0] = 179 - expected[:, 0]
    np.testing.assert_allclose(mirrored.joints_img, expected, atol=0.5)


def test_a_photograph_is_turned_upright_as_its_exif_says(predictor, photograph, tmp_path):
    plain, turned = tmp_path / "plain.jpg", tmp_path / "turned.jpg"
    plain.write_bytes(jpeg(photograph))
    # Orientation 6: the camera stored the picture turned by 90 degrees anti-clockwise.
    turned.write_bytes(jpeg(np.rot90(photograph), orientation=6))
    first, second = predictor.predict([plain, turned])
    assert first.size_wh == second.size_wh == (180, 120)
    assert np.abs(first.joints_img - second.joints_img).max() < 5
    assert (first.image, second.image) == ("plain.jpg", "turned.jpg")


def test_no_photograph_no_prediction(predictor):
    assert predictor.predict([]) == []


def test_boxes_must_be_as_many_as_photographs(predictor, photograph):
    with pytest.raises(ValueError, match="1 images with 2 boxes, 1 cameras and 1 names"):
        predictor.predict([photograph], [None, None])


@pytest.mark.parametrize("box", [(10.0, 10, 0, 5), (10.0, 10, 5, -1), (0.0, 0, 1e-50, 5)])
def test_a_box_of_no_size_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* has no size; give x,y,w,h in px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize("box", [(np.nan, 0, 5, 5), (0.0, 0, np.inf, 5), (0.0, -np.inf, 5, 5)])
def test_a_box_that_is_not_finite_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* is not finite"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize(
    "box", [(-50.0, -20, 100000, 50), (0.0, 0, 1e300, 1e300), (-1e308, 0, 1.7e308, 50), (97.0, 0, 100, 80)]
)
def test_a_box_that_is_mostly_outside_is_said(box):
    with pytest.raises(DataError, match=r"has less than a tenth of its area inside the image, which is 100 x 80 px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


@pytest.mark.parametrize("box", [(100.0, 10, 5, 5), (10.0, 80, 5, 5), (-20.0, 0, 20, 5), (0.0, -9, 5, 5)])
def test_a_box_outside_the_image_is_said(box):
    with pytest.raises(DataError, match=r"x\.jpg: the box .* lies outside the image, which is 100 x 80 px"):
        checked_box(np.array(box), (100, 80), "x.jpg")


def test_a_box_may_reach_over_the_edge():
    assert checked_box(np.array([-5.0, -5, 20, 200]), (100, 80), "x").tolist() == [-5, -5, 20, 200]


def test_the_best_weights_of_a_run_are_taken(weights, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(DataError, match="the run has no weights yet"):
        find_weights(tmp_path)
    for name in ("last", "best"):
        shutil.copy(weights, tmp_path / "weights" / f"{name}.safetensors")
        assert find_weights(tmp_path) == tmp_path / "weights" / f"{name}.safetensors"
    assert find_weights(weights) == weights


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(DataError, match="is neither a run nor a folder with weights"):
        find_weights(tmp_path)
    with pytest.raises(DataError, match="there is no such run or weights file"):
        find_weights(tmp_path / "none")


def test_a_foreign_weights_file_is_said(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(DataError, match=r"x\.safetensors"):
        Predictor.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_network_whose_joints_are_not_finite_is_an_error(predictor, photograph, bad):
    broken = copy.deepcopy(predictor.net)
    broken.depth_head.weight.data.fill_(bad)
    with pytest.raises(DataError, match=r"image 0: the network's joints are not finite.*diverged"):
        replace(predictor, net=broken).predict([photograph])


def test_a_network_that_tells_no_joints_apart_has_no_size_to_judge_by(predictor, photograph, monkeypatch):
    def one_place(net, image, **_):
        count = (len(image), len(MPII_16))
        return PoseOutput(torch.zeros(1), torch.zeros(1), torch.zeros(*count, 3), torch.ones(count))

    monkeypatch.setattr("prepose.predict.predictor.run_network", one_place)
    with pytest.raises(DataError, match="puts all joints into one place"):
        predictor.predict([photograph])


def test_a_joint_where_the_lens_has_no_ray_is_finite_all_the_same(predictor, photograph):
    K = np.array([[60.0, 0, 89.5], [0, 60, 59.5], [0, 0, 1]])
    camera = Camera(K=K, size_wh=(180, 120), distortion=np.array([-0.4, 0, 0, 0, 0]))
    found = predictor.predict([photograph], cameras=[camera])[0]
    from_centre = np.linalg.norm(found.joints_img - K[:2, 2], axis=1)
    assert (from_centre > 60 * camera.ray_limit * 2 / 3).any(), "the test's network must say places beyond the lens"
    assert np.isfinite(found.joints_cam).all() and np.isfinite(found.root_depth_mm)
