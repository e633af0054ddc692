"""Predictions of any system, from the file to the numbers."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import prepose
from prepose.body.skeletons import COCO_17, MPII_16, get_skeleton
from prepose.errors import DataError
from prepose.metrics.evaluation_files import load_evaluation
from prepose.metrics.evaluation_tables import as_plain, heading
from prepose.metrics.protocols import get_protocol
from prepose.predict.other_systems.forms import read_predictions, recognise
from prepose.predict.other_systems.matching import iou, match
from prepose.predict.other_systems.predictions import predictions_of
from prepose.predict.other_systems.protocol_worth import of_evaluation, protocols_apart
from prepose.predict.other_systems.score_file import Reading, ready_predictions, score_predictions
from prepose.studies.compare import compare_runs

IMAGES = ("one/a.jpg", "one/b.jpg", "one/b.jpg", "two/a.jpg", "two/c.jpg", "two/c.jpg")


def scored(scene, columns, **options):
    reading = Reading(**{key: options.pop(key) for key in ("unit", "frame", "size", "skeleton") if key in options})
    return score_predictions(columns, scene.store, reading=reading, **options)


def perfect(evaluation, most=0.1):
    assert evaluation.overall()["mpjpe_mm"] < most
    assert evaluation.overall()["error_px"] < most
    return evaluation


# Forms -------------------------------------------------------------------------------------------------------------


def _rows(scene):
    columns = scene.columns()
    for image, cam, img in zip(columns["image"], columns["joints_cam"], columns["joints_2d"], strict=True):
        yield str(image), cam, img


def _jsonl(scene, path):
    rows = [{"image": i, "joints_cam": c.tolist(), "joints_2d": p.tolist()} for i, c, p in _rows(scene)]
    path.write_text("\n".join(json.dumps({**row, "skeleton": "mpii-16", "unit": "mm"}) for row in rows))


def _jsonl_by_name(scene, path):
    def named(joints):
        return dict(zip(MPII_16.joints[::-1], joints[::-1].tolist(), strict=True))

    rows = [{"image": i, "joints_cam": named(c), "joints_2d": named(p)} for i, c, p in _rows(scene)]
    path.write_text("\n".join(map(json.dumps, rows)))


def _csv_long(scene, path):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "person", "joint", "x_px", "y_px", "x_mm", "y_mm", "z_mm"])
        for number, (image, cam, img) in enumerate(_rows(scene)):
            for joint, x, p in zip(MPII_16.joints, cam, img, strict=True):
                table.writerow([image, number, joint, *p, *x])


def _csv_wide(scene, path):
    heads = [f"{joint}_{axis}_{unit}" for joint in MPII_16.joints for unit, axes in (("mm", "xyz"), ("px", "xy"))
             for axis in axes]  # fmt: skip
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *heads])
        for image, cam, img in _rows(scene):
            table.writerow([image, *np.concatenate([cam, img], axis=1).reshape(-1)])


def _npz(scene, path):
    with path.open("wb") as file:
        np.savez(file, **scene.columns())


@pytest.mark.parametrize(
    ("write", "form"),
    [(_npz, "npz"), (_jsonl, "jsonl"), (_jsonl_by_name, "jsonl"), (_csv_long, "csv"), (_csv_wide, "csv")],
)
def test_each_form_is_recognised_and_perfect_predictions_score_0(scene, tmp_path, write, form):
    path = tmp_path / "predictions"
    write(scene, path)
    assert recognise(path) == form
    perfect(score_predictions(path, scene.store, protocol="true-root-depth"))


def test_a_plain_array_is_taken_in_the_order_of_the_samples(scene, tmp_path):
    np.save(tmp_path / "poses.npy", scene.truth_cam / 1000)
    found = score_predictions(tmp_path / "poses.npy", scene.store)
    assert found.overall()["mpjpe_mm"] < 0.1
    assert "in the order of the 6 samples" in found.facts["matched"] and "in m (inferred" in found.facts["unit"]


def test_coco_results_are_matched_by_the_number_in_the_images_name(scene, tmp_path):
    from prepose.data.store import StoreDescription, open_store, write_store

    samples = [replace(one, source=f"x: {7 + n:012d}.jpg") for n, one in enumerate(scene.dataset)]
    write_store(tmp_path / "store", StoreDescription("numbers", MPII_16), "test", samples, total=6)
    people = []
    for number, joints in enumerate(scene.truth_img):
        named = dict(zip(MPII_16.joints, joints.tolist(), strict=True))
        points = [named.get(joint, [0.0, 0.0]) for joint in COCO_17.joints]
        flat = [value for x, y in points for value in (x, y, 0.9)]
        people.append({"image_id": 7 + number, "category_id": 1, "keypoints": flat, "score": 0.8})
    people.append({**people[0], "category_id": 3})
    (tmp_path / "results.json").write_text(json.dumps(people))
    found = score_predictions(tmp_path / "results.json", tmp_path / "store", protocol="limbs-10-pck-box-10")
    assert found.headline == 1 and "coco-17" in found.facts["read"]
    assert len(open_store(tmp_path / "store", "test")) == len(found)


def test_folders_of_mmpose_and_openpose_are_read(scene, two_d, tmp_path):
    mmpose, openpose = tmp_path / "mmpose", tmp_path / "openpose"
    names = get_skeleton("openpose-25").joints
    for folder in (mmpose, openpose):
        for image in ("one_a", "one_b"):
            folder.mkdir(exist_ok=True)
            if folder is mmpose:
                row = {"keypoints": np.ones((17, 3)).tolist(), "keypoint_scores": [0.5] * 17, "bbox": [[0, 0, 5, 9]]}
                (folder / f"{image}.json").write_text(json.dumps([row]))
            else:
                row = {"pose_keypoints_2d": [1.0, 2.0, 0.9] * 24 + [0.0, 0.0, 0.0]}
                (folder / f"{image}_keypoints.json").write_text(json.dumps({"people": [row]}))
    found = read_predictions(mmpose, skeleton="h36m-17")
    assert found.joints_3d.shape == (2, 17, 3) and found.images == ("one_a", "one_b")
    np.testing.assert_array_equal(found.boxes_xywh, [[0, 0, 5, 9]] * 2)
    found = read_predictions(openpose)
    assert found.skeleton.joints == names and found.missing().sum() == 2 and found.joints_3d is None


def test_what_prepose_predict_writes_is_scored(scene, tmp_path):
    """Through the files that the verb writes, with the truth in the place of a network's joints."""
    from prepose.camera.crop import crop_of_box
    from prepose.predict.pose_files import PoseWriter, write_csv, write_npz
    from prepose.predict.prediction import Prediction

    lines = tmp_path / "poses" / "poses.jsonl"
    with PoseWriter(lines) as writer:
        for number, sample in enumerate(scene.dataset):
            cam = scene.truth_cam[number]
            made = Prediction(
                skeleton=MPII_16,
                joints_img=scene.truth_img[number],
                joints_cam=cam,
                root_cam=cam[MPII_16.root_index],
                confidence=np.ones(16),
                box_xywh=sample.box_xywh,
                size_wh=(320, 240),
                crop=crop_of_box(sample.box_xywh, 64),
                camera=sample.camera,
                camera_rule="given",
                scale_rule="mean size",
                image=sample.source.partition(": ")[2],
                person=number,
            )
            writer.write([made])
    for path in (lines, lines.parent, write_csv(lines, tmp_path / "a.csv"), write_npz(lines, tmp_path / "a.npz")):
        perfect(score_predictions(path, scene.store, protocol="true-root-depth"), most=1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "none of the known forms"),
        (b"\x00\x01\x02", "none of the known forms"),
        (b"PK\x03\x04 broken", "not an archive of plain arrays"),
        (b"\x93NUMPY broken", "not a plain array"),
        (b'{"image": "a.jpg"', "is not valid JSON"),
        (b'{"image": "a.jpg", "joints_3d": NaN}\n{}', "NaN, which is not a finite number"),
        (b"[1, 2]", "row 0: is int, expected an object"),
        (b"[]", "holds no prediction"),
        (b"image,joint,x_px,y_px\na.jpg,nose,1,zwei\n", "line 2: 'zwei' is not a number"),
        (b"image,joint,x_px,y_px\na.jpg,nose,1,2\na.jpg,nose,1,2\n", "line 3: has joint nose of the same person again"),
        (b"image,wrist\na.jpg,3\n", "neither 3D nor 2D joints; found image"),
        (b'{"image": "a", "joints_3d": [[1,2,3]]}\n{"image": "b", "joints_3d": [[1,2,3],[1,2,3]]}', "row 1: joints_3d"),
        (b'{"image": "a", "joints_3d": [[1,2,3]]}\n{"joints_3d": [[1,2,3]]}', "row 1: has no image"),
    ],
)
def test_a_file_that_is_no_prediction_is_told_in_a_line(tmp_path, content, told):
    path = tmp_path / "predictions"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told) as refused:
        read_predictions(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_objects_in_an_archive_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", joints_3d=np.array([{"x": 1}], object))
    with pytest.raises(DataError, match="not an archive of plain arrays"):
        read_predictions(tmp_path / "a.npz")
    with pytest.raises(DataError, match="no such file"):
        read_predictions(tmp_path / "b.npz")
    with pytest.raises(DataError, match="did you mean 'jsonl'"):
        read_predictions(tmp_path / "a.npz", form="json")


# Skeletons ---------------------------------------------------------------------------------------------------------


def test_a_skeleton_is_taken_by_name_by_joints_or_by_count():
    assert predictions_of({"joints_3d": np.zeros((2, 33, 3))}, "x").skeleton.name == "mediapipe-33"
    by_names = predictions_of({"joints_2d": np.zeros((1, 3, 2))}, "x", skeleton="nose,left_eye,right_eye")
    assert by_names.skeleton.joints == ("nose", "l_eye", "r_eye")
    turned = {"joints_2d": np.arange(32.0).reshape(1, 16, 2), "joint_names": list(MPII_16.joints[::-1])}
    found = predictions_of(turned, "x")
    assert found.skeleton is MPII_16 and found.joints_img[0, 0, 0] == 30


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"joints_3d": np.zeros((2, 17, 3))}, "has 17 joints, which may be h36m-17.*--skeleton"),
        ({"joints_3d": np.zeros((2, 7, 3))}, "has 7 joints, which no known skeleton has"),
        ({"joints_3d": np.zeros((2, 16, 3)), "skeleton": "h36m-17"}, "has 16 joints, and h36m-17 has 17"),
        ({"joints_3d": np.zeros((2, 16, 3)), "skeleton": "h36m"}, "did you mean 'h36m-17'"),
        ({"joints_3d": np.zeros((2, 16, 5))}, r"shape \(2, 16, 5\)"),
        ({"joints_3d": np.zeros((2, 16, 3)), "joints_2d": np.zeros((3, 16, 2))}, "expected alike"),
        ({"joints_3d": [["x"]]}, "not an array of numbers"),
        ({"joints_3d": np.zeros((2, 16, 3)), "image": ["a"]}, "image has shape .1,., and there are 2 people"),
        ({"joints_3d": np.zeros((2, 16, 3)), "sample": [0, -1]}, "sample of row 1 is -1"),
        ({"joints_3d": np.zeros((2, 16, 3)), "unit": "feet"}, "unit is 'feet', expected one of mm, cm, m"),
        ({"joints_3d": np.zeros((0, 16, 3))}, "holds no prediction"),
    ],
)
def test_columns_that_do_not_fit_are_told(columns, told):
    with pytest.raises(DataError, match=told):
        predictions_of(columns, "x")


