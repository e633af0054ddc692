import errno
import json
import os
import resource
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from prepose.errors import DataError, PoseError
from prepose.files import LOCK, locked
from prepose.predict.boxes_file import read_boxes
from prepose.predict.files import Output, predict_files
from prepose.predict.frames import open_source
from prepose.predict.people import given_boxes
from prepose.predict.pose_files import PoseWriter, read_poses
from prepose.predict.predictor import Predictor
from prepose.predict.stream import Settings
from video_fakes import write_video

BOX = np.array([10.0, 5, 90, 100])
OTHER = np.array([60.0, 10, 80, 100])


@pytest.fixture
def image(tmp_path, photograph):
    path = tmp_path / "beach.jpg"
    cv2.imwrite(str(path), photograph[..., ::-1])
    return path


@pytest.fixture
def clip(tmp_path, photograph):
    """Five frames, unevenly spaced."""
    return write_video(
        tmp_path / "clip.mp4", [np.roll(photograph, 4 * i, 1) for i in range(5)], [0, 0.04, 0.1, 0.2, 0.5]
    )


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def rows(folder):
    return [json.loads(line) for line in (folder / "poses.jsonl").read_text().splitlines()]


def of(*boxes):
    return Settings(given_boxes(boxes))


def test_numbers_and_a_drawing_are_written(weights, image, tmp_path):
    before, out = image.read_bytes(), tmp_path / "out"
    outcome = predict_files(weights, [image], Output(out), of(BOX))
    assert outcome.files == [out / "poses.jsonl", out / "beach_pose.png"]
    assert names(out) == ["beach_pose.png", "poses.jsonl"]
    assert (outcome.frames, outcome.poses, outcome.problems, outcome.empty) == (1, 1, [], [])
    (row,) = rows(out)
    assert (row["image"], row["person"], row["box_xywh"]) == (str(image), 1, [10, 5, 90, 100])
    drawing = cv2.imread(str(out / "beach_pose.png"))
    assert drawing is not None and drawing.std() > 10
    assert image.read_bytes() == before


def test_each_box_is_a_person_and_none_replaces_another(weights, image, tmp_path):
    predict_files(weights, [image], Output(tmp_path / "out"), of(BOX, OTHER))
    found = rows(tmp_path / "out")
    assert [(row["person"], row["box_xywh"]) for row in found] == [(1, BOX.tolist()), (2, OTHER.tolist())]
    assert found[0]["joints_cam"] != found[1]["joints_cam"]


def test_a_video_gives_every_frame_with_its_time(weights, clip, tmp_path):
    out = tmp_path / "out"
    outcome = predict_files(weights, [clip], Output(out, ["csv", "npz"]), of(BOX, OTHER))
    assert names(out) == ["clip_pose.mp4", "poses.csv", "poses.jsonl", "poses.npz"]
    assert (outcome.frames, outcome.poses) == (5, 10)
    first, second = read_poses(out)
    np.testing.assert_allclose(first.times, [0, 0.04, 0.1, 0.2, 0.5], atol=1e-6)
    assert (second.person, len(second)) == (2, 5)
    drawn = list(open_source(out / "clip_pose.mp4").frames())
    np.testing.assert_allclose([frame.time for frame in drawn], [0, 0.04, 0.1, 0.2, 0.5], atol=1e-3)


def test_an_animation_is_looked_at_frame_by_frame(weights, photograph, tmp_path):
    frames = [Image.fromarray(np.roll(photograph, 20 * index, 1)) for index in range(3)]
    for kind in ("gif", "webp"):
        path, out = tmp_path / f"moving.{kind}", tmp_path / kind
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=[50, 100, 50])
        predict_files(weights, [path], Output(out))
        assert [(row["frame"], row["time"]) for row in rows(out)] == [(0, 0), (1, 0.05), (2, 0.15)]
        assert names(out) == ["moving_pose.mp4", "poses.jsonl"]


def test_what_exists_is_kept_unless_it_may_be_overwritten(weights, image, tmp_path):
    out = tmp_path / "out"
    predict_files(weights, [image], Output(out, ["csv"]), of(BOX))
    before = (out / "poses.jsonl").read_bytes()
    with pytest.raises(DataError, match=r"out/poses\.jsonl and 2 more: exists; .*--overwrite"):
        predict_files(weights, [image], Output(out), of(OTHER))
    assert (out / "poses.jsonl").read_bytes() == before
    predict_files(weights, [image], Output(out, overwrite=True), of(OTHER))
    assert rows(out)[0]["box_xywh"] == OTHER.tolist()
    assert names(out) == ["beach_pose.png", "poses.jsonl"], "the table was of other poses"


