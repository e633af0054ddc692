import json

import numpy as np
import pytest

from fakes_coco import fake_coco
from fakes_labels import (
    AI_CHALLENGER_NAMES,
    fake_coco_style,
    fake_halpe,
    fake_jhmdb,
    fake_posetrack,
    fake_whole_body,
    written_out,
)
from prepose.body.skeletons import (
    AI_CHALLENGER_14,
    COCO_17,
    COCO_WHOLEBODY_133,
    CROWDPOSE_14,
    HALPE_26,
    HALPE_136,
    JHMDB_15,
    LSP_14,
    MEDIAPIPE_33,
    OPENPOSE_25,
    OPENPOSE_25B,
    POSETRACK_15,
    POSETRACK_17,
    SPIN_24,
)
from prepose.data.adapters.coco_style import coco_style, coco_style_splits, summed
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *splits, partial=False) -> list:
    found = [coco_style(root, split, partial=partial) for split in splits or coco_style_splits(root)]
    return [sample for one in found for sample in one.samples(0, one.total)]


def change(root, edit, name="labels_val") -> None:
    path = root / "annotations" / f"{name}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def check(root, true_img, skeleton) -> None:
    samples = all_of(root)
    assert {sample.skeleton for sample in samples} == {skeleton}
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)


@pytest.mark.parametrize(
    "skeleton",
    [CROWDPOSE_14, AI_CHALLENGER_14, POSETRACK_15, HALPE_26, OPENPOSE_25, OPENPOSE_25B, COCO_17, LSP_14],
    ids=lambda skeleton: skeleton.name,
)
def test_the_names_of_the_category_choose_the_skeleton_in_any_order(tmp_path, generator, skeleton):
    true_img = fake_coco_style(tmp_path, generator, skeleton=skeleton)
    if skeleton != LSP_14:  # AI Challenger has the same joints; which of the two is meant is told by the order alone
        order = np.random.default_rng(0).permutation(len(skeleton))
        for name in ("labels_train", "labels_val"):
            change(tmp_path, lambda content: reorder(content, order), name)
    expected = skeleton if skeleton != AI_CHALLENGER_14 else LSP_14
    if skeleton == AI_CHALLENGER_14:
        true_img = true_img[:, [AI_CHALLENGER_14.index(joint) for joint in LSP_14.joints]]
    check(tmp_path, true_img, expected)


def reorder(content, order) -> None:
    names = content["categories"][0]["keypoints"]
    content["categories"][0]["keypoints"] = [names[i] for i in order]
    for one in content["annotations"]:
        one["keypoints"] = np.array(one["keypoints"]).reshape(-1, 3)[order].ravel().tolist()


