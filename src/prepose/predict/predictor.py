"""Images and videos in, people out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageOps

from prepose.arrays import ImageRgb
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop, crop_of_box
from prepose.data.picture import read_photograph
from prepose.errors import DataError
from prepose.metrics.protocols import MEAN_PERSON_BONE_SUM_MM
from prepose.models.export_facts import is_exported
from prepose.predict.camera_choice import ASSUMED_FIELD_OF_VIEW_DEG, CameraOf, assumed_camera
from prepose.predict.crop_network import CropNetwork
from prepose.predict.detectors import Detector, detected_by, detector_named
from prepose.predict.frames import Frame, open_source
from prepose.predict.lift import depth_by_bone_sum, image_from_crop, lift
from prepose.predict.networks import find_weights
from prepose.predict.people import Finder, Person, checked_box, given_boxes, whole_image
from prepose.predict.pose_sequence import PoseSequence
from prepose.predict.prediction import Prediction, sequences_of
from prepose.predict.sizing import not_finite
from prepose.predict.stream import Settings, frames_of, predict_frames
from prepose.specs.ledger import trained_on

ImageLike = str | os.PathLike[str] | np.ndarray | Image.Image
Box = np.ndarray | Sequence[float | int]
Boxes = np.ndarray | Sequence[Box]  # x, y, width, height of each person, px


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network that is ready for images and videos.

    Attributes:
        net: The network, run by torch or by ONNX Runtime.
        flip_test: Whether the mirror image is predicted too; an exported model does as it was exported.
        bone_sum_mm: Sum of the bones of the person that sizes are judged by (bones of mpii-16).
        field_of_view_deg: What the longer side of a photograph is taken to span where no camera is given.
        batch_size: Crops at a time.
        threshold: Joints of less confidence are marked; 0 marks none.
    """

    net: CropNetwork
    flip_test: bool = True
    bone_sum_mm: float = MEAN_PERSON_BONE_SUM_MM
    field_of_view_deg: float = ASSUMED_FIELD_OF_VIEW_DEG
    batch_size: int = 16
    threshold: float = 0.0

    @property
    def weights(self) -> str:
        """Digest of the network's weights."""
        return self.net.weights

    @property
    def device(self) -> str:
        """Where the network runs."""
        return self.net.device

    def __repr__(self) -> str:
        """Which network; not its layers."""
        spec = self.net.spec
        return f"Predictor({spec.backbone}, {spec.skeleton}, {spec.size} px, weights {self.weights}, on {self.device})"

    @staticmethod
    def load(path: Path, *, device: str = "cpu") -> "Predictor":
        """The predictor of a run's folder, a weights file, or an exported `.onnx` model, which needs no torch.

        Raises:
            DataError: there are no weights there, they cannot be read, or there is no such device.
        """
        found = find_weights(path)
        if is_exported(found):
            from prepose.predict.onnx_network import load_onnx_network as load_network
        else:
            # Takes torch, which takes seconds and need not be there.
            from prepose.predict.torch_network import load_torch_network as load_network
        net = load_network(found, device)
        return Predictor(net, flip_test=net.flip_test is not False)

    def predict(
        self,
        image: ImageLike,
        boxes: Boxes | None = None,
        *,
        camera: Camera | None = None,
        detector: Detector | str | None = None,
    ) -> list[Prediction]:
        """The people in one image.

        Args:
            image: A file (turned upright as its EXIF orientation says), an RGB array of bytes, or a PIL image.
            boxes: Each person's box in the upright image, px; without boxes or a detector, the whole image is one
                person.
            camera: The image's calibrated camera, where it is known.
            detector: What finds the people: a function, or a name (`predict.detectors`).

        Returns:
            One prediction for each box; of a detector the surest first, and none where it finds nobody.

        Raises:
            DataError: the image cannot be read, a box is of no use, both boxes and a detector are given, or what the
                network says is not finite or no pose.
        """
        pixels, name = _pixels(image)
        frame = Frame(name or "the image", 0, 0.0, pixels)
        found = self._finder(boxes, detector)(frame)
        return self.poses(
            [
                Person(name, pixels, each.box_xywh, number=number, camera=camera)
                for number, each in enumerate(found, start=1)
            ]
        )

    def predict_each(
        self,
        images: Sequence[ImageLike],
        boxes: Sequence[Box | None] | None = None,
        *,
        cameras: Sequence[Camera | None] | None = None,
        names: Sequence[str] | None = None,
    ) -> list[Prediction]:
        """One person in each of several images, in batches.

        Args:
            images: As for `predict`.
            boxes: Each person's box in the upright image, px; None for all of it.
            cameras: Each image's calibrated camera, where it is known.
            names: What to call each image; None for the files' names.

        Raises:
            ValueError: there are not as many boxes, cameras or names as images.
            DataError: as for `predict`.
        """
        count = len(images)
        wanted = [None] * count if boxes is None else list(boxes)
        calibrated = [None] * count if cameras is None else list(cameras)
        called = [""] * count if names is None else list(names)
        if not count == len(wanted) == len(calibrated) == len(called):
            raise ValueError(
                f"{count} images with {len(wanted)} boxes, {len(calibrated)} cameras and {len(called)} names"
            )
        people = []
        for position, (image, box, camera, given) in enumerate(zip(images, wanted, calibrated, called, strict=True)):
            pixels, own = _pixels(image)
            name = given or own or f"image {position}"
            size_wh = (pixels.shape[1], pixels.shape[0])
            people.append(
                Person(
                    name,
                    pixels,
                    checked_box(None if box is None else np.asarray(box, float), size_wh, name),
                    camera=camera,
                )
            )
        return self.poses(people)

    def predict_video(
        self,
        video: str | os.PathLike[str],
        boxes: Boxes | None = None,
        *,
        camera_of: CameraOf | None = None,
        detector: Detector | str | None = None,
        smooth: bool = False,
    ) -> list[PoseSequence]:
        """The people of a video or an animation over time.

        All poses are kept in memory (about 1 KB for each person and frame), the frames are not.

        Args:
            video: The file.
            boxes: Each person's box, px, the same in all frames; without boxes or a detector, the whole frame is one
                person.
            camera_of: The camera for the size of the frames, see `predict.camera_choice`; None for an assumed one.
            detector: What finds the people, see `predict`; they are followed by the overlap of their boxes.
            smooth: Whether the One Euro filter smooths each person's joints.

        Returns:
            One sequence for each person.

        Raises:
            DataError: as for `predict`; or the video is damaged (`prepose predict` keeps what comes before the damage).
        """
        settings = Settings(self._finder(boxes, detector), camera_of, smooth=smooth, batch_size=self.batch_size)
        source = open_source(Path(video).expanduser())
        found: list[Prediction] = []
        for _, _, people in predict_frames(self.poses, frames_of([source], _raised), settings, _raised):
            found += [replace(each, pixels=None) for each in people]
        return sequences_of(found)

    def _finder(self, boxes: Boxes | None, detector: Detector | str | None) -> Finder:
        if boxes is not None and detector is not None:
            raise DataError("boxes and a detector both say where the people are; give one of them")
        if isinstance(detector, str):
            detector = detector_named(detector, self.device)
        if detector is not None:
            return detected_by(detector)
        return whole_image if boxes is None else given_boxes([np.asarray(box, float) for box in boxes])

    def poses(self, people: Sequence[Person]) -> list[Prediction]:
        """The pose of each person, in batches.

        Raises:
            DataError: what the network says is not finite or no pose.
        """
        predictions: list[Prediction] = []
        for first in range(0, len(people), self.batch_size):
            predictions += self._predict_batch(people[first : first + self.batch_size])
        return predictions

    def _predict_batch(self, people: Sequence[Person]) -> list[Prediction]:
        crops = [crop_of_box(person.box_xywh, self.net.spec.size) for person in people]
        pixels = np.stack([crop.read(person.pixels) for crop, person in zip(crops, people, strict=True)])
        joints, confidence = self.net.run(pixels.transpose(0, 3, 1, 2), self.flip_test)
        broken = not_finite(joints, confidence)
        if len(broken):
            raise DataError(
                f"{people[int(broken[0])].image}: the network's joints are not finite; its training diverged or its "
                f"weights are damaged ({self.weights})"
            )
        rows = zip(people, crops, joints, confidence, strict=True)
        return [self._lifted(*row) for row in rows]

    def _lifted(
        self, person: Person, crop: Crop, joints_crop: Float[np.ndarray, "J 3"], confidence: Float[np.ndarray, "J"]
    ) -> Prediction:
        skeleton = self.net.skeleton
        camera, rule = person.camera, person.camera_rule
        if camera is None:
            camera, rule = assumed_camera(person.size_wh, self.field_of_view_deg)
        joints_img = image_from_crop(joints_crop[None], crop.img_from_crop[None])
        unit = lift(joints_img, camera, np.ones(1))
        depth = depth_by_bone_sum(unit, skeleton, self.bone_sum_mm)
        if not np.isfinite(depth[0]):
            raise DataError(
                f"{person.image}: the network puts all joints into one place, so that there are no bones to judge the "
                f"person's size by; it is not trained, or its weights are damaged ({self.weights})"
            )
        joints_cam = unit[0] * depth[0]
        # Sizes are judged by mpii-16, so that its root follows from any skeleton that comes so far.
        root = joint_map(skeleton, MPII_16).apply(joints_cam)[MPII_16.root_index]
        # Without the mirror image, or with it, confidences are others.
        calibration = self.net.calibration
        expected = None if calibration is None or calibration.flip_test != self.flip_test else calibration
        return Prediction(
            skeleton=skeleton,
            joints_img=joints_img[0, :, :2],
            joints_cam=joints_cam,
            root_cam=root,
            confidence=confidence,
            expected_error_mm=expected.expected_mm(confidence, skeleton) if expected and expected.mm else None,
            expected_error_px=expected.expected_of_crop(confidence, skeleton) * crop.side if expected else None,
            calibrated_on=None if expected is None else str(expected),
            box_xywh=person.box_xywh,
            size_wh=person.size_wh,
            crop=crop,
            camera=camera,
            camera_rule=rule,
            scale_rule=f"mean-person: bones of mpii-16 sum to {self.bone_sum_mm:g} mm",
            image=person.image,
            frame=person.frame,
            time=person.time,
            person=person.number,
            threshold=self.threshold,
            weights=self.weights,
            trained_on=trained_on(self.net.ledger),
            pixels=person.pixels,
        )


def _pixels(image: ImageLike) -> tuple[ImageRgb, str]:
    """An image's upright pixels, and its name where it is a file."""
    if isinstance(image, str | os.PathLike):
        path = Path(image).expanduser()
        return read_photograph(path), path.name
    if isinstance(image, Image.Image):
        return np.array(ImageOps.exif_transpose(image).convert("RGB")), ""
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return image, ""
    found = f"an array {image.dtype} {image.shape}" if isinstance(image, np.ndarray) else f"{type(image).__name__}"
    raise DataError(f"expected an image: a path, a PIL image or an RGB array uint8 (H, W, 3); found {found}")


def _raised(_: Path, error: DataError) -> None:
    raise error
