import csv
import errno
import json
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.errors import DataError
from prepose.predict.pose_files import CSV_COLUMNS, PoseWriter, read_poses, write_csv, write_npz
from prepose.predict.predictor import Predictor


@pytest.fixture(scope="module")
def rows(weights, photograph):
    """Two people over three frames, one of them not seen in the second; in a skeleton with joints that are missing."""
    one = Predictor.load(weights).predict(photograph)[0].in_skeleton("coco-17")

    def row(frame, person):
        shift = np.array([10.0 * frame, 100 * person, 0])
        moved = one.joints_cam + shift
        return replace(one, image="clip.mp4", frame=frame, time=frame / 30, person=person, joints_cam=moved)

    return [row(0, 1), row(0, 2), row(1, 1), row(2, 1), row(2, 2)]


@pytest.fixture
def lines(tmp_path, rows):
    with PoseWriter(tmp_path / "out" / "poses.jsonl") as writer:
        for frame in range(3):
            writer.write([row for row in rows if row.frame == frame])
    return writer.path


def test_lines_come_back_as_sequences(lines, rows):
    for path in (lines, lines.parent):
        first, second = read_poses(path)
        assert (first.person, first.frames.tolist()) == (1, [0, 1, 2])
        assert (second.person, second.frames.tolist()) == (2, [0, 2])
        assert second.frame_rate == pytest.approx(30, rel=1e-4)
        assert first.skeleton.name == "coco-17" and first.provenance == rows[0].provenance
        np.testing.assert_allclose(first.joints_cam[1], rows[2].joints_cam, atol=1e-3)
        np.testing.assert_allclose(first.joints_img[1], rows[2].joints_img, atol=1e-3)
        np.testing.assert_array_equal(first.marks[0], rows[0].marks)
        np.testing.assert_allclose(first.camera.K, rows[0].camera.K, atol=1e-5)
        assert (first.camera.size_wh, first.scale_rule) == ((180, 120), rows[0].scale_rule)


def test_a_table_has_a_row_for_each_joint(lines, rows):
    table = list(csv.DictReader(write_csv(lines, lines.with_suffix(".csv")).read_text().splitlines()))
    assert tuple(table[0]) == CSV_COLUMNS
    assert len(table) == 5 * 17
    wrist = next(row for row in table if row["joint"] == "l_wrist" and row["frame"] == "2" and row["person"] == "2")
    index = rows[4].skeleton.index("l_wrist")
    assert float(wrist["z_mm"]) == pytest.approx(rows[4].joints_cam[index, 2], abs=1e-3)
    assert float(wrist["time_s"]) == pytest.approx(2 / 30, abs=1e-5)
    nose = next(row for row in table if row["joint"] == "nose")
    assert (nose["x_px"], nose["z_mm"], nose["confidence"], nose["mark"]) == ("", "", "", "missing")


def test_arrays_have_all_poses_and_say_what_they_are(lines, rows):
    with np.load(write_npz(lines, lines.with_suffix(".npz"))) as arrays:
        about = json.loads(str(arrays["about"]))
        assert arrays["joints_cam"].shape == (5, 17, 3)
        assert arrays["image"].tolist() == ["clip.mp4"] * 5 and arrays["person"].tolist() == [1, 2, 1, 1, 2]
        np.testing.assert_allclose(arrays["joints_cam"][3], rows[3].joints_cam, atol=0.01)
        np.testing.assert_array_equal(arrays["marks"][3], rows[3].marks)
    assert about["skeleton"] == "coco-17" and about["units"]["joints_cam"] == "mm"
    assert set(about["arrays"]) == {"image", "frame", "time", "person", "joints_img", "joints_cam", "joints_root",
                                    "root_cam", "confidence", "expected_error_mm", "expected_error_px", "marks",
                                    "box_xywh"}  # fmt: skip


def test_no_poses_are_valid_files(tmp_path):
    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write([])
    assert writer.path.read_bytes() == b"" and read_poses(tmp_path) == []
    assert write_csv(writer.path, tmp_path / "poses.csv").read_text().count("\n") == 1
    with np.load(write_npz(writer.path, tmp_path / "poses.npz")) as arrays:
        assert len(arrays["frame"]) == 0


def test_nothing_is_made_before_the_first_frame(tmp_path):
    with PoseWriter(tmp_path / "out" / "poses.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_earlier_poses_are_replaced_with_their_tables_and_links_are_not_followed(tmp_path, rows):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "poses.jsonl").symlink_to(victim)
    (tmp_path / "poses.csv").write_text("old")
    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write(rows[:1])
    assert victim.read_text() == "mine" and not (tmp_path / "poses.csv").exists()
    assert len(read_poses(tmp_path)) == 1


def test_a_full_disk_leaves_whole_lines(tmp_path, rows):
    class Full:
        def __init__(self, file, room):
            self.file, self.room = file, room

        def write(self, data):
            if self.room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            done = self.file.write(data[: self.room])
            self.room -= done
            return done

        def __getattr__(self, name):
            return getattr(self.file, name)

    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write(rows[:2])
        writer._file = Full(writer._file, 500)
        with pytest.raises(OSError, match="No space"):
            writer.write(rows[2:3])
    assert writer.rows == 2
    assert [len(each) for each in read_poses(tmp_path)] == [1, 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: is not a pose"),
        ('{"image": "a"}', "line 2: is not a pose .*person"),
        ("[]", "line 2: is not a pose"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, rows, line, message):
    path = tmp_path / "poses.jsonl"
    path.write_text(json.dumps(rows[0].to_json()) + "\n" + line + "\n")
    with pytest.raises(DataError, match=rf"poses\.jsonl, {message}"):
        read_poses(path)


def test_a_file_of_something_else_is_said(tmp_path):
    (tmp_path / "poses.jsonl").write_text('{"image": "a", "person": 1, "frame": 0}\n')
    with pytest.raises(DataError, match=r"poses\.jsonl: is damaged"):
        read_poses(tmp_path)
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read"):
        read_poses(tmp_path / "none.jsonl")


def test_the_skeleton_of_the_network_needs_no_conversion(tmp_path, weights, photograph):
    with PoseWriter(tmp_path / "poses.jsonl") as writer:
        writer.write(Predictor.load(weights).predict(photograph))
    (found,) = read_poses(tmp_path)
    assert found.skeleton is MPII_16 and set(found.provenance) == {"exact"}
