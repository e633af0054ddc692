import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from prepose.body.skeletons import COCO_17, LSP_14, MPII_16, SKELETONS
from prepose.metrics.keypoints_2d import (
    OKS_MEASURES,
    box_lengths,
    correct_keypoints,
    head_lengths,
    oks_average_precision,
    pixel_errors,
    torso_lengths,
)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_the_torso_runs_from_left_shoulder_to_right_hip(skeleton):
    joints = np.zeros((2, len(skeleton), 2))
    joints[0, skeleton.index("l_shoulder")] = 30, 0
    joints[0, skeleton.index("r_hip")] = 0, 40
    lengths = torso_lengths(joints, skeleton)
    assert lengths[0] == pytest.approx(50)
    assert np.isnan(lengths[1]), "both ends in one place: there is no length to judge by"


def test_a_torso_without_its_hip_has_no_length():
    joints = np.ones((1, len(LSP_14), 2))
    joints[0, LSP_14.index("r_hip")] = np.nan
    assert np.isnan(torso_lengths(joints, LSP_14)).all()


def test_box_and_head_lengths():
    assert box_lengths(np.array([[5.0, 6.0, 30.0, 80.0]])) == pytest.approx([80])
    assert head_lengths(np.array([[0.0, 0.0, 30.0, 40.0]])) == pytest.approx([30])
    assert np.isnan(head_lengths(np.full((1, 4), np.nan))).all()
    assert np.isnan(box_lengths(np.zeros((1, 4)))).all()


def test_joints_are_right_up_to_their_share_of_the_length():
    errors = np.array([[9.9, 10.0, 10.1, np.nan], [1.0, 1.0, 1.0, 1.0]])
    found = correct_keypoints(errors, np.array([50.0, np.nan]), 0.2)
    np.testing.assert_array_equal(found, [[1, 1, 0, np.nan], [np.nan] * 4])


@pytest.mark.parametrize("skeleton", [MPII_16, COCO_17], ids=lambda s: s.name)
def test_pixel_errors_are_distances(skeleton):
    truth = np.random.default_rng(0).uniform(0, 100, (3, len(skeleton), 2))
    mask = np.ones(truth.shape[:2], bool)
    mask[:, 2] = False
    errors = pixel_errors(truth + np.array([3.0, 4.0]), truth, mask)
    assert np.isnan(errors[:, 2]).all()
    assert errors[:, 0] == pytest.approx(5 * np.ones(3))


COUNT = 40
# Of the authors' list, twice the spread of annotators in parts of the square root of the area: nose and left hip.
NOSE, HIP = 2 * 0.026, 2 * 0.107


@pytest.fixture
def labels():
    generator = np.random.default_rng(0)
    areas = generator.uniform(500, 40000, COUNT)
    truth = generator.uniform(0, 400, (COUNT, 17, 2))
    truth[generator.random((COUNT, 17)) < 0.3] = np.nan
    noise = generator.normal(0, 1, truth.shape) * 0.08 * np.sqrt(areas)[:, None, None]
    prediction = np.where(np.isnan(truth), 200.0, truth) + noise
    return {
        "prediction": prediction, "truth": truth, "scores": generator.random(COUNT), "areas_px2": areas,
        "image_ids": np.arange(COUNT) // 3,
    }  # fmt: skip


def by_files(folder, labels):
    """What anybody would write by hand."""
    annotations, results = [], []
    for i in range(COUNT):
        keypoints = []
        for x, y in labels["truth"][i]:
            keypoints += [0, 0, 0] if np.isnan(x) else [float(x), float(y), 2]
        common = {"image_id": int(labels["image_ids"][i]), "category_id": 1}
        annotations.append(
            common
            | {"id": i + 1, "iscrowd": 0, "area": float(labels["areas_px2"][i]), "bbox": [0, 0, 9, 9]}
            | {"num_keypoints": sum(flag > 0 for flag in keypoints[2::3]), "keypoints": keypoints}
        )
        predicted = [value for x, y in labels["prediction"][i] for value in (float(x), float(y), 1.0)]
        results.append(common | {"keypoints": predicted, "score": float(labels["scores"][i])})
    images = [{"id": image} for image in sorted({one["image_id"] for one in annotations})]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "labels.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))
    truth = COCO(str(folder / "labels.json"))
    scoring = COCOeval(truth, truth.loadRes(str(folder / "results.json")), "keypoints")
    scoring.evaluate()
    scoring.accumulate()
    scoring.summarize()
    return scoring.stats


def test_the_figures_are_those_of_the_owners_tool(tmp_path, labels):
    found = oks_average_precision(**labels)
    assert list(found) == list(OKS_MEASURES)
    np.testing.assert_allclose(list(found.values()), by_files(tmp_path, labels), atol=1e-12)
    assert 0.1 < found["oks_ap"] < 0.9


def test_nothing_is_printed(labels, capsys):
    oks_average_precision(**labels)
    assert capsys.readouterr().out == ""


def test_a_perfect_prediction_scores_one(labels):
    perfect = labels | {"prediction": np.nan_to_num(labels["truth"])}
    assert set(oks_average_precision(**perfect).values()) == {1.0}


def one_person(**joints):
    """A person of whom two joints are labelled, and each prediction's distance from them in px."""
    truth = np.full((1, 17, 2), np.nan)
    truth[0, [0, 11]] = 100.0
    prediction = np.zeros((1, 17, 2))
    prediction[0, 0], prediction[0, 11] = [100 + joints["nose"], 100], [100, 100 + joints["hip"]]
    return oks_average_precision(
        prediction, truth, scores=np.ones(1), areas_px2=np.array([10000.0]), image_ids=np.array([7])
    )


@pytest.mark.parametrize(("nose", "hip"), [(0.0, 0.0), (5.0, 0.0), (5.0, 20.0), (10.0, 30.0), (60.0, 60.0)])
def test_the_similarity_is_the_published_formula(nose, hip):
    similarity = np.mean([np.exp(-((d / 100) ** 2) / (2 * k**2)) for d, k in ((nose, NOSE), (hip, HIP))])
    passed = np.mean([similarity >= threshold for threshold in np.linspace(0.5, 0.95, 10)])
    found = one_person(nose=nose, hip=hip)
    assert found["oks_ap"] == pytest.approx(passed)
    assert found["oks_ap_50"] == pytest.approx(float(similarity >= 0.5))


def test_sizes_that_nobody_has_are_not_scored():
    found = one_person(nose=0.0, hip=0.0)
    assert np.isnan(found["oks_ap_medium"])
    assert found["oks_ap_large"] == pytest.approx(1)


def test_nobody_is_matched_across_images(labels):
    """Two people who are told with each other's joints: right in one image, wrong in two."""
    truth = np.stack([np.full((17, 2), 50.0), np.full((17, 2), 300.0)])
    arguments = {"scores": np.ones(2), "areas_px2": np.full(2, 5000.0)}
    together = oks_average_precision(truth[::-1], truth, image_ids=np.array([1, 1]), **arguments)
    apart = oks_average_precision(truth[::-1], truth, image_ids=np.array([1, 2]), **arguments)
    assert (together["oks_ap"], apart["oks_ap"]) == (1.0, 0.0)
