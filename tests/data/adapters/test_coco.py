import json

import numpy as np
import pytest

from fakes_coco import fake_coco, flags_of
from prepose.body.skeletons import COCO_17
from prepose.data.adapters.coco import coco
from prepose.data.coco_labels import KeypointForm, leave_out_crowds, leave_out_without_keypoints
from prepose.data.keypoint_names import in_order
from prepose.data.picture import decode_image
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, split, *, partial=False) -> list:
    found = coco(root, split, partial=partial)
    return list(found.samples(0, found.total))


def change(root, edit, name="val2017") -> None:
    path = root / "annotations" / f"person_keypoints_{name}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_pixels_and_flags_are_as_labelled(tmp_path, generator):
    true_img = fake_coco(tmp_path, generator)
    samples = all_of(tmp_path, "train") + all_of(tmp_path, "validation")
    np.testing.assert_array_equal(np.stack([sample.joints_img for sample in samples]), true_img)
    flags = flags_of(12)
    meant = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE])[flags]
    np.testing.assert_array_equal(np.stack([sample.states for sample in samples]), meant)
    assert [sample.image.name for sample in samples] == [f"{row // 2 * 2:012d}.jpg" for row in range(12)]
    assert samples[9].source == "person_keypoints_val2017.json: annotation 9: 000000000008.jpg"
    assert json.loads(samples[9].details) == {"area": 2000.5, "annotation": 9, "image": 8}


def test_several_people_share_an_image(tmp_path, generator):
    fake_coco(tmp_path, generator)
    one, two = all_of(tmp_path, "train")[:2]
    assert one.image == two.image
    assert not np.array_equal(one.joints_img, two.joints_img, equal_nan=True)


def test_who_is_left_out_is_counted(tmp_path, generator):
    fake_coco(tmp_path, generator)
    notes = coco(tmp_path, "validation", partial=False).notes
    assert "1 of 6 labels are of crowds and are left out" in notes
    assert "1 of 5 people have no key-points and are left out" in notes
    flags = flags_of(12)[8:]
    occluded, labelled, absent = (flags == 1).sum(), (flags > 0).sum(), (flags == 0).sum()
    assert f"{occluded} of {labelled} labelled joints are occluded; {absent} are not labelled" in notes
    assert any(note.startswith("1 images have no label, as is expected here") for note in notes)


def test_filters_keep_the_order():
    keypoints = [0, 0, 0] * 16 + [4, 5, 1]
    labels = [
        {"id": 1, "iscrowd": 1},
        {"id": 2, "keypoints": [0] * 51},
        {"id": 3, "keypoints": keypoints, "num_keypoints": 0},
    ]
    kept, note = leave_out_crowds(labels)
    assert ([one["id"] for one in kept], note) == ([2, 3], "1 of 3 labels are of crowds and are left out")
    kept, note = leave_out_without_keypoints(kept, KeypointForm(in_order(COCO_17), (1,)))
    assert ([one["id"] for one in kept], note) == ([3], "1 of 2 people have no key-points and are left out")


def test_boxes_are_the_owners_grown_to_the_joints(tmp_path, generator):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["annotations"][0].update(bbox=[40.5, 30.5, 10, 10]))
    change(tmp_path, lambda content: content["annotations"][1].update(bbox=[0, 0, 0, 0]))
    samples = all_of(tmp_path, "validation")
    for sample in samples:
        low, size = sample.box_xywh[:2] - 0.5, sample.box_xywh[2:]
        known = sample.joints_img[~np.isnan(sample.joints_img[:, 0])]
        assert (known >= low - 1e-9).all()
        assert (known <= low + size + 1e-9).all()
    assert samples[0].box_xywh[2] > 10
    labels = json.loads((tmp_path / "annotations" / "person_keypoints_val2017.json").read_text())["annotations"]
    for sample, label in zip(samples[2:], labels[2:], strict=False):
        np.testing.assert_array_equal(sample.box_xywh, label["bbox"])
    # The empty box is replaced, not grown.
    notes = coco(tmp_path, "validation", partial=False).notes
    assert "1 boxes miss a labelled joint and are grown to contain it" in notes


def test_right_and_left_are_the_persons_own(tmp_path, generator):
    fake_coco(tmp_path, generator)
    sample = all_of(tmp_path, "train")[0]
    image = decode_image(sample.image.read_bytes()).astype(int)
    for joint, warm in (("r_knee", True), ("r_elbow", True), ("l_knee", False), ("l_elbow", False)):
        place = sample.joints_img[COCO_17.index(joint)]
        if not np.isnan(place).any():
            x, y = place.astype(int)
            red, _, blue = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
            assert (red > blue) == warm


@pytest.mark.parametrize("place", ["images/val2017", "images", "."])
def test_images_may_lie_in_other_usual_folders(tmp_path, generator, place):
    fake_coco(tmp_path, generator)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for image in (tmp_path / "val2017").iterdir():
        image.rename(tmp_path / place / image.name)
    (tmp_path / "val2017").rmdir()
    assert len(all_of(tmp_path, "validation")) == 4


def test_the_release_of_2014_is_read_too(tmp_path, generator):
    fake_coco(tmp_path, generator)
    (tmp_path / "val2017").rename(tmp_path / "val2014")
    folder = tmp_path / "annotations"
    (folder / "person_keypoints_val2017.json").rename(folder / "person_keypoints_val2014.json")
    assert len(all_of(tmp_path, "validation")) == 4


