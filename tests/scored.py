"""What perfect and shifted predictions of a dataset must score, protocol by protocol."""

from dataclasses import replace

import numpy as np
import pytest

from perfect import UNPLACED_SCALE, PerfectNet, perfect_predictions
from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.target import image_targets
from prepose.errors import DataError, SkeletonMismatch
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import Protocol, get_protocol, protocols_for
from prepose.metrics.scale import REFERENCE_BONES, bone_sum
from prepose.predict.evaluate import evaluate
from prepose.predict.score import CropPredictions, score
from prepose.specs.model import ModelSpec

# Labels are kept in single precision: a person at 6 m has a rounding error of a thousandth of a mm in each joint.
MOST_MM = 0.05
MOST_PX = 0.01
SHARES_2D = ("pck2d", "pck2d_box", "pckh_50", "pckh_10")
WITH_CAMERA = ("true-root-depth", "true-root-depth-univ")
SHIFT_PX = 3.0
ZERO_MM, ZERO_PX = "0 mm", "0 px"
NO_CAMERA = "3D off by the perspective that no camera tells"
# What the truth may score, besides what follows from a protocol's own rule.
OUTCOMES = (ZERO_MM, NO_CAMERA, ZERO_PX)


def score_perfectly(dataset: PoseDataset) -> dict[str, str]:
    """Score the truth in every protocol for the dataset: protocol -> what it scored; those that apply alone.

    A protocol that does not apply must refuse or have no figure.
    """
    scored, networks = {}, {}
    for protocol in protocols_for(dataset.name):
        skeleton = skeleton_for(protocol)
        if skeleton not in networks:
            networks[skeleton] = perfect_predictions(dataset, skeleton, reached=True)
        try:
            evaluation = score(networks[skeleton], dataset, protocol, facts={})
        except (DataError, SkeletonMismatch) as error:
            assert not applies(protocol, dataset), f"{protocol.name} refuses what it is for: {error}"
            continue
        has_figure = np.isfinite(evaluation.overall()[protocol.headline])
        assert has_figure == applies(protocol, dataset), f"{protocol.name} on {dataset.name}/{dataset.split}"
        check_image_figures(evaluation)
        if has_figure:
            scored[protocol.name] = _outcome(evaluation, dataset)
    assert scored
    return scored


def skeleton_for(protocol: Protocol) -> Skeleton:
    """The skeleton of the network that a protocol is asked about: rules that judge a person's size need mpii-16."""
    of_its_own = (*WITH_CAMERA, "true-bone-lengths-univ", "image")
    return get_skeleton(protocol.skeleton) if protocol.scale in of_its_own else MPII_16


def applies(protocol: Protocol, dataset: PoseDataset) -> bool:
    """Whether a dataset has what a protocol needs, told from its labels."""
    if protocol.subjects and not set(dataset.texts("subject")) <= set(protocol.subjects):
        return False
    known = _truly_known(dataset, protocol)
    wanted = set(protocol.scored_joints)
    if protocol.coverage == "all" and not wanted <= known:
        return False
    if protocol.needs_3d:
        return _applies_in_3d(protocol, dataset, known)
    lengths = {
        "pck2d": {"l_shoulder", "r_hip"} <= known,
        "pck2d_10": {"l_shoulder", "r_hip"} <= known,
        "pckh_50": bool(np.isfinite(dataset.array("head_box_xywh")).any()),
    }
    lengths["pckh_10"] = lengths["pckh_50"]
    placed = bool(np.isfinite(dataset.array("joints_img")).any())
    return placed and bool(wanted & known) and lengths.get(protocol.headline, True)


def _applies_in_3d(protocol: Protocol, dataset: PoseDataset, known: set[str]) -> bool:
    if not np.isfinite(dataset.array("joints_cam")).any() or not set(protocol.root) <= known:
        return False
    if protocol.scale in WITH_CAMERA:
        return bool(np.isfinite(dataset.array("camera_K")).all())
    if protocol.scale == "bone-sum-4000":
        return {joint for bone in REFERENCE_BONES for joint in bone} <= known
    return True


