import numpy as np
import pytest

from fake_people import fake_camera
from prepose.data.record_camera import NO_CAMERA, RecordCamera, camera_of, extrinsics_of, reprojection_px
from prepose.errors import DataError

K = np.array([[300.0, 0, 80], [0, 310, 60], [0, 0, 1]])
SPELLINGS = {
    "K": {"K": K},
    "intrinsic": {"intrinsic": K.tolist()},
    "numbers": {"fx": 300, "fy": np.float32(310), "cx": 80.0, "cy": np.array([60.0])},
    "columns": {"f": np.array([[300.0], [310]]), "c": [80, 60], "k": np.zeros((3, 1)), "p": np.zeros((2, 1))},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_intrinsics_are_read_in_every_spelling(spelling):
    camera = camera_of(SPELLINGS[spelling], "here")
    np.testing.assert_allclose(camera.K, K)
    assert not camera.distortion.any()
    assert np.isnan(camera.R).all()


def test_lens_and_place_are_read():
    camera = camera_of({"K": K, "k": [1, 2, 5], "p": [3, 4], "R": np.eye(3), "T": np.ones((3, 1))}, "here")
    assert camera.distortion.tolist() == [1, 2, 3, 4, 5]
    assert (np.eye(3) == camera.R).all()
    assert camera.T.tolist() == [1, 1, 1]


@pytest.mark.parametrize("record", [None, "cam", {}, {"name": "a"}, {"R": np.eye(3)}, {"fx": 1}])
def test_a_record_without_intrinsics_has_no_camera(record):
    assert camera_of(record, "here") is NO_CAMERA


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"K": np.eye(4)}, "here: K: is 4 x 4, expected 3 x 3"),
        ({"K": -K}, "here: .*K must be finite with positive focal lengths"),
        ({"K": K * np.nan}, "here: .*K must be finite"),
        ({"K": K.T}, r"here: .*last row of K must be 0 0 1, found \[80.0, 60.0, 1.0\]"),
        ({"intrinsic": (2 * K).tolist()}, "here: .*last row of K must be 0 0 1"),
        ({"K": K, "k": [np.inf, 0, 0]}, "here: .*distortion must be finite"),
        ({"K": K, "R": np.eye(2)}, "here: R: is 2 x 2"),
        ({"K": K, "T": [1, 2]}, "here: T: is 2, expected 3"),
        ({"K": K, "k": "none"}, "here: k: holds no numbers"),
    ],
)
def test_a_camera_that_is_none_is_an_error(record, found):
    with pytest.raises(DataError, match=found):
        camera_of(record, "here")


@pytest.fixture
def scene():
    generator = np.random.default_rng(2)
    cameras = [fake_camera(generator) for _ in range(5)]
    world = generator.normal(0, 400, (5, 15, 3)) + np.array([0, 0, 900.0])
    cam = np.stack([camera.cam_from_world(pose) for camera, pose in zip(cameras, world, strict=True)])
    return cameras, world, cam


def records(cameras, *, centre: bool, mm: float) -> list[RecordCamera]:
    return [
        RecordCamera(K=c.K, R=c.rotation, T=(-c.rotation.T @ c.translation if centre else c.translation) / mm)
        for c in cameras
    ]


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("mm", [1.0, 10.0, 1000.0])
def test_both_readings_of_the_translation_are_told_apart(scene, centre, mm):
    cameras, world, cam = scene
    placed = extrinsics_of(records(cameras, centre=centre, mm=mm), world, cam, mm)
    np.testing.assert_allclose(placed.rotation, [camera.rotation for camera in cameras])
    np.testing.assert_allclose(placed.translation, [camera.translation for camera in cameras], atol=1e-6)
    assert placed.note.startswith("5 of 5 cameras stand where")
    assert ("centre" in placed.note) == centre


def test_cameras_that_do_not_fit_stay_in_their_own_frame(scene):
    cameras, world, cam = scene
    wrong = records(cameras, centre=True, mm=1)
    wrong[2] = RecordCamera(K=K, R=-np.eye(3), T=np.zeros(3))
    wrong[3] = NO_CAMERA
    placed = extrinsics_of(wrong, world, cam, 1.0)
    assert placed.note.startswith("3 of 5 cameras")
    for row in (2, 3):
        assert (placed.rotation[row] == np.eye(3)).all()
        assert not placed.translation[row].any()
    assert extrinsics_of([NO_CAMERA] * 5, world, cam, 1.0).note.startswith("no record says")


def test_the_reprojection_is_the_median_distance(scene):
    cameras, _, cam = scene
    taken = records(cameras, centre=True, mm=1)
    taken[0] = NO_CAMERA
    img = np.stack([camera.project(pose) for camera, pose in zip(cameras, cam, strict=True)])
    assert reprojection_px(taken, cam, img) == pytest.approx(0, abs=1e-9)
    assert reprojection_px(taken, cam, img + np.array([3.0, 4])) == pytest.approx(5)
    assert np.isnan(reprojection_px([NO_CAMERA] * 5, cam, img))
    assert np.isnan(reprojection_px(taken, -cam, img))
