from dataclasses import replace

import numpy as np
import pytest

from fakes_h36m import draw_lab, write_camera_json, write_lists, write_metadata_xml, write_recordings
from prepose.data.h36m.frames import SPLITS, Frames
from prepose.data.h36m.lists import read_lists
from prepose.data.h36m.projection import rows_of, with_cameras
from prepose.data.h36m.sequences import read_recordings
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(11), frames=2, subjects=(9, 11))
TEST = SPLITS["test"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder, LAB)
    return folder


@pytest.fixture
def frames(root) -> Frames:
    return read_recordings(root, TEST, partial=False)


def test_each_person_and_camera_has_its_rows(frames):
    keys = [(subject, camera) for subject in (9, 11) for camera in range(4)]
    rows = np.concatenate([rows_of(frames, key) for key in keys])
    assert sorted(rows.tolist()) == list(range(len(frames)))


def test_lenses_are_fitted_where_there_is_no_file_and_cameras_then_have_no_place(frames, root):
    seen = with_cameras(frames, root)
    assert set(seen.cameras) == {(subject, camera) for subject in (9, 11) for camera in range(4)}
    for key, camera in seen.cameras.items():
        assert camera.K[0, 0] == pytest.approx(LAB.cameras[key].K[0, 0], rel=0.01)
        np.testing.assert_array_equal(camera.rotation, np.eye(3))
    assert "lenses fitted to 2D and 3D joints" in seen.frames.notes[-1]


def test_world_joints_come_into_each_camera_and_image(tmp_path):
    write_lists(tmp_path, LAB)
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    seen = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    true = list(LAB.shots())
    for shot in true:
        rows = (seen.frames.where[:, :4] == (shot.subject, shot.action, shot.subaction, shot.camera)).all(axis=1)
        np.testing.assert_allclose(seen.frames.joints_cam[rows], shot.joints_cam, atol=1e-6)
        np.testing.assert_allclose(seen.frames.joints_img[rows], shot.joints_img, atol=1e-6)


def test_without_the_lens_places_are_told_to_be_less_than_exact(tmp_path):
    write_lists(tmp_path, LAB)
    seen = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    assert any("no lens distortion; add metadata.xml" in note for note in seen.frames.notes)
    true = np.concatenate([shot.joints_img for shot in LAB.shots()])
    apart = np.linalg.norm(np.sort(seen.frames.joints_img, axis=0) - np.sort(true, axis=0), axis=-1)
    assert 0.02 < np.median(apart) < 5


def test_poses_relative_to_the_pelvis_have_no_camera(frames, root):
    seen = with_cameras(replace(frames, rooted=True), root)
    assert seen.cameras == {}


def test_2d_joints_that_are_off_are_told_in_px_and_refused_when_far(frames, root, tmp_path):
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    near = with_cameras(replace(frames, joints_img=frames.joints_img + np.array([3.0, 0])), tmp_path)
    assert any(note.startswith("projected 3D joints meet the 2D joints to 3.00 px") for note in near.frames.notes)
    with pytest.raises(DataError, match=r"camera \d+ of S\d+ misses the 2D joints by 12\.0 px in the median"):
        with_cameras(replace(frames, joints_img=frames.joints_img + np.array([12.0, 0])), tmp_path)


def test_people_behind_the_camera_are_refused(frames, tmp_path):
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    behind = frames.joints_cam.copy()
    behind[0] *= -1
    with pytest.raises(DataError, match=r"1 of 24 people are behind their camera .* the depth axis is flipped"):
        with_cameras(replace(frames, joints_cam=behind), tmp_path)


def test_a_mirrored_frame_has_no_lens(frames, root):
    flipped = replace(frames, joints_cam=frames.joints_cam * np.array([-1.0, 1, 1]))
    with pytest.raises(DataError, match=r"camera \d+ of S\d+ cannot be .*positive focal"):
        with_cameras(flipped, root)


