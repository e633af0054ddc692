import numpy as np
import pytest

from prepose.errors import DataError
from prepose.synthetic.bvh_file import joint_frames, read_bvh

HIERARCHY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
"""
MOTION = """MOTION
Frames: 2
Frame Time: 0.05
1 2 3 0 0 0 0 0 0
1 2 3 90 0 0 0 90 0
"""


def written(tmp_path, text):
    path = tmp_path / "take.bvh"
    path.write_text(text)
    return path


def test_a_file_is_read_as_it_stands(tmp_path):
    bvh = read_bvh(written(tmp_path, HIERARCHY + MOTION))
    assert bvh.joints == ("Hips", "Chest", "Chest_end")
    assert bvh.parents == (-1, 0, 1)
    assert bvh.frame_time == 0.05
    assert bvh.channels[1] == ("Zrotation", "Xrotation", "Yrotation")
    np.testing.assert_array_equal(bvh.offsets, [[0, 0, 0], [0, 10, 0], [0, 5, 0]])
    np.testing.assert_array_equal(bvh.frames[1], [1, 2, 3, 90, 0, 0, 0, 90, 0])


def test_carriage_returns_and_tabs_do_not_matter(tmp_path):
    text = (HIERARCHY + MOTION).replace("\n", "\r\n").replace("Frames: ", "Frames:\t")
    assert read_bvh(written(tmp_path, text)).frames.shape == (2, 9)


def test_joints_are_carried_by_their_parents(tmp_path):
    places, turns = joint_frames(read_bvh(written(tmp_path, HIERARCHY + MOTION)))
    np.testing.assert_allclose(places[0], [[1, 2, 3], [1, 12, 3], [1, 17, 3]])
    # A quarter turn about z lays the spine along -x; the chest's quarter turn about its own x then points it to z.
    np.testing.assert_allclose(places[1], [[1, 2, 3], [-9, 2, 3], [-9, 2, 8]], atol=1e-9)
    np.testing.assert_allclose(turns[1, 0] @ [0, 1, 0], [-1, 0, 0], atol=1e-9)


GOOD = HIERARCHY + MOTION
BROKEN = [
    ("", "not a BVH file: it must start with HIERARCHY, found ''"),
    ("ply\nformat ascii", "not a BVH file: it must start with HIERARCHY, found 'ply"),
    (HIERARCHY, "no MOTION block after the HIERARCHY; the file is truncated"),
    (GOOD.replace("ROOT", "BONE"), "expected ROOT, found 'BONE'"),
    (GOOD.replace("OFFSET 0 10 0", "OFFSET 0 10"), "joint 'Chest': expected a number, found 'CHANNELS'"),
    (GOOD.replace("OFFSET 0 10 0", "OFFSET 0 nan 0"), "joint 'Chest': expected a number, found 'nan'"),
    (GOOD.replace("OFFSET 0 10 0", ""), "joint 'Chest': expected OFFSET, found 'CHANNELS'"),
    (GOOD.replace("JOINT Chest", "BONE Chest"), "in joint 'Hips': expected JOINT, End Site or }, found 'BONE'"),
    (GOOD.replace("}\nMOTION", "MOTION"), "HIERARCHY ends where JOINT, End Site or } was expected"),
    (GOOD.replace("}\nMOTION", "}}\nMOTION"), "HIERARCHY has '}' after its root was closed|expected JOINT"),
    (GOOD.replace("Chest", "Hips"), "HIERARCHY names joints twice: Hips"),
    (GOOD.replace("Zposition", "Zscale"), "joint 'Hips' has unknown channels: Zscale"),
    (GOOD.replace("CHANNELS 3", "CHANNELS 2.5"), "joint 'Chest': expected a number of channels, found '2.5'"),
    (HIERARCHY + "MOTION\nFrames: 2\n", "MOTION block is truncated"),
    (GOOD.replace("Frames: 2", "Frames: 3"), "promises 3 frames, found 2"),
    (GOOD.replace("Frames: 2", "Frames: two"), "expected 'Frames: <number>', found 'Frames: two'"),
    (GOOD.replace("Frame Time: 0.05", "0.05"), "expected 'Frame Time: <number>', found '0.05'"),
    (GOOD.replace("Frame Time: 0.05", "Frame Time: 0"), "promises 2 frames of 0 s; expected positive numbers"),
    (GOOD[:-4], "frame 2 of MOTION has 8 values, the HIERARCHY has 9 channels"),
    (GOOD.replace("90 0 0 0", "90 0 0 x"), "MOTION block holds what is not a number"),
    (GOOD.replace("90 0 0 0", "90 0 0 nan"), "frame 2 of MOTION holds NaN or infinite values"),
    (GOOD.replace("90 0 0 0", "90 0 0 inf"), "frame 2 of MOTION holds NaN or infinite values"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_file_says_what_is_wrong_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as error:
        read_bvh(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"none\.bvh: no such file"):
        read_bvh(tmp_path / "none.bvh")


def test_a_picture_is_not_a_bvh(tmp_path):
    path = tmp_path / "picture.bvh"
    path.write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_bvh(path)
