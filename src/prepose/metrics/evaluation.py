"""One evaluation: what was predicted and what was true, with labels; every table is a reduction of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import get_skeleton
from prepose.metrics.joint_error import mean_of, position_errors
from prepose.metrics.keypoints_2d import oks_average_precision, pixel_errors
from prepose.metrics.measures import average, average_of_group, tables_2d, tables_3d
from prepose.metrics.protocol import IN_MM_OR_PX, MEASURES_3D
from prepose.metrics.protocols import Averaging, Protocol
from prepose.metrics.scale import rescaled

if TYPE_CHECKING:
    import pandas as pd

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
        areas_px2: Area of the outline of each person, px squared, for OKS; None where nobody asked.
        image_ids: Which image each sample is of, for OKS; None where nobody asked.
        labelled_3d: Which joints are labelled in 3D, whether or not they could be scored; None where that is unknown
            (written by an earlier version): those that `truth_mm` has.
        missed_3d: Joints that the system has and did not predict here in 3D. They count: `prediction_mm` puts them at
            the root, and no share counts them as correct. None where every joint was predicted.
        missed_2d: The same in the image, where `prediction_img` puts them at the middle of the person's box.
        expected_mm: The expected error of each joint by the network's calibration, mm; NaN where it has none for the
            joint, None where the network has none or the protocol another size rule than the calibration.
        expected_of_crop: The expected error in the image, in parts of the crop's side, likewise.
        variants: Other poses for the same samples, in the same form as `prediction_mm`: baselines, and predictions with
            one part replaced by the truth.
        facts: How the poses came to be (flip test, lift, which joints are approximate ...), as text.
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
    areas_px2: Float[np.ndarray, "N"] | None = None
    image_ids: Int[np.ndarray, "N"] | None = None
    labelled_3d: Bool[np.ndarray, "N J"] | None = None
    missed_3d: Bool[np.ndarray, "N J"] | None = None
    missed_2d: Bool[np.ndarray, "N J"] | None = None
    expected_mm: Float[np.ndarray, "N J"] | None = None
    expected_of_crop: Float[np.ndarray, "N J"] | None = None
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

    def __repr__(self) -> str:
        """What was scored, how, and the number that the protocol is about; not the arrays."""
        return (
            f"Evaluation({self.dataset}/{self.split}: {len(self)} samples, {self.protocol.name}, "
            f"{self.protocol.headline} {self.headline:.4g})"
        )

    def to_dataframe(self) -> "pd.DataFrame":
        """One row for each group, label and measure, as the tables of `prepose evaluate`; needs pandas.

        Columns: `group` (overall, joint, state, action, subject), `label`, then every measure (mm, px, or 0 to 1).
        """
        import pandas as pd

        groups = {
            "overall": {"prediction": self.overall(), **self.per_variant()},
            "joint": self.per_joint(),
            "state": self.per_state(),
            "action": self.per_action(),
            "subject": self.per_subject(),
        }
        rows = [
            {"group": group, "label": label, **row} for group, found in groups.items() for label, row in found.items()
        ]
        return pd.DataFrame(rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """The numeric columns by name, the variants as `variant:NAME`."""
        names = (
            "index", "states", "boxes_xywh", "head_boxes_xywh", "confidence",
            "prediction_img", "truth_img", "prediction_mm", "truth_mm", "root_depth_mm", "areas_px2", "image_ids",
            "labelled_3d", "missed_3d", "missed_2d", "expected_mm", "expected_of_crop",
        )  # fmt: skip
        columns = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
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
        return np.array([joint in self.protocol.scored_joints for joint in self.skeleton.joints])

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

    def joint_counts(self) -> dict[str, int]:
        """Of the joints that the protocol asks for, how many are labelled and how many of those are scored.

        Keys: `scored_3d`, `labelled_3d`, `scored_2d`, `labelled_2d`.
        """
        return {name: int(mask.sum()) for name, mask in self._masks().items()}

    def _masks(self) -> dict[str, Bool[np.ndarray, "N J"]]:
        in_3d, in_2d = (~np.isnan(truth).any(axis=-1) for truth in (self.truth_mm, self.truth_img))
        in_3d = in_3d if self.labelled_3d is None else self.labelled_3d
        return {
            "scored_3d": self.scored_3d, "labelled_3d": in_3d & self._asked,
            "scored_2d": self.scored_2d, "labelled_2d": in_2d & self._asked,
        }  # fmt: skip

    def left_out(self, kind: Literal["3d", "2d"]) -> dict[str, int]:
        """Joint -> in how many samples it is labelled but could not be scored; only joints of which there are some."""
        masks = self._masks()
        counts = (masks[f"labelled_{kind}"] & ~masks[f"scored_{kind}"]).sum(axis=0).tolist()
        return {joint: count for joint, count in zip(self.skeleton.joints, counts, strict=True) if count}

    def joints_never_scored(self) -> tuple[str, ...]:
        """Joints that the protocol asks for and that are scored in no sample, in 3D or in the image as it is about."""
        scored = self.scored_3d if self.protocol.needs_3d and self.has_3d else self.scored_2d
        never = np.flatnonzero(self._asked & ~np.asarray(scored.any(axis=0)))
        return tuple(self.skeleton.joints[joint] for joint in never)

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
        in_the_image = tables_2d(
            self.errors_px,
            self.truth_img,
            boxes_xywh=self.boxes_xywh,
            head_boxes_xywh=self.head_boxes_xywh,
            skeleton=self.skeleton,
            protocol=self.protocol,
        )
        tables = tables_3d(self.prediction_mm, self.truth_mm, self.scored_3d) | in_the_image
        return {name: self._without_luck(name, table) for name, table in tables.items()}

    def _without_luck(self, measure: str, table: Float[np.ndarray, "N J"]) -> Float[np.ndarray, "N J"]:
        """A share in which a joint that was not predicted is not correct, wherever it was put."""
        missed = self.missed_3d if measure in MEASURES_3D else self.missed_2d
        if missed is None or measure in IN_MM_OR_PX:
            return table
        return np.where(missed & ~np.isnan(table), 0.0, table)

    @property
    def has_missed(self) -> bool:
        """Whether a joint that the system has was not predicted somewhere."""
        return any(missed is not None and bool(missed.any()) for missed in (self.missed_3d, self.missed_2d))

    @cached_property
    def found(self) -> Bool[np.ndarray, "N"]:
        """The people of whom at least one joint was predicted."""
        joints = (self.prediction_mm, self.prediction_img)
        in_3d, in_2d = (np.asarray(np.isfinite(each).all(axis=-1)) for each in joints)
        in_3d = in_3d if self.missed_3d is None else in_3d & ~self.missed_3d
        in_2d = in_2d if self.missed_2d is None else in_2d & ~self.missed_2d
        return np.asarray((in_3d | in_2d).any(axis=1))

    def of_found(self) -> "Evaluation":
        """The same without the joints that were not predicted: what the predictions that there are, are worth."""
        predictions = {"prediction_mm": self.prediction_mm, "prediction_img": self.prediction_img}
        for name, missed in (("prediction_mm", self.missed_3d), ("prediction_img", self.missed_2d)):
            if missed is not None:
                predictions[name] = np.where(missed[..., None], np.float32(np.nan), predictions[name])
        return replace(self, missed_3d=None, missed_2d=None, **predictions)

    def overall(self) -> Row:
        """Each measure over everything that is scored, averaged as the protocol says.

        Keys: `mpjpe_mm`, `pa_mpjpe_mm`, `n_mpjpe_mm` (mm); `pck3d_150`, `auc3d` (0 to 1); `error_px` (px); `pck2d`
        (0.2 torso), `pck2d_box` (0.1 box), `pckh_50`, `pckh_10` (0 to 1); NaN where nothing could be scored. Where the
        protocol is about them, `pck2d_10` (0.1 torso) and `keypoints_2d.OKS_MEASURES` (0 to 1).
        """
        row = {name: self._average(table, self.protocol.averaging) for name, table in self.tables.items()}
        return row | self._oks if self.protocol.headline == "oks_ap" else row

    @property
    def headline(self) -> float:
        """The figure that the protocol is about (see `Protocol.headline`); NaN where it could not be scored."""
        return self.overall().get(self.protocol.headline, float("nan"))

    @cached_property
    def _oks(self) -> Row:
        if self.areas_px2 is None or self.image_ids is None:
            raise ValueError(f"{self.protocol.name} needs areas_px2 and image_ids")
        return oks_average_precision(
            self.prediction_img,
            np.where(self.scored_2d[..., None], self.truth_img, np.nan),
            # Of people who were not found it is NaN: nothing is handed in for them.
            scores=np.where(self.found, self._mean_confidence(), np.nan),
            areas_px2=self.areas_px2,
            image_ids=self.image_ids,
        )

    def _mean_confidence(self) -> Float[np.ndarray, "N"]:
        if self.missed_2d is None:
            return self.confidence.mean(axis=1, dtype=float)
        return np.array([mean_of(row) for row in np.where(self.missed_2d, np.nan, self.confidence)])

    def per_group(self) -> dict[str, Row]:
        """Each measure by the protocol's groups of joints: the mean of the joints' means, as published tables have."""
        rows = {}
        for group, joints in self.protocol.groups.items():
            columns = [self.skeleton.index(joint) for joint in joints]
            if (self.scored_3d | self.scored_2d)[:, columns].any():
                rows[group] = {name: average_of_group(table, columns) for name, table in self.tables.items()}
        return rows

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
        return self._by_states({name: (name,) for name in self.state_names})

    def per_state_group(self) -> dict[str, Row]:
        """The same by the protocol's groups of states."""
        return self._by_states(self.protocol.state_groups)

    def _by_states(self, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Row]:
        rows = {}
        for name, states in groups.items():
            wanted = [number for number, state in enumerate(self.state_names) if state in states]
            here = np.isin(self.states, wanted) & (self.scored_3d | self.scored_2d)
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

    def variant_joints(self) -> dict[str, int]:
        """Over how many joints each variant is scored in 3D; fewer than the prediction where a part is not known."""
        return {
            name: int((self.scored_3d & ~np.isnan(pose).any(axis=-1)).sum()) for name, pose in self.variants.items()
        }

    def _grouped(self, labels: Sequence[str]) -> dict[str, Row]:
        known = np.array(labels)
        # Within one action, a mean over actions is a mean over samples.
        averaging: Averaging = "joints" if self.protocol.averaging == "joints" else "samples"
        rows = {}
        for label in sorted({label for label in labels if label}):
            mine = known == label
            means = {name: average(table[mine], averaging, ()) for name, table in self.tables.items()}
            rows[label] = {"num_samples": float(mine.sum())} | means
        return rows

    def _average(self, table: Float[np.ndarray, "N J"], averaging: Averaging) -> float:
        return average(table, averaging, self.actions)


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
