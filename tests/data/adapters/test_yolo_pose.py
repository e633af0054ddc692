import os
import re

import numpy as np
import pytest

from fakes_labels import fake_yolo_pose, flags_of
from prepose.body.skeletons import COCO_17
from prepose.data.adapters.yolo_pose import yolo_pose, yolo_pose_splits
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *splits, partial=False) -> list:
    found = [yolo_pose(root, split, partial=partial) for split in splits or yolo_pose_splits(root)]
    return [sample for one in found for sample in one.samples(0, one.total)]


def edit(root, old, new) -> None:
    text = (root / "data.yaml").read_text()
    assert old in text
    (root / "data.yaml").write_text(text.replace(old, new))


@pytest.mark.parametrize("names", [False, True], ids=["flip_idx", "kpt_names"])
def test_shares_of_the_size_become_px(tmp_path, generator, names):
    true_img = fake_yolo_pose(tmp_path, generator, names=names)
    samples = all_of(tmp_path)
    assert {sample.skeleton for sample in samples} == {COCO_17}
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-5)
    meant = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE])[flags_of(12, COCO_17)]
    np.testing.assert_array_equal(np.stack([sample.states for sample in samples]), meant)
    assert samples[1].source.startswith("train/000000.txt line 2: images/") and samples[1].image.name == "000000.jpg"
    low = samples[0].box_xywh[:2]
    assert (low <= np.nanmin(samples[0].joints_img, axis=0)).all() and (low > 0).all()


def test_without_flags_a_corner_is_not_labelled_and_nothing_is_known_of_visibility(tmp_path, generator):
    true_img = fake_yolo_pose(tmp_path, generator)
    edit(tmp_path, "[17, 3]", "[17, 2]")
    for path in (tmp_path / "labels").rglob("*.txt"):
        rows = [line.split() for line in path.read_text().splitlines()]
        path.write_text("\n".join(" ".join([*r[:5], *(v for i, v in enumerate(r[5:]) if i % 3 != 2)]) for r in rows))
    samples = all_of(tmp_path)
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-5)
    assert all((sample.states == JointState.UNKNOWN).all() for sample in samples)


def test_names_make_a_skeleton_of_their_own(tmp_path, generator):
    fake_yolo_pose(tmp_path, generator, names=True)
    edit(tmp_path, '"nose"', '"beak"')
    sample = all_of(tmp_path)[0]
    assert sample.skeleton.joints[0] == "beak" and sample.skeleton.name == "own-17"


def test_images_without_labels_are_background_and_missing_images_need_partial(tmp_path, generator):
    fake_yolo_pose(tmp_path, generator)
    (tmp_path / "labels/train/000000.txt").write_text("")
    assert len(all_of(tmp_path, "train")) == 6
    (tmp_path / "images/train/000002.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 6 labels have no image \(images/train/000002\.jpg"):
        all_of(tmp_path, "train")
    assert len(all_of(tmp_path, "train", partial=True)) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kpt_shape: [17, 3]\n", "", "has no kpt_shape"),
        ("[17, 3]", "[17, 4]", "expected .key-points, 2 or 3., found .17, 4."),
        ("[17, 3]", "[0x" + "f" * 5000 + ", 3]", "expected .key-points, 2 or 3."),
        ("train: ../images/train", 'train: "../images/\\0train"', "should be names of folders"),
        ("[17, 3]", "[16, 3]", "nothing says which joints its 16 key-points are"),
        ("flip_idx: [0, 2", "flip_idx: [0, 1", "nothing says which joints its 17 key-points are"),
        ("kpt_shape", "[: kpt_shape", "is not YAML"),
        ("kpt_shape", "'kpt_shape': [9, 3]\nkpt_shape", "is not YAML .the key 'kpt_shape' occurs twice"),
        ("kpt_shape", "extra: {0: person, 0: dog}\nkpt_shape", "is not YAML .the key '0' occurs twice"),
        ("kpt_shape", "a: !!python/object/apply:os.system ['true']\nkpt_shape", "is not YAML"),
        ("train: ../images/train", "train: ../../etc", "its images '../../etc' are in no folder below"),
        ("train: ../images/train", "train: /etc", "its images '/etc' are in no folder below"),
        ("train: ../images/train", "train: {a: 1}", "train should name a folder of images"),
    ],
)
def test_a_broken_description_is_an_error(tmp_path, generator, old, new, message):
    fake_yolo_pose(tmp_path, generator)
    edit(tmp_path, old, new)
    with pytest.raises(DataError, match=message):
        yolo_pose(tmp_path, "train", partial=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.1", "line 1: has 4 numbers; expected 56"),
        ("0 0.5 0.5 0.1 x", "line 1: holds something else than numbers"),
        (" ".join(["0", *["0.5"] * 4, *["0.5", "0.5", "5"] * 17]), "flags 0, 1 or 2"),
        (" ".join(["0", *["0.5"] * 4, *["50", "50", "2"] * 17]), "places are shares of the image's size"),
        (" ".join(["0", *["nan"] * 55]), "expected 56 finite ones"),
    ],
)
def test_a_broken_line_is_named(tmp_path, generator, line, message):
    fake_yolo_pose(tmp_path, generator)
    (tmp_path / "labels/train/000002.txt").write_text(line)
    with pytest.raises(DataError, match=rf"000002\.txt: {message}" if message.startswith("line") else message):
        yolo_pose(tmp_path, "train", partial=False)


