"""One person in one image, as the network sees it: joints in px and mm, and what the numbers rest on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from prepose.arrays import BoxXywh, ImageRgb, Vector3
from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.body.skeletons import get_skeleton
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop, is_inside
from prepose.errors import SkeletonMismatch
from prepose.predict.drawing import Figure, draw_people
from prepose.predict.exports.bvh import write_bvh
from prepose.predict.exports.gltf import write_gltf
from prepose.predict.exports.markers import write_c3d, write_trc
from prepose.predict.pose_sequence import JointMark, PoseSequence
from prepose.specs.ledger import NOT_RECORDED


@dataclass(frozen=True, eq=False)
class Prediction:
    """One person in one image, or in one frame of an animation or a video.

    Attributes:
        skeleton: Of the joint arrays.
        joints_img: Joints in the upright image, px; NaN for joints that the skeleton has and the network does not tell.
        joints_cam: Joints in the camera's frame, mm (x right, y down, z forward); NaN likewise.
        root_cam: The root of the network's skeleton (the pelvis) in the camera's frame, mm.
        confidence: Of each joint, 0 to 1; NaN likewise.
        expected_error_mm: The expected distance of each joint of `joints_root` from the true one, mm; NaN for joints
            without a calibration, None where the network has none. It holds for images like those of `calibrated_on`.
        expected_error_px: The expected distance of each joint of `joints_img` from the true one, px; likewise.
        calibrated_on: The labelled images that the expected errors were measured on, in words.
        box_xywh: The box that was looked at, px.
        size_wh: The image's size, px.
        crop: The square that the network saw.
        camera: The camera that lifted the joints.
        camera_rule: Where the camera comes from, in words.
        scale_rule: What the person's size, and so the root's depth, rests on, in words.
        image: The image's name.
        frame: Which frame of a video or an animation, from 0.
        time: Its presentation time, s; 0 for an image.
        person: Which person, from 1; the same number in all frames of a video.
        provenance: For each joint how it follows from the network's; empty where all are its own.
        threshold: Joints of less confidence are marked.
        weights: Digest of the weights.
        trained_on: What the weights learnt from, in one line.
        pixels: The image that was looked at, for `draw`.
    """

    skeleton: Skeleton
    joints_img: Float[np.ndarray, "J 2"]
    joints_cam: Float[np.ndarray, "J 3"]
    root_cam: Vector3
    confidence: Float[np.ndarray, "J"]
    box_xywh: BoxXywh
    size_wh: tuple[int, int]
    crop: Crop
    camera: Camera
    camera_rule: str
    scale_rule: str
    image: str = ""
    frame: int = 0
    time: float = 0.0
    person: int = 1
    provenance: tuple[str, ...] = ()
    expected_error_mm: Float[np.ndarray, "J"] | None = None
    expected_error_px: Float[np.ndarray, "J"] | None = None
    calibrated_on: str | None = None
    threshold: float = 0.0
    weights: str = ""
    trained_on: str = NOT_RECORDED
    pixels: ImageRgb | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """Which image, person and skeleton, and how confident; not the arrays."""
        moment = f", frame {self.frame} at {self.time:.2f} s" if self.frame or self.time else ""
        return (
            f"Prediction({self.image!r}{moment}, person {self.person}, {self.skeleton.name}, mean confidence "
            f"{np.nanmean(self.confidence):.2f}, root at {self.root_cam[2]:.0f} mm)"
        )

    @property
    def joints_root(self) -> Float[np.ndarray, "J 3"]:
        """Joints relative to the root, along the camera's axes, mm: what the network estimates, at the rule's size."""
        return self.joints_cam - self.root_cam

    @property
    def marks(self) -> UInt8[np.ndarray, "J"]:
        """`JointMark` of each joint."""
        outside = np.isfinite(self.joints_img).all(axis=1) & ~is_inside(self.joints_img, self.size_wh)
        marks = np.where(self.confidence < self.threshold, JointMark.LOW_CONFIDENCE, JointMark.OK)
        marks = np.where(outside, JointMark.OUTSIDE_IMAGE, marks)
        return np.where(np.isfinite(self.joints_img).all(axis=1), marks, JointMark.MISSING).astype(np.uint8)

    def in_skeleton(self, target: Skeleton | str) -> "Prediction":
        """The same pose with the joints of another skeleton; see `provenance` for how each was found.

        Args:
            target: A skeleton, or the name of one (`prepose skeletons` lists them).

        Raises:
            SkeletonMismatch: there is no such skeleton, or none of its joints follows from this one's.
        """
        wanted = get_skeleton(target) if isinstance(target, str) else target
        if wanted is self.skeleton:
            return self
        conversion(self.skeleton, wanted)
        mapping = joint_map(self.skeleton, wanted)
        used = mapping.weights != 0
        # A joint between others is known no better than the worst of them.
        least = np.where(used, self.confidence, np.inf).min(axis=1)

        def between(errors: Float[np.ndarray, "S"] | None) -> Float[np.ndarray, "T"] | None:
            if errors is None:
                return None
            # A midpoint errs by no more than the mean of its ends; what an approximate joint errs by is not known.
            return np.where(mapping.truly_labelled, mapping.apply(errors[:, None])[:, 0], np.nan)

        return replace(
            self,
            skeleton=wanted,
            joints_img=mapping.apply(self.joints_img),
            joints_cam=mapping.apply(self.joints_cam),
            confidence=np.where(used.any(axis=1), least, np.nan),
            provenance=provenance_texts(self.skeleton, wanted),
            expected_error_mm=between(self.expected_error_mm),
            expected_error_px=between(self.expected_error_px),
        )

    def draw(self) -> Image.Image:
        """The image with the skeleton on it, beside the pose from the front and from its left.

        Raises:
            ValueError: the prediction does not hold its image (`pixels`).
        """
        if self.pixels is None:
            raise ValueError(f"{self} does not hold its image; use draw_predictions(image, [prediction])")
        return Image.fromarray(draw_predictions(self.pixels, [self]))

    def to_bvh(self, path: Path | str) -> Path:
        """Write the pose as BVH of one frame, without missing joints; see `predict.exports.bvh`.

        For a video take `sequences_of` its predictions, or `read_poses`, and `predict.exports.export`.
        """
        return self._exported(write_bvh, path)

    def to_trc(self, path: Path | str) -> Path:
        """Write the joints as TRC markers, without missing ones; see `predict.exports.markers`."""
        return self._exported(write_trc, path)

    def to_c3d(self, path: Path | str) -> Path:
        """Write the joints as C3D points, without missing ones; see `predict.exports.markers`."""
        return self._exported(write_c3d, path)

    def to_gltf(self, path: Path | str) -> Path:
        """Write the pose as binary glTF, without missing joints; see `predict.exports.gltf`."""
        return self._exported(write_gltf, path)

    def _exported(self, write: Callable[[PoseSequence, Path], object], path: Path | str) -> Path:
        write(_sequence([self]), Path(path))
        return Path(path)

    def _expected(self) -> dict[str, Float[np.ndarray, "J"] | None]:
        return {"expected_error_mm": self.expected_error_mm, "expected_error_px": self.expected_error_px}

    @property
    def figure(self) -> Figure:
        """What is drawn of it; a box only where it is not the whole image."""
        whole = tuple(self.box_xywh) == (0, 0, *self.size_wh)
        return Figure(
            self.joints_img,
            self.joints_cam,
            self.skeleton,
            self.confidence,
            box_xywh=None if whole else self.box_xywh,
            name=str(self.person),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values: a line of `poses.jsonl`; joints in the order of `joints`, null where missing."""
        return {
            "image": self.image,
            "frame": self.frame,
            "time": round(self.time, 6),
            "person": self.person,
            "skeleton": self.skeleton.name,
            "joints": list(self.skeleton.joints),
            "joints_img": rounded(self.joints_img, 3),
            "joints_root": rounded(self.joints_root, 3),
            "joints_cam": rounded(self.joints_cam, 3),
            "root_cam": rounded(self.root_cam, 3),
            "confidence": rounded(self.confidence, 6),
            **{name: None if errors is None else rounded(errors, 2) for name, errors in self._expected().items()},
            "calibrated_on": self.calibrated_on,
            "marks": [JointMark(mark).name.lower() for mark in self.marks],
            "provenance": list(self.provenance or provenance_texts(self.skeleton, self.skeleton)),
            "box_xywh": rounded(self.box_xywh, 3),
            "size_wh": list(self.size_wh),
            "units": UNITS,
            "axes": AXES,
            "scale_rule": self.scale_rule,
            "camera": {
                "K": rounded(self.camera.K, 6),
                "distortion": rounded(self.camera.distortion, 9),
                "rule": self.camera_rule,
            },
            "weights": self.weights,
            "trained_on": self.trained_on,
        }


