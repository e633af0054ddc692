import numpy as np
import pytest
import scipy.io

from fakes_labels import fake_penn_action, flags_of
from prepose.body.skeletons import PENN_ACTION_13
from prepose.data.adapters.penn_action import never_placed, penn_action
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, split, *, partial=False) -> list:
    found = penn_action(root, split, partial=partial)
    return list(found.samples(0, found.total))


def change(root, number, **values) -> None:
    path = root / "labels" / f"{number:04d}.mat"
    content = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")}
    scipy.io.savemat(path, content | values)


def test_places_states_and_frames_are_as_labelled(tmp_path, generator):
    true_img = fake_penn_action(tmp_path, generator)
    samples = all_of(tmp_path, "train") + all_of(tmp_path, "test")
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    rows = [0, 1, 2, 3, 4, 5, 9, 10, 11, 6, 7, 8]
    meant = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE])[flags_of(12, PENN_ACTION_13)[rows]]
    np.testing.assert_array_equal(np.stack([sample.states for sample in samples]), meant)
    assert [sample.frame for sample in samples[:4]] == [1, 2, 3, 1]
    assert {sample.action for sample in samples} == {"golf_swing"}
    assert samples[0].image.parts[-3:] == ("frames", "0001", "000001.jpg")
    assert samples[0].source == "labels/0001.mat frame 1: 0001/000001.jpg"


def test_what_was_never_placed_lies_in_the_displays_first_pixel():
    """Real files: (0.667, 0.667) of a display that shows the image at 1.5 times its size, (0.919, 0.919), ..."""
    places = np.array([[[0.667, 0.667], [0.919, 0.919], [0.5, 0.7], [30.0, 30.0], [0.667, 0.667]]])
    visible = np.array([[False, False, False, False, True]])
    np.testing.assert_array_equal(never_placed(places, visible), [[True, True, False, False, False]])


def test_the_first_of_each_pair_is_the_right_one(tmp_path, generator):
    """Seen from the front, as the fakes are, what is the person's right lies on the image's left."""
    fake_penn_action(tmp_path, generator)
    column = scipy.io.loadmat(tmp_path / "labels/0001.mat")["x"][1]
    assert PENN_ACTION_13.joints[1:3] == ("r_shoulder", "l_shoulder") and column[1] < column[2]
    assert any("against the README" in note for note in penn_action(tmp_path, "train", partial=False).notes)


def test_boxes_may_be_fewer_than_frames(tmp_path, generator):
    fake_penn_action(tmp_path, generator)
    whole = all_of(tmp_path, "train")
    box = scipy.io.loadmat(tmp_path / "labels/0001.mat")["bbox"]
    np.testing.assert_allclose(whole[0].box_xywh[:2], box[0, :2] - 1)
    change(tmp_path, 1, bbox=box[:1])
    again = all_of(tmp_path, "train")
    np.testing.assert_array_equal(again[0].box_xywh, whole[0].box_xywh)
    assert not np.array_equal(again[1].box_xywh, whole[1].box_xywh)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": 3}, "train is 3; expected 1 .train. or -1"),
        ({"x": np.ones((2, 13))}, r"have \[2, 3, 3\] frames"),
        ({"x": np.ones((3, 12))}, "'x' is 3 x 12, expected any x 13"),
        ({"y": np.full((3, 13), np.nan)}, "x or y holds NaN"),
        ({"bbox": np.ones((3, 3))}, "'bbox' is 3 x 3, expected any x 4"),
    ],
)
def test_a_broken_file_is_named(tmp_path, generator, values, message):
    fake_penn_action(tmp_path, generator)
    change(tmp_path, 2, **values)
    with pytest.raises(DataError, match=rf"0002\.mat: .*{message}"):
        penn_action(tmp_path, "train", partial=False)


def test_missing_frames_folders_and_splits_are_errors(tmp_path, generator):
    with pytest.raises(DataError, match=r"holds no labels/0001\.mat"):
        penn_action(tmp_path, "train", partial=False)
    fake_penn_action(tmp_path, generator)
    with pytest.raises(DataError, match="penn-action has no split 'val'"):
        penn_action(tmp_path, "val", partial=False)
    (tmp_path / "frames/0001/000002.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 9 labels have no image"):
        penn_action(tmp_path, "train", partial=False)
    assert len(all_of(tmp_path, "train", partial=True)) == 8
    (tmp_path / "labels/0004.mat").rename(tmp_path / "aside.mat")
    notes = penn_action(tmp_path, "train", partial=True).notes
    assert "1 folders of frames have no label file and are left out (0004)" in notes
    (tmp_path / "aside.mat").rename(tmp_path / "labels/0004.mat")
    for number in (1, 2, 4):
        change(tmp_path, number, train=-1)
    with pytest.raises(DataError, match="none of its 4 label files is of the split 'train'"):
        penn_action(tmp_path, "train", partial=False)