def test_missing_files_and_splits_are_errors(tmp_path, generator):
    with pytest.raises(DataError, match=r"holds no data\.yaml"):
        yolo_pose(tmp_path, "train", partial=False)
    fake_yolo_pose(tmp_path, generator)
    with pytest.raises(DataError, match="names no images of the split 'test'"):
        yolo_pose(tmp_path, "test", partial=False)
    assert yolo_pose_splits(tmp_path / "data.yaml") == ("train", "validation")


def test_what_is_no_regular_file_is_refused(tmp_path, generator):
    fake_yolo_pose(tmp_path, generator)
    path = next((tmp_path / "labels").rglob("*.txt"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=f"{path.name}: is not a file"):
        all_of(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "data.yaml")
    with pytest.raises(DataError, match=r"is a link; links are not followed"):
        all_of(tmp_path)


def test_a_folder_of_labels_that_is_a_link_is_refused(tmp_path, generator):
    fake_yolo_pose(tmp_path / "data", generator)
    (tmp_path / "data" / "labels").rename(tmp_path / "elsewhere")
    (tmp_path / "data" / "labels").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="labels is a link"):
        all_of(tmp_path / "data")


@pytest.mark.parametrize("key", ["path", "train"])
def test_a_list_of_billions_is_not_written_out(tmp_path, generator, key):
    # Ten lines of YAML; as text it would take longer than anybody waits, and more memory than there is.
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11))]
    fake_yolo_pose(tmp_path, generator)
    edit(tmp_path, f"{key}:", "\n".join([*lines, f"{key}: *a10", "other:"]))
    with pytest.raises(DataError, match=r"data\.yaml: .*train should"):
        yolo_pose(tmp_path, "train", partial=False)


def test_a_folder_that_is_named_twice_is_read_once(tmp_path, generator):
    fake_yolo_pose(tmp_path, generator)
    once = len(all_of(tmp_path, "train"))
    text = (tmp_path / "data.yaml").read_text()
    (tmp_path / "data.yaml").write_text(re.sub(r"(?m)^train: (.*)$", r"train: [\1, \1]", text))
    assert len(all_of(tmp_path, "train")) == once


def test_two_images_of_one_label_file_are_refused(tmp_path, generator):
    fake_yolo_pose(tmp_path, generator)
    image = next((tmp_path / "images").rglob("*.jpg"))
    image.with_suffix(".png").write_bytes(image.read_bytes())
    with pytest.raises(DataError, match=rf"{image.stem}\.png: has the label file of {image.name}, too"):
        all_of(tmp_path)
