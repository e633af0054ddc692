"""What a check may read: the labels of a split as columns, and what was seen of its pictures, each looked at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from prepose.arrays import ImageRgb, Joints2D, Joints3D
from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.camera.crop import transform
from prepose.data.dataset import PoseDataset
from prepose.data.picture import decode_shrunk, image_size
from prepose.data.sample import JointState
from prepose.errors import DataError

# The longer side of the person's box in a thumbnail, px: enough to tell a limb from what is beside it.
PERSON_PX = 64


@dataclass(frozen=True, eq=False)
class Picture:
    """What was seen of one sample's image.

    Attributes:
        digest: Hash of the encoded bytes; empty where the image is missing.
        size_wh: Its size, px; (0, 0) where it is missing or broken.
        thumb: RGB at the scale that makes the person about `PERSON_PX` high; None where it is missing or broken.
        scale: Thumbnail px per image px.
        error: Why it cannot be read, else empty.
    """

    digest: bytes
    size_wh: tuple[int, int] = (0, 0)
    thumb: ImageRgb | None = None
    scale: float = 1.0
    error: str = ""


def look_at(
    dataset: PoseDataset, indices: Iterable[int], *, progress: Callable[[int], None] | None = None
) -> dict[int, Picture]:
    """Read, hash and decode the images of some samples; a broken one is a fact to keep, not an error."""
    indices = list(indices)
    boxes = dataset.array("box_xywh", indices) if indices else np.empty((0, 4))
    seen = {}
    for number, (index, box) in enumerate(zip(indices, boxes, strict=True), start=1):
        seen[index] = _look(dataset, index, float(np.nanmax(box[2:], initial=PERSON_PX)))
        if progress is not None:
            progress(number)
    return seen


def digests_of(dataset: PoseDataset, indices: Iterable[int]) -> dict[int, bytes]:
    """A digest of each image's encoded bytes, without decoding; a missing image has none."""
    digests = {}
    for index in indices:
        try:
            digests[index] = digest_of(dataset.image_bytes(index))
        except DataError:
            continue
    return digests


def digest_of(data: bytes) -> bytes:
    """16 bytes that tell images apart."""
    return blake2b(data, digest_size=16).digest()


def _look(dataset: PoseDataset, index: int, person_px: float) -> Picture:
    try:
        data = dataset.image_bytes(index)
    except DataError as error:
        return Picture(b"", error=str(error))
    digest = digest_of(data)
    try:
        size_wh = image_size(data)
        thumb, matrix = decode_shrunk(data, max(1.0, person_px / PERSON_PX))
    except DataError as error:
        return Picture(digest, error=str(error))
    return Picture(digest, size_wh, thumb, float(matrix[0, 0]))