UNITS = {
    "joints_img": "px", "joints_root": "mm", "joints_cam": "mm", "root_cam": "mm", "time": "s",
    "expected_error_mm": "mm", "expected_error_px": "px",
}  # fmt: skip
AXES = {
    "joints_img": "the upright image; (0, 0) is the centre of the top-left pixel, x right, y down",
    "joints_root": "as joints_cam, relative to the network's root joint (the pelvis)",
    "joints_cam": "the camera; x right, y down, z forward",
}


def conversion(source: Skeleton, target: Skeleton) -> str:
    """How the target's joints follow from the source's, in a line; joints that are exact are only counted.

    Raises:
        SkeletonMismatch: none follows.
    """
    kinds = joint_map(source, target).provenance
    if (kinds == Provenance.MISSING).all():
        raise SkeletonMismatch(f"no joint of {target.name} follows from those of {source.name}")
    parts = [f"{int((kinds == Provenance.EXACT).sum())} of {len(target)} joints exact"]
    for kind in (Provenance.MIDPOINT, Provenance.APPROXIMATE, Provenance.MISSING):
        names = [target.joints[row] for row in np.flatnonzero(kinds == kind)]
        parts += [f"{len(names)} {kind.name.lower()} ({', '.join(names)})"] if names else []
    return f"{source.name} to {target.name}: {'; '.join(parts)}"


