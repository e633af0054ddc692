"""One evaluation: what was predicted and what was true, with labels; every table is a reduction of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import get_skeleton
from prepose.metrics.joint_error import (
    PCK3D_THRESHOLD_MM,
    mean_of,
    position_errors,
    scale_aligned_errors,
    share_of_thresholds,
    similarity_aligned_errors,
    within,
)
from prepose.metrics.keypoints_2d import (
    BOX_SHARE,
    HEAD_SHARES,
    TORSO_SHARE,
    box_lengths,
    correct_keypoints,
    head_lengths,
    pixel_errors,
    torso_lengths,
)
from prepose.metrics.protocols import Averaging, Protocol
from prepose.metrics.scale import rescaled

Row = dict[str, float]
Tables = Mapping[str, Float[np.ndarray, "N J"]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions beside their truth, in the protocol's skeleton (J joints).

    Attributes:
        protocol: How they are scored.
        dataset: Name of the dataset.
        split: The split that was scored.
        weights: Digest of the weights that predicted.
        index: Index of each sample in the dataset's split.
        subjects: Subject of each sample.
        actions: Action of each sample.
        states: State of each joint, an index into `state_names`.
        state_names: What the states mean.
        boxes_xywh: The person's box, px.
        head_boxes_xywh: The head's box, px; NaN where there is none.
        confidence: The network's confidence in each joint; NaN where the joint is not predicted.
        prediction_img: Predicted joints in the image, px.
        truth_img: True joints in the image, px; NaN where not scored.
        prediction_mm: Predicted joints relative to the root, as scored (after the scale rule), mm.
        truth_mm: True joints relative to the root, as scored, mm; NaN where not scored.
        root_depth_mm: The root depth that each prediction was lifted with, mm; NaN where it had none.
        variants: Other poses for the same samples, in the same form as `prediction_mm`: baselines, and predictions with
            one part replaced by the truth.
        facts: How the poses came to be (flip test, lift, seconds ...), as text.
    """

    protocol: Protocol
    dataset: str
    split: str
    weights: str
    index: Int[np.ndarray, "N"]
    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    states: UInt8[np.ndarray, "N J"]
    state_names: tuple[str, ...]
    boxes_xywh: Float[np.ndarray, "N 4"]
    head_boxes_xywh: Float[np.ndarray, "N 4"]
    confidence: Float[np.ndarray, "N J"]
    prediction_img: Float[np.ndarray, "N J 2"]
    truth_img: Float[np.ndarray, "N J 2"]
    prediction_mm: Float[np.ndarray, "N J 3"]
    truth_mm: Float[np.ndarray, "N J 3"]
    root_depth_mm: Float[np.ndarray, "N"]
    variants: Mapping[str, Float[np.ndarray, "N J 3"]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, joints = len(self.index), len(self.skeleton)
        wrong = [
            f"{name} has shape {array.shape}"
            for name, array in self.arrays().items()
            if array.shape[:1] != (count,) or (array.ndim == 3 and array.shape[1] != joints)
        ]
        wrong += [f"{len(texts)} {name}" for name, texts in self._texts().items() if len(texts) != count]
        if wrong:
            raise ValueError(f"an evaluation of {count} samples and {joints} joints cannot hold: {'; '.join(wrong)}")

    def __len__(self) -> int:
        return len(self.index)

    def arrays(self) -> dict[str, np.ndarray]:
        """The numeric columns by name, the variants as `variant:NAME`."""
        names = (
            "index", "states", "boxes_xywh", "head_boxes_xywh", "confidence",
            "prediction_img", "truth_img", "prediction_mm", "truth_mm", "root_depth_mm",
        )  # fmt: skip
        columns = {name: getattr(self, name) for name in names}
        return columns | {f"variant:{name}": pose for name, pose in self.variants.items()}

    def _texts(self) -> dict[str, tuple[str, ...]]:
        return {"subjects": self.subjects, "actions": self.actions}

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton that the joints are compared in."""
        return get_skeleton(self.protocol.skeleton)

    @property
    def has_3d(self) -> bool:
        """Whether any joint is scored in 3D."""
        return bool(self.scored_3d.any())

    @cached_property
    def _asked(self) -> Bool[np.ndarray, "J"]:
        wanted = self.protocol.joints or self.skeleton.joints
        return np.array([joint in wanted for joint in self.skeleton.joints])

    @cached_property
    def scored_3d(self) -> Bool[np.ndarray, "N J"]:
        """Joints that prediction and truth both have in 3D and that the protocol asks for."""
        unknown = np.isnan(self.prediction_mm).any(axis=-1) | np.isnan(self.truth_mm).any(axis=-1)
        return ~unknown & self._asked

    @cached_property
    def scored_2d(self) -> Bool[np.ndarray, "N J"]:
        """Joints that prediction and truth both have in the image and that the protocol asks for."""
        unknown = np.isnan(self.prediction_img).any(axis=-1) | np.isnan(self.truth_img).any(axis=-1)
        return ~unknown & self._asked

    @cached_property
    def errors_mm(self) -> Float[np.ndarray, "N J"]:
        """Position error of each sample and joint, mm; NaN where not scored."""
        return position_errors(self.prediction_mm, self.truth_mm, self.scored_3d)

    @cached_property
    def errors_px(self) -> Float[np.ndarray, "N J"]:
        """Error in the image of each sample and joint, px; NaN where not scored."""
        return pixel_errors(self.prediction_img, self.truth_img, self.scored_2d)

    @cached_property
    def tables(self) -> Tables:
        """Each measure as one number for each sample and joint; all rows below are means of these."""
        return tables_3d(self.prediction_mm, self.truth_mm, self.scored_3d) | self._tables_2d()

    def _tables_2d(self) -> dict[str, Float[np.ndarray, "N J"]]:
        errors, head = self.errors_px, head_lengths(self.head_boxes_xywh)
        tables = {"error_px": errors}
        if {"l_shoulder", "r_hip"} <= set(self.skeleton.joints):
            tables["pck2d"] = correct_keypoints(errors, torso_lengths(self.truth_img, self.skeleton), TORSO_SHARE)
        tables["pck2d_box"] = correct_keypoints(errors, box_lengths(self.boxes_xywh), BOX_SHARE)
        for share in HEAD_SHARES:
            tables[f"pckh_{round(100 * share):02d}"] = correct_keypoints(errors, head, share)
        return tables

    def overall(self) -> Row:
        """Each measure over everything that is scored, averaged as the protocol says.

        Keys: `mpjpe_mm`, `pa_mpjpe_mm`, `n_mpjpe_mm` (mm); `pck3d_150`, `auc3d` (0 to 1); `error_px` (px); `pck2d`
        (0.2 torso), `pck2d_box` (0.1 box), `pckh_50`, `pckh_10` (0 to 1); NaN where nothing could be scored.
        """
        return {name: self._average(table, self.protocol.averaging) for name, table in self.tables.items()}

    def per_joint(self) -> dict[str, Row]:
        """Each measure by joint (plain means); only joints that are scored at all."""
        rows = {}
        for j, joint in enumerate(self.skeleton.joints):
            if self.scored_3d[:, j].any() or self.scored_2d[:, j].any():
                rows[joint] = {name: mean_of(table[:, j]) for name, table in self.tables.items()}
        return rows

    def per_action(self) -> dict[str, Row]:
        """Each measure by action."""
        return self._grouped(self.actions)

    def per_subject(self) -> dict[str, Row]:
        """Each measure by subject."""
        return self._grouped(self.subjects)

    def per_state(self) -> dict[str, Row]:
        """Each measure by the joints' state (visible, occluded ..., outside), with `num_joints`, the joints scored."""
        rows = {}
        for state, name in enumerate(self.state_names):
            here = (self.states == state) & (self.scored_3d | self.scored_2d)
            if here.any():
                means = {measure: mean_of(table[here]) for measure, table in self.tables.items()}
                rows[name] = {"num_joints": float(here.sum())} | means
        return rows

    def per_variant(self) -> dict[str, Row]:
        """The 3D measures of each variant, over the joints that the prediction is scored on."""
        rows = {}
        for name, pose in self.variants.items():
            scored = self.scored_3d & ~np.isnan(pose).any(axis=-1)
            tables = tables_3d(pose, self.truth_mm, scored)
            rows[name] = {measure: self._average(table, self.protocol.averaging) for measure, table in tables.items()}
        return rows

    def _grouped(self, labels: Sequence[str]) -> dict[str, Row]:
        known = np.array(labels)
        # Within one action, a mean over actions is a mean over samples.
        averaging: Averaging = "joints" if self.protocol.averaging == "joints" else "samples"
        rows = {}
        for label in sorted({label for label in labels if label}):
            mine = known == label
            means = {name: self._average(table[mine], averaging) for name, table in self.tables.items()}
            rows[label] = {"num_samples": float(mine.sum())} | means
        return rows

    def _average(self, table: Float[np.ndarray, "M J"], averaging: Averaging) -> float:
        if averaging == "joints":
            return mean_of(table)
        samples = np.array([mean_of(row) for row in table])
        if averaging == "samples":
            return mean_of(samples)
        actions = np.array(self.actions)
        return mean_of(np.array([mean_of(samples[actions == action]) for action in dict.fromkeys(self.actions)]))


def tables_3d(
    prediction: Float[np.ndarray, "N J 3"], truth: Float[np.ndarray, "N J 3"], scored: Bool[np.ndarray, "N J"]
) -> dict[str, Float[np.ndarray, "N J"]]:
    """The 3D measures of root-relative poses (mm) as tables."""
    errors = position_errors(prediction, truth, scored)
    return {
        "mpjpe_mm": errors,
        "pa_mpjpe_mm": similarity_aligned_errors(prediction, truth, scored),
        "n_mpjpe_mm": scale_aligned_errors(prediction, truth, scored),
        "pck3d_150": within(errors, PCK3D_THRESHOLD_MM),
        "auc3d": share_of_thresholds(errors),
    }


def with_mean_pose(evaluation: Evaluation, mean_pose_mm: Float[np.ndarray, "J 3"]) -> Evaluation:
    """The evaluation with the variant `mean-pose`: one constant pose for every sample.

    Args:
        evaluation: What to put it beside.
        mean_pose_mm: Mean of the training poses relative to the root, in the evaluation's skeleton, camera frame, mm.
    """
    constant = np.broadcast_to(mean_pose_mm, evaluation.truth_mm.shape).astype(np.float32)
    scaled, _ = rescaled(
        evaluation.protocol.scale, constant, evaluation.truth_mm, evaluation.scored_3d, evaluation.skeleton
    )
    return replace(evaluation, variants={**evaluation.variants, "mean-pose": scaled.astype(np.float32)})


def mean_pose(truth_mm: Float[np.ndarray, "N J 3"]) -> Float[np.ndarray, "J 3"]:
    """The mean of root-relative poses, joint by joint over the samples that have it (mm); NaN where none has."""
    known = ~np.isnan(truth_mm)
    total = np.where(known, truth_mm, 0).astype(float).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
