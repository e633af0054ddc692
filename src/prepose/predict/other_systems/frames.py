"""In which unit and frame 3D predictions come: as stated, or told from the labels beside them; and whether that fits.

Nothing is converted in silence: what was inferred is said, and what was stated is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.arrays import Matrix3
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16
from prepose.data.dataset import PoseDataset
from prepose.errors import DataError
from prepose.predict.other_systems.predictions import UNITS, Frame3D, Predictions, Unit

# People differ in size, and so do systems' ideas of them, by far less than units.
MOST_OFF_SIZE = 2.5
FEWEST_JOINTS = 4
# A root nearer to the origin than this (median, mm) is the origin.
AT_ORIGIN_MM = 60.0
# Turned as a whole by at least so much, the poses lie nearer to the labels by at least this factor.
LEAST_TURN_DEG, MOST_SHARE = 20.0, 0.6
FRAME_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "cam": "in the camera's frame",
        "root": "relative to the root, along the camera's axes",
        "world": "in the world's frame, turned by the store's cameras",
    }
)


@dataclass(frozen=True, eq=False)
class Placed:
    """3D predictions in mm along the camera's axes.

    Attributes:
        joints: mm, (0, 0, 0) wherever it was; NaN for samples without a prediction. None where there are none in 3D.
        metric: Whether the size is the system's own in mm; False where its unit is none, and the size is meaningless.
        facts: What to say about unit and frame: `unit`, `frame`.
    """

    joints: Float[np.ndarray, "N J 3"] | None
    metric: bool
    facts: Mapping[str, str]


def placed(
    predictions: Predictions, rows: np.ndarray, dataset: PoseDataset, *, unit: str | None, frame: str | None
) -> Placed:
    """Matched 3D predictions in mm along the camera's axes.

    Args:
        predictions: As the file has them.
        rows: For each sample of the dataset the row of its prediction, -1 where there is none.
        dataset: Where the labels are.
        unit: mm, cm or m, whatever the file says; None for what it says, or what the labels tell.
        frame: cam, root or world; likewise.

    Raises:
        DataError: unit or frame is not what was stated, or must be stated.
    """
    joints = gathered(predictions.joints_3d, rows)
    truth = dataset.array("joints_cam").astype(float)
    if joints is None or not np.isfinite(truth).any():
        return Placed(None, metric=False, facts={})
    shared = joint_map(predictions.skeleton, dataset.skeleton).apply(joints)
    shared = np.where(np.isfinite(truth), shared, np.nan)
    ratio = _size_ratio(shared, truth)
    if np.isnan(ratio):
        # Nothing to judge by: what was stated stands.
        ratio = UNITS[_known_unit(unit or predictions.unit, predictions)]
    millimetres, facts = _unit(ratio, unit, predictions)
    factor = millimetres or ratio
    joints, shared = joints * factor, shared * factor
    told = frame or predictions.frame
    chosen = told or _inferred_frame(joints, predictions)
    if chosen == "world":
        joints, shared = _cam_from_world(joints, dataset), _cam_from_world(shared, dataset)
    how = (
        "as stated"
        if told
        else "inferred: " + ("its hips lie at the origin" if chosen == "root" else "its hips do not lie at the origin")
    )
    off, turned, degrees = _residual(shared, truth)
    residual = f"{off:.0f} mm from the labels' poses (mean, about each middle)"
    if degrees >= LEAST_TURN_DEG and turned <= MOST_SHARE * off:
        residual += f", {turned:.0f} mm if all were turned by {degrees:.0f} degrees"
        if told is None:
            raise DataError(
                f"{predictions.where}: taken {FRAME_TEXTS[chosen]}, its poses lie {residual}; they look like another "
                "frame: state --frame world (coordinates of the store's cameras), or --frame cam to score them so"
            )
    facts = {**facts, "frame": f"3D joints are {FRAME_TEXTS[chosen]} ({how}), {residual}"}
    return Placed(joints, metric=bool(millimetres), facts=facts)


def gathered(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """The rows of a column, NaN where the row is -1."""
    if values is None:
        return None
    taken = values[rows].astype(float)
    taken[rows < 0] = np.nan
    taken[~np.isfinite(taken)] = np.nan
    return taken


def _size_ratio(joints: Float[np.ndarray, "N J 3"], truth: Float[np.ndarray, "N J 3"]) -> float:
    """How many mm one unit of the predictions is, by the spread of the joints that both have (median of the people)."""
    both = np.asarray(np.isfinite(joints).all(axis=-1) & np.isfinite(truth).all(axis=-1))
    enough = both.sum(axis=1) >= FEWEST_JOINTS
    ours, theirs = (_spread(values[enough], both[enough]) for values in (joints, truth))
    ratios = theirs[ours > 0] / ours[ours > 0]
    return float(np.median(ratios)) if len(ratios) else float("nan")


def _spread(joints: Float[np.ndarray, "N J 3"], mask: np.ndarray) -> Float[np.ndarray, "N"]:
    return np.sqrt((_centred(joints, mask) ** 2).sum(axis=(1, 2)) / np.maximum(mask.sum(axis=1), 1))


def _centred(joints: Float[np.ndarray, "N J 3"], mask: np.ndarray) -> Float[np.ndarray, "N J 3"]:
    known = np.where(mask[..., None], joints, 0.0)
    middle = known.sum(axis=1, keepdims=True) / np.maximum(mask.sum(axis=1), 1)[:, None, None]
    return np.where(mask[..., None], joints - middle, 0.0)


def _known_unit(unit: str | None, predictions: Predictions) -> Unit:
    if unit is None:
        raise DataError(f"{predictions.where}: no labels tell the unit of its 3D joints; state it by --unit")
    return next(known for known in ("mm", "cm", "m") if known == unit)


def _unit(ratio: float, asked: str | None, predictions: Predictions) -> tuple[float, dict[str, str]]:
    """Millimetres in a unit (0 where it is no unit of length), and what to say of it."""
    nearest = min(UNITS, key=lambda name: abs(np.log(UNITS[name] / ratio)))
    fits = abs(np.log(UNITS[nearest] / ratio)) <= np.log(MOST_OFF_SIZE)
    stated = asked or predictions.unit
    size = f"a unit of its poses is {ratio:.3g} mm of the labels' (median)"
    if stated is not None:
        if fits and nearest != stated:
            raise DataError(
                f"{predictions.where}: its 3D joints are stated to be in {stated}, but {size}, as in {nearest}; state "
                f"--unit {nearest}"
            )
        return UNITS[stated], {"unit": f"3D joints are in {stated} (as stated); {size}"}
    if fits:
        return UNITS[nearest], {"unit": f"3D joints are in {nearest} (inferred: {size})"}
    return 0.0, {"unit": f"3D joints are in no unit of length: {size}"}


def _inferred_frame(joints: Float[np.ndarray, "N J 3"], predictions: Predictions) -> Frame3D:
    mapped = joint_map(predictions.skeleton, MPII_16).apply(joints)
    hips = mapped[:, [MPII_16.index(name) for name in ("l_hip", "r_hip")]].mean(axis=1)
    # Either may be the origin: a pelvis of its own, or the middle of the hips.
    away = np.fmin(*(np.linalg.norm(root, axis=1) for root in (hips, mapped[:, MPII_16.index("pelvis")])))
    away = away[np.isfinite(away)]
    if not len(away):
        raise DataError(f"{predictions.where}: without hips or a pelvis its frame cannot be told; state it by --frame")
    scale = np.nanmedian(np.ptp(np.nan_to_num(joints, nan=0.0), axis=1).max(axis=1))
    return "root" if np.median(away) <= max(AT_ORIGIN_MM, 0.03 * scale) else "cam"


def _cam_from_world(joints: Float[np.ndarray, "N J 3"], dataset: PoseDataset) -> Float[np.ndarray, "N J 3"]:
    rotations = dataset.array("camera_rotation")
    without = np.asarray(~np.isfinite(rotations).all(axis=(1, 2)))
    if without.any():
        raise DataError(
            f"{dataset.name}/{dataset.split}: {int(without.sum())} of {len(without)} samples have no camera, which "
            "--frame world needs"
        )
    return joints @ rotations.transpose(0, 2, 1)


def _residual(joints: Float[np.ndarray, "N J 3"], truth: Float[np.ndarray, "N J 3"]) -> tuple[float, float, float]:
    """Mean distance of joints about each pose's middle, mm; the same after the best turn of all poses as one; degrees.

    Poses without a unit are brought to the labels' size before.
    """
    both = np.asarray(np.isfinite(joints).all(axis=-1) & np.isfinite(truth).all(axis=-1))
    both &= (both.sum(axis=1) >= FEWEST_JOINTS)[:, None]
    if not both.any():
        return float("nan"), float("nan"), 0.0
    ours, theirs = _centred(joints, both)[both], _centred(truth, both)[both]
    if not (ours**2).sum() > 0:
        ours = np.full_like(theirs, 0.0)
    rotation = _best_turn(ours, theirs)
    cosine = float(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    off, turned = (float(np.linalg.norm(one - theirs, axis=1).mean()) for one in (ours, ours @ rotation.T))
    return off, turned, float(np.degrees(np.arccos(cosine)))


def _best_turn(source: Float[np.ndarray, "M 3"], target: Float[np.ndarray, "M 3"]) -> Matrix3:
    """The rotation that brings points nearest to others (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(target.T @ source)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    return u @ sign @ vt
