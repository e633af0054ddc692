import json
from pathlib import Path

import numpy as np
import pytest

from fakes_custom import fake_custom, fake_custom_csv
from prepose.body.skeletons import MPII_16
from prepose.data.adapters.custom import custom, custom_splits
from prepose.data.catalog import add_dataset
from prepose.data.doctor import examine
from prepose.data.sample import JointState
from prepose.data.store import open_store
from prepose.errors import DataError

EXAMPLE = Path(__file__).parents[3] / "examples" / "custom"


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *, partial=False) -> list:
    found = [custom(root, split, partial=partial) for split in custom_splits(root)]
    return [sample for one in found for sample in one.samples(0, one.total)]


def change(root, edit) -> None:
    content = json.loads((root / "labels.json").read_text())
    edit(content)
    (root / "labels.json").write_text(json.dumps(content))


@pytest.mark.parametrize("unit", [1.0, 10.0, 1000.0])
@pytest.mark.parametrize("first_pixel", [0, 0.5, 1])
def test_units_pixels_and_frames_are_converted(tmp_path, generator, unit, first_pixel):
    true_img = fake_custom(tmp_path, generator, unit=unit, first_pixel=first_pixel)
    samples = all_of(tmp_path)
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    for sample, truth in zip(samples, true_img, strict=True):
        known = ~np.isnan(truth[:, 0])
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam)[known], truth[known], atol=1e-6)
        assert 1200 < np.ptp(sample.joints_cam[:, 1]) < 2300
        assert sample.states[MPII_16.index("l_wrist")] == JointState.OCCLUDED
    assert [(one.subject, one.action, one.frame) for one in samples[:2]] == [("s0", "walk", 0), ("s1", "walk", 1)]
    assert custom_splits(tmp_path) == ("train", "test")


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_csv_alone_is_in_the_cameras_frame(tmp_path, generator, unit):
    true_cam = fake_custom_csv(tmp_path, generator, unit=unit)
    samples = all_of(tmp_path)
    np.testing.assert_allclose(np.stack([sample.joints_cam for sample in samples]), true_cam, atol=1e-6)
    assert [sample.image.name for sample in samples] == [
        "000.jpg",
        "000.jpg",
        "001.jpg",
        "001.jpg",
        "002.jpg",
        "002.jpg",
    ]
    assert samples[1].box_xywh.tolist() == [5, 6, 140, 110]
    assert samples[0].box_xywh.tolist() != [5, 6, 140, 110]
    assert samples[0].states[MPII_16.index("r_hip")] == JointState.VISIBLE
    assert samples[3].source == "labels.csv line 5: images/001.jpg"


def test_the_example_pair_holds_the_same_people(tmp_path):
    for name in ("labels.json", "labels.csv"):
        add_dataset("custom", EXAMPLE / name, tmp_path / name)
    for split in ("train", "test"):
        one, two = (open_store(tmp_path / name, split)[0] for name in ("labels.json", "labels.csv"))
        np.testing.assert_array_equal(one.joints_img, two.joints_img)
        np.testing.assert_allclose(one.joints_cam, two.joints_cam, atol=0.2)
        np.testing.assert_array_equal(one.box_xywh, two.box_xywh)
        assert (one.camera is not None, two.camera is None) == (True, True)


def test_cameras_stand_in_for_2d_labels(tmp_path, generator):
    true_img = fake_custom(tmp_path, generator, first_pixel=1)
    change(tmp_path, lambda content: [one.pop("joints_2d") for one in content["samples"]])
    seen = np.stack([sample.joints_img for sample in all_of(tmp_path)])
    known = ~np.isnan(true_img)
    np.testing.assert_allclose(seen[known], true_img[known], atol=1e-6)


def test_a_wrong_camera_shows_in_the_notes(tmp_path, generator):
    fake_custom(tmp_path, generator)
    agreeing = [note for note in custom(tmp_path, "train", partial=False).notes if note.startswith("the cameras")]
    assert float(agreeing[0].split()[5]) < 1e-6
    change(tmp_path, lambda content: content["cameras"]["north"]["K"][0].__setitem__(2, 99.5))
    apart = [note for note in custom(tmp_path, "train", partial=False).notes if note.startswith("the cameras")]
    assert float(apart[0].split()[5]) == pytest.approx(20, abs=1)


