import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from prepose.body.pose import bone_lengths
from prepose.body.skeletons import MPII_16
from prepose.camera.camera import Camera
from prepose.errors import DataError
from prepose.models.checkpoint import load_weights
from prepose.predict.crop_network import CropJoints
from prepose.predict.detectors import Detections
from prepose.predict.networks import find_weights
from prepose.predict.predictor import Predictor
from prepose.predict.torch_network import torch_network
from video_fakes import write_video


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
    prediction = predictor.predict(photograph)[0]
    assert prediction.skeleton is MPII_16
    assert prediction.size_wh == (180, 120)
    assert prediction.box_xywh.tolist() == [0, 0, 180, 120]
    np.testing.assert_allclose(prediction.camera.project(prediction.joints_cam), prediction.joints_img, atol=1e-6)
    assert bone_lengths(prediction.joints_cam, MPII_16).sum() == pytest.approx(4050)
    assert np.ptp(prediction.joints_img, axis=0).min() > 5, "the test's network must tell joints apart"


def test_what_was_assumed_is_said(predictor, photograph):
    prediction = predictor.predict(photograph)[0]
    assert prediction.camera_rule.startswith("assumed: the longer side spans 55 degrees")
    assert prediction.camera.focal == pytest.approx(90 / np.tan(np.radians(27.5)))
    assert prediction.scale_rule == "mean-person: bones of mpii-16 sum to 4050 mm"
    assert len(prediction.weights) == 16


def test_a_given_camera_is_used(predictor, photograph):
    camera = Camera(K=np.array([[500.0, 0, 80], [0, 500, 70], [0, 0, 1]]), size_wh=(180, 120))
    given = predictor.predict(photograph, camera=camera)[0]
    assert given.camera is camera
    assert given.camera_rule == "given"
    np.testing.assert_allclose(camera.project(given.joints_cam), given.joints_img, atol=1e-6)


def test_the_box_is_what_is_looked_at(predictor, photograph):
    wide = np.concatenate([photograph, photograph], axis=1)
    left, right = predictor.predict_each([wide, wide], [np.array([0.0, 0, 180, 120]), np.array([180.0, 0, 180, 120])])
    assert left.crop.centre == (89.5, 59.5)
    assert right.crop.centre == (269.5, 59.5)
    # The margin of each crop shows other surroundings, the middle shows the same.
    assert np.abs(right.joints_img - left.joints_img - np.array([180.0, 0])).mean() < 30


def test_people_may_be_predicted_together_or_alone(predictor, photograph):
    pictures = [photograph, photograph[:, ::-1].copy(), photograph[:50]]
    together = replace(predictor, batch_size=2).predict_each(pictures)
    for picture, prediction in zip(pictures, together, strict=True):
        np.testing.assert_allclose(predictor.predict(picture)[0].joints_img, prediction.joints_img, atol=0.05)


def test_a_mirrored_photograph_mirrors_the_prediction(predictor, photograph):
    plain, mirrored = predictor.predict_each([photograph, photograph[:, ::-1].copy()])
    expected = plain.joints_img[MPII_16.mirror]
    expected[:, 0] = 179 - expected[:, 0]
    np.testing.assert_allclose(mirrored.joints_img, expected, atol=0.5)


def test_a_photograph_is_turned_upright_as_its_exif_says(predictor, photograph, tmp_path):
    plain, turned = tmp_path / "plain.jpg", tmp_path / "turned.jpg"
    plain.write_bytes(jpeg(photograph))
    # Orientation 6: the camera stored the picture turned by 90 degrees anti-clockwise.
    turned.write_bytes(jpeg(np.rot90(photograph), orientation=6))
    first, second = predictor.predict_each([plain, turned])
    assert first.size_wh == second.size_wh == (180, 120)
    assert np.abs(first.joints_img - second.joints_img).max() < 5
    assert (first.image, second.image) == ("plain.jpg", "turned.jpg")


def test_no_photograph_no_prediction(predictor):
    assert predictor.predict_each([]) == []


def test_boxes_must_be_as_many_as_photographs(predictor, photograph):
    with pytest.raises(ValueError, match="1 images with 2 boxes, 1 cameras and 1 names"):
        predictor.predict_each([photograph], [None, None])


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
def test_a_network_whose_joints_are_not_finite_is_an_error(predictor, weights, photograph, bad):
    broken = load_weights(weights)
    broken.depth_head.weight.data.fill_(bad)
    with pytest.raises(DataError, match=r"image 0: the network's joints are not finite.*diverged"):
        replace(predictor, net=torch_network(broken)).predict_each([photograph])


