import sys

import c3d
import ezc3d
import numpy as np
import pytest
from trc import TRCData

from mocap_fakes import moving_person
from prepose.body.skeletons import HALPE_26, MPII_16
from prepose.errors import DataError
from prepose.predict.exports.markers import marker_names, write_c3d, write_trc

Y_UP = np.array([1.0, -1.0, -1.0])


@pytest.fixture
def with_a_gap():
    """Five frames at 25 frames/s; in frame 2 the person was not found."""
    return moving_person(4, skeleton=MPII_16, frames=np.array([0, 1, 3, 4]), times=np.array([0, 1, 3, 4]) / 25 + 1)


def test_names_are_those_of_pose2sim():
    names = marker_names(HALPE_26.joints)
    assert {"Nose", "LEye", "RShoulder", "LBigToe", "RSmallToe", "LHeel", "Head", "Neck", "Hip"} <= set(names)
    assert len(set(marker_names(["pelvis", "head", "head_top"]))) == 3


def test_trc_comes_back_through_a_foreign_reader(tmp_path):
    person = moving_person(7, skeleton=MPII_16)
    assert write_trc(person, tmp_path / "a.trc") == []
    data = TRCData()
    data.load(str(tmp_path / "a.trc"))
    assert (data["Units"], data["DataRate"], data["NumFrames"], data["NumMarkers"]) == ("m", 25, 7, 16)
    found = np.array([data[name] for name in marker_names(MPII_16.joints)]).swapaxes(0, 1)
    np.testing.assert_allclose(found * 1000 * Y_UP, person.joints_cam, atol=0.001)
    np.testing.assert_allclose(data["Time"], person.times)


def test_the_header_of_trc_is_exact(tmp_path, with_a_gap):
    notes = write_trc(with_a_gap, tmp_path / "walk.trc")
    lines = (tmp_path / "walk.trc").read_text().split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\twalk.trc"
    assert lines[1].split("\t")[:5] == ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"]
    assert lines[2] == "25\t25\t5\t16\tm\t25\t1\t5"
    assert lines[3].startswith("Frame#\tTime\tRAnkle\t\t\tRKnee\t\t\t") and lines[3].endswith("LWrist\t\t")
    assert lines[4].startswith("\t\tX1\tY1\tZ1\tX2") and lines[4].endswith("Z16")
    assert lines[5] == ""
    rows = [line.split("\t") for line in (lines[3], *lines[6:11])]
    assert {len(row) for row in rows} == {2 + 3 * 16}
    assert rows[3][:2] == ["3", "1.080000"] and set(rows[3][2:]) == {"NaN"}
    assert lines[11:] == [""]
    data = TRCData()
    data.load(str(tmp_path / "walk.trc"))
    assert np.isnan(data["RAnkle"][2]).all() and np.isfinite(data["RAnkle"][3]).all()
    assert notes == ["starts at 1.000 s of the source", "1 frames in which the person was not found hold no positions"]


@pytest.mark.filterwarnings("ignore:No analog data")
def test_c3d_comes_back_through_two_readers(tmp_path, with_a_gap):
    write_c3d(with_a_gap, tmp_path / "a.c3d")
    file = ezc3d.c3d(str(tmp_path / "a.c3d"))
    point = file["parameters"]["POINT"]
    assert point["LABELS"]["value"] == marker_names(MPII_16.joints) and point["UNITS"]["value"] == ["mm"]
    assert (point["X_SCREEN"]["value"], point["Y_SCREEN"]["value"]) == (["+X"], ["+Y"])
    found = file["data"]["points"][:3].transpose(2, 1, 0) * Y_UP
    np.testing.assert_allclose(found[[0, 1, 3, 4]], with_a_gap.joints_cam, atol=0.001)
    assert np.isnan(found[2]).all()
    with (tmp_path / "a.c3d").open("rb") as handle:
        reader = c3d.Reader(handle)
        assert reader.point_rate == 25 and reader.point_labels[0].strip() == "RAnkle"
        frames = [points for _, points, _ in reader.read_frames()]
    np.testing.assert_allclose(frames[4][:, :3] * Y_UP, with_a_gap.joints_cam[3], atol=0.001)
    assert (frames[0][:, 3] >= 0).all() and (frames[2][:, 3] == -1).all()


def test_missing_joints_are_no_markers(tmp_path):
    person = moving_person(3, skeleton=HALPE_26)
    notes = write_trc(person, tmp_path / "a.trc")
    write_c3d(person, tmp_path / "a.c3d")
    labels = ezc3d.c3d(str(tmp_path / "a.c3d"))["parameters"]["POINT"]["LABELS"]["value"]
    assert "LHeel" not in labels and "LAnkle" in labels
    assert "LHeel" not in (tmp_path / "a.trc").read_text()
    assert any("l_heel" in note for note in notes)


def test_without_ezc3d_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(DataError, match=r"ezc3d; pip install 'prepose\[mocap\]'"):
        write_c3d(moving_person(2), tmp_path / "a.c3d")
    assert not (tmp_path / "a.c3d").exists()