def test_an_input_is_never_overwritten(weights, image, tmp_path):
    victim = tmp_path / "beach_pose.png"
    victim.write_bytes(image.read_bytes())
    predict_files(weights, [image, victim], Output(tmp_path, overwrite=True))
    assert victim.read_bytes() == image.read_bytes()
    assert {"beach_pose_2.png", "beach_pose_pose.png"} < set(names(tmp_path))


def test_two_inputs_of_one_name_have_drawings_of_their_own(weights, image, tmp_path):
    twin = tmp_path / "other" / "beach.png"
    twin.parent.mkdir()
    twin.write_bytes(image.read_bytes())
    predict_files(weights, [image, twin], Output(tmp_path / "out"))
    assert [row["image"] for row in rows(tmp_path / "out")] == [str(image), str(twin)]
    assert names(tmp_path / "out") == ["beach_pose.png", "beach_pose_2.png", "poses.jsonl"]


def test_an_input_that_cannot_be_read_does_not_stop_the_others(weights, image, tmp_path):
    torn, lost = tmp_path / "torn.jpg", tmp_path / "lost.jpg"
    torn.write_bytes(image.read_bytes()[:500])
    outcome = predict_files(weights, [torn, image, lost], Output(tmp_path / "out", draw=False))
    assert names(tmp_path / "out") == ["poses.jsonl"] and len(rows(tmp_path / "out")) == 1
    assert [line.split(": ")[0] for line in outcome.problems] == [str(torn), str(lost)]
    assert any("damaged JPEG" in line for line in outcome.problems)


def test_a_video_that_ends_early_keeps_its_frames(weights, image, photograph, tmp_path):
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 255, photograph.shape, dtype=np.uint8) for _ in range(20)]
    clip = write_video(tmp_path / "cut.mkv", pictures)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    for inputs in ([clip], [clip, image]):
        out = tmp_path / f"out{len(inputs)}"
        outcome = predict_files(weights, inputs, Output(out))
        assert [f"{clip}: the video is damaged" in line for line in outcome.problems] == [True]
        frames = [row["frame"] for row in rows(out) if row["image"] == str(clip)]
        assert frames == list(range(len(frames))) and 5 < len(frames) < 15
        assert len(list(open_source(out / "cut_pose.mp4").frames())) == len(frames)
        assert outcome.frames == len(frames) + len(inputs) - 1


def test_nobody_is_an_empty_and_valid_result(weights, image, tmp_path):
    outcome = predict_files(weights, [image], Output(tmp_path / "out", ["csv", "npz"]), Settings(lambda frame: []))
    assert (outcome.frames, outcome.poses, outcome.problems, outcome.empty) == (1, 0, [], [image])
    assert read_poses(tmp_path / "out") == []
    assert names(tmp_path / "out") == ["beach_pose.png", "poses.csv", "poses.jsonl", "poses.npz"]


def test_boxes_of_a_file_are_found_in_their_frames(weights, clip, image, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(
        "image,frame,x,y,w,h,person\nclip.mp4,1,10,5,90,100,4\nclip.mp4,3,900,5,9,9,4\nclip.mp4,4,60,10,80,100,4\n"
    )
    inputs = [clip, image]
    outcome = predict_files(weights, inputs, Output(tmp_path / "out", draw=False), Settings(read_boxes(boxes, inputs)))
    assert [(row["frame"], row["person"]) for row in rows(tmp_path / "out")] == [(1, 4), (4, 4)]
    assert outcome.empty == [image]
    assert len(outcome.problems) == 1 and "clip.mp4, frame 3: the box 900,5,9,9 lies outside" in outcome.problems[0]


def test_many_problems_of_one_input_are_one_line(weights, clip, image, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image,frame,x,y,w,h\n" + "".join(f"clip.mp4,{index},900,5,9,9\n" for index in range(5)))
    outcome = predict_files(
        weights, [image, clip], Output(tmp_path / "out"), Settings(read_boxes(boxes, [image, clip]))
    )
    (line,) = outcome.problems
    assert "frame 0" in line and line.endswith("(and 4 more)")


def test_a_skeleton_is_converted_and_this_is_said(weights, image, tmp_path):
    outcome = predict_files(weights, [image], Output(tmp_path / "out", ["csv"], "coco-17"))
    (row,) = rows(tmp_path / "out")
    assert row["skeleton"] == "coco-17" and row["joints_cam"][0] == [None, None, None]
    assert row["provenance"][row["joints"].index("nose")] == "missing"
    assert outcome.conversion.startswith("mpii-16 to coco-17: 10 of 17 joints exact")
    with pytest.raises(PoseError, match="coco-71"):
        predict_files(weights, [image], Output(tmp_path / "other", skeleton="coco-71"))
    assert not (tmp_path / "other").exists()


def test_joints_below_the_threshold_are_marked(weights, image, tmp_path):
    predict_files(weights, [image], Output(tmp_path / "out", draw=False), Settings(threshold=1.0))
    assert set(rows(tmp_path / "out")[0]["marks"]) <= {"low_confidence", "outside_image", "ok"}
    assert "low_confidence" in rows(tmp_path / "out")[0]["marks"]


def test_a_disk_that_fills_up_keeps_the_poses_so_far(weights, clip, tmp_path, monkeypatch):
    write = PoseWriter.write

    def full(self, people):
        if self.rows == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, people)

    monkeypatch.setattr(PoseWriter, "write", full)
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"no space left on device; the 3 poses of 3 frames are kept in poses\.jsonl"):
        predict_files(weights, [clip], Output(out))
    assert names(out) == ["poses.jsonl"] and len(rows(out)) == 3


