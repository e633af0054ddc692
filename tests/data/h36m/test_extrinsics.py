from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fakes_h36m import draw_lab
from prepose.data.h36m.cameras import RawCamera
from prepose.data.h36m.extrinsics import Reading, box_misfit, settle, views_misfit
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(1), frames=3, subjects=(1, 9))
READINGS = [Reading(*choice) for choice in product((False, True), repeat=3)]


def stored(reading: Reading, *, centre: bool = False) -> dict[tuple[int, int], RawCamera]:
    """The lab's cameras in a file whose numbers are meant so; `centre` is how files of its kind usually mean them."""
    raws = {}
    for key, camera in LAB.cameras.items():
        shift = -camera.rotation.T @ camera.translation if reading.centre else camera.translation
        rotation = camera.rotation.T if reading.transposed else camera.rotation
        raws[key] = RawCamera(camera.K, camera.distortion, rotation, shift / (1000 if reading.metres else 1), centre)
    return raws


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(joints_cam, joints_world, boxes, where) of every shot."""
    shots = list(LAB.shots())
    cam = np.concatenate([shot.joints_cam for shot in shots])
    world = np.concatenate([LAB.world[shot.subject, shot.action, shot.subaction] for shot in shots])
    image = np.concatenate([shot.joints_img for shot in shots])
    boxes = np.concatenate([image.min(axis=1), np.ptp(image, axis=1)], axis=1)
    rows = [(s.subject, s.action, s.subaction, s.camera, frame) for s in shots for frame in range(len(s.joints_cam))]
    return cam, world, boxes, np.array(rows)


CAM, WORLD, BOXES, WHERE = table()


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("reading", READINGS, ids=str)
@pytest.mark.parametrize("evidence", ["views", "boxes"])
def test_every_reading_is_recognised(reading, evidence, centre):
    raws = stored(reading, centre=centre)
    misfit = views_misfit(CAM, WHERE) if evidence == "views" else box_misfit(WORLD, BOXES, WHERE, raws)
    limit, unit = (60.0, "mm") if evidence == "views" else (0.35, "of a side")
    settled = settle(raws, misfit, limit=limit, unit=unit, where="file.json")
    for key, camera in LAB.cameras.items():
        np.testing.assert_allclose(settled.poses[key].rotation, camera.rotation, atol=1e-12)
        np.testing.assert_allclose(settled.poses[key].translation, camera.translation, atol=1e-6)
    said = " ".join(settled.notes)
    assert ("transposed" in said) == reading.transposed
    assert ("in metres" in said) == reading.metres
    assert ("are camera centres" in said) == (reading.centre and not centre)
    assert ("not camera centres" in said) == (centre and not reading.centre)
    assert f"fit the labels to {settled.misfit:.3g} {unit}" in said


def test_one_view_of_each_moment_cannot_tell_and_says_so():
    only = WHERE[:, 3] == 0
    settled = settle(
        stored(READINGS[0]), views_misfit(CAM[only], WHERE[only]), limit=60.0, unit="mm", where="file.json"
    )
    assert settled.notes == ("the camera poses of file.json could not be checked against labels",)
    assert np.isnan(settled.misfit)
    np.testing.assert_allclose(settled.poses[1, 0].translation, LAB.cameras[1, 0].translation)


def test_lenses_alone_have_no_pose():
    raws = {key: replace(raw, rotation=None, shift=None) for key, raw in stored(READINGS[0]).items()}
    assert settle(raws, views_misfit(CAM, WHERE), limit=60.0, unit="mm", where="file.json").poses == {}


def test_cameras_of_other_subjects_do_not_fit():
    raws = stored(READINGS[0])
    # Exchanging all four by the lab's symmetry would be the same lab, turned about.
    shuffled = {(subject, camera): raws[subject, (1, 0, 2, 3)[camera]] for subject, camera in raws}
    with pytest.raises(DataError, match=r"file\.json: no reading of the camera poses fits the labels \(the best"):
        settle(shuffled, views_misfit(CAM, WHERE), limit=60.0, unit="mm", where="file.json")


@pytest.mark.parametrize("matrix", [np.eye(3) * 1.1, np.diag([1.0, 1, -1]), np.ones((3, 3))])
def test_nine_numbers_that_are_no_rotation_are_refused(matrix):
    raws = stored(READINGS[0])
    raws[9, 2] = replace(raws[9, 2], rotation=matrix)
    with pytest.raises(DataError, match="the rotation of camera 3 for S9 is not a rotation matrix"):
        settle(raws, views_misfit(CAM, WHERE), limit=60.0, unit="mm", where="file.json")
