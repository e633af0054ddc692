"""What the page answers, without a page: files within bounds, boxes, poses in 3D and in tables, the private folder."""

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prepose.errors import DataError
from prepose.models.pose_net import build_pose_net
from prepose.predict.predictor import Predictor
from prepose.predict.torch_network import torch_network
from prepose.specs.model import ModelSpec
from prepose.web.answers import Answers, box_between, read_boxes, told, view_of
from prepose.web.estimate import Bounds
from prepose.web.page import EXAMPLES
from prepose.web.pose_view import confidence_table, pose_figure, reach_of
from prepose.web.server import Address, listening, private_folder
from video_fakes import numbered, write_video


@pytest.fixture(scope="module")
def predictor():
    return Predictor(torch_network(build_pose_net(ModelSpec(backbone="small-0.7m", decoder="light", size=64), seed=0)))


@pytest.fixture
def answers(predictor, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()

    def answers(find=None, **bounds):
        return Answers(predictor.poses, find, Bounds(**bounds), folder)

    return answers


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo <b>.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(path)
    return path


def test_an_image_with_two_people(answers, photo):
    found = answers().estimate(photo, "1, 2, 30, 40\n\n 40 5 30 50 ", smooth=False)
    assert found.people == [1, 2] and len(found.frames) == 1 and found.shrink == 1
    names = [path.name for path in found.downloads]
    assert names == ["poses.jsonl", "poses.csv", "photo <b>_person1.bvh", "photo <b>_person2.bvh"]
    lines = [json.loads(line) for line in found.downloads[0].read_text().splitlines()]
    assert [line["box_xywh"] for line in lines] == [[1, 2, 30, 40], [40, 5, 30, 50]]
    # The name that a user knows, not where the file lies.
    assert {line["image"] for line in lines} == {photo.name}
    assert all(each.pixels is None for each in found.frames[0].people)
    view = view_of(found, 0, 2, 0.0)
    assert view.picture.is_file() and "<meter" in view.table
    said = answers().said_of(found, "1,2,30,40")
    assert "2 people" in said and "<b>" not in said and "whole image" not in said
    found.remove()
    assert not found.folder.exists()


def test_a_video_is_taken_up_to_a_number_of_frames(answers, tmp_path):
    video = write_video(tmp_path / "clip.mp4", [numbered(index) for index in range(5)])
    steps = []
    found = answers(most_frames=3).estimate(video, "", smooth=True, progress=lambda *done: steps.append(done))
    assert [frame.time for frame in found.frames] == pytest.approx([0, 0.04, 0.08])
    assert "only the first 3 of about 5 frames" in found.notes[0]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert "whole image was taken" in answers().said_of(found, "")
    # Beyond the ends there is the nearest frame.
    assert view_of(found, 99, 1, 0.0).picture == found.frames[2].picture


def test_a_large_image_is_shown_smaller(answers, tmp_path):
    Image.new("RGB", (2560, 100)).save(tmp_path / "wide.png")
    found = answers().estimate(tmp_path / "wide.png", "", smooth=False)
    assert found.shrink == 0.5
    with Image.open(found.frames[0].picture) as shown:
        assert shown.size == (1280, 50)
    assert box_between((10, 40), (60, 20), found.shrink) == "20, 40, 100, 40"


def test_nobody_is_said(answers, photo):
    alone = answers(find=lambda frame: [])
    found = alone.estimate(photo, "", smooth=False)
    assert found.people == [] and found.downloads == ()
    assert "nobody found" in alone.said_of(found, "") and "warning" in alone.said_of(found, "")
    assert view_of(found, 0, None, 0.0).figure is None


@pytest.mark.parametrize(
    ("bounds", "boxes", "message"),
    [
        ({"most_bytes": 1000}, "", r"^photo <b>\.png: is too large: 0\.0 MB; the limit is 0\.001 MB"),
        ({"most_pixels": 4799}, "", r"80 x 60 px \(0\.0 megapixels\); the limit"),
        ({}, "1, 2, 3", "box '1, 2, 3': expected x, y, width, height"),
        ({}, "500, 2, 30, 40", r"^photo <b>\.png: the box 500,2,30,40 lies outside"),
        ({}, "1 1 9 9\n" * 21, "21 boxes; the limit is 20"),
    ],
)
def test_what_cannot_be_taken_is_one_line_and_leaves_nothing(answers, photo, tmp_path, bounds, boxes, message):
    with pytest.raises(DataError, match=message):
        answers(**bounds).estimate(photo, boxes, smooth=False)
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("content", [b"%PDF-1.7 ...", b"", b"\xff\xd8\xff\xe0", b"hello"])
def test_a_file_that_is_no_image_is_named_without_its_folder(answers, tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"^notes\.txt: ") as error:
        answers().estimate(tmp_path / "notes.txt", "", smooth=False)
    assert str(tmp_path) not in str(error.value)
    assert "role='alert'" in (told(error.value) or "")


def test_a_pose_is_seen_as_the_camera_sees_it_and_from_the_side(answers, photo):
    (person,) = answers().estimate(photo, "", smooth=False).frames[0].people
    reach = reach_of([person])
    figure = pose_figure(person, reach=reach, azimuth=0.0)
    json.dumps(figure, allow_nan=False)
    eye = figure["layout"]["scene"]["camera"]["eye"]
    assert eye["x"] == pytest.approx(0) and eye["y"] < 0
    assert pose_figure(person, reach=reach, azimuth=90.0)["layout"]["scene"]["camera"]["eye"]["x"] > 0
    joints = figure["data"][-1]
    away = np.array([joints["x"], joints["y"], joints["z"]]).T
    np.testing.assert_allclose(away, person.joints_root[:, [0, 2, 1]] * (1, 1, -1), atol=0.06)
    assert np.abs(away).max() <= reach
    assert confidence_table(person).count("<meter") == len(person.skeleton)


def test_the_examples_are_there_with_boxes(answers):
    for example in EXAMPLES:
        assert example.path.is_file() and len(read_boxes(example.boxes_text)) == len(example.boxes)
    assert len(answers().estimate(EXAMPLES[0].path, EXAMPLES[0].boxes_text, smooth=False).people) == 1


def test_the_folder_is_private_and_goes(monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/elsewhere")
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700 and os.environ["GRADIO_TEMP_DIR"] == str(folder)
        (folder / "upload.png").write_bytes(b"x")
    assert not folder.exists() and os.environ["GRADIO_TEMP_DIR"] == "/elsewhere"


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_keep_the_folder(monkeypatch, second):
    remove = shutil.rmtree

    def interrupted(folder, **options):
        signal.raise_signal(second)
        remove(folder, **options)

    monkeypatch.setattr("prepose.web.server.shutil.rmtree", interrupted)
    before = signal.getsignal(second)
    with pytest.raises(KeyboardInterrupt), private_folder() as folder:
        (folder / "upload.png").write_bytes(b"x")
        signal.raise_signal(signal.SIGINT)
    assert not folder.exists() and signal.getsignal(second) is before


def test_a_port_in_use_and_a_host_elsewhere_are_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(DataError, match=rf"--port {port}: cannot be listened on .*in use"),
            listening(Address(port=port)),
        ):
            pass
    with pytest.raises(DataError, match=r"--host 192\.0\.2\.1"), listening(Address("192.0.2.1", 0)):
        pass


def test_only_this_machine_is_private():
    assert Address().is_private and not Address("0.0.0.0").is_private
    assert Path(__file__).parents[2].joinpath("src/prepose/web/page.css").read_text().count("@import") == 0
