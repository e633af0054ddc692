from dataclasses import replace

import h5py
import numpy as np
import pytest

from fakes_mpii import fake_mpii
from prepose.data.mpii_labels import (
    find_labels,
    forget_missing,
    head_boxes_by_place,
    official_file,
    read_hdf5_labels,
    read_json_labels,
    read_official_labels,
    undo_loaders_shift,
    with_head_boxes,
)
from prepose.errors import DataError


def test_json_comes_before_hdf5_before_the_owners_file(tmp_path):
    for layout in ("mat", "h5", "json"):
        root = tmp_path / layout
        fake_mpii(root, np.random.default_rng(2), layout=layout)
        if layout != "mat":
            for file in (root / "annot").iterdir():
                (tmp_path / "mat" / "annot").mkdir(exist_ok=True)
                file.rename(tmp_path / "mat" / "annot" / file.name)
        assert find_labels(tmp_path / "mat")[0] == layout
    assert official_file(tmp_path / "mat") == tmp_path / "mat" / "mpii_human_pose_v1_u12_1.mat"
    assert official_file(tmp_path / "json") is None


def test_three_layouts_hold_the_same_people(tmp_path):
    read = {}
    for layout in ("json", "h5", "mat"):
        fake_mpii(tmp_path / layout, np.random.default_rng(2), layout=layout)
    read["json"] = read_json_labels(tmp_path / "json" / "annot" / "train.json")
    read["h5"] = read_hdf5_labels(tmp_path / "h5" / "annot" / "train.h5")
    read["mat"] = read_official_labels(tmp_path / "mat" / "mpii_human_pose_v1_u12_1.mat")
    for labels in read.values():
        np.testing.assert_allclose(labels.joints[:8], read["json"].joints)
        np.testing.assert_allclose(labels.center[:8], read["json"].center)
        np.testing.assert_allclose(labels.scale[:8], read["json"].scale)
        assert list(labels.images[:8]) == list(read["json"].images)


def test_placeholders_are_forgotten_wherever_they_stand():
    joints = np.array([[[-1.0, -1], [0, 0], [5, 6]]])
    labelled = np.array([[False, False, True]])
    np.testing.assert_array_equal(forget_missing(joints, labelled), [[[np.nan] * 2, [np.nan] * 2, [5, 6]]])


def test_shift_and_margin_are_undone():
    center, scale = np.array([[100.0, 200.0]]), np.array([2.0])
    shifted = center + np.array([0, 15.0]) * scale[:, None]
    again, own = undo_loaders_shift(shifted, scale * 1.25)
    np.testing.assert_allclose(again, center)
    np.testing.assert_allclose(own, scale)


def test_images_of_hdf5_may_be_listed_beside_it(tmp_path):
    fake_mpii(tmp_path, np.random.default_rng(2), layout="h5")
    path = tmp_path / "annot" / "train.h5"
    names = read_hdf5_labels(path).images
    with h5py.File(path, "a") as file:
        del file["imgname"]
    with pytest.raises(DataError, match=r"has no imgname, and there is no train_images\.txt beside it"):
        read_hdf5_labels(path)
    (tmp_path / "annot" / "train_images.txt").write_text("\n".join(names))
    assert read_hdf5_labels(path).images == names
    (tmp_path / "annot" / "train_images.txt").write_text("\n".join(names[:-1]))
    with pytest.raises(DataError, match="names 7 images for 8 people"):
        read_hdf5_labels(path)


def test_head_boxes_of_people_at_one_centre_are_given_to_none_of_them(tmp_path):
    fake_mpii(tmp_path, np.random.default_rng(2), layout="mat")
    official = read_official_labels(tmp_path / "mpii_human_pose_v1_u12_1.mat")
    alone = replace(official, center=official.center + np.arange(len(official.center))[:, None])
    path = tmp_path / "train.json"
    repacked = replace(alone, head_xyxy=np.full_like(alone.head_xyxy, np.nan), notes=())
    boxes, unclear = head_boxes_by_place(alone)
    assert (len(boxes), len(unclear)) == (len(alone.center), 0)
    # All of the fakes stand at one centre, two in an image: nobody could say whose head is whose.
    joined = with_head_boxes(tmp_path, path, replace(repacked, center=official.center))
    assert np.isnan(joined.head_xyxy).all()
    assert f"{len(official.center)} people get no head box" in joined.notes[0]
    # A label without a centre is nobody's, not that of whoever has none either.
    nowhere = replace(official, center=np.full_like(official.center, np.nan))
    assert head_boxes_by_place(nowhere) == ({}, frozenset())
