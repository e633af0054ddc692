"""3D pseudo-labels for a 2D dataset: poses of a network or another system, where they agree with the 2D labels.

A predicted pose is brought onto the labelled joints by the scale and shift that fit best (no turn: both have the
camera's axes). Joints, and people, that then lie too far from their labels are left without 3D labels. The others get
x, y from the label (at that scale) and z from the prediction, so that the 3D joints project onto the labels.

Source of the idea: Joo et al., "Exemplar Fine-Tuning for 3D Human Model Fitting Towards In-the-Wild 3D Human Pose
Estimation", 3DV 2021; Li et al., "CLIFF", ECCV 2022. Both fit a body model to the labels; here depth alone is taken
over.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.data.dataset import PoseDataset
from prepose.data.sample import PoseSample
from prepose.data.store import (
    StoreDescription,
    describe_store,
    finished_samples,
    is_complete,
    open_store,
    write_store,
)
from prepose.errors import DataError, unknown_name
from prepose.files import LOCK, locked
from prepose.predict.other_systems.predictions import UNITS

# Fewer joints say little about how well a pose fits.
FEWEST_JOINTS = 6
# Predicted at a time.
_BATCH = 64
# The longest extent of people in photos along one axis, roughly: what tells mm from cm and m.
_EXTENT_MM = 1300.0
MOST_OFF_SIZE = 2.5


@dataclass(frozen=True)
class LiftRules:
    """Which predictions become labels.

    Attributes:
        joint_mm: A joint may lie this far from its label, mm at the person.
        person_mm: Half of a person's joints must lie no further than this from their labels, mm.
        confidence: The least confidence of a joint; joints without one pass.
    """

    joint_mm: float = 150.0
    person_mm: float = 90.0
    confidence: float = 0.0

    def __post_init__(self) -> None:
        for name in ("joint_mm", "person_mm"):
            if not 0 < getattr(self, name) < np.inf:
                raise DataError(f"{name}: expected millimetres above 0, found {getattr(self, name)}")
        if not 0 <= self.confidence <= 1:
            raise DataError(f"confidence: expected 0 to 1, found {self.confidence}")


@dataclass(frozen=True, eq=False)
class Lifted:
    """What predictions give a dataset.

    Attributes:
        joints_cam: 3D joints in the dataset's skeleton, mm, along the camera's axes, shifted; NaN where there is no
            label or the prediction does not pass.
        residual_mm: For each sample the median distance of predicted joints from their labels; NaN without prediction.
    """

    joints_cam: Float[np.ndarray, "N J 3"]
    residual_mm: Float[np.ndarray, "N"]

    @property
    def people(self) -> Bool[np.ndarray, "N"]:
        """Samples that got labels."""
        return np.asarray(np.isfinite(self.joints_cam).all(axis=-1).any(axis=-1))

    @property
    def joints(self) -> int:
        """Joints that got labels."""
        return int(np.isfinite(self.joints_cam).all(axis=-1).sum())


def lifted(
    joints_img: Float[np.ndarray, "N J 2"], poses: Float[np.ndarray, "N J 3"], rules: LiftRules = LiftRules()
) -> Lifted:
    """Predicted poses as 3D labels of labelled joints.

    Args:
        joints_img: Labels, px; NaN where not labelled.
        poses: Predicted joints along the camera's axes, mm, wherever the origin is; NaN where not predicted.
        rules: Which pass.
    """
    known = np.asarray(np.isfinite(joints_img).all(axis=-1) & np.isfinite(poses).all(axis=-1))
    scale, middle_img, middle_mm = _fit(joints_img, poses[..., :2], known)
    apart = _apart(joints_img, poses, scale, middle_img, middle_mm)
    with np.errstate(invalid="ignore"):
        residual = _median(apart, known)
        person = (known.sum(axis=1) >= FEWEST_JOINTS) & (scale > 0) & (residual <= rules.person_mm)
        passed = known & person[:, None] & (apart <= rules.joint_mm)
    # Once more without the joints that do not pass, which pull at the scale.
    scale, middle_img, middle_mm = _fit(joints_img, poses[..., :2], passed)
    passed &= ((passed.sum(axis=1) >= FEWEST_JOINTS) & (scale > 0))[:, None]
    safe = np.where(scale > 0, scale, 1)[:, None, None]
    across = (joints_img - middle_img) / safe
    joints_cam = np.concatenate([across, poses[..., 2:]], axis=-1)
    return Lifted(np.where(passed[..., None], joints_cam, np.nan), residual)


def _fit(
    joints_img: Float[np.ndarray, "N J 2"], across: Float[np.ndarray, "N J 2"], known: Bool[np.ndarray, "N J"]
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N 1 2"], Float[np.ndarray, "N 1 2"]]:
    """Scale (px per mm; 0 where there is none) and the middles of q ~ scale * (p - middle_mm) + middle_img."""
    count = np.maximum(known.sum(axis=1), 1)[:, None, None]
    q, p = (np.where(known[..., None], joints, 0) for joints in (joints_img, across))
    middle_q, middle_p = (joints.sum(axis=1, keepdims=True) / count for joints in (q, p))
    q, p = (np.where(known[..., None], joints - middle, 0) for joints, middle in ((q, middle_q), (p, middle_p)))
    spread = (p * p).sum(axis=(1, 2))
    scale = np.where(spread > 1, (p * q).sum(axis=(1, 2)) / np.where(spread > 1, spread, 1), 0.0)
    return scale, middle_q, middle_p


def _apart(
    joints_img: Float[np.ndarray, "N J 2"],
    poses: Float[np.ndarray, "N J 3"],
    scale: Float[np.ndarray, "N"],
    middle_img: Float[np.ndarray, "N 1 2"],
    middle_mm: Float[np.ndarray, "N 1 2"],
) -> Float[np.ndarray, "N J"]:
    safe = np.where(scale > 0, scale, 1)[:, None, None]
    return np.linalg.norm((joints_img - middle_img) / safe - (poses[..., :2] - middle_mm), axis=-1)


def _median(values: Float[np.ndarray, "N J"], known: Bool[np.ndarray, "N J"]) -> Float[np.ndarray, "N"]:
    result = np.full(len(values), np.nan)
    for row in np.flatnonzero(known.any(axis=1)):
        result[row] = np.median(values[row, known[row]])
    return result


@dataclass(frozen=True, eq=False)
class LiftedStore:
    """What `lift_store` wrote.

    Attributes:
        folder: The store.
        split: Its split.
        samples: Samples in it.
        people: Samples that got 3D labels.
        joints: Joints that got 3D labels.
        labelled: Joints labelled in 2D.
        residual_mm: Median over people of how far predictions lie from their labels.
        by: Whose predictions they are.
        notes: What else there is to say.
    """

    folder: Path
    split: str
    samples: int
    people: int
    joints: int
    labelled: int
    residual_mm: float
    by: str
    notes: tuple[str, ...] = ()


def lift_store(  # noqa: PLR0913 - the options of one command
    store: Path,
    out: Path,
    *,
    network: Path | None = None,
    predictions: Path | None = None,
    split: str = "train",
    rules: LiftRules = LiftRules(),
    unit: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> LiftedStore:
    """Write a copy of a split whose people have 3D labels by a network or another system.

    Args:
        store: A store with 2D labels.
        out: The store to write.
        network: A run, a weights file or the name of a network that ships.
        predictions: A file as `prepose score` reads it, instead of a network.
        split: Which split; `test` is refused.
        rules: Which predictions become labels.
        unit: Of the predictions: mm, cm or m; None for what the file says, or what the size of the people tells.
        progress: Called with samples done and samples in all.

    Raises:
        DataError: store, network or predictions cannot be used, nothing passes, or `out` holds something else.
    """
    if (network is None) == (predictions is None):
        raise DataError("lift: expected a network or predictions, one of them")
    if split == "test":
        raise DataError(f"{store}: pseudo-labels are for training; give --split train, not test")
    dataset = open_store(store, split)
    if np.isfinite(dataset.array("joints_cam")).any():
        raise DataError(f"{store}: split {split} has 3D labels; only splits with 2D labels alone are lifted")
    poses, by, terms, notes = (
        _of_file(dataset, predictions, rules, unit)
        if predictions is not None
        else _of_network(dataset, network or Path(), rules, progress)
    )
    result = lifted(dataset.array("joints_img").astype(float), poses, rules)
    if not result.people.any():
        raise DataError(
            f"{store}: no pose of {by} lies within {rules.person_mm:g} mm of the labels of {split}; are they of these "
            "images?"
        )
    given = describe_store(store).description
    made_by = {"command": "prepose lift", "of": given.name, "by": by, "split": split, "joint_mm": rules.joint_mm}
    made_by |= {"person_mm": rules.person_mm, "confidence": rules.confidence}
    licence = f"{given.licence}; 3D pseudo-labels by {by}{f' ({terms})' if terms else ''}"
    description = StoreDescription(f"{given.name}-lifted", dataset.skeleton, licence, given.citation, made_by)
    with locked(out / LOCK, f"is writing the store {out}"):
        if is_complete(out, split, description):
            raise DataError(f"{out}: holds these labels already; choose another --out or delete it")
        done = finished_samples(out, split, description)  # where a command that was stopped goes on
        samples = _relabelled(dataset, result, done)
        write_store(out, description, split, samples, total=len(dataset), resume_from=done, progress=progress)
    labelled = int(np.isfinite(dataset.array("joints_img")).all(axis=-1).sum())
    residual = float(np.nanmedian(result.residual_mm))
    return LiftedStore(
        out, split, len(dataset), int(result.people.sum()), result.joints, labelled, residual, by, tuple(notes)
    )


def _relabelled(dataset: PoseDataset, result: Lifted, first: int) -> Iterator[PoseSample]:
    # Paths of images that a store keeps by reference start from its own folder.
    for index in range(first, len(dataset)):
        image, joints = dataset.image_bytes(index), result.joints_cam[index]
        yield replace(dataset[index], image=image, joints_cam=joints, camera=None)


def _in_skeleton_of(
    dataset: PoseDataset, poses: Float[np.ndarray, "N K 3"], skeleton: Skeleton
) -> Float[np.ndarray, "N J 3"]:
    """Poses in the dataset's skeleton; NaN for joints that do not follow from the predictions'.

    Joints that are defined a little otherwise (another system's hips) are taken: the label has x and y, and depth is
    known no better than that.

    Raises:
        DataError: no joint is left.
    """
    mapping = joint_map(skeleton, dataset.skeleton)
    if not (mapping.provenance != Provenance.MISSING).any():
        raise DataError(f"no joint of {dataset.name} ({dataset.skeleton.name}) follows from {skeleton.name}")
    return mapping.apply(poses)


_Poses = tuple[np.ndarray, str, str, tuple[str, ...]]


def _of_network(
    dataset: PoseDataset,
    network: Path,
    rules: LiftRules,
    progress: Callable[[int, int | None], None] | None,
) -> _Poses:
    from prepose.data.picture import decode_image
    from prepose.predict.predictor import Predictor

    predictor = Predictor.load(network)
    poses, terms, skeleton = [], "", predictor.net.skeleton
    for first in range(0, len(dataset), _BATCH):
        rows = range(first, min(first + _BATCH, len(dataset)))
        images = [decode_image(dataset.image_bytes(row)) for row in rows]
        for person in predictor.predict_each(images, list(dataset.array("box_xywh", list(rows)).astype(float))):
            sure = person.confidence >= rules.confidence
            poses.append(np.where(sure[:, None], person.joints_root, np.nan))
            skeleton, terms = person.skeleton, person.trained_on
        if progress is not None:
            progress(len(poses), len(dataset))
    by = f"{network.name} (weights {predictor.weights})"
    return _in_skeleton_of(dataset, np.stack(poses), skeleton), by, terms, ()


def _of_file(dataset: PoseDataset, predictions: Path, rules: LiftRules, unit: str | None) -> _Poses:
    from prepose.predict.other_systems.forms import read_predictions
    from prepose.predict.other_systems.frames import gathered
    from prepose.predict.other_systems.matching import match

    read = read_predictions(predictions)
    matched = match(read, dataset)
    joints = gathered(read.joints_3d, matched.rows)
    if joints is None:
        raise DataError(f"{predictions}: has no 3D joints; pseudo-labels need them")
    if read.frame == "world":
        raise DataError(
            f"{predictions}: its 3D joints are in the world's frame; expected the camera's axes (cam, root)"
        )
    factor, said = _millimetres(joints, unit or read.unit, predictions)
    confidence = gathered(read.confidence, matched.rows)
    if confidence is not None:
        joints = np.where((confidence < rules.confidence)[..., None], np.nan, joints)
    notes = tuple(filter(None, (f"matched {matched.how}", matched.unmatched, said, *read.notes)))
    by = f"{predictions.name} (SHA-256 {hashlib.sha256(predictions.read_bytes()).hexdigest()[:16]})"
    return _in_skeleton_of(dataset, joints * factor, read.skeleton), by, "", notes


def _millimetres(joints: Float[np.ndarray, "N K 3"], stated: str | None, predictions: Path) -> tuple[float, str]:
    """How many mm the predictions' unit is, and what to say of it: as stated, or by how large the people then are."""
    extent = np.nanmedian(np.nanmax(joints, axis=1) - np.nanmin(joints, axis=1), axis=0).max()
    if stated is not None:
        if stated not in UNITS:
            raise DataError(f"--unit: {unknown_name('unit', stated, UNITS)}")
        return UNITS[stated], ""
    unit = min(UNITS, key=lambda name: abs(np.log(UNITS[name] * extent / _EXTENT_MM)))
    if not 1 / MOST_OFF_SIZE <= UNITS[unit] * extent / _EXTENT_MM <= MOST_OFF_SIZE:
        raise DataError(
            f"{predictions}: its people are {extent:.3g} units long (median), which is no unit of length; state --unit"
        )
    return UNITS[unit], f"3D joints are in {unit} (inferred: people are {extent:.3g} {unit} long, median)"