def test_joints_that_a_system_lacks_are_named_and_what_can_be_scored(scene):
    columns = scene.columns("mediapipe-33")
    with pytest.raises(DataError, match=r"mpii-pckh|what can be scored: --protocol .*limbs-10-pa-mpjpe") as refused:
        scored(scene, columns, protocol="worlds-mpjpe-true-root-depth")
    assert "made for lab" in str(refused.value)
    with pytest.raises(DataError, match="relative to pelvis, which a system with the joints of mediapipe-33"):
        scored(scene, columns, protocol="true-root-depth")
    found = scored(scene, columns)
    assert found.protocol.name == "limbs-10-pa-mpjpe" and found.headline < 0.1
    assert "r_hip (defined otherwise by the network)" in found.facts["approximate_joints"]


def _as(scene, names):
    """The scene's joints under the names of another system, NaN for what the store does not label."""
    rows = [MPII_16.joints.index(name) if name in MPII_16.joints else -1 for name in names]
    places = np.array(rows)
    return (
        np.where((places >= 0)[:, None], joints[:, places], np.nan) for joints in (scene.truth_cam, scene.truth_img)
    )


def test_what_the_converters_of_the_docs_write_is_scored(scene):
    """SAM 3D Body's names, RTMW3D's metres about the root, MotionBERT's px by frame, SMPL's 24 in mm."""
    own = ["nose", *MPII_16.joints[:6], *MPII_16.joints[10:], "left-olecranon", "right-olecranon", "neck"]
    cam, img = _as(scene, own)
    spelled = [name.replace("l_", "left-").replace("r_", "right-") for name in own]
    sam = {"image": IMAGES, "joints_cam": cam / 1000, "joints_2d": img, "joint_names": spelled, "unit": "m"}
    wholebody = get_skeleton("coco-wholebody-133")
    cam, img = _as(scene, wholebody.joints)
    hips = scene.truth_cam[:, [2, 3]].mean(axis=1, keepdims=True)
    rtmw = {"image": IMAGES, "joints_root": (cam - hips) / 1000, "joints_2d": img, "skeleton": wholebody.name}
    cam, img = _as(scene, get_skeleton("h36m-17").joints)
    lifter = {"joints_3d": cam * 0.07, "joints_2d": img, "action": scene.dataset.texts("action")}
    lifter |= {"frame": np.arange(6), "skeleton": "h36m-17", "frame_3d": "cam"}
    cam, _ = _as(scene, get_skeleton("smpl-24").joints)
    smpl = {"image": IMAGES, "box_xyxy": None, "joints_cam": cam, "skeleton": "smpl-24", "unit": "mm"}
    smpl["box_xywh"] = scene.dataset.array("box_xywh")
    for columns in (sam, rtmw, lifter, smpl):
        found = scored(scene, columns, protocol="limbs-10-pa-mpjpe")
        assert found.headline < 0.5 and found.found.all() and len(found.protocol.scored_joints) == 10