@pytest.mark.slow
def test_a_limit_of_the_system_keeps_whole_lines(weights, clip, tmp_path):
    """The same with a real limit on the size of files, in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from prepose.predict.files import *\n"
        "predict_files(Path(sys.argv[1]), [Path(sys.argv[2])], Output(Path(sys.argv[3]), draw=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(weights), str(clip), str(tmp_path / "out")],
        capture_output=True, text=True, check=False, env=dict(os.environ),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )  # fmt: skip
    assert "file too large; the" in done.stderr and "are kept in poses.jsonl" in done.stderr
    assert 0 < len(rows(tmp_path / "out")) < 5


def test_progress_counts_frames(weights, clip, image, tmp_path):
    seen = []
    predict_files(weights, [clip, image], Output(tmp_path / "out"), progress=lambda *done: seen.append(done))
    assert seen == [(done, 6) for done in range(1, 7)]


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
def test_the_only_image_that_cannot_be_read_is_said_and_leaves_no_folder(weights, image, tmp_path, content, message):
    whole = image.read_bytes()
    image.unlink()
    if content is not None:
        image.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(DataError, match=rf"beach\.jpg: .*{message}"):
        predict_files(weights, [image], Output(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_box_outside_names_the_file_and_leaves_no_folder(weights, image, clip, tmp_path):
    for path in (image, clip):
        with pytest.raises(DataError, match=rf"{path.name}: the box 500,5,90,100 lies outside .* 180 x 120"):
            predict_files(weights, [path], Output(tmp_path / "out"), of(BOX, np.array([500.0, 5, 90, 100])))
        assert not (tmp_path / "out").exists()


def test_pages_of_a_tiff_are_not_a_video(weights, photograph, tmp_path):
    path = tmp_path / "pages.tiff"
    cv2.imwritemulti(str(path), [np.ascontiguousarray(photograph)] * 2)
    with pytest.raises(DataError, match=r"pages\.tiff: holds 2 images"):
        predict_files(weights, [path], Output(tmp_path / "out"))


def test_what_cannot_be_written_is_said_first(weights, image, tmp_path):
    with pytest.raises(DataError, match="there is no image to predict"):
        predict_files(weights, [], Output(tmp_path))
    with pytest.raises(DataError, match="is a file; --out must be a folder"):
        predict_files(weights, [image], Output(image))
    with pytest.raises(DataError, match=r"no format is named 'cvs' \(did you mean 'csv'"):
        predict_files(weights, [image], Output(tmp_path / "out", ["cvs"]))


def test_two_runs_do_not_write_into_one_folder_at_a_time(weights, image, tmp_path):
    out = tmp_path / "out"
    with locked(out / LOCK, "predicts"):
        with pytest.raises(DataError, match=r"another process .* predicts into .*out"):
            predict_files(weights, [image], Output(out, overwrite=True))
        assert names(out) == [LOCK]
    assert predict_files(weights, [image], Output(out)).poses == 1 and LOCK not in names(out)


def test_what_another_run_wrote_while_this_one_began_is_kept(weights, image, tmp_path, monkeypatch):
    out, load = tmp_path / "out", Predictor.load

    def slowly(*given, **options):
        predict_files(weights, [image], Output(out))
        return load(*given, **options)

    monkeypatch.setattr(
        "prepose.predict.files.Predictor.load", lambda *a, **o: (monkeypatch.undo(), slowly(*a, **o))[1]
    )
    with pytest.raises(DataError, match=r"poses\.jsonl and 1 more: exists"):
        predict_files(weights, [image], Output(out))
    assert len(rows(out)) == 1