@pytest.mark.parametrize(
    ("skeleton", "names"),
    [
        (AI_CHALLENGER_14, AI_CHALLENGER_NAMES),
        (CROWDPOSE_14, (*map(written_out, CROWDPOSE_14.joints[:12]), "top_head", "neck")),
        (HALPE_26, (*map(written_out, HALPE_26.joints[:17]), "head", "neck", "hip", *HALPE_26.joints[20:])),
        (OPENPOSE_25, tuple(
            "MidHip" if j == "pelvis" else j.title().replace("_", "").replace("Bigtoe", "BigToe")
            for j in OPENPOSE_25.joints
        )),
        (JHMDB_15, ("neck", "belly", "face", *JHMDB_15.joints[3:])),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_the_sets_own_spellings_are_known(tmp_path, generator, skeleton, names):
    true_img = fake_coco_style(tmp_path, generator, skeleton=skeleton, names=names)
    check(tmp_path, true_img - (1 if skeleton == JHMDB_15 else 0), skeleton)


def test_feet_face_and_hands_beside_the_keypoints_are_read(tmp_path, generator):
    check(tmp_path, fake_whole_body(tmp_path, generator), COCO_WHOLEBODY_133)


def test_keypoints_without_names_are_told_by_their_number(tmp_path, generator):
    check(tmp_path, fake_halpe(tmp_path, generator), HALPE_136)
    assert "halpe-136" in coco_style(tmp_path, "train", partial=False).notes[1]


def test_jhmdb_counts_pixels_from_1(tmp_path, generator):
    check(tmp_path, fake_jhmdb(tmp_path, generator), JHMDB_15)
    boxes = [json.loads((tmp_path / "annotations/labels_val.json").read_text())["annotations"][0]["bbox"]]
    np.testing.assert_allclose(all_of(tmp_path, "validation")[0].box_xywh, np.array(boxes[0]) - [1, 1, 0, 0])
    assert "pixels count from 1 and are moved" in coco_style(tmp_path, "train", partial=False).notes


def test_a_file_for_each_video_is_one_set_with_heads_and_without_visibility(tmp_path, generator):
    true_img = fake_posetrack(tmp_path, generator)
    check(tmp_path, true_img, POSETRACK_17)
    samples = all_of(tmp_path)
    assert all((sample.states == JointState.UNKNOWN).all() for sample in samples)
    assert not np.isnan(np.stack([sample.head_box_xywh for sample in samples])).any()
    notes = coco_style(tmp_path, "train", partial=False).notes
    assert "0 of 8 labels are of crowds and are left out" in notes
    assert any("1 tells labelled from unlabelled" in note for note in notes)
    assert len(notes) < 10


def test_counts_of_several_files_are_added_up():
    notes = ["3 of 5 people have no key-points", "no flag 2: 1 tells {all}", "1 of 2 people have no key-points"]
    assert summed(notes) == ("4 of 7 people have no key-points", "no flag 2: 1 tells (all)")


def test_of_21_named_keypoints_17_are_read_where_17_are_given(tmp_path, generator):
    """HumanArt names fingers and toes, and keeps them under a key of their own."""
    true_img = fake_coco_style(tmp_path, generator, skeleton=COCO_17)
    for name in ("labels_train", "labels_val"):
        change(tmp_path, human_art, name)
    check(tmp_path, true_img, COCO_17)
    assert any(
        "the first 17 are read, keypoints_21 is not" in n
        for n in coco_style(tmp_path, "test" if 0 else "train", partial=False).notes
    )


def human_art(content) -> None:
    content["categories"][0]["keypoints"] += ["left_finger", "right_finger", "left_toe", "right_toe"]
    for one in content["annotations"]:
        one["keypoints_21"] = [*one["keypoints"], *[0] * 12]


def test_other_names_make_a_skeleton_of_their_own_with_the_files_edges(tmp_path, generator):
    true_img = fake_coco_style(tmp_path, generator, skeleton=COCO_17)
    names = ["beak", *map(written_out, COCO_17.joints[1:])]
    for name in ("labels_train", "labels_val"):
        change(tmp_path, lambda c: c["categories"][0].update(keypoints=names, skeleton=[[6, 8], [8, 10], [6, 8]]), name)
    samples = all_of(tmp_path)
    skeleton = samples[0].skeleton
    assert (skeleton.name, skeleton.joints[:2]) == ("person-own-17", ("beak", "l_eye"))
    assert skeleton.bones == (("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"))
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img)
    notes = coco_style(tmp_path, "train", partial=False).notes
    assert any("those of no published skeleton" in note for note in notes)


def test_people_are_read_where_animals_have_keypoints_too(tmp_path, generator):
    true_img = fake_coco_style(tmp_path, generator)

    def add_a_dog(content) -> None:
        content["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose", "tail"]})
        content["annotations"].append(
            {**content["annotations"][0], "id": 99, "category_id": 2, "keypoints": [1, 1, 2] * 2}
        )

    for name in ("labels_train", "labels_val"):
        change(tmp_path, add_a_dog, name)
    check(tmp_path, true_img, CROWDPOSE_14)
    change(tmp_path, lambda content: content["categories"][0].update(name="human"))
    with pytest.raises(DataError, match=r"several categories .* human \(crowdpose-14\), dog \(dog-own-2\)"):
        coco_style(tmp_path, "validation", partial=False)


def test_boxes_may_be_missing(tmp_path, generator):
    true_img = fake_coco_style(tmp_path, generator)
    change(tmp_path, lambda content: [one.pop("bbox") for one in content["annotations"]])
    check(tmp_path, true_img, CROWDPOSE_14)


