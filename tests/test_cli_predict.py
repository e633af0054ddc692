import json
from itertools import count

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import prepose
from prepose.cli_predict import predict_app
from prepose.errors import DataError
from prepose.models.checkpoint import save_weights
from prepose.models.pose_net import build_pose_net
from prepose.predict import detectors
from prepose.predict.detectors import Detections, detector_named
from prepose.specs.model import ModelSpec
from video_fakes import write_video


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    net = build_pose_net(ModelSpec(backbone="small-0.7m", decoder="light", size=64), seed=0)
    return save_weights(net, tmp_path_factory.mktemp("net") / "net.safetensors")


@pytest.fixture
def folder(tmp_path):
    """A folder with two photos and a video."""
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 255, (4, 60, 80, 3), dtype=np.uint8)
    for name, pixels in zip(("2.jpg", "10.png"), pictures, strict=False):
        Image.fromarray(pixels).save(folder / name)
    write_video(folder / "clip.mp4", list(pictures))
    return folder


@pytest.fixture
def predict(weights, tmp_path):
    def run(*words):
        done = CliRunner().invoke(predict_app, [str(word) for word in (weights, *words, "--out", tmp_path / "out")])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / "out" / "poses.jsonl").read_text().splitlines()]


def test_a_folder_is_looked_at_and_what_was_assumed_is_said(predict, folder, tmp_path):
    done = predict(folder)
    assert done.exit_code == 0
    assert "taken for one person who fills it" in done.stderr
    assert [(row["image"].rpartition("/")[2], row["frame"]) for row in rows(tmp_path)] == [
        ("2.jpg", 0), ("10.png", 0), *(("clip.mp4", frame) for frame in range(4)),
    ]  # fmt: skip
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"poses.jsonl", "2_pose.png", "10_pose.png", "clip_pose.mp4"}
    assert "taken to show" not in predict(folder, "--whole-image", "--overwrite").stderr


def test_all_options_together(predict, folder, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps([{"image": "clip.mp4", "frame": 1, "box": [5, 5, 40, 50], "person": 3}]))
    words = ("--boxes", boxes, "--fov", 70, "--skeleton", "coco-17", "--threshold", 0.2, "--smooth", "--no-draw")
    done = predict(folder / "*", *words, "--format", "csv", "--format", "npz")
    assert done.exit_code == 0
    assert "mpii-16 to coco-17: 10 of 17 joints exact" in done.stderr and "nobody in 2 of 3 inputs" in done.stderr
    (person,) = prepose.read_poses(str(tmp_path / "out"))
    assert (person.person, person.frames.tolist(), person.skeleton.name) == (3, [1], "coco-17")
    assert person.camera_rule.startswith("given: the longer side spans 70 degrees")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"poses.jsonl", "poses.csv", "poses.npz"}


def test_a_detector_is_chosen_by_name(predict, folder, tmp_path, monkeypatch):
    seen = Detections(np.array([[0.0, 0, 30, 50], [40, 0, 30, 50]]), np.array([0.9, 0.4]))
    monkeypatch.setattr(detectors, "BUILT_IN", {"own": lambda device: lambda image: seen})
    detector_named.cache_clear()
    assert predict(folder / "2.jpg", "--detector", "own").exit_code == 0
    assert len(rows(tmp_path)) == 1
    assert predict(folder / "2.jpg", "--detector", "own", "--score", 0.3, "--overwrite").exit_code == 0
    assert [row["person"] for row in rows(tmp_path)] == [1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--box", "1,2,3,4", "--whole-image"), "--box and --whole-image each say"),
        (("--boxes", "a.csv", "--detector", "x"), "--boxes and --detector each say"),
        (("--box", "1,2,30,40"), "in one input, but there are 3"),
        (("--focal", "0"), "--focal 0: expected"),
        (("--fov", "50", "--focal", "500"), "--focal, --fov and --camera"),
        (("--boxes", "none.csv"), "none.csv: the boxes cannot be read"),
        (("--camera", "none.json"), "none.json: does not exist"),
        (("--skeleton", "coco"), "coco-17"),
        (("--format", "bvh"), "no format is named 'bvh'"),
    ],
)
def test_a_mistake_is_said_before_anything_is_written(predict, folder, tmp_path, words, message):
    with pytest.raises(Exception, match=message):
        predict(folder, *words)
    assert not (tmp_path / "out").exists()


def test_a_damaged_input_is_listed_at_the_end_with_exit_code_1(predict, folder, tmp_path):
    (folder / "2.jpg").write_bytes(b"\xff\xd8\xff")
    done = predict(folder)
    assert done.exit_code == 1
    *_, head, line = done.stderr.splitlines()
    assert "1 of 3 inputs could not be used" in head and "2.jpg" in line
    assert len(rows(tmp_path)) == 5


def test_poses_in_the_formats_of_other_tools(predict, folder, tmp_path):
    done = predict(
        folder / "2.jpg", folder / "clip.mp4", "--no-draw", "--export", "bvh, trc", "--export", "coco", "--angles"
    )
    assert done.exit_code == 0
    people = {f"{name}_person1.{ending}" for name in ("2", "clip") for ending in ("bvh", "trc")}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"poses.jsonl", "poses.coco.json", "angles.csv"} | people
    assert all(name in done.stdout for name in written)
    assert "clip_person1.bvh: constant bone lengths" in done.stderr
    assert "Frames: 4" in (tmp_path / "out" / "clip_person1.bvh").read_text()


def test_formats_that_cannot_be_written_are_refused_at_once(predict, folder, tmp_path):
    with pytest.raises(DataError, match=r"'bhv'.*did you mean 'bvh'"):
        predict(folder / "2.jpg", "--export", "trc,bhv")
    with pytest.raises(DataError, match="coco-17"):
        predict(folder / "2.jpg", "--export", "bvh", "--skeleton", "coco-17")
    assert not (tmp_path / "out").exists()


def test_poses_stay_where_an_export_is_refused(predict, folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "angles.csv").write_text("mine")
    with pytest.raises(DataError, match=r"angles\.csv: exists.*the poses are in"):
        predict(folder / "2.jpg", "--angles")
    assert len(rows(tmp_path)) == 1 and (tmp_path / "out" / "angles.csv").read_text() == "mine"


def test_a_webcam_in_place_of_inputs(weights, tmp_path, monkeypatch):
    from prepose.predict import frames

    class Camera:
        def isOpened(self):  # noqa: N802
            return True

        def read(self):
            return True, np.full((60, 80, 3), 90, np.uint8)

        def release(self):
            pass

    usual = frames.webcam
    clock = count(step=0.1)
    monkeypatch.setattr(
        frames,
        "webcam",
        lambda number, *, seconds: usual(
            number, seconds=seconds, open_capture=lambda _: Camera(), clock=lambda: next(clock)
        ),
    )
    words = [str(weights), "--webcam", "0", "--seconds", "0.25", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(predict_app, words)
    assert done.exit_code == 0, done.output
    found = rows(tmp_path)
    assert {row["image"] for row in found} == {"webcam0"} and [row["frame"] for row in found] == [0, 1, 2]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"poses.jsonl", "webcam0_pose.mp4"}


def test_a_webcam_and_inputs_exclude_each_other(predict, folder, tmp_path):
    with pytest.raises(DataError, match=r"--webcam 0 takes the place of inputs; leave out .*2\.jpg"):
        predict(folder / "2.jpg", "--webcam", "0")
    with pytest.raises(DataError, match="--seconds"):
        predict(folder / "2.jpg", "--seconds", "3")