# Matching ----------------------------------------------------------------------------------------------------------


def test_people_of_an_image_are_told_apart_by_their_joints_or_boxes(scene):
    order = np.array([5, 2, 0, 4, 1, 3])
    columns = {name: value if name == "skeleton" else value[order] for name, value in scene.columns().items()}
    found = perfect(scored(scene, columns))
    assert "by image and joints in the image: 6 of 6 people" in found.facts["matched"]
    boxes = scene.dataset.array("box_xywh")[order]
    found = scored(scene, {**columns, "joints_2d": None, "box_xywh": boxes})
    assert found.overall()["mpjpe_mm"] < 0.1 and "by image and boxes" in found.facts["matched"]
    with pytest.raises(DataError, match="nothing to tell them apart; add 2D joints, boxes or sample"):
        scored(scene, {**columns, "joints_2d": None})


def test_a_wrong_pose_in_the_right_box_is_not_a_person_who_was_not_found(scene):
    columns = scene.columns()
    boxes, wrong = scene.dataset.array("box_xywh"), columns["joints_2d"] + 500
    assert scored(scene, {**columns, "joints_2d": wrong, "box_xywh": boxes}).found.all()
    wrong[0] -= 500
    alone = scored(scene, {**columns, "joints_2d": wrong})
    assert alone.found.sum() == 1 and "5 of 6 predictions are of nobody labelled" in alone.facts["unmatched"]
    with pytest.raises(DataError, match="none of its 6 predictions lies on a labelled person"):
        scored(scene, {**columns, "joints_2d": wrong + 900})


