import tracemalloc

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
    places, turns = joint_frames(read_bvh(written(tmp_path, HIERARCHY + MOTION)), ("Hips", "Chest", "Chest_end"))
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
    (GOOD.replace("Chest", "Hips"), "HIERARCHY names joints twice: 'Hips'"),
    (GOOD.replace("Zposition", "Zscale"), "joint 'Hips' has unknown channels: 'Zscale'"),
    (GOOD.replace("CHANNELS 3", "CHANNELS 2.5"), "joint 'Chest': expected a number of channels, found '2.5'"),
    (HIERARCHY + "MOTION\nFrames: 2\n", "MOTION block is truncated"),
    (GOOD.replace("Frames: 2", "Frames: 3"), "promises 3 frames, found 2"),
    (GOOD.replace("Frames: 2", "Frames: two"), "expected 'Frames: <number>', found 'Frames: two'"),
    (GOOD.replace("Frame Time: 0.05", "0.05"), "expected 'Frame Time: <number>', found '0.05'"),
    (GOOD.replace("Frame Time: 0.05", "Frame Time: 0"), "promises frames of 0 s; expected 0.0001 to 10 seconds"),
    *[
        (GOOD.replace("Frame Time: 0.05", f"Frame Time: {time}"), "expected 0.0001 to 10 seconds")
        for time in ("nan", "inf", "-0.05", "33.3", "1e-300", "1e309")
    ],
    *[
        (GOOD.replace("Frames: 2", f"Frames: {count}"), "expected 1 to 100,000|promises 2.5 frames, found 2")
        for count in ("nan", "inf", "0", "-2", "2.5", "1e30")
    ],
    (
        GOOD.replace("CHANNELS 3 Zrotation Xrotation", "CHANNELS 3 Zrotation Zrotation"),
        r"joint 'Chest' has a channel twice \(Zrotation Zrotation Yrotation\)",
    ),
    (GOOD.replace("CHANNELS 3", "CHANNELS 4 Xrotation"), "joint 'Chest' has a channel twice"),
    (GOOD[:-4], "frame 2 of MOTION has 8 values, the HIERARCHY has 9 channels"),
    (GOOD.replace("90 0 0 0", "90 0 0 x"), "frame 2 of MOTION holds what is not a number"),
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


def test_a_joint_may_be_called_like_a_block(tmp_path):
    bvh = read_bvh(written(tmp_path, GOOD.replace("Chest", "MOTION_chest")))
    assert bvh.joints == ("Hips", "MOTION_chest", "MOTION_chest_end")


def chain(count: int, channels: str = "0") -> str:
    """A HIERARCHY of that many joints, each the child of the one before, of which the first moves."""
    first = "ROOT j0 { OFFSET 0 0 0 CHANNELS 1 Xposition\n"
    inner = "".join(f"JOINT j{number} {{ OFFSET 0 1 0 CHANNELS {channels}\n" for number in range(1, count))
    return f"HIERARCHY\n{first}{inner}{'} ' * count}\n"


def test_more_joints_than_a_person_has_are_refused_as_soon_as_they_are_too_many(tmp_path):
    path = written(tmp_path, chain(100_000) + "MOTION\nFrames: 1\nFrame Time: 0.1\n0\n")
    with pytest.raises(DataError, match="more than 10,000 joints"):
        read_bvh(path)


def test_joints_that_do_not_move_cost_no_memory_a_frame(tmp_path):
    """10,000 joints x 10,000 frames would be 9 GB of places and turns; the file has 200 kB."""
    count = 9_999
    path = written(tmp_path, chain(count) + f"MOTION\nFrames: {count}\nFrame Time: 0.1\n" + "1\n" * count)
    tracemalloc.start()
    places, _ = joint_frames(read_bvh(path), ("j0", f"j{count - 1}"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27
    np.testing.assert_array_equal(places[-1], [[1, 0, 0], [1, count - 1, 0]])


def test_a_take_of_line_breaks_alone_is_not_split_into_lines(tmp_path):
    with pytest.raises(DataError, match="promises 2 frames, found others"):
        read_bvh(written(tmp_path, GOOD + "\n" * 300_000))


def test_chains_of_moving_and_still_joints_are_followed(tmp_path):
    text = GOOD.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 0")
    text = text.replace("0 0 0 0 0 0\n1 2 3 90 0 0 0 90 0", "0 0 0\n1 2 3 90 0 0")
    places, turns = joint_frames(read_bvh(written(tmp_path, text)), ("Chest_end", "Chest"))
    np.testing.assert_allclose(places, [[[1, 17, 3], [1, 12, 3]], [[-14, 2, 3], [-9, 2, 3]]], atol=1e-9)
    np.testing.assert_allclose(turns[1, 0] @ [0, 1, 0], [-1, 0, 0], atol=1e-9)
