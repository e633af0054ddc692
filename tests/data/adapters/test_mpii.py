import json

import h5py
import numpy as np
import pytest
import scipy.io

from fake_mat import struct_array
from fakes_mpii import HEAD, center_and_scale, fake_mpii, visible, write_gt_valid
from prepose.body.skeletons import MPII_16
from prepose.data.adapters.mpii import FEW_JOINTS, mpii, mpii_splits, scale_boxes
from prepose.data.picture import decode_image
from prepose.data.sample import JointState
from prepose.errors import DataError

LAYOUTS = ("json", "h5", "mat")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, split="all", *, partial=False) -> list:
    found = mpii(root, split, partial=partial)
    return list(found.samples(0, found.total))


def change_json(root, change, name="valid") -> None:
    path = root / "annot" / f"{name}.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps(change(records) or records))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_true_pixels(tmp_path, generator, layout):
    true_img = fake_mpii(tmp_path, generator, layout=layout)
    samples = all_of(tmp_path)
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-6)
    assert [sample.image.name for sample in samples] == [f"{row // 2:09d}.jpg" for row in range(len(true_img))]
    assert all(sample.skeleton == MPII_16 and not sample.has_3d and sample.image.is_absolute() for sample in samples)
    assert mpii(tmp_path, "all", partial=False).facts == {"layout": layout}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_flag_means_what_the_layout_means_by_it(tmp_path, generator, layout):
    true_img = fake_mpii(tmp_path, generator, layout=layout, count=12)
    states = np.stack([sample.states for sample in all_of(tmp_path)])
    # Each HDF5 file of the fake counts its own people.
    seen = np.concatenate([visible(8), visible(4)]) if layout == "h5" else visible(12)
    said = np.where(seen, JointState.VISIBLE, JointState.OCCLUDED)
    if layout == "mat":
        said[:, 8:10] = JointState.UNKNOWN
    said[np.isnan(true_img[..., 0])] = JointState.UNKNOWN
    expected = np.zeros_like(said) if layout == "json" else said
    np.testing.assert_array_equal(states, expected)
    notes = mpii(tmp_path, "all", partial=False).notes
    assert any("are occluded (its visible flag)" in note for note in notes) == (layout == "h5")


@pytest.mark.parametrize("layout", ["json", "h5"])
def test_splits_are_those_of_the_files(tmp_path, generator, layout):
    fake_mpii(tmp_path, generator, layout=layout)
    assert mpii_splits(tmp_path) == ("train", "validation")
    train, validation = (all_of(tmp_path, split) for split in ("train", "validation"))
    assert (len(train), len(validation)) == (8, 4)
    assert [one.source for one in all_of(tmp_path)] == [one.source for one in train + validation]
    assert validation[1].source == f"valid.{layout}[1]: 000000004.jpg"


def test_the_owners_file_has_no_validation_part(tmp_path, generator):
    fake_mpii(tmp_path, generator, layout="mat")
    assert mpii_splits(tmp_path) == ("all",)
    with pytest.raises(DataError, match=r"the authors give no validation split; put the re-packed train\.json"):
        mpii(tmp_path, "validation", partial=False)
    notes = mpii(tmp_path, "all", partial=False).notes
    assert "mpii_human_pose_v1_u12_1.mat: 1 of 13 people of training images have no joints and are left out" in notes


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_contain_every_joint_and_few_joints_keep_the_scale(tmp_path, generator, layout):
    fake_mpii(tmp_path, generator, layout=layout)
    samples = all_of(tmp_path)
    for sample in samples:
        joints = sample.joints_img[~np.isnan(sample.joints_img[:, 0])]
        low, size = sample.box_xywh[:2] - 0.5, sample.box_xywh[2:]
        assert (joints > low).all()
        assert (joints < low + size).all()
    center, scale = center_and_scale(samples[-1].joints_img)
    assert (~np.isnan(samples[-1].joints_img[:, 0])).sum() == 3 < FEW_JOINTS
    box = scale_boxes(np.array([center]) - 1, np.array([scale]))[0]
    # The last person shows a leg alone; the authors' scale says how tall they are.
    assert samples[-1].box_xywh[2:] == pytest.approx(box[2:], rel=0.15)
    assert (samples[-1].box_xywh[2:] > box[2:] - 1e-6).all()
    assert any(
        "1 people with fewer than 8 joints keep the box" in note for note in mpii(tmp_path, "all", partial=False).notes
    )