@pytest.mark.parametrize("place", ["images/val", "val", "deep/images", "."])
def test_images_are_found_where_people_put_them(tmp_path, generator, place):
    root = tmp_path / "deep/mine"
    root.mkdir(parents=True)
    true_img = fake_coco_style(root, generator)
    folder = tmp_path / place if place.startswith("deep") else root / place
    folder.mkdir(parents=True, exist_ok=True)
    for image in list((root / "images").glob("*.jpg")):
        image.rename(folder / image.name)
    check(root, true_img, CROWDPOSE_14)


def test_leading_folders_of_names_may_be_missing(tmp_path, generator):
    true_img = fake_coco_style(tmp_path, generator)
    for name in ("labels_train", "labels_val"):
        change(
            tmp_path, lambda c: [one.update(file_name=f"Set/images/{one['file_name']}") for one in c["images"]], name
        )
    check(tmp_path, true_img, CROWDPOSE_14)


def test_a_file_may_be_named_itself_and_missing_images_need_partial(tmp_path, generator):
    fake_coco_style(tmp_path, generator)
    file = tmp_path / "annotations/labels_val.json"
    assert coco_style_splits(file) == ("validation",)
    assert len(all_of(file)) == 4
    (tmp_path / "images/000008.jpg").unlink()
    with pytest.raises(DataError, match=r"000008\.jpg"):
        all_of(file)
    assert len(all_of(file, partial=True)) == 2


def test_cocos_own_folder_is_read_too(tmp_path, generator):
    check(tmp_path, fake_coco(tmp_path, generator), COCO_17)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c["categories"][0].update(keypoints=["nose"]), "names 1 key-points; expected 2 to 500"),
        (lambda c: c["categories"][0].update(keypoints=[]), "names no key-points, and 14 may be of several sets"),
        (lambda c: c["categories"][0].update(keypoints=[1] * 14), "are not a list of names"),
        (
            lambda c: c["categories"][0]["keypoints"].__setitem__(0, "right_shoulder"),
            "two of its key-points are one joint, 'r_shoulder'",
        ),
        (lambda c: c["categories"][0]["keypoints"].__setitem__(0, "tail"), "have no joint on the other side"),
        (
            lambda c: c["annotations"][1].update(keypoints=[1, 1, 2]),
            r"label 9 should hold image_id, and keypoints \(42 numbers",
        ),
        (lambda c: c["annotations"][1]["keypoints"].__setitem__(2, 7), "label 9 should hold .* flags 0, 1 or 2"),
        (lambda c: c["annotations"][1].update(bbox=[1, 2]), "label 9 should hold"),
        (lambda c: c["annotations"][1].update(keypoints="abc" * 14), "label 9 should hold"),
        (lambda c: c.update(annotations=[]), "no label of a category that it lists has key-points"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path, generator, edit, message):
    fake_coco_style(tmp_path, generator)
    change(tmp_path, edit)
    with pytest.raises(DataError, match=message):
        coco_style(tmp_path / "annotations/labels_val.json", "validation", partial=False)


def test_files_of_several_skeletons_and_no_files_are_errors(tmp_path, generator):
    fake_coco_style(tmp_path, generator)
    other = (
        (tmp_path / "annotations/labels_val.json")
        .read_text()
        .replace("head", "nose")
        .replace("left_elbow", "a")
        .replace("right_elbow", "b")
    )
    (tmp_path / "annotations/more_val.json").write_text(other)
    with pytest.raises(DataError, match=r"more_val\.json: its key-points are person-own-14, those of labels_val\.json"):
        coco_style(tmp_path, "validation", partial=False)
    with pytest.raises(DataError, match="has no label file of the split 'test'; it has train, validation"):
        coco_style(tmp_path, "test", partial=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no key-point labels in COCO's form"):
        coco_style_splits(tmp_path / "empty")


def test_every_skeleton_that_the_reader_may_meet_is_found_by_its_own_names(tmp_path, generator):
    for number, skeleton in enumerate((MEDIAPIPE_33, SPIN_24, POSETRACK_17)):
        (tmp_path / str(number)).mkdir()
        try:
            true_img = fake_coco_style(tmp_path / str(number), generator, skeleton=skeleton)
        except KeyError:
            continue
        check(tmp_path / str(number), true_img, skeleton)
