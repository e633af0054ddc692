import numpy as np
import pytest

from prepose.body.skeletons import CROWDPOSE_14
from prepose.data.coco_labels import KeypointForm, leave_out_without_keypoints, read_people
from prepose.data.keypoint_names import in_order
from prepose.data.sample import JointState
from prepose.errors import DataError

FORM = KeypointForm(in_order(CROWDPOSE_14), (1,), needs=())


def content(*keypoints, **more) -> dict:
    annotations = [
        {"id": number, "image_id": 1, "category_id": 1, "keypoints": list(values), **more}
        for number, values in enumerate(keypoints)
    ]
    return {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": annotations, "categories": [{"id": 1}]}


def read_from(tmp_path, labels, form=FORM):
    return read_people(tmp_path / "labels.json", labels, lambda path, content: form, partial=False)


def test_triples_of_several_keys_follow_one_another():
    form = KeypointForm(in_order(CROWDPOSE_14), (1,), ("keypoints", "head_kpts"))
    one = {"keypoints": [1, 2, 2], "head_kpts": [3, 4, 1]}
    assert form.triples(one) == [1, 2, 2, 3, 4, 1]
    assert leave_out_without_keypoints([one, {"keypoints": []}, {}], form)[0] == [one]


def test_flags_are_states_only_where_some_joint_is_visible(tmp_path):
    seen, unseen = [5, 6, 2, 7, 8, 1] + [0] * 36, [5, 6, 1, 7, 8, 1] + [0] * 36
    _, people, notes = read_from(tmp_path, content(seen))
    assert people.states[0, :3].tolist() == [JointState.VISIBLE, JointState.OCCLUDED, JointState.UNKNOWN]
    assert "1 of 2 labelled joints are occluded; 12 are not labelled" in notes
    _, people, notes = read_from(tmp_path, content(unseen))
    assert (people.states == JointState.UNKNOWN).all()
    assert "2 joints are labelled; 12 are not labelled" in notes


def test_boxes_and_heads_are_moved_with_the_pixels(tmp_path):
    form = KeypointForm(in_order(CROWDPOSE_14), (1,), first_pixel=1.0, needs=())
    labels = content([5, 6, 2] + [0] * 39, bbox=[4, 5, 10, 20], bbox_head=[1, 2, 3, 0])
    _, people, _ = read_from(tmp_path, labels, form)
    np.testing.assert_array_equal(people.boxes_xywh, [[3, 4, 10, 20]])
    np.testing.assert_array_equal(people.joints_img[0, 0], [4, 5])
    assert np.isnan(people.head_boxes_xywh).all()


@pytest.mark.parametrize(
    "keypoints", [[1] * 41, [[1, 2, 2]] * 14, [None] * 42, [5, 6, 2] * 13 + [5, 6, 3], [5, 1e999, 2] * 14]
)
def test_keypoints_that_are_no_triples_are_refused(tmp_path, keypoints):
    with pytest.raises(DataError, match="label 0 should hold image_id, and keypoints"):
        read_from(tmp_path, content(keypoints))


def of_category(category, labels=None):
    labels = labels or content([5, 6, 2] + [0] * 39, [7, 8, 2] + [0] * 39)
    labels["annotations"][0]["category_id"] = category
    return labels


@pytest.mark.parametrize("category", [99, "1", None, [1], {}, True, 1.5])
def test_a_label_of_no_listed_category_does_not_vanish(tmp_path, category):
    with pytest.raises(DataError, match=r"1 labels with key-points are of no category .*label 0 names .*listed: 1"):
        read_from(tmp_path, of_category(category))


def test_labels_of_another_listed_category_are_counted(tmp_path):
    labels = of_category(2)
    labels["categories"].append({"id": 2, "name": "dog"})
    _, people, notes = read_from(tmp_path, labels)
    assert len(people) == 1
    assert any("1 labels are of other categories with key-points" in note for note in notes)


def test_boxes_of_other_things_are_no_matter(tmp_path):
    labels = content([5, 6, 2] + [0] * 39)
    labels["annotations"].append({"id": 7, "image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5]})
    _, people, notes = read_from(tmp_path, labels)
    assert len(people) == 1
    assert not any("other categories" in note for note in notes)


@pytest.mark.parametrize("entry", [5, None, {}, {"id": [1]}, {"id": {}}])
def test_a_category_without_an_id_is_refused(tmp_path, entry):
    labels = content([5, 6, 2] + [0] * 39)
    labels["categories"].append(entry)
    with pytest.raises(DataError, match="an entry of categories has no id"):
        read_from(tmp_path, labels)


def test_entries_that_are_no_objects_are_refused(tmp_path):
    labels = content([5, 6, 2] + [0] * 39)
    labels["annotations"].append(5)
    with pytest.raises(DataError, match="entry 1 of annotations is no object: 5"):
        read_from(tmp_path, labels)


@pytest.mark.parametrize("side", ["640", -1, True, 640.5, [640], 10**400])
@pytest.mark.parametrize("key", ["width", "height"])
def test_an_images_size_is_a_number_of_px(tmp_path, key, side):
    labels = content([5, 6, 2] + [0] * 39)
    labels["images"][0] |= {"width": 640, "height": 480, key: side}
    with pytest.raises(DataError, match=f"the {key} of image 1 is .*; expected a whole number of px"):
        read_from(tmp_path, labels)


@pytest.mark.parametrize("side", [None, 0])
def test_an_images_size_may_be_left_out(tmp_path, side):
    labels = content([5, 6, 2] + [0] * 39)
    labels["images"][0] |= {"width": 640, "height": side}
    _, people, _ = read_from(tmp_path, labels)
    assert np.isnan(people.sizes_wh).all()
    labels["images"][0] |= {"height": 480.0}
    _, people, _ = read_from(tmp_path, labels)
    assert people.sizes_wh.tolist() == [[640, 480]]


@pytest.mark.parametrize("name", [5, None, ["a.jpg"]])
def test_a_file_name_is_a_text(tmp_path, name):
    labels = content([5, 6, 2] + [0] * 39)
    labels["images"][0]["file_name"] = name
    with pytest.raises(DataError, match="file_name of image 1 is no text"):
        read_from(tmp_path, labels)
