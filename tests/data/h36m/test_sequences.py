import h5py
import numpy as np
import pytest
import scipy.io

from fakes_h36m import draw_lab, write_fetched, write_recordings
from prepose.data.h36m.frames import SPLITS
from prepose.data.h36m.sequences import fetched_root, read_fetched, read_recordings, recordings_root
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(13), frames=2, subjects=(9, 11))
TEST = SPLITS["test"]
FIRST = "s_09_act_02_subact_01_ca_01/matlab_meta.mat"


def edited(path, **change) -> None:
    values = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")} | change
    scipy.io.savemat(path, {key: value for key, value in values.items() if value is not None})


@pytest.mark.parametrize("whole", [False, True])
def test_recordings_give_joints_boxes_and_where_they_are_from(tmp_path, whole):
    write_recordings(tmp_path / "images", LAB, whole=whole)
    assert recordings_root(tmp_path) == tmp_path / "images"
    frames = read_recordings(tmp_path, TEST, partial=False)
    shots = {(s.subject, s.action, s.subaction, s.camera): s for s in LAB.shots()}
    for row, (*key, frame) in enumerate(frames.where.tolist()):
        shot = shots[tuple(key)]
        np.testing.assert_allclose(frames.joints_cam[row], shot.joints_cam[frame - 1], atol=1e-9)
        np.testing.assert_allclose(frames.joints_img[row], shot.joints_img[frame - 1], atol=1e-9)
        assert frames.images[row] == f"{shot.name}/{shot.name}_{frame:06d}.jpg"
    low, high = frames.joints_img.min(axis=1), frames.joints_img.max(axis=1)
    np.testing.assert_allclose(frames.given, np.concatenate([low, high - low], axis=1))


def test_17_x_3_x_frames_is_read_too(tmp_path):
    write_recordings(tmp_path, LAB)
    straight = read_recordings(tmp_path, TEST, partial=False)
    for path in tmp_path.glob("*/matlab_meta.mat"):
        values = scipy.io.loadmat(path)
        deep = {name: values[name].reshape(17, width, -1) for name, width in (("Y2d", 2), ("Y3d_mono", 3))}
        edited(path, **deep, bbox=None, num_images=None)
    deep = read_recordings(tmp_path, TEST, partial=False)
    np.testing.assert_array_equal(deep.joints_cam, straight.joints_cam)
    np.testing.assert_array_equal(deep.joints_img, straight.joints_img)
    assert np.isnan(deep.given).all()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Y3d_mono": None}, "has no Y3d_mono; it has Y2d"),
        ({"Y2d": np.zeros((34, 3))}, "has 3 2D poses, 2 3D poses and announces 2 images"),
        ({"num_images": 5.0}, "announces 5 images"),
        ({"Y3d_mono": np.zeros((60, 2))}, "Y3d_mono is 60 x 2; expected 17 or 32 joints x 3 x frames"),
    ],
)
def test_a_damaged_recording_is_named(tmp_path, change, line):
    write_recordings(tmp_path, LAB)
    edited(tmp_path / FIRST, **change)
    with pytest.raises(DataError, match=line):
        read_recordings(tmp_path, TEST, partial=False)


def test_a_truncated_file_is_named(tmp_path):
    write_recordings(tmp_path, LAB)
    data = (tmp_path / FIRST).read_bytes()
    (tmp_path / FIRST).write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"matlab_meta\.mat: is truncated, damaged or not a MATLAB file"):
        read_recordings(tmp_path, TEST, partial=False)


def test_fetched_recordings_give_the_truth_and_not_the_standard_person(tmp_path):
    write_fetched(tmp_path / "processed", LAB)
    assert fetched_root(tmp_path) == tmp_path / "processed"
    frames = read_fetched(tmp_path, TEST, partial=False)
    shots = {(s.subject, s.action, s.subaction, s.camera): s for s in LAB.shots()}
    for row, (*key, frame) in enumerate(frames.where.tolist()):
        np.testing.assert_allclose(frames.joints_cam[row], shots[tuple(key)].joints_cam[(frame - 1) // 5], atol=1e-9)
    assert len(frames) == 3 * 4 * 2


def test_a_release_with_standard_persons_alone_is_refused(tmp_path):
    write_fetched(tmp_path, LAB, true_3d=False)
    with pytest.raises(DataError, match="has pose/3d-univ alone, the poses of a person of standard size"):
        read_fetched(tmp_path, TEST, partial=False)


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("camera", np.full(8, 12345678), "camera 12345678 is none of Human3.6M's 54138969"),
        ("subject", np.full(8, 5), r"its subject is \[5\], but it lies in S11"),
        ("frame", np.arange(7), "'frame' is 7, expected 8"),
        ("pose/3d", np.zeros((8, 20, 3)), "has 20 joints; expected"),
    ],
)
def test_a_damaged_fetched_file_is_named(tmp_path, name, values, line):
    write_fetched(tmp_path, LAB)
    with h5py.File(tmp_path / "S11/Directions-1/annot.h5", "a") as file:
        del file[name]
        file[name] = values
    with pytest.raises(DataError, match=line):
        read_fetched(tmp_path, TEST, partial=False)


def test_a_folder_that_names_no_action_is_refused(tmp_path):
    write_fetched(tmp_path, LAB)
    (tmp_path / "S11/Directions-1").rename(tmp_path / "S11/Flying-1")
    with pytest.raises(DataError, match=r"Flying-1: is not named after one of Human3\.6M's actions"):
        read_fetched(tmp_path, TEST, partial=False)


def test_nobody_of_the_split_is_told(tmp_path):
    write_recordings(tmp_path, LAB)
    with pytest.raises(DataError, match="holds no recordings of S8, which this split is made of"):
        read_recordings(tmp_path, SPLITS["validation"], partial=False)
