from pathlib import Path

import numpy as np
import pytest

from fake_people import fake_camera, fake_person
from fake_pickles import write_python2_pickle
from fakes_3dpw import sequence_content
from prepose.body.skeletons import SMPL_24
from prepose.data.threedpw_sequence import DETECTED, frames_with_a_camera, joints_at_images, read_sequence
from prepose.errors import DataError

FRAMES = 5


@pytest.fixture(scope="module")
def people():
    generator = np.random.default_rng(1)
    camera = fake_camera(generator)
    return [
        [fake_person(generator, SMPL_24, camera, beside=beside) for _ in range(FRAMES)] for beside in (-400.0, 400.0)
    ]


@pytest.fixture
def content(people) -> dict:
    return sequence_content("street_00", people, np.ones((2, FRAMES), int))


def read(folder: Path, content: object):
    write_python2_pickle(folder / "street_00.pkl", content)
    return read_sequence(folder / "street_00.pkl")


def test_people_come_in_mm_before_their_camera(tmp_path, people, content):
    found = read(tmp_path, content)
    assert (found.invalid, found.broken, found.resampled, found.unit) == (0, 0, 0, "m")
    for actor, group in zip(found.actors, people, strict=True):
        assert actor.frames.tolist() == list(range(FRAMES))
        np.testing.assert_allclose(actor.joints_cam, [person.joints_cam for person in group], atol=1e-6)
        np.testing.assert_allclose(actor.joints_img, [person.joints_img for person in group], atol=1e-6)
        np.testing.assert_allclose(actor.rotation, [person.camera.rotation for person in group])
        np.testing.assert_allclose(actor.translation, [person.camera.translation for person in group], atol=1e-6)
    assert [actor.gender for actor in found.actors] == ["m", "f"]


def test_detections_come_in_the_skeletons_order(tmp_path, people, content):
    for key, change in (("poses2d", lambda a: a), ("poses2D", lambda a: a.transpose(0, 2, 1))):
        there = {**content, key: [change(found) for found in content["poses2d"]]}
        if key != "poses2d":
            del there["poses2d"]
        actor = read(tmp_path, there).actors[1]
        for row, joint in enumerate(SMPL_24.joints):
            wanted = [[*person.joints_img[row], 0.9] if joint in DETECTED else [0, 0, 0] for person in people[1]]
            np.testing.assert_allclose(actor.detected_img[:, row], wanted)
    del content["poses2d"]
    assert not read(tmp_path, content).actors[0].detected_img.any()


def test_frames_without_a_valid_camera_are_left_out_and_counted(tmp_path, content):
    content["campose_valid"][1] = np.array([True, False, True, False, True])
    content["cam_poses"][2, :3, :3] *= 2
    content["cam_poses"][3] = np.nan
    found = read(tmp_path, content)
    assert [actor.frames.tolist() for actor in found.actors] == [[0, 1, 4], [0, 4]]
    assert (found.invalid, found.broken) == (2, 3)


def test_one_row_of_validity_may_serve_all(tmp_path, content):
    content["campose_valid"] = np.array([1, 0, 1, 1, 1])
    assert [actor.frames.tolist() for actor in read(tmp_path, content).actors] == [[0, 2, 3, 4]] * 2


def test_joints_at_60_hz_are_taken_where_the_images_are(tmp_path, content):
    at_images = read(tmp_path, content).actors[0].joints_cam
    content["jointPositions"] = [np.repeat(joints, 2, axis=0) + 0.0 for joints in content["jointPositions"]]
    for joints in content["jointPositions"]:
        joints[1::2] += 5
    found = read(tmp_path, content)
    assert found.resampled == 2
    np.testing.assert_array_equal(found.actors[0].joints_cam, at_images)


@pytest.mark.parametrize("rows", [[0, 2, 3], [0, 1, 9], [-1, 1, 2], [2, 1, 3], [0, 0, 1]])
def test_rows_that_are_neither_are_an_error(rows):
    joints = np.arange(6 * 72.0).reshape(6, 72)
    if rows == [0, 2, 3]:
        at_images, taken_out = joints_at_images(joints, np.array(rows, float), "here")
        assert taken_out
        np.testing.assert_array_equal(at_images.reshape(3, 72), joints[rows])
        return
    with pytest.raises(DataError, match="here: has 6 rows for 3 images, and img_frame_ids do not fit"):
        joints_at_images(joints, np.array(rows, float), "here")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda c: c.pop("cam_poses"), "lacks cam_poses; it has sequence, betas"),
        (lambda c: c.update(cam_poses=np.zeros((FRAMES, 3, 4))), "cam_poses: is 5 x 3 x 4, expected any x 4 x 4"),
        (
            lambda c: c.update(cam_intrinsics=np.zeros((3, 3))),
            "cam_intrinsics: .*must be finite with positive focal lengths",
        ),
        (lambda c: c.update(jointPositions=[np.zeros((FRAMES, 51))]), "person 0: is 5 x 51, expected any x 72"),
        (lambda c: c.update(jointPositions=[]), "jointPositions: is an empty list"),
        (lambda c: c.update(jointPositions="none"), "jointPositions: is a str, expected a list"),
        (lambda c: c.update(img_frame_ids=np.arange(4)), "has 5 cam_poses but 4 img_frame_ids"),
        (lambda c: c.update(campose_valid=[np.ones(FRAMES)]), "has 2 people but 1 rows of campose_valid"),
        (lambda c: c.update(campose_valid=[np.ones(3), np.ones(3)]), "campose_valid: is 3, expected 5"),
        (lambda c: c.update(poses2d=[np.zeros((FRAMES, 3, 25))] * 2), "poses2d of person 0 is"),
        (lambda c: c.update(jointPositions=[j * 3 for j in c["jointPositions"]]), "a person's in none of mm, cm, m"),
        (lambda c: c.update(sequence="../../etc"), "names the file '../../etc', which may lie outside"),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_sequence_is_an_error(tmp_path, content, change, found):
    change(content)
    with pytest.raises(DataError, match=rf"street_00\.pkl.*{found}"):
        read(tmp_path, content)


def test_another_datasets_pickle_is_an_error(tmp_path):
    with pytest.raises(
        DataError, match=r"street_00\.pkl: is a list, expected a dictionary with jointPositions, cam_poses"
    ):
        read(tmp_path, [{"image": "a.jpg"}])


def test_frames_whose_joints_are_not_numbers_are_left_out_and_counted(tmp_path, content):
    content["jointPositions"][0][4, 7] = np.nan
    found = read(tmp_path, content)
    assert [actor.frames.tolist() for actor in found.actors] == [[0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert (found.invalid, found.broken, found.without_pose) == (0, 0, 1)
    usable = frames_with_a_camera(np.array([True, False, True]), np.stack([np.eye(4), np.eye(4), 2 * np.eye(4)]))
    assert usable.tolist() == [True, False, False]
