"""What a system predicted, as its file says it: one row for each person, before anything is matched or converted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import SKELETONS, get_skeleton
from prepose.data.keypoint_names import in_order, skeleton_of_names
from prepose.errors import DataError, shortened, unknown_name

Unit = Literal["mm", "cm", "m"]
Frame3D = Literal["cam", "root", "world"]
UNITS: Mapping[str, float] = MappingProxyType({"mm": 1.0, "cm": 10.0, "m": 1000.0})
FRAMES: tuple[str, ...] = get_args(Frame3D)

# What a column may be called, best first (prepose, MMPose, OpenPose, SMPL and MediaPipe scripts, ...).
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sample": ("sample", "sample_index", "sample_id", "index"),
        "image": ("image", "image_name", "image_path", "img_path", "imgname", "file_name", "filename", "img"),
        "image_id": ("image_id", "img_id"),
        "subject": ("subject",),
        "action": ("action", "sequence"),
        "frame": ("frame", "frame_id", "frame_index"),
        "person": ("person", "person_id", "track_id", "instance_id"),
        "joints_3d": (
            "joints_3d", "joints_cam", "joints_root", "joints_world", "joints3d", "poses3d", "keypoints_3d",
            "keypoints3d", "pred_keypoints_3d", "pred_joints_3d", "world_landmarks", "pose_world_landmarks",
        ),
        "joints_2d": (
            "joints_2d", "joints_img", "joints2d", "poses2d", "keypoints_2d", "keypoints2d", "pred_keypoints_2d",
            "landmarks", "keypoints",
        ),
        "confidence": ("confidence", "visibility", "keypoint_scores", "joint_scores"),
        "score": ("score", "bbox_score", "scores"),
        "box_xywh": ("box_xywh", "bbox_xywh"),
        "box_xyxy": ("box_xyxy", "bbox_xyxy", "boxes_xyxy"),
        # COCO's is x, y, width, height, MMPose's two corners: told by the joints that it is of.
        "box": ("box", "bbox"),
        "found": ("found", "detected"),
        "skeleton": ("skeleton",),
        "joints": ("joints", "joint_names", "keypoint_names"),
        "unit": ("unit", "units"),
        "frame_3d": ("frame_3d", "coordinates"),
    }
)  # fmt: skip
# Columns that say their frame by their name.
_FRAME_BY_NAME = {
    "joints_cam": "cam", "joints_root": "root", "joints_world": "world",
    "world_landmarks": "root", "pose_world_landmarks": "root",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Predictions:
    """Rows of predictions: one person in one image each.

    Attributes:
        where: The file, for messages.
        skeleton: The skeleton of the joints.
        joints_img: px of the original image, (0, 0) the centre of the first pixel; None where the file has none.
        joints_3d: In the unit and frame of the file; None where the file has none. NaN: not predicted.
        confidence: Of each joint; NaN where the file has none.
        boxes_xywh: The person's box, px; None where the file has none.
        samples: Index of the sample in the split; None where the file has none.
        images: The image's name; None where the file has none.
        image_ids: COCO's number of the image; None where the file has none.
        moments: subject, action, frame of the sample; None where the file has no frame.
        people: Which person of the image, as the file counts them; None where the file does not.
        unit: As the file says it.
        frame: As the file says it.
        notes: What to tell the user about the file.
    """

    where: str
    skeleton: Skeleton
    joints_img: Float[np.ndarray, "N J 2"] | None
    joints_3d: Float[np.ndarray, "N J 3"] | None
    confidence: Float[np.ndarray, "N J"]
    boxes_xywh: Float[np.ndarray, "N 4"] | None = None
    samples: Int[np.ndarray, "N"] | None = None
    images: tuple[str, ...] | None = None
    image_ids: Int[np.ndarray, "N"] | None = None
    moments: tuple[tuple[str, str, int], ...] | None = None
    people: tuple[str, ...] | None = None
    unit: Unit | None = None
    frame: Frame3D | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.confidence)

    def missing(self) -> Bool[np.ndarray, "N J"]:
        """Joints that were not predicted: any of their coordinates is NaN or infinite."""
        given = [joints for joints in (self.joints_3d, self.joints_img) if joints is not None]
        return ~np.logical_and.reduce([np.isfinite(joints).all(axis=-1) for joints in given])


def predictions_of(
    columns: Mapping[str, Any], where: str, *, skeleton: str | None = None, presumed: str | None = None
) -> Predictions:
    """Predictions from columns under any of the names of `NAMES`.

    Args:
        columns: Name -> array or list with one entry for each person; `skeleton`, `joints`, `unit`, `frame_3d` are one
            for all.
        where: What messages call it.
        skeleton: Name of the skeleton, or names of the joints with commas between; other than the file says.
        presumed: The skeleton where neither the file nor the user names one (COCO's results).

    Raises:
        DataError: there are no joints, arrays do not fit each other, or the skeleton cannot be told.
    """
    found = _renamed(columns)
    joints_3d, joints_2d = (_joints(found, name, where) for name in ("joints_3d", "joints_2d"))
    joints_3d, joints_2d, confidence = _by_width(joints_3d, joints_2d, found, where)
    given = [joints for joints in (joints_3d, joints_2d) if joints is not None]
    if not given:
        raise DataError(
            f"{where}: has neither 3D nor 2D joints; found {shortened(', '.join(map(str, columns)) or 'nothing')}, "
            "expected joints_3d or joints_2d (docs/score.md lists the names)"
        )
    count, width = given[0].shape[:2]
    if not count:
        raise DataError(f"{where}: holds no prediction")
    if any(joints.shape[:2] != (count, width) for joints in given):
        raise DataError(f"{where}: its 3D joints are {given[0].shape}, its 2D joints {given[1].shape}; expected alike")
    named, notes = _skeleton(found, width, where, skeleton, presumed)
    order = list(named.order)
    if confidence is None and "confidence" in found:
        confidence = _numbers(found["confidence"], where, "confidence").reshape(count, -1)
    if confidence is None or confidence.shape != (count, width):
        confidence = np.full((count, width), np.nan)
    if "found" in found:
        absent = ~_column(found, "found", count, where).astype(bool)
        given = [np.where(absent[:, None, None], np.nan, joints) for joints in given]
        joints_3d = None if joints_3d is None else given[0]
        joints_2d = None if joints_2d is None else given[-1]
    boxes, boxed = _boxes(found, count, joints_2d, where)
    return Predictions(
        where=where,
        skeleton=named.skeleton,
        joints_img=None if joints_2d is None else joints_2d[:, order],
        joints_3d=None if joints_3d is None else joints_3d[:, order],
        confidence=confidence[:, order],
        boxes_xywh=boxes,
        samples=_whole(found, "sample", count, where),
        images=_texts(found, "image", count, where),
        image_ids=_whole(found, "image_id", count, where),
        moments=_moments(found, count, where),
        people=_texts(found, "person", count, where),
        unit=_choice(found, "unit", UNITS, where),
        frame=_choice(found, "frame_3d", FRAMES, where),
        notes=(*named.notes, *notes, *boxed),
    )


def _renamed(columns: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, others in NAMES.items():
        given = next((other for other in others if columns.get(other) is not None), None)
        if given is not None:
            found[name] = columns[given]
            if name == "joints_3d" and given in _FRAME_BY_NAME:
                found.setdefault("frame_of_name", _FRAME_BY_NAME[given])
    if "frame_of_name" in found:
        found.setdefault("frame_3d", found.pop("frame_of_name"))
    return found


def _numbers(values: Any, where: str, name: str) -> np.ndarray:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {name} is not an array of numbers ({shortened(str(error))})") from error


def _joints(found: Mapping[str, Any], name: str, where: str) -> np.ndarray | None:
    if name not in found:
        return None
    joints = _numbers(found[name], where, name)
    if joints.ndim == 4 and joints.shape[1] == 1:
        joints = joints[:, 0]
    if joints.ndim == 2 and joints.shape[1] % 3 == 0:
        joints = joints.reshape(len(joints), -1, 3)  # COCO's flat triples
    if joints.ndim != 3 or joints.shape[2] not in (2, 3, 4) or not joints.shape[1]:
        raise DataError(f"{where}: {name} has shape {joints.shape}, expected (people, joints, 2 or 3)")
    return joints


def _by_width(
    joints_3d: np.ndarray | None, joints_2d: np.ndarray | None, found: Mapping[str, Any], where: str
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """x, y, z; x, y; and the confidence where it is the last column of either."""
    confidence = None
    if joints_3d is not None:
        if joints_3d.shape[2] < 3:
            raise DataError(f"{where}: its 3D joints have {joints_3d.shape[2]} coordinates, expected x, y, z")
        confidence = joints_3d[..., 3] if joints_3d.shape[2] == 4 else None
        joints_3d = joints_3d[..., :3]
    if joints_2d is not None:
        if joints_2d.shape[2] == 3 and "confidence" not in found:
            confidence = joints_2d[..., 2]
        joints_2d = joints_2d[..., :2]
    return joints_3d, joints_2d, confidence


def _skeleton(
    found: Mapping[str, Any], width: int, where: str, asked: str | None, presumed: str | None
) -> tuple[Any, tuple[str, ...]]:
    """Skeleton and order of the joints, and how that was told where nobody said it."""
    names = asked.split(",") if asked is not None and "," in asked else None
    if names is None and asked is None and "joints" in found:
        names = [str(name) for name in np.asarray(found["joints"]).reshape(-1).tolist()][:width]
    if names is not None:
        named = skeleton_of_names(names, where)
    else:
        told = asked if asked is not None else _text(found.get("skeleton")) or None
        if told is not None and told not in SKELETONS:
            raise DataError(f"{where}: {unknown_name('skeleton', told, SKELETONS)}")
        named = None if told is None else in_order(get_skeleton(told))
    if named is not None:
        if len(named.order) != width:
            raise DataError(
                f"{where}: has {width} joints, and {named.skeleton.name} has {len(named.order)}; name their skeleton "
                "or the joints in their order by --skeleton"
            )
        return named, ()
    if presumed is not None and len(get_skeleton(presumed)) == width:
        return in_order(get_skeleton(presumed)), (f"joints taken in the order of {presumed}",)
    fitting = [name for name, skeleton in SKELETONS.items() if len(skeleton) == width]
    if len(fitting) == 1:
        return in_order(get_skeleton(fitting[0])), (f"its {width} joints are taken for {fitting[0]}",)
    which = f"which may be {', '.join(fitting)}" if fitting else "which no known skeleton has"
    raise DataError(
        f"{where}: has {width} joints, {which}; name the skeleton by --skeleton, or the joints in their order "
        "(--skeleton nose,l_eye,...)"
    )


def _text(value: Any) -> str:
    """A text that may come as an array of one or of many alike."""
    values = sorted(set(np.asarray(value).reshape(-1).astype(str).tolist())) if value is not None else []
    return values[0] if len(values) == 1 else ""


def _choice(found: Mapping[str, Any], name: str, known: Any, where: str) -> Any:
    given = found.get(name)
    # prepose's own files have a table of units.
    if given is None or isinstance(given[0] if isinstance(given, list) and given else given, Mapping):
        return None
    told = _text(given)
    told = {"millimetres": "mm", "metres": "m", "meters": "m", "camera": "cam"}.get(told, told)
    if told not in known:
        raise DataError(f"{where}: {name} is {told!r}, expected one of {', '.join(known)} for all rows")
    return told


def _column(found: Mapping[str, Any], name: str, count: int, where: str) -> np.ndarray:
    values = np.asarray(found[name])
    if values.shape != (count,):
        raise DataError(f"{where}: {name} has shape {values.shape}, and there are {count} people")
    return values


def _whole(found: Mapping[str, Any], name: str, count: int, where: str) -> np.ndarray | None:
    if name not in found:
        return None
    values = _numbers(_column(found, name, count, where), where, name)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values == np.round(values)) & (values >= 0)))
    if len(wrong):
        raise DataError(f"{where}: {name} of row {wrong[0]} is {values[wrong[0]]:g}, expected a whole number from 0")
    return values.astype(np.int64)


def _texts(found: Mapping[str, Any], name: str, count: int, where: str) -> tuple[str, ...] | None:
    return tuple(map(str, _column(found, name, count, where).tolist())) if name in found else None


def _boxes(
    found: Mapping[str, Any], count: int, joints_2d: np.ndarray | None, where: str
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """x, y, width, height, and what was presumed."""
    name = next((name for name in ("box_xywh", "box_xyxy", "box") if name in found), None)
    if name is None:
        return None, ()
    boxes = _numbers(found[name], where, name)
    if boxes.size == 4 * count:
        boxes = boxes.reshape(count, 4)
    if boxes.shape != (count, 4):
        raise DataError(f"{where}: {name} has shape {boxes.shape}, expected ({count}, 4)")
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    if name != "box":
        return (boxes, ()) if name == "box_xywh" else (corners, ())
    if joints_2d is not None and _spill(corners, joints_2d) < _spill(boxes, joints_2d):
        return corners, ("its boxes are taken as left, top, right, bottom, which fits its joints better",)
    return boxes, ("its boxes are taken as x, y, width, height",)


def _spill(boxes: Float[np.ndarray, "N 4"], joints: Float[np.ndarray, "N J 2"]) -> float:
    """How far the bounds of joints lie from the corners of boxes, px (median of the people)."""
    known = np.isfinite(joints).all(axis=(1, 2)) & np.isfinite(boxes).all(axis=1)
    if not known.any():
        return float("nan")
    low, high = joints[known].min(axis=1), joints[known].max(axis=1)
    corners = np.concatenate([boxes[known, :2], boxes[known, :2] + boxes[known, 2:]], axis=1)
    return float(np.median(np.abs(np.concatenate([low, high], axis=1) - corners).sum(axis=1)))


def _moments(found: Mapping[str, Any], count: int, where: str) -> tuple[tuple[str, str, int], ...] | None:
    frames = _whole(found, "frame", count, where)
    named: Sequence[Any] = [_texts(found, name, count, where) for name in ("subject", "action")]
    if frames is None or named == [None, None]:
        return None
    subjects, actions = ([""] * count if texts is None else list(texts) for texts in named)
    return tuple(zip(subjects, actions, frames.tolist(), strict=True))
