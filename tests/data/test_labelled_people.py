import numpy as np
import pytest

from fake_people import standing_people, write_picture
from prepose.body.skeletons import LSP_14, MPII_16
from prepose.data.labelled_people import (
    found_people,
    grow_box,
    joined,
    labelled_joints,
    leave_out_nobody_labelled,
    people_of,
    repeats_note,
)
from prepose.errors import DataError


@pytest.fixture
def people(tmp_path):
    joints = standing_people(MPII_16, 4, np.random.default_rng(2))
    for row in (0, 2):
        write_picture(tmp_path / f"{row}.jpg", joints[row], MPII_16)
    return people_of(joints, np.zeros((4, 16), np.uint8), ["0.jpg", "0.jpg", "2.jpg", "2.jpg"], list("abcd"))


def test_columns_stay_together(people):
    both = joined([people.take(np.array([3])), people.take(np.array([True, False, False, False]))])
    assert both.sources.tolist() == ["d", "a"]
    np.testing.assert_array_equal(both.joints_img, people.joints_img[[3, 0]])
    assert len(both) == 2


def test_who_has_no_label_is_left_out_and_counted(people, tmp_path):
    people.joints_img[1] = np.nan
    people.joints_img[2, 3, 0] = np.nan
    assert labelled_joints(people.joints_img).sum(axis=1).tolist() == [16, 0, 15, 16]
    kept, notes = leave_out_nobody_labelled(people)
    assert kept.sources.tolist() == ["a", "c", "d"]
    assert notes == ("1 of 4 people have no labelled joint and are left out",)
    people.joints_img[:] = np.nan
    with pytest.raises(DataError, match="none of the 4 people of this split has a labelled joint"):
        found_people(people, MPII_16, tmp_path, partial=False, notes=(), facts={})


def test_boxes_contain_every_labelled_joint(people, tmp_path):
    people.boxes_xywh[2] = [40, 40, 10, 10]
    found = found_people(people, MPII_16, tmp_path, partial=False, notes=("told",), facts={"a": 1})
    assert (found.total, found.notes, found.facts) == (4, ("told",), {"a": 1})
    for sample in found.samples(0, 4):
        low, size = sample.box_xywh[:2] - 0.5, sample.box_xywh[2:]
        assert (sample.joints_img >= low - 1e-9).all()
        assert (sample.joints_img <= low + size + 1e-9).all()


def test_a_box_grows_no_more_than_it_must():
    box = np.array([10.0, 20.0, 30.0, 40.0])
    inside = np.full((14, 2), np.nan)
    inside[0] = [15, 30]
    np.testing.assert_array_equal(grow_box(box, inside), box)
    inside[1] = [5, 30]
    np.testing.assert_allclose(grow_box(box, inside), [5.5, 20, 34.5, 40])


def test_infinite_joints_are_an_error(people, tmp_path):
    people.joints_img[2, 3] = np.inf
    with pytest.raises(DataError, match=r"c: a joint is infinite or too large \(1 such records\)"):
        found_people(people, MPII_16, tmp_path, partial=False, notes=(), facts={})


def test_joints_far_outside_the_images_are_an_error(people, tmp_path):
    people.joints_img[:] *= 5
    with pytest.raises(DataError, match="joints lie far outside the image"):
        found_people(people, MPII_16, tmp_path, partial=False, notes=(), facts={})


def test_the_skeleton_goes_with_the_samples(people, tmp_path):
    (sample, *_) = found_people(people, MPII_16, tmp_path, partial=False, notes=(), facts={}).samples(1, 3)
    assert sample.skeleton == MPII_16 != LSP_14
    assert (sample.source, sample.image) == ("b: 0.jpg", tmp_path / "0.jpg")


def test_a_person_labelled_twice_in_one_image_is_counted_and_kept(people, tmp_path):
    assert repeats_note(people) == ()
    again = people.take(np.array([0, 1, 1, 2, 1]))
    assert repeats_note(again) == ("2 people repeat the label of another in the same image, and are kept",)
    found = found_people(again, MPII_16, tmp_path, partial=False, notes=(), facts={})
    assert repeats_note(again)[0] in found.notes and found.total == len(again)