def test_a_box_of_two_corners_is_told_from_one_of_a_size(scene):
    columns, boxes = scene.columns(), scene.dataset.array("box_xywh").astype(float)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    for given, told in ((boxes, "x, y, width, height"), (corners, "left, top, right, bottom")):
        found = predictions_of({**columns, "bbox": given}, "x")
        np.testing.assert_allclose(found.boxes_xywh, boxes, atol=1e-3)
        assert any(told in note for note in found.notes)
    np.testing.assert_allclose(predictions_of({**columns, "box_xyxy": corners}, "x").boxes_xywh, boxes, atol=1e-3)


def test_images_are_told_by_folders_and_by_names_without_an_ending(scene):
    images = np.array([name.replace("/", "\\") for name in ("x/one/a", "one/b", "one/b", "two/a", "c", "c")])
    perfect(scored(scene, scene.columns(image=images)))
    with pytest.raises(DataError, match=r"image a.jpg may be one/a.jpg or two/a.jpg; name the folders too"):
        scored(scene, scene.columns(image=np.array(["a.jpg", *("b.jpg",) * 5])))


def test_samples_subjects_and_frames_tell_whose_a_prediction_is(scene):
    by_sample = scene.columns(image=None, sample=np.arange(6))
    assert "by sample: 6 of 6" in perfect(scored(scene, by_sample)).facts["matched"]
    by_frame = scene.columns(image=None, action=scene.dataset.texts("action"), frame=np.arange(6))
    assert "by action and frame" in perfect(scored(scene, by_frame)).facts["matched"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sample": np.array([0, 1, 1, 2, 3, 4])}, "sample 1 has two predictions, rows 1 and 2; keep one"),
        ({"sample": np.arange(6) + 100}, "none of its 6 predictions is of scene/test .it has sample 100"),
        ({"image": np.array(["z.jpg"] * 6)}, "none of its 6 predictions is of scene/test .it has z.jpg"),
        ({"person": np.array([0, 0, 0, 0, 0, 1])}, "person 0 of one/b.jpg has two predictions, rows 1 and 2"),
    ],
)
def test_whose_predictions_cannot_be_told_is_refused(scene, changes, told):
    with pytest.raises(DataError, match=told):
        scored(scene, scene.columns(**changes))


