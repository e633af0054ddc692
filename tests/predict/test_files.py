import json

import cv2
import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.files import predict_files

BOX = np.array([10.0, 5, 90, 100])


@pytest.fixture
def image(tmp_path, photograph):
    path = tmp_path / "beach.jpg"
    cv2.imwrite(str(path), photograph[..., ::-1])
    return path


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_drawing_and_the_numbers_are_written(weights, image, tmp_path):
    before = image.read_bytes()
    written = predict_files(weights, [image], tmp_path / "out", boxes=[BOX])
    assert written == [tmp_path / "out" / "beach_pose.json"]
    assert names(tmp_path / "out") == ["beach_pose.json", "beach_pose.png"]
    assert json.loads(written[0].read_text())["box_xywh"] == [10, 5, 90, 100]
    drawing = cv2.imread(str(tmp_path / "out" / "beach_pose.png"))
    assert drawing is not None
    assert drawing.std() > 10
    assert image.read_bytes() == before


def test_results_are_never_overwritten(weights, image, tmp_path):
    out = tmp_path / "out"
    first = predict_files(weights, [image], out)
    second = predict_files(weights, [image], out, boxes=[BOX])
    assert [path.name for path in (*first, *second)] == ["beach_pose.json", "beach_pose_2.json"]
    assert json.loads(first[0].read_text())["box_xywh"] == [0, 0, 180, 120]
    assert json.loads(second[0].read_text())["box_xywh"] == [10, 5, 90, 100]
    assert predict_files(weights, [image, image], out) == first * 2, "the same numbers keep their name"
    assert predict_files(weights, [image], out, boxes=[BOX]) == second
    assert names(out) == ["beach_pose.json", "beach_pose.png", "beach_pose_2.json", "beach_pose_2.png"]


def test_each_box_is_a_person(weights, image, tmp_path):
    boxes = [BOX, np.array([90.0, 10, 80, 100]), np.array([0.0, 0, 60, 60])]
    written = predict_files(weights, [image], tmp_path / "out", boxes=boxes)
    assert [path.name for path in written] == ["beach_pose.json", "beach_pose_2.json", "beach_pose_3.json"]
    assert [json.loads(path.read_text())["box_xywh"] for path in written] == [box.tolist() for box in boxes]


def test_a_wrong_box_among_several_is_said_before_anything_is_written(weights, image, tmp_path):
    with pytest.raises(DataError, match=r"the box 500,5,9,9 lies outside"):
        predict_files(weights, [image], tmp_path / "out", boxes=[BOX, np.array([500.0, 5, 9, 9])])
    assert not (tmp_path / "out").exists()


def test_a_box_is_of_one_image(weights, image, tmp_path):
    with pytest.raises(DataError, match=r"in one image, but there are 2"):
        predict_files(weights, [image, image], tmp_path / "out", boxes=[BOX])
    assert not (tmp_path / "out").exists()


def test_an_image_is_never_overwritten(weights, image, tmp_path):
    victim = tmp_path / "beach_pose.png"
    victim.write_bytes(image.read_bytes())
    written = predict_files(weights, [image, victim], tmp_path)
    assert [path.name for path in written] == ["beach_pose_2.json", "beach_pose_pose.json"]
    assert victim.read_bytes() == image.read_bytes()


def test_two_images_of_one_name_have_results_of_their_own(weights, image, tmp_path):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "beach.png"
    twin.write_bytes(image.read_bytes())
    written = predict_files(weights, [image, twin], tmp_path / "out")
    assert [json.loads(path.read_text())["image"]["name"] for path in written] == ["beach.jpg", "beach.png"]
    assert [path.name for path in written] == ["beach_pose.json", "beach_pose_2.json"]


def test_an_image_that_cannot_be_read_does_not_stop_the_others(weights, image, tmp_path):
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(image.read_bytes()[:500])
    faults = []
    images = [torn, image, tmp_path / "lost.jpg"]
    written = predict_files(weights, images, tmp_path / "out", failed=lambda *fault: faults.append(fault))
    assert [path.name for path in written] == ["beach_pose.json"]
    assert [path.name for path, _ in faults] == ["torn.jpg", "lost.jpg"]
    assert "torn.jpg: " in str(faults[0][1]) and "damaged JPEG" in str(faults[0][1])


@pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
def test_an_animation_is_refused_with_its_number_of_frames(weights, tmp_path, photograph, kind):
    frames = [np.ascontiguousarray(photograph), np.ascontiguousarray(photograph[:, ::-1])]
    path = tmp_path / f"moving.{kind}"
    if kind == "tiff":
        cv2.imwritemulti(str(path), frames)
    else:
        animation = cv2.Animation()
        animation.frames = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGRA) for frame in frames]
        animation.durations = np.array([50, 50])
        cv2.imwriteanimation(str(path), animation)
    with pytest.raises(DataError, match=rf"moving\.{kind}: holds 2 images"):
        predict_files(weights, [path], tmp_path / "out")
    cv2.imwrite(str(path), frames[0])
    assert len(predict_files(weights, [path], tmp_path / "out")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", r"empty \(0 bytes\)"),
        (b"GIF-like words", "is not an image that can be decoded"),
        ("half", "truncated or damaged JPEG"),
    ],
    ids=["missing", "empty", "foreign", "truncated"],
)
def test_a_photograph_that_cannot_be_read_is_said(weights, image, tmp_path, content, message):
    whole = image.read_bytes()
    image.unlink()
    if content is not None:
        image.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(DataError, match=rf"beach\.jpg: .*{message}"):
        predict_files(weights, [image], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_box_outside_names_the_file(weights, image, tmp_path):
    with pytest.raises(DataError, match=r"beach\.jpg: the box 500,5,90,100 lies outside the image, which is 180 x 120"):
        predict_files(weights, [image], tmp_path / "out", boxes=[np.array([500.0, 5, 90, 100])])


def test_no_photograph_is_said(weights, tmp_path):
    with pytest.raises(DataError, match="there is no image to predict"):
        predict_files(weights, [], tmp_path)


def test_the_folder_to_write_must_be_one(weights, image):
    with pytest.raises(DataError, match="is a file; --out must be a folder"):
        predict_files(weights, [image], image)


def test_a_refused_image_leaves_no_folder_behind(weights, image, tmp_path):
    damaged = tmp_path / "cut.jpg"
    damaged.write_bytes(image.read_bytes()[:200])
    with pytest.raises(DataError, match=r"cut\.jpg"):
        predict_files(weights, [damaged], tmp_path / "out")
    assert not (tmp_path / "out").exists()
