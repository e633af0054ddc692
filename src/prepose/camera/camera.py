"""A calibrated pinhole camera with OpenCV's radial and tangential distortion.

Frames: `world` (mm), `cam` (mm; x right, y down, z forward), `img` (px; (0, 0) is the centre of the top-left pixel).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from prepose.arrays import Matrix3, Points2D, Points3D, Vector3


@dataclass(frozen=True, eq=False)
class Camera:
    """Intrinsics and pose of a camera.

    Attributes:
        K: Intrinsic matrix, px.
        size_wh: Image size the intrinsics belong to, px.
        rotation: Rotation part of cam_from_world.
        translation: Translation part of cam_from_world, mm (not the camera's centre).
        distortion: k1, k2, p1, p2, k3 in OpenCV's order.
        name: The dataset's name for it.
    """

    K: Matrix3
    size_wh: tuple[int, int]
    rotation: Matrix3 = field(default_factory=lambda: np.eye(3))
    translation: Vector3 = field(default_factory=lambda: np.zeros(3))
    distortion: Float[np.ndarray, "5"] = field(default_factory=lambda: np.zeros(5))
    name: str = ""

    def __post_init__(self) -> None:
        if not np.isfinite(self.K).all() or self.K[0, 0] <= 0 or self.K[1, 1] <= 0:
            raise ValueError(
                f"camera {self.name!r}: K must be finite with positive focal lengths, found {self.K.tolist()}"
            )
        if not np.allclose(self.rotation @ self.rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(self.rotation) < 0:
            raise ValueError(f"camera {self.name!r}: rotation is not a rotation matrix: {self.rotation.tolist()}")

    @property
    def focal(self) -> float:
        """The mean focal length, px."""
        return float(np.sqrt(self.K[0, 0] * self.K[1, 1]))

    def cam_from_world(self, points_world: Points3D) -> Points3D:
        """World points (mm) in the camera's frame (mm)."""
        return points_world @ self.rotation.T + self.translation

    def world_from_cam(self, points_cam: Points3D) -> Points3D:
        """Camera-frame points (mm) in the world frame (mm)."""
        return (points_cam - self.translation) @ self.rotation

    def project(self, points_cam: Points3D) -> Points2D:
        """Camera-frame points (mm) in the image (px); NaN for points that are NaN or behind the camera."""
        in_front = points_cam[..., 2:] > 0
        rays = points_cam[..., :2] / np.where(in_front, points_cam[..., 2:], np.nan)
        return self._distort(rays) @ self.K[:2, :2].T + self.K[:2, 2]

    def of_part(self, part_from_img: Matrix3, size_wh: tuple[int, int]) -> "Camera":
        """The camera of a part of its picture, cut out and resized: exact, as the lens acts on rays and not on pixels.

        Args:
            part_from_img: Homogeneous matrix of a shift and a scale, image px to px of the part.
            size_wh: Size of the part, px.
        """
        return replace(self, K=part_from_img @ self.K, size_wh=size_wh)

    def _distort(self, rays: Points2D) -> Points2D:
        if not self.distortion.any():
            return rays
        x, y = np.moveaxis(rays, -1, 0)
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        distorted_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([distorted_x, distorted_y], axis=-1)

    def back_project(self, points_img: Points2D, depth: Float[np.ndarray, "*P"]) -> Points3D:
        """Image points (px) at the given depths along z (mm), in the camera's frame (mm)."""
        linear, centre = self.K[:2, :2], self.K[:2, 2]
        wanted = (points_img - centre) @ np.linalg.inv(linear).T
        rays = wanted.copy()
        # Fixed-point iteration; real lenses converge to 1e-11 (1e-8 px) in about ten rounds. A NaN point stays one.
        for _ in range(40):
            error = self._distort(rays) - wanted
            if not (np.abs(error) > 1e-11).any():
                break
            rays = rays - error
        return np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1)


def camera_from_field_of_view(size_wh: tuple[int, int], degrees: float) -> Camera:
    """An undistorted camera looking along z whose longer image side spans `degrees`."""
    focal = max(size_wh) / (2 * np.tan(np.radians(degrees) / 2))
    width, height = size_wh
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(K=K, size_wh=size_wh)