@dataclass(frozen=True, eq=False)
class Records:
    """The labels of N samples, double precision, missing numbers as NaN.

    Attributes:
        skeleton: The skeleton of every sample.
        joints_img: (N, J, 2) px; infinite numbers as NaN, too.
        joints_cam: (N, J, 3) mm; likewise.
        infinite: Joint column -> (N,) whether it held an infinite number.
        states: (N, J) of `JointState`.
        box_xywh: (N, 4) px.
        frame: (N,) numbers in their sequences, -1 without.
        camera_K: (N, 3, 3) px, NaN without a camera.
        camera_rotation: (N, 3, 3) of cam_from_world.
        camera_translation: (N, 3) mm, of cam_from_world.
        camera_distortion: (N, 5).
        camera_size_wh: (N, 2) px, 0 without a camera.
        subject: N names, empty where unknown.
        action: N names, empty where unknown.
        source: N descriptions of where a sample comes from.
        pictures: What was seen of the pictures that were looked at, by sample.
        digests: A digest of the encoded picture of those samples whose bytes were read.
        others: Digest of each picture of the other splits -> split.
        split: The name of the split.
        full_from_img: (N, 3, 3) from px of person chips to px of the photographs that they were cut from; None where
            every picture is a photograph.
        projected: (N,) whether a sample's 2D joints are its projected 3D joints and not labels; None where none is.
    """

    skeleton: Skeleton
    joints_img: Joints2D
    joints_cam: Joints3D
    states: UInt8[np.ndarray, "N J"]
    box_xywh: Float[np.ndarray, "N 4"]
    frame: Int[np.ndarray, "N"]
    camera_K: Float[np.ndarray, "N 3 3"]  # noqa: N815 - the column's name
    camera_rotation: Float[np.ndarray, "N 3 3"]
    camera_translation: Float[np.ndarray, "N 3"]
    camera_distortion: Float[np.ndarray, "N 5"]
    camera_size_wh: Int[np.ndarray, "N 2"]
    subject: Sequence[str]
    action: Sequence[str]
    source: Sequence[str]
    infinite: dict[str, Bool[np.ndarray, "N"]] = field(default_factory=dict)
    pictures: dict[int, Picture] = field(default_factory=dict)
    digests: dict[int, bytes] = field(default_factory=dict)
    others: dict[bytes, str] = field(default_factory=dict)
    split: str = ""
    full_from_img: Float[np.ndarray, "N 3 3"] | None = None
    projected: Bool[np.ndarray, "N"] | None = None

    def __len__(self) -> int:
        return len(self.joints_img)

    @cached_property
    def has_2d(self) -> Bool[np.ndarray, "N J"]:
        """Which joints are labelled in the image, with finite numbers."""
        return np.asarray(np.isfinite(self.joints_img).all(axis=-1))

    @cached_property
    def has_3d(self) -> Bool[np.ndarray, "N J"]:
        """Which joints are labelled in 3D, with finite numbers."""
        return np.asarray(np.isfinite(self.joints_cam).all(axis=-1))

    @cached_property
    def sees(self) -> Bool[np.ndarray, "N J"]:
        """Which joints are known to be visible."""
        return self.states == JointState.VISIBLE

    @cached_property
    def cameras(self) -> tuple[Camera | None, ...]:
        """Each sample's camera; None where there is none or its numbers are no camera's."""
        return tuple(self._camera(row) for row in range(len(self)))

    @cached_property
    def joints_full(self) -> Joints2D:
        """(N, J, 2) joints in px of the photographs."""
        if self.full_from_img is None:
            return self.joints_img
        linear, shift = self.full_from_img[:, :2, :2], self.full_from_img[:, None, :2, 2]
        return self.joints_img @ linear.transpose(0, 2, 1) + shift

    def label_on(self, picture: int, label: int) -> Joints2D:
        """(J, 2) one sample's joints in px of another's picture, at the same place in the photograph."""
        if self.full_from_img is None or picture == label:
            return self.joints_img[label]
        return transform(np.linalg.inv(self.full_from_img[picture]), self.joints_full[label])

    @cached_property
    def in_picture(self) -> Mapping[int, Sequence[int]]:
        """The samples whose labels are of one picture, for each sample whose picture was looked at; itself included."""
        of_digest: dict[bytes, list[int]] = defaultdict(list)
        for index, picture in self.pictures.items():
            of_digest[picture.digest].append(index)
        return {index: of_digest[picture.digest] for index, picture in self.pictures.items()}

    @cached_property
    def extent(self) -> Float[np.ndarray, "N"]:
        """The diagonal of each pose in the image, px; NaN where fewer than two joints are labelled."""
        joints = np.where(self.has_2d[..., None], self.joints_img, np.nan)
        empty = ~self.has_2d.any(axis=1)
        joints[empty] = 0
        span = np.nanmax(joints, axis=1) - np.nanmin(joints, axis=1)
        return np.where(self.has_2d.sum(axis=1) > 1, np.linalg.norm(span, axis=1), np.nan)

    def of(self, joints: np.ndarray, *names: str) -> np.ndarray:
        """(N, D): the first of the named joints that the skeleton has; NaN where it has none of them."""
        for name in names:
            if name in self.skeleton.joints:
                return joints[:, self.skeleton.index(name)]
        return np.full((joints.shape[0], joints.shape[2]), np.nan)

    def _camera(self, row: int) -> Camera | None:
        width, height = self.camera_size_wh[row].tolist()
        if width <= 0 or not np.isfinite(self.camera_distortion[row]).all():
            return None
        try:
            return Camera(
                K=self.camera_K[row],
                size_wh=(width, height),
                rotation=self.camera_rotation[row],
                translation=self.camera_translation[row],
                distortion=self.camera_distortion[row],
            )
        except ValueError:
            return None  # `numbers` reports it


def read_records(
    dataset: PoseDataset,
    *,
    pictures: dict[int, Picture] | None = None,
    digests: dict[int, bytes] | None = None,
    others: dict[bytes, str] | None = None,
) -> Records:
    """The labels of a dataset, without touching a picture.

    Args:
        dataset: What to look at.
        pictures: What `look_at` saw.
        digests: What `digests_of` read.
        others: Digest of each picture of the other splits -> its split.
    """
    singles = {name: dataset.array(name).astype(float) for name in ("joints_img", "joints_cam", "box_xywh")}
    doubles = ("camera_K", "camera_rotation", "camera_translation", "camera_distortion")
    joints = ("joints_img", "joints_cam")
    infinite = {name: np.isinf(singles[name]).sum(axis=(1, 2)) > 0 for name in joints}
    for name in joints:
        singles[name][np.isinf(singles[name])] = np.nan
    full_from_img = dataset.array("full_from_img")
    projected = dataset.array("projected").astype(bool)
    return Records(
        skeleton=dataset.skeleton,
        **singles,
        infinite=infinite,
        **{name: dataset.array(name) for name in doubles},
        states=dataset.array("states"),
        frame=dataset.array("frame"),
        camera_size_wh=dataset.array("camera_size_wh").astype(int),
        subject=dataset.texts("subject"),
        action=dataset.texts("action"),
        source=dataset.texts("source"),
        pictures=pictures or {},
        digests=digests or {},
        others=others or {},
        split=dataset.split,
        full_from_img=None if (full_from_img == np.eye(3)).all() else full_from_img,
        projected=projected if projected.any() else None,
    )