def _truly_known(dataset: PoseDataset, protocol: Protocol) -> set[str]:
    """The protocol's joints that the dataset defines alike and labels at least once."""
    target = get_skeleton(protocol.skeleton)
    mapping = joint_map(dataset.skeleton, target)
    joints = mapping.apply(dataset.array("joints_cam" if protocol.needs_3d else "joints_img"))
    there = np.isfinite(joints).all(axis=2).any(axis=0) & mapping.truly_labelled
    return {name for name, known in zip(target.joints, there, strict=True) if known}


def check_image_figures(evaluation: Evaluation) -> None:
    """Nothing is missed in the image, wherever it is scored."""
    overall = evaluation.overall()
    if not evaluation.scored_2d.any():
        return
    assert overall["error_px"] < MOST_PX
    for name in SHARES_2D:
        assert np.isnan(overall[name]) or overall[name] == 1, name
    assert overall["pck2d_box"] == 1


def _outcome(evaluation: Evaluation, dataset: PoseDataset) -> str:
    """Check what the truth scores in 3D (or the image alone), and say it."""
    protocol, overall = evaluation.protocol, evaluation.overall()
    if not protocol.needs_3d:
        assert overall[protocol.headline] == pytest.approx(1)
        return ZERO_PX
    if protocol.scale == "bone-sum-4000-legacy":
        # It is documented to miss: spine and neck are invented, perspective is ignored.
        assert 1 < overall["mpjpe_mm"] < 400
        return "not 0, as documented"
    lost = _lost_mm(evaluation, dataset)
    assert overall["n_mpjpe_mm"] == pytest.approx(lost, abs=MOST_MM)
    assert overall["pa_mpjpe_mm"] < lost + MOST_MM
    if lost > MOST_MM:
        return NO_CAMERA
    if protocol.scale == "mean-person":
        _check_size_alone(evaluation)
        return "off by the person's size alone"
    assert overall["mpjpe_mm"] < MOST_MM
    assert overall["pck3d_150"] == 1
    return ZERO_MM


def _check_size_alone(evaluation: Evaluation) -> None:
    """Every joint misses by one share of its distance from the root: that of the mean person's size to the true one."""
    distance = np.linalg.norm(evaluation.truth_mm, axis=-1)
    far = evaluation.scored_3d & (distance > 50)
    share = np.where(far, evaluation.errors_mm / np.where(far, distance, 1), np.nan)
    np.testing.assert_allclose(np.nanmax(share, axis=1), np.nanmin(share, axis=1), atol=1e-3)


def _lost_mm(evaluation: Evaluation, dataset: PoseDataset) -> float:
    """What weak perspective takes from the truth where no camera is known: N-MPJPE of the labels as they lie, mm."""
    if np.isfinite(dataset.array("camera_K")).all():
        return 0.0
    pose, truth = _weak_pose(dataset), _from_root(dataset, MPII_16)
    scored = np.isfinite(pose).all(axis=-1) & np.isfinite(truth).all(axis=-1)
    pose = pose * _best_scale(pose, truth, scored)[:, None, None]
    if evaluation.protocol.scale == "bone-sum-4000":
        pose, truth = (
            joints * 4000 / bone_sum(truth, MPII_16, REFERENCE_BONES)[:, None, None] for joints in (pose, truth)
        )
    return float(np.linalg.norm(pose - truth, axis=-1)[scored].mean())


def score_perfect_network(dataset: PoseDataset) -> None:
    """A network that knows the answers, through crops, batches and `evaluate`, in a protocol that the dataset fits."""
    protocol = own_protocol(dataset)
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=32, skeleton=skeleton_for(protocol).name)
    net = PerfectNet(dataset, spec)
    evaluation = evaluate(net, dataset, protocol, flip_test=False)
    assert net.said == len(evaluation) == len(dataset)
    check_image_figures(evaluation)
    overall = evaluation.overall()
    assert evaluation.has_3d == bool(np.isfinite(dataset.array("joints_cam")).any())
    if evaluation.has_3d:
        assert overall["mpjpe_mm"] == pytest.approx(_lost_mm(evaluation, dataset), abs=MOST_MM)


