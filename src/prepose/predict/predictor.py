"""Photographs in, poses out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from prepose.arrays import BoxXywh, ImageRgb
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera, camera_from_field_of_view
from prepose.camera.crop import Crop, crop_of_box
from prepose.data.picture import read_photograph
from prepose.errors import DataError
from prepose.metrics.protocols import MEAN_PERSON_BONE_SUM_MM
from prepose.models.checkpoint import load_weights
from prepose.models.pose_net import PoseNet
from prepose.predict.evaluate import ready, run_network, weights_digest
from prepose.predict.lift import ASSUMED_FIELD_OF_VIEW_DEG, depth_by_bone_sum, image_from_crop, lift
from prepose.predict.sizing import not_finite
from prepose.specs.ledger import NOT_RECORDED, trained_on


@dataclass(frozen=True, eq=False)
class Prediction:
    """One person in one photograph.

    Attributes:
        skeleton: Of the joint arrays.
        joints_img: Joints in the upright photograph, px.
        joints_cam: Joints in the camera's frame, mm.
        confidence: Of each joint.
        box_xywh: The box that was looked at, px.
        size_wh: The photograph's size, px.
        crop: The square that the network saw.
        camera: The camera that lifted the joints.
        camera_rule: Where the camera comes from, in words.
        root_depth_mm: Depth of the root.
        root_depth_rule: How it was found, in words.
        image: The photograph's name.
        weights: Digest of the weights.
        trained_on: What the weights learnt from, in one line.
    """

    skeleton: Skeleton
    joints_img: Float[np.ndarray, "J 2"]
    joints_cam: Float[np.ndarray, "J 3"]
    confidence: Float[np.ndarray, "J"]
    box_xywh: BoxXywh
    size_wh: tuple[int, int]
    crop: Crop
    camera: Camera
    camera_rule: str
    root_depth_mm: float
    root_depth_rule: str
    image: str = ""
    weights: str = ""
    trained_on: str = NOT_RECORDED

    def __repr__(self) -> str:
        """Which photo and skeleton, and how confident; not the arrays."""
        return (
            f"Prediction({self.image!r}, {self.skeleton.name}, mean confidence {self.confidence.mean():.2f}, "
            f"root at {self.root_depth_mm:.0f} mm)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; joints in the order of `skeleton.joints`."""
        return {
            "skeleton": self.skeleton.name,
            "joints": list(self.skeleton.joints),
            "bones": [list(bone) for bone in self.skeleton.bones],
            "joints_img": _rounded(self.joints_img, 3),
            "joints_cam": _rounded(self.joints_cam, 3),
            "confidence": _rounded(self.confidence, 6),
            "units": {"joints_img": "px", "joints_cam": "mm", "root_depth": "mm"},
            "frame": {
                "joints_img": "the upright image; (0, 0) is the centre of the top-left pixel, x right, y down",
                "joints_cam": "camera; x right, y down, z forward",
            },
            "root_depth": {"value": round(self.root_depth_mm, 3), "rule": self.root_depth_rule},
            "camera": {
                "K": _rounded(self.camera.K, 6),
                "distortion": _rounded(self.camera.distortion, 9),
                "rule": self.camera_rule,
            },
            "box_xywh": _rounded(self.box_xywh, 3),
            "image": {"name": self.image, "width": self.size_wh[0], "height": self.size_wh[1]},
            "weights": self.weights,
            "trained_on": self.trained_on,
        }


def _rounded(values: np.ndarray, digits: int) -> list[Any]:
    return np.round(values.astype(float), digits).tolist()


# Photographs that come together need not be of one size.
Photograph = UInt8[np.ndarray, "_ _ 3"]

# A run's weights, best first; `recipes/run.py` writes them there.
RUN_WEIGHTS = ("weights/best.safetensors", "weights/last.safetensors", "weights.safetensors")

# People may be cut off by the image's border, but a box of which less than this part is inside is a mistake.
LEAST_INSIDE = 0.1