def test_a_network_that_tells_no_joints_apart_has_no_size_to_judge_by(predictor, photograph):
    def one_place(crops, flip_test):
        return CropJoints(np.zeros((len(crops), len(MPII_16), 3)), np.ones((len(crops), len(MPII_16))))

    with pytest.raises(DataError, match="puts all joints into one place"):
        replace(predictor, net=replace(predictor.net, run=one_place)).predict(photograph)


def test_a_joint_where_the_lens_has_no_ray_is_finite_all_the_same(predictor, photograph):
    K = np.array([[60.0, 0, 89.5], [0, 60, 59.5], [0, 0, 1]])
    camera = Camera(K=K, size_wh=(180, 120), distortion=np.array([-0.4, 0, 0, 0, 0]))
    found = predictor.predict(photograph, camera=camera)[0]
    from_centre = np.linalg.norm(found.joints_img - K[:2, 2], axis=1)
    assert (from_centre > 60 * camera.ray_limit * 2 / 3).any(), "the test's network must say places beyond the lens"
    assert np.isfinite(found.joints_cam).all() and np.isfinite(found.root_cam).all()


def test_boxes_are_people_of_one_image(predictor, photograph):
    boxes = [[0, 0, 90, 120], [60, 10, 100, 100]]
    first, second = predictor.predict(photograph, boxes)
    assert (first.person, second.person) == (1, 2)
    assert [person.box_xywh.tolist() for person in (first, second)] == boxes


def test_a_detector_finds_the_people(predictor, photograph):
    def detector(image):
        assert image.shape == photograph.shape
        return Detections(np.array([[0.0, 0, 50, 100], [60, 10, 100, 100], [5, 5, 9, 9]]), np.array([0.6, 0.9, 0.1]))

    people = predictor.predict(photograph, detector=detector)
    assert [person.box_xywh.tolist() for person in people] == [[60, 10, 100, 100], [0, 0, 50, 100]]
    nobody = Detections(np.zeros((0, 4)), np.zeros(0))
    assert predictor.predict(photograph, detector=lambda image: nobody) == []
    with pytest.raises(DataError, match="boxes and a detector"):
        predictor.predict(photograph, [[0, 0, 9, 9]], detector=detector)


def test_a_path_an_array_and_a_pil_image_are_the_same_image(predictor, photograph, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(photograph).save(path)
    expected = predictor.predict(photograph)[0].joints_img
    for image in (path, str(path), Image.fromarray(photograph), Image.fromarray(photograph).convert("RGBA")):
        np.testing.assert_array_equal(predictor.predict(image)[0].joints_img, expected)
    assert predictor.predict(str(path))[0].image == "a.png"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((9, 9)), r"an array float64 \(9, 9\)"),
        (np.zeros((9, 9, 4), np.uint8), r"an array uint8 \(9, 9, 4\)"),
    ],
)
def test_what_is_no_image_is_said(predictor, image, found):
    with pytest.raises(DataError, match=f"expected an image: .* found {found}"):
        predictor.predict(image)


def test_a_video_gives_a_sequence_for_each_person(predictor, photograph, tmp_path):
    times = [0.0, 0.04, 0.12, 0.2]
    path = write_video(tmp_path / "clip.mp4", [photograph] * 4, times)
    boxes = [[0, 0, 90, 120], [60, 10, 100, 100]]
    first, second = predictor.predict_video(path, boxes)
    assert (first.person, second.person, len(first)) == (1, 2, 4)
    np.testing.assert_allclose(second.times, times, atol=1e-3)
    assert second.boxes_xywh.tolist() == [boxes[1]] * 4
    np.testing.assert_allclose(first.joints_cam[0], predictor.predict(photograph, boxes)[0].joints_cam, atol=100)


def test_threads_may_share_a_predictor(predictor, photograph):
    expected = predictor.predict(photograph)[0].joints_img
    with ThreadPoolExecutor(3) as pool:
        for people in pool.map(predictor.predict, [photograph] * 6):
            np.testing.assert_allclose(people[0].joints_img, expected, atol=1e-4)