def own_protocol(dataset: PoseDataset) -> Protocol:
    """True root depth in the dataset's own skeleton; without cameras the best scale, in mpii-16."""
    if not np.isfinite(dataset.array("joints_cam")).any():
        return get_protocol("true-root-depth")
    if np.isfinite(dataset.array("camera_K")).all():
        return replace(get_protocol("true-root-depth"), skeleton=dataset.skeleton.name)
    return get_protocol("optimal-scale")


def score_shifted(dataset: PoseDataset) -> None:
    """A prediction that is shifted by a known length scores that length."""
    if np.isfinite(dataset.array("joints_img")).any():
        _score_shifted_in_the_image(dataset)
    if np.isfinite(dataset.array("joints_cam")).any():
        _score_shifted_in_depth(dataset)


def _score_shifted_in_the_image(dataset: PoseDataset) -> None:
    perfect = perfect_predictions(dataset, MPII_16, reached=True)
    moved = replace(perfect, joints_crop=perfect.joints_crop + np.array([3.0, -4.0, 0]))
    evaluation = score(moved, dataset, get_protocol("optimal-scale"), facts={})
    wanted = np.broadcast_to(5 * _stretch(perfect)[:, None], evaluation.errors_px.shape)
    np.testing.assert_allclose(evaluation.errors_px, np.where(evaluation.scored_2d, wanted, np.nan), rtol=1e-3)


def _score_shifted_in_depth(dataset: PoseDataset) -> None:
    """A wrist too far away by a few px of depth: along its ray, and on after the best scale where that is the rule."""
    protocol = own_protocol(dataset)
    skeleton = skeleton_for(protocol)
    perfect, wrist = perfect_predictions(dataset, skeleton, reached=True), skeleton.index("r_wrist")
    joints = perfect.joints_crop.copy()
    joints[:, wrist, 2] += SHIFT_PX
    evaluation = score(replace(perfect, joints_crop=joints), dataset, protocol, facts={})
    truth, by = _from_root(dataset, skeleton), SHIFT_PX * _stretch(perfect)[:, None]
    if protocol.scale == "true-root-depth":
        joints_cam = joint_map(dataset.skeleton, skeleton).apply(dataset.array("joints_cam").astype(float))
        matrices, shifted = dataset.array("camera_K"), truth.copy()
        mm_of_px = joints_cam[:, skeleton.root_index, 2] / np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1])
        shifted[:, wrist] += by * mm_of_px[:, None] * joints_cam[:, wrist] / joints_cam[:, wrist, 2:]
    else:
        shifted = _weak_pose(dataset)
        shifted[:, wrist, 2:] += by
        shifted *= _best_scale(shifted, truth, evaluation.scored_3d)[:, None, None]
    wanted = np.linalg.norm(shifted - truth, axis=-1)
    assert np.nanmin(wanted[:, wrist]) > 10
    np.testing.assert_allclose(
        evaluation.errors_mm, np.where(evaluation.scored_3d, wanted, np.nan), rtol=1e-3, atol=MOST_MM
    )


def _stretch(predictions: CropPredictions) -> np.ndarray:
    """(N,) image px of a crop px."""
    return np.sqrt(np.abs(np.linalg.det(predictions.img_from_crop[:, :2, :2])))


def _from_root(dataset: PoseDataset, skeleton: Skeleton) -> np.ndarray:
    """(N, J, 3) true joints relative to the root, mm."""
    joints = joint_map(dataset.skeleton, skeleton).apply(dataset.array("joints_cam").astype(float))
    return joints - joints[:, [skeleton.root_index]]


def _weak_pose(dataset: PoseDataset) -> np.ndarray:
    """(N, 16, 3) poses as they lie in their pictures, relative to the root, px; without places at any one scale."""
    seen = image_targets(dataset, MPII_16).astype(float)
    seen = seen - seen[:, [MPII_16.root_index]]
    return seen if np.isfinite(seen).any() else UNPLACED_SCALE * _from_root(dataset, MPII_16)


def _best_scale(pose: np.ndarray, truth: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """(N,) the factor that brings each pose nearest to its truth."""
    pose, truth = (np.where(scored[..., None], joints, 0) for joints in (pose, truth))
    return (pose * truth).sum(axis=(1, 2)) / (pose * pose).sum(axis=(1, 2))