def test_images_beyond_the_split_are_counted(scene):
    columns = scene.columns()
    more = {
        name: value if name == "skeleton" else np.concatenate([value, value[:1]]) for name, value in columns.items()
    }
    more["image"] = np.array([*columns["image"], "z.jpg"])
    assert "1 of 7 predictions are of images or samples that are not" in scored(scene, more).facts["unmatched"]


def test_overlap_of_boxes():
    box = np.array([0.0, 0, 10, 10])
    assert iou(box, box) == 1 and iou(box, np.array([20.0, 0, 10, 10])) == 0
    assert iou(box, np.array([5.0, 0, 10, 10])) == pytest.approx(1 / 3)


# Units and frames --------------------------------------------------------------------------------------------------


def test_metres_are_recognised_and_said(scene):
    metres = scene.columns(joints_cam=scene.truth_cam / 1000)
    assert "in m (inferred: a unit of its poses is 1e+03 mm" in perfect(scored(scene, metres)).facts["unit"]
    with pytest.raises(DataError, match=r"stated to be in mm, but a unit of its poses is 1e.03 mm.*state --unit m"):
        scored(scene, metres, unit="mm")
    assert "as stated" in perfect(scored(scene, {**metres, "unit": "m"})).facts["unit"]


def test_poses_about_the_root_are_recognised(scene):
    root = scene.truth_cam[:, [MPII_16.index("pelvis")]]
    found = perfect(scored(scene, scene.columns(joints_cam=None, joints_3d=scene.truth_cam - root)))
    assert "relative to the root" in found.facts["frame"] and "its hips lie at the origin" in found.facts["frame"]


def test_world_coordinates_are_seen_by_their_residual_and_turned_when_stated(scene):
    rotation = scene.dataset.array("camera_rotation")
    world = scene.columns(joints_cam=None, joints_3d=scene.truth_cam @ rotation + 1e4)
    with pytest.raises(DataError, match=r"its poses lie \d+ mm.*, 0 mm if all were turned by 90 deg.*--frame world"):
        scored(scene, world)
    assert "0 mm from the labels" in perfect(scored(scene, world, frame="world")).facts["frame"]
    stated = scored(scene, world, frame="cam")
    assert "if all were turned by 90 degrees" in stated.facts["frame"] and stated.overall()["mpjpe_mm"] > 100


def test_poses_of_no_unit_get_their_size_by_the_image(scene):
    tiny = scene.columns(joints_cam=None, joints_3d=(scene.truth_cam - scene.truth_cam[:, [6]]) * 0.03)
    found = scored(scene, tiny)
    assert "in no unit of length" in found.facts["unit"] and "own 2D joints" in found.facts["size"]
    assert found.overall()["mpjpe_mm"] < 0.1
    with pytest.raises(DataError, match="without 2D joints the image gives them no size; state --unit"):
        scored(scene, {**tiny, "joints_2d": None, "sample": np.arange(6)})


def test_the_size_is_the_systems_own_or_that_of_the_image(scene):
    root = scene.truth_cam[:, [MPII_16.index("pelvis")]]
    small = scene.columns(joints_cam=None, joints_3d=0.8 * (scene.truth_cam - root))
    own, image = scored(scene, small, size="own"), scored(scene, small, size="image")
    distance = np.linalg.norm(scene.truth_cam - root, axis=-1).mean()
    assert own.overall()["mpjpe_mm"] == pytest.approx(0.2 * distance, rel=1e-3)
    assert image.overall()["mpjpe_mm"] < 0.1 < own.overall()["mpjpe_mm"]
    mean_person = scored(scene, small, protocol="mean-person")
    assert mean_person.overall()["n_mpjpe_mm"] < 0.1 and mean_person.overall()["mpjpe_mm"] < 120


