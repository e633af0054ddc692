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
    told = []
    written = predict_files(weights, [image], tmp_path / "out", box=BOX, progress=lambda *at: told.append(at))
    assert written == [tmp_path / "out" / "beach_pose.json"]
    assert names(tmp_path / "out") == ["beach_pose.json", "beach_pose.png"]
    assert json.loads(written[0].read_text())["box_xywh"] == [10, 5, 90, 100]
    drawing = cv2.imread(str(tmp_path / "out" / "beach_pose.png"))
    assert drawing is not None
    assert drawing.std() > 10
    assert image.read_bytes() == before
    assert told == [(1, 1)]


def test_results_are_replaced_by_later_ones(weights, image, tmp_path):
    for box in (None, BOX):
        written = predict_files(weights, [image], tmp_path, box=box)
    assert json.loads(written[0].read_text())["box_xywh"] == [10, 5, 90, 100]
    assert names(tmp_path) == ["beach.jpg", "beach_pose.json", "beach_pose.png"]


def test_a_photograph_is_never_overwritten(weights, image, tmp_path):
    victim = tmp_path / "beach_pose.png"
    victim.write_bytes(image.read_bytes())
    with pytest.raises(DataError, match=r"beach_pose\.png: is one of the images and would be overwritten"):
        predict_files(weights, [image, victim], tmp_path)
    assert victim.read_bytes() == image.read_bytes()
    assert names(tmp_path) == ["beach.jpg", "beach_pose.png"]


def test_two_photographs_of_one_name_are_said(weights, image, tmp_path):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "beach.png"
    twin.write_bytes(image.read_bytes())
    with pytest.raises(DataError, match=r"would both be written to .*beach_pose\.png; predict them apart"):
        predict_files(weights, [image, twin], tmp_path / "out")
    assert not (tmp_path / "out").exists()


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
    assert names(tmp_path / "out") == []


def test_a_box_outside_names_the_file(weights, image, tmp_path):
    with pytest.raises(DataError, match=r"beach\.jpg: the box 500,5,90,100 lies outside the image, which is 180 x 120"):
        predict_files(weights, [image], tmp_path / "out", box=np.array([500.0, 5, 90, 100]))


def test_no_photograph_is_said(weights, tmp_path):
    with pytest.raises(DataError, match="there is no image to predict"):
        predict_files(weights, [], tmp_path)


def test_the_folder_to_write_must_be_one(weights, image):
    with pytest.raises(DataError, match="is a file; --out must be a folder"):
        predict_files(weights, [image], image)
