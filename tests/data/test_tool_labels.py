import numpy as np
import pytest

from prepose.body.skeletons import COCO_17
from prepose.data.sample import JointState
from prepose.data.tool_labels import (
    PersonRecord,
    file_name,
    find_by_name,
    find_image_folder,
    numbers_of,
    people_of_records,
    without_empty,
)
from prepose.errors import DataError

VISIBLE, UNKNOWN = JointState.VISIBLE, JointState.UNKNOWN


def test_people_are_laid_out_by_the_listed_names():
    record = PersonRecord("a.jpg", "here", {"RWrist": (1.0, 2.0, VISIBLE)}, (0.0, 0.0, 4.0, 0.0))
    names = [joint.title().replace("_", "") for joint in COCO_17.joints]
    named, people = people_of_records([record], names, "x")
    assert named.skeleton == COCO_17
    np.testing.assert_array_equal(people.joints_img[0, COCO_17.index("r_wrist")], [1, 2])
    assert people.states[0].tolist().count(VISIBLE) == 1
    assert np.isnan(people.joints_img).sum() == 32 and np.isnan(people.boxes_xywh).all()


def test_names_in_use_make_the_skeleton_with_the_other_sides():
    records = [PersonRecord("a.jpg", "here", {"left paw": (1.0, 2.0, UNKNOWN), "tail": (3.0, 4.0, UNKNOWN)})]
    named, _ = people_of_records(records, (), "x")
    assert named.skeleton.joints == ("l_paw", "tail", "r_paw")


def test_unlisted_names_and_nobody_are_errors():
    record = PersonRecord("a.jpg", "here", {"nose": (1.0, 2.0, UNKNOWN)})
    with pytest.raises(DataError, match=r"x\.xml: labels 'nose', which is not among its key-points tail, head"):
        people_of_records([record], ["tail", "head"], "x.xml")
    with pytest.raises(DataError, match=r"x\.xml: nobody in it has a labelled key-point"):
        people_of_records([PersonRecord("a.jpg", "here", {})], ["tail", "head"], "x.xml")


def test_people_without_keypoints_are_counted():
    records = [PersonRecord("a.jpg", "here", {}), PersonRecord("a.jpg", "here", {"nose": (1.0, 2.0, UNKNOWN)})]
    assert without_empty(records) == ([records[1]], ("1 of 2 people have no key-points and are left out",))
    assert without_empty(records[1:]) == ([records[1]], ())


def test_parts_of_paths_and_texts():
    assert [file_name(path) for path in ("a/b.jpg", "a\\b.jpg", "s3://x/b.jpg", "b.jpg")] == ["b.jpg"] * 4
    assert numbers_of("1.5, 2", 2, "x") == (1.5, 2.0)
    for text in ("1", "1,2,3", "a,b", "nan,1", "1e999,1", ""):
        with pytest.raises(DataError, match="x: expected 2 numbers, found"):
            numbers_of(text, 2, "x")


def touch(*paths) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("image", "name", "folder", "found"),
    [
        ("set/annotations/a.jpg", "a.jpg", "set/annotations", "a.jpg"),
        ("set/annotations/images/a.jpg", "a.jpg", "set/annotations/images", "a.jpg"),
        ("set/images/a.jpg", "a.jpg", "set/images", "a.jpg"),
        ("set/images/val/a.jpg", "a.jpg", "set/images/val", "a.jpg"),
        ("set/val/a.jpg", "a.jpg", "set/val", "a.jpg"),
        ("images/a.jpg", "a.jpg", "images", "a.jpg"),
        ("set/val/a.jpg", "val/a.jpg", "set", "val/a.jpg"),
        ("set/val/a.jpg", "x/y/val/a.jpg", "set", "val/a.jpg"),
        ("elsewhere/deep/down/a.jpg", "a.jpg", "set/annotations", "a.jpg"),
    ],
)
def test_images_are_found_beside_and_above_the_label_file(tmp_path, image, name, folder, found):
    touch(tmp_path / image, tmp_path / "set/annotations/labels.json")
    place, names = find_image_folder(tmp_path / "set/annotations/labels.json", [name])
    assert (place, names) == (tmp_path / folder, (found,))


def test_the_folder_with_most_of_the_images_is_taken(tmp_path):
    touch(tmp_path / "images/a.jpg", *(tmp_path / "images/val" / name for name in ("a.jpg", "b.jpg")))
    place, _ = find_image_folder(tmp_path / "labels.json", ["a.jpg", "b.jpg", "c.jpg"])
    assert place == tmp_path / "images/val"


def test_names_that_share_no_folder_keep_theirs(tmp_path):
    touch(tmp_path / "a/1.jpg", tmp_path / "b/1.jpg")
    assert find_image_folder(tmp_path / "labels.json", ["a/1.jpg", "b/1.jpg"])[1] == ("a/1.jpg", "b/1.jpg")


def test_a_name_that_two_images_have_is_not_found(tmp_path):
    touch(tmp_path / "a/1.jpg", tmp_path / "b/1.jpg", tmp_path / "b/2.jpg", tmp_path / "b/3.txt")
    assert find_by_name(tmp_path, ["1.jpg", "2.jpg", "3.txt", "4.jpg"]) == {"2.jpg": "b/2.jpg"}