@pytest.mark.parametrize(("option", "told"), [("unit", "feet"), ("frame", "camera"), ("size", "big")])
def test_unknown_options_are_told(option, told):
    with pytest.raises(DataError, match=f"--{option}.*'{told}'"):
        Reading(**{option: told})


# People who were not found -----------------------------------------------------------------------------------------


def test_what_was_not_predicted_counts_and_both_numbers_are_said(scene):
    columns = scene.columns()
    gone = {name: value if name == "skeleton" else value[1:] for name, value in columns.items()}
    gone["joints_cam"] = gone["joints_cam"].copy()
    wrist = MPII_16.index("r_wrist")
    gone["joints_cam"][0, wrist] = np.nan
    found = scored(scene, gone)
    assert found.found.tolist() == [False, *[True] * 5]
    assert found.missed_3d.sum() == 16 + 1 and found.missed_2d.sum() == 16
    of_all, of_found = found.overall(), found.of_found().overall()
    assert of_found["pck3d_150"] == of_found["pck2d_box"] == 1 and of_found["mpjpe_mm"] < 0.1
    assert of_all["pck3d_150"] == pytest.approx(1 - 17 / 96) and of_all["pck2d_box"] == pytest.approx(1 - 16 / 96)
    distance = np.linalg.norm(found.truth_mm, axis=-1)
    assert of_all["mpjpe_mm"] == pytest.approx(distance[found.missed_3d].sum() / 96, rel=1e-3)
    text = "\n".join(heading(found))
    assert "found 5 of 6 people (83.3 %); 1 labelled joints of these were not predicted" in text
    assert "of found alone: MPJPE, mm: 0.0" in text and "1 of 6 labelled people have no prediction" in text
    told = as_plain(found)["found"]
    assert (told["people"], told["of_people"], told["joints_missed_3d"]) == (5, 6, 1)
    assert as_plain(scored(scene, columns))["found"] is None


def test_the_found_column_says_who_was_not_found(scene):
    found = scored(scene, scene.columns(found=np.array([1, 1, 1, 1, 0, 0], bool)))
    assert found.found.sum() == 4 and found.of_found().overall()["mpjpe_mm"] < 0.1


def test_people_not_found_are_not_handed_to_pycocotools():
    from prepose.metrics.keypoints_2d import oks_average_precision

    truth = np.random.default_rng(0).uniform(0, 100, (2, 17, 2))
    areas, images = np.full(2, 5000.0), np.array([1, 2])
    for scores, recall in (([0.5, 0.6], 1), ([0.5, np.nan], 0.5)):
        found = oks_average_precision(truth, truth, scores=np.array(scores), areas_px2=areas, image_ids=images)
        assert found["oks_ar"] == pytest.approx(recall)


# As an evaluation --------------------------------------------------------------------------------------------------


def test_it_is_kept_and_compared_with_another_paired(scene, tmp_path):
    noise = np.random.default_rng(0).normal(0, 40, scene.truth_cam.shape)
    noisy = scene.columns(joints_cam=scene.truth_cam + noise)
    short = {name: value if name == "skeleton" else value[:-1] for name, value in scene.columns().items()}
    for name, columns in (("noisy", noisy), ("short", short)):
        prepose.score(columns, scene.store, out=tmp_path / name, system=name)
    found = prepose.compare([tmp_path / "noisy", tmp_path / "short"], scene.store)
    kept = load_evaluation(tmp_path / "short" / "evaluations" / "scene-test-true-root-depth.json")
    assert kept.missed_3d.sum() == 16 and kept.facts["system"] == "short"
    shared = {each.measure: each for each in found.differences if each.kind == "shared"}
    overall = {each.measure: each for each in found.differences if each.kind == "overall"}
    assert shared["mpjpe_mm"].mean < 0.1 < 30 < shared["mpjpe_mm"].baseline_mean
    assert overall["mpjpe_mm"].mean > 50
    assert any("short found 5 of 6 people" in note for note in found.notes)
    with pytest.raises(DataError, match=r"short: holds evaluations alone, and none that .*--protocol mean-person"):
        prepose.compare([tmp_path / "short", tmp_path / "noisy"], scene.store, protocol="mean-person")
    with pytest.raises(DataError, match="given twice"):
        compare_runs([tmp_path / "short"] * 2, scene.store)