def find_weights(path: Path) -> Path:
    """The weights file that a run's folder, a folder with weights or a weights file means.

    Raises:
        DataError: there is nothing, or a run that has no weights yet.
    """
    if path.is_file():
        return path
    if not path.exists():
        raise DataError(f"{path}: there is no such run or weights file")
    for name in RUN_WEIGHTS:
        if (path / name).is_file():
            return path / name
    if (path / "recipe.json").is_file():
        raise DataError(f"{path}: the run has no weights yet (weights/ is empty); resume it with --resume")
    raise DataError(f"{path}: is neither a run nor a folder with weights; give what `prepose train --out` wrote")


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network that is ready for photographs.

    Attributes:
        net: The network.
        weights: Digest of its weights.
        device: Where it runs.
        flip_test: Whether the mirrored picture is looked at too.
        bone_sum_mm: Sum of the bones of the person that sizes are judged by (bones of mpii-16).
        field_of_view_deg: What the longer side of a photograph is taken to span where no camera is given.
        batch_size: Crops at a time.
    """

    net: PoseNet
    weights: str
    device: str = "cpu"
    flip_test: bool = True
    bone_sum_mm: float = MEAN_PERSON_BONE_SUM_MM
    field_of_view_deg: float = ASSUMED_FIELD_OF_VIEW_DEG
    batch_size: int = 16

    def __repr__(self) -> str:
        """Which network; not its layers."""
        spec = self.net.spec
        return f"Predictor({spec.backbone}, {spec.skeleton}, {spec.size} px, weights {self.weights}, on {self.device})"

    @staticmethod
    def load(path: Path, *, device: str = "cpu") -> "Predictor":
        """The predictor of a run's folder or a weights file.

        Raises:
            DataError: there are no weights there, or they cannot be read.
        """
        net = load_weights(find_weights(path))
        return Predictor(net.eval(), weights_digest(net), device)

    def predict(
        self,
        images: Sequence[Path | Photograph],
        boxes: Sequence[BoxXywh | None] | None = None,
        *,
        cameras: Sequence[Camera | None] | None = None,
        names: Sequence[str] | None = None,
    ) -> list[Prediction]:
        """The pose of one person in each photograph.

        Args:
            images: Files (turned upright as their EXIF orientation says), or pixels.
            boxes: Each person's box in the upright photograph, px; None for all of it.
            cameras: Each photograph's calibrated camera, where it is known.
            names: What to call each photograph; None for the files' names.

        Raises:
            ValueError: there are not as many boxes, cameras or names as images.
            DataError: a file is not a picture that can be read, a box is of no use, or what the network says is not
                finite or no pose.
        """
        count = len(images)
        wanted = [None] * count if boxes is None else list(boxes)
        calibrated = [None] * count if cameras is None else list(cameras)
        called = [image.name if isinstance(image, Path) else "" for image in images] if names is None else list(names)
        if not count == len(wanted) == len(calibrated) == len(called):
            raise ValueError(
                f"{count} images with {len(wanted)} boxes, {len(calibrated)} cameras and {len(called)} names"
            )
        people = [
            _person(image, box, camera, name or f"image {position}")
            for position, (image, box, camera, name) in enumerate(zip(images, wanted, calibrated, called, strict=True))
        ]
        predictions: list[Prediction] = []
        with ready(self.net, self.device) as place:
            for first in range(0, count, self.batch_size):
                predictions += self._predict_batch(people[first : first + self.batch_size], place)
        return predictions

    def _predict_batch(self, people: Sequence["_Person"], place: torch.device) -> list[Prediction]:
        crops = [crop_of_box(person.box_xywh, self.net.spec.size) for person in people]
        pixels = np.stack([crop.read(person.pixels) for crop, person in zip(crops, people, strict=True)])
        image = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(place)
        output = run_network(self.net, image, flip_test=self.flip_test)
        joints, confidence = output.joints_crop.float().cpu().numpy(), output.confidence.float().cpu().numpy()
        broken = not_finite(joints, confidence)
        if len(broken):
            raise DataError(
                f"{people[int(broken[0])].name}: the network's joints are not finite; its training diverged or its "
                f"weights are damaged ({self.weights})"
            )
        rows = zip(people, crops, joints, confidence, strict=True)
        return [self._lifted(*row) for row in rows]

    def _lifted(
        self,
        person: "_Person",
        crop: Crop,
        joints_crop: Float[np.ndarray, "J 3"],
        confidence: Float[np.ndarray, "J"],
    ) -> Prediction:
        skeleton = self.net.skeleton
        camera = person.camera or camera_from_field_of_view(person.size_wh, self.field_of_view_deg)
        joints_img = image_from_crop(joints_crop[None], crop.img_from_crop[None])
        unit = lift(joints_img, camera, np.ones(1))
        depth = depth_by_bone_sum(unit, skeleton, self.bone_sum_mm)
        if not np.isfinite(depth[0]):
            raise DataError(
                f"{person.name}: the network puts all joints into one place, so that there are no bones to judge the "
                f"person's size by; it is not trained, or its weights are damaged ({self.weights})"
            )
        return Prediction(
            skeleton=skeleton,
            joints_img=joints_img[0, :, :2],
            joints_cam=unit[0] * depth[0],
            confidence=confidence,
            box_xywh=person.box_xywh,
            size_wh=person.size_wh,
            crop=crop,
            camera=camera,
            camera_rule="given"
            if person.camera
            else f"assumed: the longer side spans {self.field_of_view_deg:g} degrees, the axis goes through the middle",
            root_depth_mm=float(depth[0]),
            root_depth_rule=f"mean-person: bones of mpii-16 sum to {self.bone_sum_mm:g} mm",
            image=person.name,
            weights=self.weights,
            trained_on=trained_on(self.net.ledger),
        )


@dataclass(frozen=True, eq=False)
class _Person:
    name: str
    pixels: ImageRgb
    box_xywh: BoxXywh
    camera: Camera | None

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]


def _person(image: Path | ImageRgb, box: BoxXywh | None, camera: Camera | None, name: str) -> _Person:
    pixels = read_photograph(image) if isinstance(image, Path) else image
    size_wh = (pixels.shape[1], pixels.shape[0])
    return _Person(name, pixels, checked_box(box, size_wh, name), camera)


def checked_box(box_xywh: BoxXywh | None, size_wh: tuple[int, int], name: str) -> BoxXywh:
    """A box that shows some of the image; the whole image for None.

    Raises:
        DataError: the box is not finite, has no size, or lies outside the image, or nearly so.
    """
    width, height = size_wh
    if box_xywh is None:
        return np.array([0.0, 0.0, width, height])
    x, y, box_width, box_height = (float(value) for value in box_xywh)
    shown = f"{name}: the box {x:g},{y:g},{box_width:g},{box_height:g}"
    if not np.isfinite([x, y, box_width, box_height]).all():
        raise DataError(f"{shown} is not finite; give x,y,w,h in px")
    if min(box_width, box_height) < 1:
        raise DataError(f"{shown} has no size; give x,y,w,h in px with w and h at least 1")
    across = min(x + box_width, width) - max(x, 0.0)
    down = min(y + box_height, height) - max(y, 0.0)
    if min(across, down) <= 0 or across / box_width * (down / box_height) < LEAST_INSIDE:
        where = "lies outside" if min(across, down) <= 0 else "has less than a tenth of its area inside"
        raise DataError(f"{shown} {where} the image, which is {width} x {height} px (after turning it upright)")
    return np.array([x, y, box_width, box_height])
