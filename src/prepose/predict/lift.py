"""From crop px to image px to camera mm.

The network gives, for each joint, crop x, crop y and a relative depth z in the same px. With the crop's matrix they
become image px: x, y by the matrix, z by its stretch alone, as turning or mirroring a picture about the optical axis
leaves depth as it is. With a camera of focal length f and a root at depth Z_root

    Z_joint = Z_root * (1 + z / f)        because z = (Z_joint - Z_root) * f / Z_root
    (X, Y)  = the lens' undistorted ray through (x, y), times Z_joint

This is exact: a perfect prediction and the true root depth give back the pose. All of it is proportional to Z_root, so
that an image and a camera determine a pose up to its size. A joint cannot lie behind the camera that shows it: a
relative depth that says so (an untrained network's) is taken as `NEAREST` times the root's depth. Nor can it lie where
the lens has no ray (`Camera.ray_limit`): it takes the outermost ray in its direction. A finite prediction is therefore
lifted to a finite joint; NaN means "not labelled", and a wrong prediction must never look like that.

**How far away a person stands**, when nothing says so: as far as a person of mean size would. As a pose is proportional
to the depth of its root, the bones of the pose lifted at depth 1 sum to L, and a person whose bones sum to S stands at
S / L. A tall person thus comes out nearer and smaller than the truth, by the ratio of the sums.
"""

import numpy as np
from jaxtyping import Bool, Float

from prepose.body.pose import bone_lengths
from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import MPII_16
from prepose.camera.camera import Camera
from prepose.camera.crop import scale_of
from prepose.data.dataset import PoseDataset
from prepose.errors import DataError, SkeletonMismatch

NEAREST = 0.05


def image_from_crop(
    joints_crop: Float[np.ndarray, "N J 3"], img_from_crop: Float[np.ndarray, "N 3 3"]
) -> Float[np.ndarray, "N J 3"]:
    """Joints in image px (x, y, relative depth) from joints in crop px.

    A mirrored crop comes back unmirrored in place; which joint is the left one is the caller's to swap, as the network
    names what it sees.
    """
    joints = np.empty(joints_crop.shape)
    linear, shift = img_from_crop[:, :2, :2].astype(float), img_from_crop[:, None, :2, 2].astype(float)
    joints[..., :2] = joints_crop[..., :2] @ linear.transpose(0, 2, 1) + shift
    joints[..., 2] = joints_crop[..., 2] * scale_of(img_from_crop.astype(float))[:, None]
    return joints


def lift(
    joints_img: Float[np.ndarray, "N J 3"], camera: Camera, root_depth: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N J 3"]:
    """Joints in the camera's frame, mm.

    Args:
        joints_img: x, y and relative depth in image px.
        camera: The camera that all the images were taken with.
        root_depth: Depth of each pose's root along z, mm.
    """
    depth = root_depth[:, None] * np.maximum(1 + joints_img[..., 2] / camera.focal, NEAREST)
    return camera.back_project(joints_img[..., :2].astype(float), depth, nearest_ray=True)


class Cameras:
    """The cameras of a dataset's samples: each lens once, with the samples that it took.

    Attributes:
        known: Which samples have a camera.

    Raises:
        DataError: a K is not a camera's.
    """

    def __init__(self, dataset: PoseDataset) -> None:
        matrices = dataset.array("camera_K")
        self.known: Bool[np.ndarray, " N"] = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
        wrong = self.known & (matrices[:, 2] != (0, 0, 1)).any(axis=1)
        if wrong.any():
            first = int(wrong.argmax())
            raise DataError(
                f"{dataset.name}/{dataset.split}: the camera of {int(wrong.sum())} of {len(wrong)} samples has a K "
                f"whose last row is not 0 0 1 (sample {first}: {matrices[first, 2].tolist()}); correct the cameras "
                f"and add the dataset again"
            )
        rows = np.flatnonzero(self.known)
        unique, which = np.unique(dataset.array("camera_distortion")[rows], axis=0, return_inverse=True)
        order = np.argsort(which.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(which.reshape(-1), minlength=len(unique)))[:-1]
        self._rows = [rows[part] for part in np.split(order, ends)] if len(unique) else []
        # Each person chip has a K of its own; few datasets have more than a dozen lenses. With K taken out of the
        # joints, one camera of focal length 1 serves all samples of a lens.
        self._lenses = [Camera(K=np.eye(3), size_wh=(1, 1), distortion=lens) for lens in unique]
        self._matrices = matrices

    def lift(
        self, joints_img: Float[np.ndarray, "N J 3"], root_depth: Float[np.ndarray, "N"]
    ) -> Float[np.ndarray, "N J 3"]:
        """Joints in each sample's camera frame, mm (see `lift`); NaN for samples without a camera."""
        joints_cam = np.full(joints_img.shape, np.nan)
        for lens, rows in zip(self._lenses, self._rows, strict=True):
            joints_cam[rows] = lift(_without_matrix(joints_img[rows], self._matrices[rows]), lens, root_depth[rows])
        return joints_cam


def _without_matrix(joints_img: Float[np.ndarray, "N J 3"], matrices: Float[np.ndarray, "N 3 3"]) -> np.ndarray:
    """(N, J, 3) joints as a camera of focal length 1 with the same lens sees them."""
    inverse = np.linalg.inv(matrices)
    rays = joints_img[..., :2] @ inverse[:, :2, :2].transpose(0, 2, 1) + inverse[:, None, :2, 2]
    focal = np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1])
    return np.concatenate([rays, joints_img[..., 2:] / focal[:, None, None]], axis=-1)


def depth_by_bone_sum(
    joints_at_unit_depth: Float[np.ndarray, "N J 3"], skeleton: Skeleton, bone_sum_mm: float
) -> Float[np.ndarray, "N"]:
    """The factor that brings each pose's mpii-16 bones to the given sum; the root's depth where it was lifted at 1 mm.

    Args:
        joints_at_unit_depth: Poses of a size that is not yet known.
        skeleton: Their skeleton.
        bone_sum_mm: Sum of the mpii-16 bones of the person, mm.

    Returns:
        NaN where a joint is NaN or all lie in one place.

    Raises:
        SkeletonMismatch: mpii-16 does not follow from the skeleton.
    """
    mapping = joint_map(skeleton, MPII_16)
    if not mapping.truly_labelled.all():
        missing = [joint for joint, known in zip(MPII_16.joints, mapping.truly_labelled, strict=True) if not known]
        raise SkeletonMismatch(
            f"the size of a person is judged by the bones of mpii-16, but {skeleton.name} has no {', '.join(missing)}; "
            "use the scale rule true-root-depth"
        )
    total = bone_lengths(mapping.apply(joints_at_unit_depth), MPII_16).sum(axis=-1)
    return bone_sum_mm / np.where(total > 0, total, np.nan)