def test_2d_labels_are_scored_in_the_image(two_d):
    found = score_predictions(two_d.columns("coco-17", joints_cam=None), two_d.store)
    assert found.protocol.name == "pck-torso-20" and not found.has_3d
    with pytest.raises(DataError, match="scores 3D joints, which the predictions or the labels do not have"):
        score_predictions(two_d.columns("coco-17", joints_cam=None), two_d.store, protocol="limbs-10-pa-mpjpe")


def test_a_store_that_names_no_images_says_what_would_do(scene, tmp_path):
    from prepose.data.store import StoreDescription, write_store

    samples = [replace(one, source="labels.json[0]") for one in scene.dataset]
    write_store(tmp_path / "old", StoreDescription("old", MPII_16), "test", samples, total=6)
    with pytest.raises(DataError, match=r"do not say the names of their images.*add the dataset again"):
        score_predictions(scene.columns(), tmp_path / "old")


def test_predictions_of_another_split_are_told_which(scene, tmp_path):
    from prepose.data.store import StoreDescription, write_store

    others = [replace(one, source=f"x: other/{n}.jpg") for n, one in enumerate(scene.dataset)]
    for split, samples in (("test", list(scene.dataset)), ("train", others)):
        write_store(tmp_path / "two", StoreDescription("scene", MPII_16), split, samples, total=6)
    with pytest.raises(DataError, match="are in --split test"):
        score_predictions(scene.columns(), tmp_path / "two", split="train")


# What differences of protocols are worth ---------------------------------------------------------------------------


@pytest.fixture
def noisy(scene):
    noise = np.random.default_rng(0).normal(0, 60, scene.truth_cam.shape)
    return scene.columns(joints_cam=scene.truth_cam * 1.1 + noise)


def test_each_difference_is_worth_what_switching_it_changes(scene, noisy):
    ready = ready_predictions(noisy, scene.dataset)
    first = get_protocol("true-root-depth")
    second = replace(
        first, name="other", headline="pa_mpjpe_mm", root=("l_hip", "r_hip"), averaging="samples", flip_test=False
    )
    found = protocols_apart(first, second, ready)
    worths = {each.difference.name: each for each in found.worths}
    assert set(worths) == {"root", "alignment", "average", "flip"}
    assert found.value == pytest.approx(ready.judged(first).overall()["mpjpe_mm"])
    assert found.second_value == pytest.approx(ready.judged(second).overall()["pa_mpjpe_mm"])
    rooted = ready.judged(replace(first, root=("l_hip", "r_hip"))).overall()["mpjpe_mm"]
    assert worths["root"].first == pytest.approx(rooted - found.value)
    assert worths["root"].last == pytest.approx(0, abs=1e-3), "an alignment leaves nothing of the root"
    known = [each.mean for each in found.worths if not np.isnan(each.mean)]
    assert sum(known) == pytest.approx(found.second_value - found.value)
    assert "look again" in worths["flip"].reason and np.isnan(worths["flip"].first)


def test_a_saved_evaluation_is_as_good_as_its_predictions(scene, noisy):
    evaluation = scored(scene, noisy, protocol="true-root-depth")
    ready = of_evaluation(evaluation, scene.dataset, "x")
    first, second = get_protocol("true-root-depth"), get_protocol("mean-person")
    (worth,) = protocols_apart(first, second, ready).worths
    assert worth.difference.name == "scale"
    assert worth.first == worth.last == pytest.approx(worth.mean) and abs(worth.first) > 0.1
    resized = scored(scene, noisy, protocol="optimal-scale")
    with pytest.raises(DataError, match="resized by optimal-scale, which cannot be taken back"):
        of_evaluation(resized, scene.dataset, "x")
    with pytest.raises(DataError, match="no mm lie between them"):
        protocols_apart(first, get_protocol("pck-box-10"), ready)
    with pytest.raises(DataError, match="scores spine"):
        protocols_apart(first, get_protocol("h36m-17-pa-mpjpe"), ready)


def test_match_says_how(scene):
    found = match(predictions_of(scene.columns(), "x"), scene.dataset)
    assert found.rows.tolist() == list(range(6)) and not found.unmatched
    assert Path(scene.store).is_dir()