def test_the_scale_box_is_the_square_that_loaders_cut():
    (box,) = scale_boxes(np.array([[100.0, 200.0]]), np.array([2.0]))
    np.testing.assert_allclose(box, [100 - 249.5, 230 - 249.5, 500, 500])


def test_hdf5_centres_are_taken_back_to_the_owners(tmp_path, generator):
    for layout in ("json", "h5"):
        fake_mpii(tmp_path / layout, np.random.default_rng(1), layout=layout)
    one, two = (all_of(tmp_path / layout)[-1].box_xywh for layout in ("json", "h5"))
    np.testing.assert_allclose(one, two)


@pytest.mark.parametrize("layout", ["json", "h5"])
def test_head_boxes_come_from_gt_valid(tmp_path, generator, layout):
    true_img = fake_mpii(tmp_path, generator, layout=layout)
    samples = all_of(tmp_path)
    heads = np.stack([sample.head_box_xywh for sample in samples])
    assert np.isnan(heads[:8]).all()
    neck = true_img[8:11, MPII_16.index("upper_neck")]
    np.testing.assert_allclose(heads[8:11, :2], neck + HEAD[:2])
    np.testing.assert_allclose(heads[8:, 2:], np.tile(HEAD[2:] - HEAD[:2], (4, 1)))
    assert (
        f"valid.{layout}: 4 of 4 people have a head box, which PCKh needs" in mpii(tmp_path, "all", partial=False).notes
    )


def test_head_boxes_come_with_the_owners_file(tmp_path, generator):
    true_img = fake_mpii(tmp_path, generator, layout="mat")
    heads = np.stack([sample.head_box_xywh for sample in all_of(tmp_path)])
    np.testing.assert_allclose(heads[:11, :2], true_img[:11, MPII_16.index("upper_neck")] + HEAD[:2], atol=1e-6)
    np.testing.assert_allclose(heads[:, 2:], np.tile(HEAD[2:] - HEAD[:2], (12, 1)))


def test_the_owners_head_boxes_join_the_repacked_labels(tmp_path, monkeypatch):
    # Told apart by image and centre: the fake gives both people of an image one centre, so move each.
    import fakes_mpii

    def place(joints):
        return [float(np.nanmax(joints[:, 0]).round() + 1), 51.0], 0.45

    monkeypatch.setattr(fakes_mpii, "center_and_scale", place)
    true_img = fake_mpii(tmp_path, np.random.default_rng(5), layout="mat")
    fake_mpii(tmp_path / "json", np.random.default_rng(5), layout="json", heads=False)
    (tmp_path / "json" / "annot").rename(tmp_path / "annot")
    heads = np.stack([sample.head_box_xywh for sample in all_of(tmp_path)])
    np.testing.assert_allclose(heads[:11, :2], true_img[:11, MPII_16.index("upper_neck")] + HEAD[:2], atol=1e-6)
    assert not np.isnan(heads).any()


def test_right_and_left_are_the_persons_own(tmp_path, generator):
    fake_mpii(tmp_path, generator, count=12)
    sample = all_of(tmp_path)[2]
    image = decode_image(sample.image.read_bytes()).astype(int)
    for joint, warm in (("r_knee", True), ("r_elbow", True), ("l_knee", False), ("l_elbow", False)):
        x, y = np.round(sample.joints_img[MPII_16.index(joint)]).astype(int)
        red, _, blue = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
        assert (red > blue) == warm


def test_images_of_nobody_are_expected_and_missing_ones_are_not(tmp_path, generator):
    fake_mpii(tmp_path, generator)
    assert "(000000000.jpg" in " ".join(mpii(tmp_path, "validation", partial=False).notes)
    (tmp_path / "images" / "000000004.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 4 labels have no image \(000000004\.jpg.*--partial to take the 2"):
        mpii(tmp_path, "validation", partial=False)
    assert len(all_of(tmp_path, "validation", partial=True)) == 2