def test_missing_images_are_an_error_unless_partial(tmp_path, generator):
    fake_coco(tmp_path, generator)
    (tmp_path / "val2017" / "000000000008.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 4 labels have no image \(000000000008\.jpg"):
        all_of(tmp_path, "validation")
    assert len(all_of(tmp_path, "validation", partial=True)) == 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content.pop("categories"), "expected an object with images, annotations, categories, found"),
        (lambda content: content["categories"][0].pop("keypoints"), "are not COCO's seventeen; found none"),
        (
            lambda content: content["categories"][0].update(keypoints=["head", "neck"]),
            "found head, neck; add it as coco-style",
        ),
        (lambda content: content["annotations"][1].update(keypoints=[1, 2, 2]), "label 9 should hold image_id, bbox"),
        (
            lambda content: content["annotations"][1]["keypoints"].__setitem__(2, 3),
            r"label 9 should hold .* flags 0, 1 or 2",
        ),
        (lambda content: content["annotations"][1]["keypoints"].__setitem__(0, float("nan")), "label 9 should hold"),
        (lambda content: content["annotations"][1].pop("bbox"), "label 9 should hold"),
        (
            lambda content: content["annotations"][1].update(image_id=77),
            r"1 of 4 labels are of images that its list does not name \(77\)",
        ),
        (lambda content: content["images"][0].pop("file_name"), "an entry of images lacks a number id or a file_name"),
        (
            lambda content: content["images"][0].update(file_name="../x.jpg"),
            "which may lie outside of its folder",
        ),
        (
            lambda content: [one.update(iscrowd=1) for one in content["annotations"]],
            "none of its 6 people has a labelled",
        ),
    ],
)
def test_a_broken_file_is_an_error(tmp_path, generator, edit, message):
    fake_coco(tmp_path, generator)
    change(tmp_path, edit)
    with pytest.raises(DataError, match=message):
        coco(tmp_path, "validation", partial=False)


def test_a_truncated_file_a_split_and_a_folder_are_errors(tmp_path, generator):
    with pytest.raises(DataError, match="coco has no split 'val'; it has train, validation"):
        coco(tmp_path, "val", partial=False)
    with pytest.raises(DataError, match=r"expected annotations/person_keypoints_val2017\.json"):
        coco(tmp_path, "validation", partial=False)
    fake_coco(tmp_path, generator)
    path = tmp_path / "annotations" / "person_keypoints_val2017.json"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="is truncated or not JSON"):
        coco(tmp_path, "validation", partial=False)


def test_an_id_that_two_images_share_is_an_error_and_a_repeated_image_is_not(tmp_path, generator):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["images"].append(dict(content["images"][0])))
    assert len(all_of(tmp_path, "validation")) == 4

    def share(content):
        content["images"][1]["id"] = 8
        for one in content["annotations"]:
            one["image_id"] = 8

    change(tmp_path, share)
    with pytest.raises(DataError, match=r"2 images have the id 8 \(000000000008\.jpg, 000000000010\.jpg\)"):
        coco(tmp_path, "validation", partial=True)


def test_ids_of_annotations_and_categories_are_unique_too(tmp_path, generator):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["categories"].append({"id": 1, "name": "cat"}))
    with pytest.raises(DataError, match=r"2 categories have the id 1 \(person, cat\)"):
        coco(tmp_path, "validation", partial=True)
    change(tmp_path, lambda content: content["categories"].pop())
    change(tmp_path, lambda content: content["annotations"][1].update(id=8))
    with pytest.raises(DataError, match=r"1 labels have the id of another one \(8\)"):
        coco(tmp_path, "validation", partial=True)
    change(tmp_path, lambda content: content["annotations"][1].update(id=9))
    change(tmp_path, lambda content: content["images"][1].update(id=8.5))
    with pytest.raises(DataError, match="an entry of images lacks a number id"):
        coco(tmp_path, "validation", partial=True)


@pytest.mark.parametrize("nobody", [{"keypoints": []}, {"keypoints": None}, {"keypoints": [], "bbox": []}])
def test_people_without_keypoints_are_left_out_and_counted(tmp_path, generator, nobody):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["annotations"][1].update(nobody))
    found = coco(tmp_path, "validation", partial=False)
    assert found.total == 3
    assert "2 of 5 people have no key-points and are left out" in found.notes


def test_labels_of_images_that_the_list_does_not_name_are_left_out_if_partial(tmp_path, generator):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["annotations"][1].update(image_id=77))
    found = coco(tmp_path, "validation", partial=True)
    assert found.total == 3
    assert "1 of 4 labels are of images that its list does not name (77) and are left out" in found.notes
    change(tmp_path, lambda content: [one.update(image_id=77) for one in content["annotations"]])
    with pytest.raises(DataError, match="4 of 4 labels are of images that its list does not name"):
        coco(tmp_path, "validation", partial=True)


@pytest.mark.parametrize("box", [[0, 0, 1e-50, 9], [0, 0, 9, 0], [3, 4, -5, 9]])
def test_boxes_that_a_store_would_keep_without_area_are_drawn_about_the_joints(tmp_path, generator, box):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["annotations"][0].update(bbox=box))
    found = coco(tmp_path, "validation", partial=False)
    assert "1 boxes have no area and are drawn about the labelled joints instead" in found.notes
    assert (next(found.samples(0, 1)).box_xywh[2:] >= 16).all()


@pytest.mark.parametrize(("box", "joint", "what"), [([0, 0, 1e39, 9], 5, "box"), ([0, 0, 9, 9], 1e39, "joint")])
def test_numbers_that_a_store_would_keep_as_infinite_are_an_error(tmp_path, generator, box, joint, what):
    fake_coco(tmp_path, generator)
    change(tmp_path, lambda content: content["annotations"][1].update(bbox=box))
    change(tmp_path, lambda content: content["annotations"][1]["keypoints"].__setitem__(slice(0, 3), [joint, 5, 2]))
    with pytest.raises(DataError, match=rf"annotation 9: a {what} is infinite or too large"):
        coco(tmp_path, "validation", partial=True)
