from pathlib import Path

import numpy as np
import pytest

from prepose.data.h36m.frames import (
    ACTIONS,
    SPLITS,
    TEST_SUBJECTS,
    TRAINING_SUBJECTS,
    Frames,
    action_index,
    at_least_apart,
    h36m_17,
    keep_or_drop_misplaced,
    misplaced,
    recordings_note,
    relocated,
    stack,
)
from prepose.errors import DataError


def table(where: list[tuple[int, ...]]) -> Frames:
    count = len(where)
    return Frames(
        folder=Path("somewhere"),
        images=tuple(f"{number}.jpg" for number in range(count)),
        joints_cam=np.arange(count * 51.0).reshape(count, 17, 3),
        joints_img=np.full((count, 17, 2), np.nan),
        where=np.array(where, int).reshape(-1, 5),
        given=np.full((count, 4), np.nan),
    )


def test_no_split_trains_on_a_test_person_or_chooses_on_a_training_person():
    for name, part in SPLITS.items():
        wanted = TEST_SUBJECTS if name.startswith("test") else TRAINING_SUBJECTS
        assert set(part.subjects) <= set(wanted)
    assert not set(SPLITS["train"].subjects) & set(SPLITS["validation"].subjects)


def test_every_spelling_of_an_action_is_known():
    for index, name in enumerate(ACTIONS[2:], start=2):
        assert action_index(name) == action_index(name.lower()) == index
    assert [action_index(name) for name in ("Photo", "WalkDog", "Sitting Down", "WalkTogether")] == [12, 15, 10, 16]
    assert [action_index(name) for name in ("", "Seq", "Flying")] == [0, 0, 0]


def test_full_recordings_are_taken_at_every_nth_frame():
    frames = table([(9, 2, 1, 0, frame) for frame in range(1, 201)])
    assert frames.where[at_least_apart(frames, 64), 4].tolist() == [1, 65, 129, 193]


def test_thinned_recordings_are_taken_at_the_nearest_frames_and_recordings_do_not_mix():
    rows = [(9, 2, 1, camera, frame) for frame in range(1, 201, 5) for camera in (0, 1)]
    frames = table(rows)
    kept = frames.take(at_least_apart(frames, 64))
    assert sorted(map(tuple, kept.where[:, 3:].tolist())) == [
        (camera, frame) for camera in (0, 1) for frame in (1, 66, 131, 196)
    ]
    assert kept.images == tuple(f"{rows.index(tuple(row))}.jpg" for row in kept.where.tolist())


def test_the_order_of_the_rows_plays_no_part():
    rows = [(9, 2, subaction, 0, frame) for subaction in (1, 2) for frame in range(1, 40)]
    shuffled = [rows[index] for index in np.random.default_rng(0).permutation(len(rows))]
    one, two = (table(order) for order in (rows, shuffled))
    chosen = [set(map(tuple, frames.where[at_least_apart(frames, 7)].tolist())) for frames in (one, two)]
    assert chosen[0] == chosen[1]


def test_misplaced_recordings_are_those_three_alone():
    rows = [(subject, action, part, 0, 1) for subject in (8, 9) for action in range(2, 17) for part in (1, 2)]
    frames = table(rows)
    marked = [rows[index] for index in np.flatnonzero(misplaced(frames))]
    assert marked == [(9, 5, 2, 0, 1), (9, 10, 2, 0, 1), (9, 13, 1, 0, 1)]
    assert len(keep_or_drop_misplaced(frames, SPLITS["test"])) == len(rows)
    assert len(keep_or_drop_misplaced(frames, SPLITS["test-clean"])) == len(rows) - 3


def test_both_recordings_of_an_action_are_marked_where_they_cannot_be_told_apart():
    frames = table([(9, 5, -1, 0, 1), (9, 5, -2, 0, 1), (9, 6, -1, 0, 1)])
    assert misplaced(frames).tolist() == [True, True, False]


def test_a_table_without_misplaced_recordings_says_nothing_of_them():
    frames = table([(11, 5, 2, 0, 1)])
    assert keep_or_drop_misplaced(frames, SPLITS["test"]) is frames


@pytest.mark.parametrize("count", [17, 18, 32])
def test_17_joints_are_found_among_more(count):
    joints = np.arange(count, dtype=float)[None, :, None].repeat(3, axis=2)
    taken = h36m_17(joints, Path("file"))[0, :, 0].astype(int).tolist()
    # Of the authors' 32: right leg from 1, left leg from 6, spine to head from 12, left arm from 17, right from 25.
    of_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert taken == (of_32 if count == 32 else list(range(17)))


def test_other_numbers_of_joints_are_refused():
    with pytest.raises(DataError, match=r"file: has 24 joints; expected Human3\.6M's 17"):
        h36m_17(np.zeros((1, 24, 3)), Path("file"))


def test_stacking_keeps_rows_together_and_notes_once():
    one, two = table([(1, 2, 1, 0, 1)]).told("same", "one"), table([(5, 2, 1, 0, 1), (5, 2, 1, 0, 2)]).told("same")
    both = stack([one, two], nothing="nothing")
    assert both.where[:, 0].tolist() == [1, 5, 5]
    assert both.notes == ("same", "one")
    np.testing.assert_array_equal(both.joints_cam[1:], two.joints_cam)
    with pytest.raises(DataError, match="nothing here"):
        stack([table([])], nothing="nothing here")


def test_images_are_looked_for_in_each_folder(tmp_path):
    frames = table([(1, 2, 1, 0, frame) for frame in range(3)])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.jpg").touch()
    assert relocated(frames, (tmp_path / "a", tmp_path / "b")).folder == tmp_path / "b"
    with pytest.raises(DataError, match="there is no such image; unpack the images there"):
        relocated(frames, (tmp_path / "a",))


def test_recordings_that_are_missing_are_counted_for_each_subject():
    part = SPLITS["test"]
    whole = [(who, action, take, camera, 1) for who in (9, 11) for action in range(2, 17) for take in (1, 2)
             for camera in range(4)]  # fmt: skip
    assert recordings_note(table(whole), part) == ()
    assert recordings_note(table(whole[:-1]), part) == (), "releases go without one corrupt video of S11"
    assert recordings_note(table(whole[3:-2]), part) == (
        "of 120 recordings of each subject (by camera) there are: S9 117, S11 118",
    )
