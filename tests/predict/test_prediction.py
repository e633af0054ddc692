import json
from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.errors import PoseError
from prepose.predict.pose_sequence import JointMark
from prepose.predict.prediction import conversion, sequences_of
from prepose.predict.predictor import Predictor


def test_a_prediction_is_plain_json(weights, photograph):
    prediction = Predictor.load(weights).predict_each([photograph], names=["beach.jpg"])[0]
    content = json.loads(json.dumps(prediction.to_json(), allow_nan=False))
    assert content["skeleton"] == "mpii-16"
    assert content["joints"] == list(MPII_16.joints)
    np.testing.assert_allclose(content["joints_img"], prediction.joints_img, atol=1e-3)
    np.testing.assert_allclose(content["joints_cam"], prediction.joints_cam, atol=1e-3)
    np.testing.assert_allclose(content["joints_root"], prediction.joints_cam - prediction.root_cam, atol=2e-3)
    np.testing.assert_allclose(content["camera"]["K"], prediction.camera.K, atol=1e-5)
    assert content["units"]["joints_cam"] == "mm"
    assert "z forward" in content["axes"]["joints_cam"]
    assert content["scale_rule"].startswith("mean-person")
    assert content["camera"]["rule"].startswith("assumed")
    assert (content["image"], content["frame"], content["time"], content["person"]) == ("beach.jpg", 0, 0.0, 1)
    assert content["size_wh"] == [180, 120]
    assert content["weights"] == prediction.weights


@pytest.fixture(scope="module")
def prediction(weights, photograph):
    return Predictor.load(weights).predict(photograph)[0]


def test_joints_outside_the_image_and_those_of_low_confidence_are_marked(prediction):
    joints = np.tile([50.0, 50.0], (16, 1))
    joints[0], joints[1], joints[2], joints[3] = (-0.6, 50), (50, 119.6), (-0.4, 119.4), (np.nan, np.nan)
    confidence = np.full(16, 0.5)
    confidence[[0, 4]] = 0.1
    marked = replace(prediction, joints_img=joints, confidence=confidence, threshold=0.2)
    outside, missing = JointMark.OUTSIDE_IMAGE, JointMark.MISSING
    assert marked.marks.tolist() == [outside, outside, JointMark.OK, missing, JointMark.LOW_CONFIDENCE] + [0] * 11
    names = marked.to_json()["marks"]
    assert names[:5] == ["outside_image", "outside_image", "ok", "missing", "low_confidence"]


def test_joints_of_another_skeleton_say_how_they_follow(prediction):
    found = prediction.in_skeleton("coco-17")
    coco = found.skeleton
    assert coco.name == "coco-17"
    how = dict(zip(coco.joints, found.provenance, strict=True))
    assert how["l_wrist"] == "exact" and how["nose"] == "missing" and how["l_hip"] == "approximate: l_hip"
    wrist, nose = coco.index("l_wrist"), coco.index("nose")
    np.testing.assert_array_equal(found.joints_cam[wrist], prediction.joints_cam[MPII_16.index("l_wrist")])
    assert found.confidence[wrist] == prediction.confidence[MPII_16.index("l_wrist")]
    assert np.isnan(found.joints_cam[nose]).all() and np.isnan(found.confidence[nose])
    assert found.marks[nose] == JointMark.MISSING
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content["joints_cam"][nose] == [None] * 3 and content["confidence"][nose] is None
    np.testing.assert_array_equal(found.root_cam, prediction.root_cam)


def test_a_midpoint_is_as_sure_as_the_worse_of_its_ends(prediction):
    coco = prediction.in_skeleton("coco-17")
    coco = replace(coco, confidence=np.where(np.array(coco.skeleton.joints) == "r_shoulder", 0.1, 0.9))
    back = coco.in_skeleton("mpii-16")
    thorax = MPII_16.index("thorax")
    assert back.provenance[thorax] == "midpoint of l_shoulder, r_shoulder"
    assert back.confidence[thorax] == 0.1
    ends = [coco.skeleton.index(joint) for joint in ("l_shoulder", "r_shoulder")]
    np.testing.assert_allclose(back.joints_cam[thorax], coco.joints_cam[ends].mean(axis=0))


def test_a_skeleton_that_is_none_is_said(prediction):
    with pytest.raises(PoseError, match=r"coco-71.*coco-17"):
        prediction.in_skeleton("coco-71")
    assert prediction.in_skeleton("mpii-16") is prediction
    assert conversion(MPII_16, prediction.in_skeleton("coco-17").skeleton).startswith("mpii-16 to coco-17: 10 of 17")


def test_it_draws_itself(prediction):
    assert prediction.draw().size[1] > 600
    with pytest.raises(ValueError, match="does not hold its image"):
        replace(prediction, pixels=None).draw()


def test_it_is_shown_in_one_short_line(prediction):
    assert len(repr(prediction)) < 140 and "mpii-16" in repr(prediction)
    assert "frame 3 at 0.12 s, person 2" in repr(replace(prediction, frame=3, time=0.12, person=2))


def test_predictions_become_one_sequence_for_each_person_of_each_source(prediction):
    def row(image, frame, person):
        return replace(prediction, image=image, frame=frame, time=frame / 25, person=person)

    rows = [row("a.mp4", 0, 1), row("a.mp4", 0, 2), row("a.mp4", 2, 1), row("b.mp4", 0, 1)]
    found = sequences_of(rows)
    assert [(each.source, each.person, each.frames.tolist()) for each in found] == [
        ("a.mp4", 1, [0, 2]), ("a.mp4", 2, [0]), ("b.mp4", 1, [0]),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].joints_cam[1], prediction.joints_cam)
    assert found[0].scale_rule == prediction.scale_rule


@pytest.mark.parametrize(("method", "beginning"), [("bvh", b"HIERARCHY"), ("trc", b"PathFileType"), ("gltf", b"glTF")])
def test_a_pose_is_written_in_formats_of_other_tools(prediction, tmp_path, method, beginning):
    path = getattr(prediction, f"to_{method}")(str(tmp_path / "pose"))
    assert path == tmp_path / "pose" and path.read_bytes().startswith(beginning)


def test_a_pose_is_written_as_c3d(prediction, tmp_path):
    import ezc3d

    found = ezc3d.c3d(str(prediction.to_c3d(tmp_path / "pose.c3d")))["data"]["points"]
    np.testing.assert_allclose(found[:3, :, 0].T * [1, -1, -1], prediction.joints_cam, rtol=1e-6)