def provenance_texts(source: Skeleton, target: Skeleton) -> tuple[str, ...]:
    """For each joint of the target how it follows from the source's: `exact`, `midpoint of l_hip, r_hip` and so on."""
    mapping = joint_map(source, target)
    texts = []
    for row, kind in enumerate(mapping.provenance):
        names = ", ".join(source.joints[index] for index in np.flatnonzero(mapping.weights[row]))
        how = {Provenance.MIDPOINT: f"midpoint of {names}", Provenance.APPROXIMATE: f"approximate: {names}"}
        texts.append(how.get(Provenance(kind), Provenance(kind).name.lower()))
    return tuple(texts)


def rounded(values: np.ndarray, digits: int) -> list[Any]:
    """Nested lists as JSON holds them: NaN is null."""
    plain = np.round(values.astype(float), digits).astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()


def draw_predictions(image: ImageRgb, people: Sequence[Prediction]) -> UInt8[np.ndarray, "drawn_h drawn_w 3"]:
    """An image with everybody's skeleton on it, beside their poses in space, above a line that says what these rest on.

    Args:
        image: The upright image, of any size.
        people: The predictions in it; none is drawn as the image alone.
    """
    return draw_people(image, [each.figure for each in people], _note(people))


def _note(people: Sequence[Prediction]) -> str:
    if not people:
        return "nobody found"
    first = people[0]
    # The rule's first word says whether somebody knows the camera.
    camera = f"camera {first.camera_rule.partition(':')[0]}, focal length {first.camera.focal:.0f} px"
    depth = f"root at {first.root_cam[2] / 1000:.2f} m if of mean size   |   " if len(people) == 1 else ""
    return f"person's right warm, left cool   |   {depth}{camera}   |   grid 25 cm, level with the camera"


def sequences_of(predictions: Sequence[Prediction]) -> list[PoseSequence]:
    """Predictions grouped into one sequence for each person of each source, in order of their first frames."""
    groups: dict[tuple[str, int], list[Prediction]] = {}
    for each in predictions:
        groups.setdefault((each.image, each.person), []).append(each)
    return [_sequence(sorted(group, key=lambda one: one.frame)) for group in groups.values()]


def _sequence(rows: Sequence[Prediction]) -> PoseSequence:
    first = rows[0]
    return PoseSequence(
        source=first.image,
        person=first.person,
        skeleton=first.skeleton,
        provenance=first.provenance or provenance_texts(first.skeleton, first.skeleton),
        frames=np.array([row.frame for row in rows]),
        times=np.array([row.time for row in rows], float),
        joints_img=np.stack([row.joints_img for row in rows]).astype(float),
        joints_cam=np.stack([row.joints_cam for row in rows]).astype(float),
        root_cam=np.stack([row.root_cam for row in rows]).astype(float),
        confidence=np.stack([row.confidence for row in rows]).astype(float),
        expected_error_mm=_stacked([row.expected_error_mm for row in rows]),
        expected_error_px=_stacked([row.expected_error_px for row in rows]),
        calibrated_on=first.calibrated_on,
        marks=np.stack([row.marks for row in rows]),
        boxes_xywh=np.stack([row.box_xywh for row in rows]).astype(float),
        camera=first.camera,
        camera_rule=first.camera_rule,
        scale_rule=first.scale_rule,
    )


def _stacked(rows: Sequence[Float[np.ndarray, "J"] | None]) -> Float[np.ndarray, "N J"] | None:
    known = [row for row in rows if row is not None]
    return np.stack(known).astype(float) if known and len(known) == len(rows) else None
