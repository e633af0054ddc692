import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO

from mocap_fakes import moving_person
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import COCO_17, MPII_16
from prepose.errors import SkeletonMismatch
from prepose.predict.exports.tables import ANGLE_COLUMNS, write_angles, write_coco


def photo(name, person=1, skeleton=COCO_17):
    return moving_person(1, skeleton=skeleton, source=name, person=person, seed=person)


def test_pycocotools_reads_the_results(tmp_path, capsys):
    people = [photo("000000397133.jpg", 1), photo("000000397133.jpg", 2), photo("000000000785.jpg")]
    write_coco(people, tmp_path / "r.json")
    truth = COCO()
    truth.dataset = {"info": {}, "images": [{"id": 397133}, {"id": 785}], "annotations": [], "categories": [{"id": 1}]}
    truth.createIndex()
    results = truth.loadRes(str(tmp_path / "r.json"))
    assert len(results.getAnnIds(imgIds=[397133])) == 2
    row = results.loadAnns(results.getAnnIds(imgIds=[785]))[0]
    found = np.array(row["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(found[:, :2], people[2].joints_img[0], atol=0.001)
    assert (found[:, 2] == 0.8).all() and row["score"] == pytest.approx(0.8) and row["category_id"] == 1


def test_images_with_other_names_are_numbered_and_named(tmp_path):
    write_coco([photo("b.jpg"), moving_person(2, source="a.mp4"), photo("7.jpg")], tmp_path / "r.json")
    rows = json.loads((tmp_path / "r.json").read_text())
    named = {(row["file_name"], row["frame"]): row["image_id"] for row in rows}
    assert named == {("7.jpg", 0): 1, ("a.mp4", 0): 2, ("a.mp4", 1): 3, ("b.jpg", 0): 4}


def test_missing_key_points_are_zeros_and_do_not_count(tmp_path):
    person = photo("a.jpg", skeleton=MPII_16)
    notes = write_coco([replace(person, confidence=np.full((1, 16), 0.5))], tmp_path / "r.json")
    row = json.loads((tmp_path / "r.json").read_text())[0]
    found = np.array(row["keypoints"]).reshape(17, 3)
    assert (found[[COCO_17.index("l_eye"), COCO_17.index("r_ear")]] == 0).all()
    assert found[COCO_17.index("l_wrist"), 2] == 0.5 and row["score"] == 0.5
    assert "l_eye" in notes[0] and "l_wrist" not in notes[0]


def test_nobody_is_an_empty_list(tmp_path):
    assert write_coco([], tmp_path / "r.json") == []
    assert json.loads((tmp_path / "r.json").read_text()) == []


def test_a_skeleton_without_any_of_coco_s_joints_is_refused(tmp_path):
    ends = Skeleton("ends", ("pelvis", "head_top"), (("pelvis", "head_top"),), "pelvis")
    with pytest.raises(SkeletonMismatch, match="ends"):
        write_coco([photo("a.jpg", skeleton=ends)], tmp_path / "r.json")


def test_angles_are_rows_by_frame_and_side(tmp_path):
    person = moving_person(2, skeleton=MPII_16)
    joints = person.joints_cam.copy()
    names = ("l_hip", "l_knee", "l_ankle")
    joints[1, [MPII_16.index(name) for name in names]] = [[0, 0, 4000], [0, 400, 4000], [0, 400, 4400]]
    joints[:, MPII_16.index("r_wrist")] = np.nan
    write_angles([replace(person, joints_cam=joints)], tmp_path / "angles.csv")
    with (tmp_path / "angles.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == ANGLE_COLUMNS and len(rows) == 2 * 11
    by = {(row["frame"], row["angle"], row["side"]): row["degrees"] for row in rows}
    assert float(by["1", "knee_flexion", "left"]) == pytest.approx(90)
    assert by["0", "elbow_flexion", "right"] == "" and by["0", "elbow_flexion", "left"] != ""
    assert {row["side"] for row in rows if row["angle"] == "trunk_lean"} == {""}
    assert rows[11]["time_s"] == "0.040000"