def test_a_skeleton_of_ones_own_travels_into_the_store(tmp_path, generator):
    fake_custom(tmp_path / "root", generator)
    own = {"name": "two", "joints": ["l_hip", "r_hip", "pelvis"], "bones": [["pelvis", "l_hip"]], "root": "pelvis"}

    def shorten(content):
        content["skeleton"] = own
        for sample in content["samples"]:
            sample["states"] = {}
            for part in ("joints_2d", "joints_3d"):
                sample[part] = {name: sample[part][name] for name in own["joints"]}

    change(tmp_path / "root", shorten)
    add_dataset("custom", tmp_path / "root", tmp_path / "out")
    skeleton = open_store(tmp_path / "out", "train").skeleton
    assert (skeleton.name, skeleton.joints, skeleton.root) == ("two", ("l_hip", "r_hip", "pelvis"), "pelvis")


def test_labels_and_images_must_pair(tmp_path, generator):
    fake_custom(tmp_path, generator)
    (tmp_path / "images" / "999.jpg").write_bytes((tmp_path / "images" / "000.jpg").read_bytes())
    with pytest.raises(DataError, match=r"1 images have no label \(images/999\.jpg\)"):
        all_of(tmp_path)
    assert len(all_of(tmp_path, partial=True)) == 6
    (tmp_path / "images" / "999.jpg").unlink()
    (tmp_path / "images" / "001.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 6 labels have no image \(images/001\.jpg"):
        all_of(tmp_path)
    assert len(all_of(tmp_path, partial=True)) == 4


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda c: c.update(unit="mm"),
            r"people have 0\.\d+ mm from shoulder to hip, expected 150 to 900 mm",
        ),
        (
            lambda c: c["samples"][2]["joints_3d"].update(pelvis=[float("inf"), 0, 0]),
            r"labels\.json\[2\]: a 3D joint is inf",
        ),
        (
            lambda c: c["samples"][2]["joints_2d"].update(pelvis=[float("inf"), 0]),
            r"labels\.json\[2\]: a 2D joint is inf",
        ),
        (lambda c: c["samples"][1].update(box_xywh=[1, 2, 0, 4]), r"labels\.json\[1\]: a box is x, y, width, height"),
        (
            lambda c: c["samples"].insert(1, c["samples"][0]),
            r"labels\.json\[1\]: labels the same person as labels\.json\[0\]",
        ),
        (
            lambda c: c["samples"].insert(1, c["samples"][0] | {"image": "./" + c["samples"][0]["image"]}),
            r"labels\.json\[1\]: labels the same person as labels\.json\[0\]",
        ),
        (
            lambda c: c["cameras"]["north"].update(rotation=[[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
            "'north': rotation is not a",
        ),
        (
            lambda c: c["cameras"]["north"].update(K=np.array(c["cameras"]["north"]["K"]).T.tolist()),
            r"'north': the last row of K must be 0 0 1, found \[",
        ),
        (
            lambda c: c["cameras"]["north"].update(size_wh=[320, 240]),
            r"images/000\.jpg: is 160 x 120 px, but its label is of an image of 320 x 240 px",
        ),
        (lambda c: c["cameras"]["north"]["K"][0].__setitem__(0, -3), "K must be finite with positive focal lengths"),
        (lambda c: c["samples"][3].update(image="../outside.jpg"), "which may lie outside of its folder"),
        (
            lambda c: [one.update(joints_2d={}, joints_3d={}) for one in c["samples"]],
            "has neither a box nor 2D joints, nor a camera",
        ),
    ],
)
def test_a_fault_is_named(tmp_path, generator, edit, message):
    fake_custom(tmp_path, generator)
    change(tmp_path, edit)
    with pytest.raises(DataError, match=message):
        custom(tmp_path, "train", partial=False)


def test_a_split_without_samples_is_named(tmp_path, generator):
    fake_custom(tmp_path, generator)
    with pytest.raises(
        DataError, match="no sample with an image belongs to the split 'validation'; it has train, test"
    ):
        custom(tmp_path, "validation", partial=False)


def test_nan_is_not_labelled(tmp_path, generator):
    fake_custom(tmp_path, generator)
    change(tmp_path, lambda c: c["samples"][1]["joints_2d"].update(pelvis=[float("nan"), 3], thorax=[None, 3]))
    joints = all_of(tmp_path)[1].joints_img
    assert np.isnan(joints[[MPII_16.index("pelvis"), MPII_16.index("thorax")]]).all()
    assert np.isnan(joints).any(axis=1).sum() == 2


def without_2d(content, *, down_px: float = 0.0):
    """No 2D labels, and people that many px further down, for whatever the camera shows of them."""
    for sample in content["samples"]:
        sample.pop("joints_2d")
        sample["states"] = {}
    content["cameras"]["north"]["K"][1][2] += down_px


def test_joints_that_the_camera_puts_outside_the_image_have_no_place_in_it(tmp_path, generator):
    true_img = fake_custom(tmp_path, generator)
    change(tmp_path, lambda content: without_2d(content, down_px=45))
    samples = all_of(tmp_path)
    true_img[..., 1] += 45
    outside = np.stack([sample.states for sample in samples]) == JointState.OUTSIDE
    known = ~np.isnan(true_img).any(axis=-1)
    np.testing.assert_array_equal(outside[known], (true_img[..., 1] > 119.5)[known])
    assert 0.1 < outside.mean() < 0.8, "the border must cut people off"
    joints_img = np.stack([sample.joints_img for sample in samples])
    assert np.isnan(joints_img[outside]).all() and np.isfinite(joints_img[~outside]).all()
    assert np.isfinite(np.stack([sample.joints_cam for sample in samples])).all()
    boxes = np.stack([sample.box_xywh for sample in samples])
    assert (boxes[:, 1] < 119.5).all(), "boxes are about what is shown"


def test_joints_beyond_the_lens_are_outside(tmp_path, generator):
    fake_custom(tmp_path, generator)
    change(tmp_path, without_2d)
    plain = np.stack([sample.joints_cam for sample in all_of(tmp_path)])
    distance = np.linalg.norm(plain[..., :2], axis=-1) / plain[..., 2]
    limit = float(np.quantile(distance, 0.9))
    # 1 + 3 k1 r^2 = 0 at the limit.
    change(tmp_path, lambda c: c["cameras"]["north"].update(distortion=[-1 / (3 * limit**2), 0, 0, 0, 0]))
    samples = all_of(tmp_path)
    beyond = distance > limit
    assert beyond.any()
    assert (np.stack([sample.states for sample in samples])[beyond] == JointState.OUTSIDE).all()
    assert np.isnan(np.stack([sample.joints_img for sample in samples])[beyond]).all()


def test_labelled_joints_that_are_marked_as_outside_are_taken_as_that(tmp_path, generator):
    fake_custom(tmp_path, generator)
    marked = ("l_ankle", "r_ankle", "l_knee", "r_knee", "l_hip", "r_hip", "pelvis", "l_wrist", "r_wrist", "l_elbow")

    def below(content):
        for sample in content["samples"]:
            sample.pop("camera"), sample.pop("joints_3d")
            sample["joints_2d"] |= {joint: [40.0 + number, 900.0] for number, joint in enumerate(marked)}
            sample["states"] = dict.fromkeys(marked, "outside")

    change(tmp_path, below)
    columns = [MPII_16.index(joint) for joint in marked]
    for sample in all_of(tmp_path):
        assert (sample.states[columns] == JointState.OUTSIDE).all()
        np.testing.assert_array_equal(sample.joints_img[columns][:, 1], 900)
    change(tmp_path, lambda content: [sample.update(states={}) for sample in content["samples"]])
    with pytest.raises(DataError, match=r"in 4 of 4 labels.*most of the labelled joints in 4 of them"):
        custom(tmp_path, "train", partial=False)


def test_a_few_labelled_joints_outside_become_outside_in_the_store(tmp_path, generator):
    fake_custom(tmp_path, generator)

    def ankles_below(content):
        for row, sample in enumerate(content["samples"]):
            sample.pop("joints_3d")
            if row % 2:
                sample.pop("camera")
            sample["joints_2d"] |= {"l_ankle": [50.0, 150.0], "r_ankle": [60.0, 150.0]}

    change(tmp_path, ankles_below)
    samples = all_of(tmp_path)
    states = np.stack([sample.states for sample in samples])
    ankles = [MPII_16.index("l_ankle"), MPII_16.index("r_ankle")]
    assert (states[:, ankles] == JointState.OUTSIDE).all()
    assert (states == JointState.OUTSIDE).sum() == 2 * len(samples)
    assert not any(sample.projected for sample in samples)


def test_projected_joints_are_no_evidence_for_the_camera(tmp_path, generator):
    fake_custom(tmp_path / "root", generator)
    change(tmp_path / "root", lambda content: without_2d(content))
    added = add_dataset("custom", tmp_path / "root", tmp_path / "out")
    notes = " / ".join(added[0].notes)
    assert "0 of 64 joints are labelled in 2D, 64 projected by the camera; 64 are labelled in 3D" in notes
    assert "nothing to check the cameras by" in notes and "px from" not in notes
    dataset = open_store(tmp_path / "out", "train")
    assert dataset.array("projected").all() and all(sample.projected for sample in dataset)
    (finding,) = [each for each in examine(dataset).findings if each.check == "reprojection"]
    assert finding.severity == "note" and finding.figure == 4 and "nothing to check it by" in finding.text


def test_projected_samples_among_labelled_ones_are_told_apart(tmp_path, generator):
    fake_custom(tmp_path / "root", generator)
    change(tmp_path / "root", lambda content: content["samples"][1].pop("joints_2d"))
    added = add_dataset("custom", tmp_path / "root", tmp_path / "out")
    notes = " / ".join(added[0].notes)
    assert "46 of 64 joints are labelled in 2D, 16 projected by the camera" in notes
    assert "the cameras put 3D joints" in notes and "nothing to check the cameras of 1 samples by" in notes
    dataset = open_store(tmp_path / "out", "train")
    assert dataset.array("projected").tolist() == [0, 1, 0, 0]
    (finding,) = [each for each in examine(dataset).findings if each.check == "reprojection"]
    assert finding.samples == (1,)


def test_what_is_never_labelled_or_named_is_said(tmp_path, generator):
    fake_custom(tmp_path, generator)

    def forget(content):
        content["samples"][0]["action"] = ""
        for sample in content["samples"]:
            sample["subject"] = ""
            for part in ("joints_2d", "joints_3d"):
                sample[part].pop("head_top")
                sample[part].pop("r_wrist")

    change(tmp_path, forget)
    notes = custom(tmp_path, "train", partial=False).notes
    assert "2 of 16 joints are labelled on nobody of this split: head_top, r_wrist" in notes
    assert "1 of 4 samples name no action, and count in none" in notes
    assert not any("name no subject" in note for note in notes)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda s: s.update(box_xywh=[0, 0, 1e39, 9]), "a box is x, y, width, height"),
        (lambda s: s.update(box_xywh=[0, 0, 1e-50, 9]), "a box is x, y, width, height"),
        (lambda s: s["joints_2d"].update(pelvis=[1e39, 0]), "a 2D joint is infinite or too large"),
        (lambda s: s["joints_3d"].update(pelvis=[1e39, 0, 0]), "a 3D joint is infinite or too large"),
    ],
)
def test_numbers_are_judged_in_the_stores_precision(tmp_path, generator, edit, message):
    fake_custom(tmp_path, generator)
    change(tmp_path, lambda content: edit(content["samples"][2]))
    with pytest.raises(DataError, match=rf"labels\.json\[2\]: {message}"):
        custom(tmp_path, "train", partial=False)