def test_truth_of_other_people_is_refused(tmp_path, generator):
    true_img = fake_mpii(tmp_path, generator)
    write_gt_valid(tmp_path / "annot" / "gt_valid.mat", true_img[4:8] + 9)
    with pytest.raises(DataError, match=r"gt_valid\.mat: holds 4 head boxes, not those of the 4 people"):
        mpii(tmp_path, "validation", partial=False)
    write_gt_valid(tmp_path / "annot" / "gt_valid.mat", true_img[8:11])
    with pytest.raises(DataError, match="holds 3 head boxes, not those of the 4 people"):
        mpii(tmp_path, "validation", partial=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: records[2].update(joints=[[1, 2]] * 14), "record 2 has no joints of 16 x 2 numbers"),
        (lambda records: records[1].pop("scale"), "record 1 has no scale of one numbers; it has"),
        (lambda records: records[3].update(center="here"), "record 3 has no center of 2 numbers"),
        (lambda records: records[1].update(image=7), "record 1 names no image"),
        (
            lambda records: records[1]["joints"].__setitem__(3, [float("nan"), 4]),
            "1 records hold NaN .* the first is 1",
        ),
        (
            lambda records: records[0]["joints"].__setitem__(7, [float("inf"), 4]),
            "1 records hold NaN .* the first is 0",
        ),
        (lambda records: {"annotations": records}, "expected a list of records, each with image"),
        (
            lambda records: records[0].update(image="../../secret.jpg"),
            "which may lie outside of its folder",
        ),
    ],
)
def test_a_broken_record_is_named(tmp_path, generator, change, message):
    fake_mpii(tmp_path, generator, heads=False)
    change_json(
        tmp_path,
        lambda records: value if isinstance(value := change(records), dict) and "annotations" in value else None,
    )
    with pytest.raises(DataError, match=message):
        mpii(tmp_path, "validation", partial=False)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_truncated_file_is_an_error(tmp_path, generator, layout, share):
    fake_mpii(tmp_path, generator, layout=layout)
    path = tmp_path / ("mpii_human_pose_v1_u12_1.mat" if layout == "mat" else f"annot/valid.{layout}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"is truncated|has no struct"):
        mpii(tmp_path, "all", partial=False)


def test_flic_in_the_same_folders_is_told_apart(tmp_path):
    (tmp_path / "annot").mkdir()
    with h5py.File(tmp_path / "annot" / "valid.h5", "w") as file:
        file["part"] = np.ones((3, 11, 2))
    with pytest.raises(DataError, match="its people have 11 joints, which looks like flic, not mpii"):
        mpii(tmp_path, "validation", partial=False)


def test_an_unknown_split_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(DataError, match="mpii has no split 'val'; it has train, validation, all"):
        mpii(tmp_path, "val", partial=False)
    with pytest.raises(DataError, match=r"holds no labels of MPII; expected annot/valid\.json"):
        mpii(tmp_path, "train", partial=False)


@pytest.mark.parametrize("joint", [16, -1, "x"])
def test_an_unknown_joint_of_the_owners_file_is_an_error(tmp_path, joint):
    point = {"x": 1, "y": 1, "id": joint, "is_visible": 1}
    rect = {"scale": 1, "objpos": {"x": 1, "y": 1}, "annopoints": {"point": point}}
    release = {"annolist": struct_array([{"image": {"name": "a.jpg"}, "annorect": rect}]), "img_train": 1}
    scipy.io.savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    with pytest.raises(DataError, match=r"annolist\(1\) has a joint .*, expected 0 to 15"):
        mpii(tmp_path, "all", partial=False)


def test_an_infinite_joint_of_the_hdf5_layout_is_not_taken_for_an_unlabelled_one(tmp_path, generator):
    fake_mpii(tmp_path, generator, layout="h5")
    with h5py.File(tmp_path / "annot" / "valid.h5", "a") as file:
        file["part"][1, 3] = np.inf
    with pytest.raises(DataError, match=r"valid\.h5\[1\]: a joint is infinite or too large"):
        mpii(tmp_path, "validation", partial=True)