def test_poses_without_any_2d_joint_need_a_camera_file(frames, root):
    bare = replace(frames, joints_img=np.full_like(frames.joints_img, np.nan))
    with pytest.raises(DataError, match=r"no lens of camera 54138969 can be fitted .* put metadata\.xml"):
        with_cameras(bare, root)


def test_a_file_without_a_needed_camera_is_refused(frames, root, tmp_path):
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    where = frames.where.copy()
    where[:, 0] = 12
    with pytest.raises(DataError, match=r"metadata\.xml: has no camera 54138969 for S12; take a complete file"):
        with_cameras(replace(frames, where=where), tmp_path)


def turned_a_little(w0: np.ndarray) -> np.ndarray:
    """Cameras of another calibration: a few degrees off, which moves people by a part of their boxes."""
    changed = w0.copy()
    changed[:264] += np.tile([0.03, 0.0, 0, 0, 0, 0], 44)
    return changed


def test_the_layouts_own_cameras_are_taken_where_a_separate_file_fits_worse(tmp_path):
    write_lists(tmp_path, LAB)
    own = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    write_metadata_xml(tmp_path / "metadata.xml", turned_a_little(LAB.w0))
    seen = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    np.testing.assert_array_equal(seen.frames.joints_cam, own.frames.joints_cam)
    np.testing.assert_array_equal(seen.frames.joints_img, own.frames.joints_img)
    note = next(note for note in seen.frames.notes if "is taken" in note)
    assert note.endswith("the layout's camera files is taken")
    file, layout = (float(part.split("%")[0].split()[-1]) for part in note.split(" by ")[1:3])
    assert file > 5 > 1 > layout


def test_a_sound_file_keeps_its_place_before_cameras_without_a_lens(tmp_path):
    write_lists(tmp_path, LAB)
    write_metadata_xml(tmp_path / "metadata.xml", LAB.w0)
    seen = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    assert all(camera.distortion.any() for camera in seen.cameras.values())
    assert any("metadata.xml is taken" in note for note in seen.frames.notes)


def test_a_file_that_fits_nothing_is_named_and_the_layouts_own_are_taken(tmp_path):
    write_lists(tmp_path, LAB)
    changed = LAB.w0.copy()
    changed[:264] += np.tile([1.0, 0.4, 0, 0, 0, 0], 44)
    write_metadata_xml(tmp_path / "metadata.xml", changed)
    seen = with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path)
    assert any(note.startswith("not used: metadata.xml: no reading of the camera poses") for note in seen.frames.notes)
    assert not any(camera.distortion.any() for camera in seen.cameras.values())


def test_of_two_camera_files_the_one_that_meets_the_2d_joints_is_taken(frames, tmp_path):
    lenses = LAB.w0[264:].reshape(4, 9).copy()
    lenses[:, 2:4] += 3  # px of the optical centre
    write_metadata_xml(tmp_path / "metadata.xml", np.concatenate([LAB.w0[:264], lenses.ravel()]))
    write_camera_json(tmp_path / "camera-parameters.json", LAB)
    seen = with_cameras(frames, tmp_path)
    np.testing.assert_allclose(seen.cameras[9, 0].K, LAB.cameras[9, 0].K)
    assert any("camera-parameters.json is taken" in note for note in seen.frames.notes)


def test_projected_2d_joints_are_marked_as_such(frames, root, tmp_path):
    assert not with_cameras(frames, root).frames.projected
    write_lists(tmp_path, LAB)
    assert with_cameras(read_lists(tmp_path, TEST, partial=False), tmp_path).frames.projected


def test_people_beyond_the_lens_are_refused_for_that(frames, tmp_path):
    lenses = LAB.w0[264:].reshape(4, 9).copy()
    lenses[:, 4:] = [-40.0, 0, 0, 0, 0]
    write_metadata_xml(tmp_path / "metadata.xml", np.concatenate([LAB.w0[:264], lenses.ravel()]))
    with pytest.raises(DataError, match=r"further off the optical axis than their camera's lens reaches"):
        with_cameras(frames, tmp_path)
