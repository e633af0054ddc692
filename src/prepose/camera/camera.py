"""A calibrated pinhole camera with OpenCV's radial and tangential distortion.

Frames: `world` (mm), `cam` (mm; x right, y down, z forward), `img` (px; (0, 0) is the centre of the top-left pixel).

**The domain of the distortion.** It is a polynomial of a ray's distance from the optical axis, r = |(x, y)| / z. Most
lenses' polynomials turn back at some r: rays further out would be drawn inside the image again, on top of others. The
lens is therefore defined up to its `ray_limit` alone. A point beyond it has no place in the image (NaN), and a place in
the image that no ray within it reaches has no ray.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from prepose.arrays import Matrix3, Points2D, Points3D, Vector3

# Rays are found to this, in parts of the focal length, or of the distance from the axis where that is larger.
EXACT_RAY = 1e-12
MOST_ROUNDS = 200

# No camera has larger numbers, px or mm (a thousand kilometres); products of larger ones overflow.
MOST_NUMBER = 1e9
# What rounding leaves of a zero below K's diagonal, in parts of the focal length.
MOST_BELOW_DIAGONAL = 1e-6


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
        who = f"camera {self.name!r}" if self.name else "the camera"
        self._check_intrinsics(who)
        if not np.allclose(self.rotation @ self.rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(self.rotation) < 0:
            raise ValueError(f"{who}: rotation is not a rotation matrix: {self.rotation.tolist()}")
        for what, numbers in (("translation", self.translation), ("distortion", self.distortion)):
            if not _are_sane(numbers):
                raise ValueError(f"{who}: {what} must be finite and below {MOST_NUMBER:g}, found {numbers.tolist()}")
        if min(self.size_wh) < 1:
            raise ValueError(f"{who}: size_wh must be positive, found {self.size_wh}")

    def _check_intrinsics(self, who: str) -> None:
        if not _are_sane(self.K) or self.K[0, 0] <= 0 or self.K[1, 1] <= 0:
            raise ValueError(
                f"{who}: K must be finite with positive focal lengths, found {self.K.tolist()}; "
                f"numbers below {MOST_NUMBER:g} are expected"
            )
        form = "K is [[fx, s, cx], [0, fy, cy], [0, 0, 1]], perhaps it is stored transposed or scaled"
        if not np.array_equal(self.K[2], (0, 0, 1)):
            raise ValueError(f"{who}: the last row of K must be 0 0 1, found {self.K[2].tolist()}; {form}")
        if abs(self.K[1, 0]) > MOST_BELOW_DIAGONAL * self.K[1, 1]:
            raise ValueError(f"{who}: the second row of K must begin with 0, found {self.K[1].tolist()}; {form}")

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

    @property
    def ray_limit(self) -> float:
        """The distance of the lens's outermost ray from the optical axis, |(x, y)| / z; infinite without one.

        Up to it the distortion is one to one in every direction. With tangential terms the directions differ a
        little, and it is the smallest.
        """
        return _ray_limit(*self.distortion.tolist())

    def project(self, points_cam: Points3D) -> Points2D:
        """Camera-frame points (mm) in the image (px).

        NaN for points that are NaN, behind the camera or beyond the lens's `ray_limit`.
        """
        in_front = points_cam[..., 2:] > 0
        rays = points_cam[..., :2] / np.where(in_front, points_cam[..., 2:], np.nan)
        if self.distortion.any():
            seen = np.linalg.norm(rays, axis=-1, keepdims=True) <= self.ray_limit
            rays = self._distort(np.where(seen, rays, np.nan))
        return rays @ self.K[:2, :2].T + self.K[:2, 2]

    def of_part(self, part_from_img: Matrix3, size_wh: tuple[int, int]) -> "Camera":
        """The camera of a part of its picture, cut out and resized: exact, as the lens acts on rays and not on pixels.

        Args:
            part_from_img: Homogeneous matrix of a shift and a scale, image px to px of the part.
            size_wh: Size of the part, px.
        """
        return replace(self, K=part_from_img @ self.K, size_wh=size_wh)

    def back_project(
        self, points_img: Points2D, depth: Float[np.ndarray, "*P"], *, nearest_ray: bool = False
    ) -> Points3D:
        """Image points (px) at the given depths along z (mm), in the camera's frame (mm).

        Args:
            points_img: Points in the image, px.
            depth: Their depths along z, mm.
            nearest_ray: Whether a point that no ray of the lens reaches takes the outermost ray in its direction;
                otherwise it becomes NaN.
        """
        linear, centre = self.K[:2, :2], self.K[:2, 2]
        rays = (points_img - centre) @ np.linalg.inv(linear).T
        if self.distortion.any():
            rays = self._undistort(rays.reshape(-1, 2), nearest_ray=nearest_ray).reshape(rays.shape)
        return np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1)

    def _distort(self, rays: Points2D) -> Points2D:
        x, y = np.moveaxis(rays, -1, 0)
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        distorted_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([distorted_x, distorted_y], axis=-1)

    def _newton_step(self, rays: Float[np.ndarray, "M 2"], error: Float[np.ndarray, "M 2"]) -> Float[np.ndarray, "M 2"]:
        """The inverse of the distortion's Jacobian (which is symmetric) times the error."""
        x, y = rays.T
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))
        xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
        yy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
        xy = slope * x * y + 2 * p1 * x + 2 * p2 * y
        determinant = xx * yy - xy * xy
        step = np.stack([yy * error[:, 0] - xy * error[:, 1], xx * error[:, 1] - xy * error[:, 0]], axis=-1)
        return step / np.where(determinant == 0, np.finfo(float).tiny, determinant)[:, None]

    def _undistort(self, wanted: Float[np.ndarray, "M 2"], *, nearest_ray: bool) -> Float[np.ndarray, "M 2"]:
        """The rays that the lens bends to those wanted."""
        rays = np.full(wanted.shape, np.nan)
        inside = np.isfinite(wanted).all(axis=-1)
        if np.isfinite(self.ray_limit):
            rim = self._rim(wanted)
            reached = np.linalg.norm(self._distort(rim), axis=-1) * (1 + EXACT_RAY)
            outside = inside & (np.linalg.norm(wanted, axis=-1) > reached)
            if nearest_ray:
                rays[outside] = rim[outside]
            inside &= ~outside
        rays[inside] = self._solved(wanted[inside])
        return rays

    def _rim(self, wanted: Float[np.ndarray, "M 2"]) -> Float[np.ndarray, "M 2"]:
        """The outermost ray that the lens bends in the direction of each of those wanted."""
        angle = np.arctan2(wanted[:, 1], wanted[:, 0])
        turned = angle.copy()
        for _ in range(MOST_ROUNDS):
            bent = self._distort(self.ray_limit * np.stack([np.cos(turned), np.sin(turned)], axis=-1))
            miss = (angle - np.arctan2(bent[:, 1], bent[:, 0]) + np.pi) % (2 * np.pi) - np.pi
            turned += miss
            if not (np.abs(miss) > EXACT_RAY).any():
                break
        return self.ray_limit * np.stack([np.cos(turned), np.sin(turned)], axis=-1)

    def _solved(self, wanted: Float[np.ndarray, "M 2"]) -> Float[np.ndarray, "M 2"]:
        """Newton's method, each step halved until it comes nearer and stays within the lens; NaN where it finds none.

        Within the limit the Jacobian is regular, so that such a step always exists.
        """
        distance = np.linalg.norm(wanted, axis=-1)
        tolerance = EXACT_RAY * np.maximum(1.0, distance)
        # A step from the rim itself would be without bound, and the seventh power of a far-off place overflows.
        start = min(0.9 * self.ray_limit, 1e3)
        rays = wanted * (start / np.maximum(distance, start))[:, None]
        error = self._distort(rays) - wanted
        share = np.ones(len(wanted))
        for _ in range(MOST_ROUNDS):
            rows = np.flatnonzero(np.linalg.norm(error, axis=-1) > tolerance)
            if not len(rows):
                break
            tried = rays[rows] - share[rows, None] * self._newton_step(rays[rows], error[rows])
            missed = self._distort(tried) - wanted[rows]
            nearer = np.linalg.norm(missed, axis=-1) < np.linalg.norm(error[rows], axis=-1)
            nearer &= np.linalg.norm(tried, axis=-1) <= self.ray_limit
            rays[rows[nearer]], error[rows[nearer]] = tried[nearer], missed[nearer]
            share[rows] = np.where(nearer, 1.0, share[rows] / 2)
        rays[np.linalg.norm(error, axis=-1) > 1e3 * tolerance] = np.nan
        return rays


@lru_cache(maxsize=4096)
def _ray_limit(k1: float, k2: float, p1: float, p2: float, k3: float) -> float:
    # The image of a ray moves outward with it as long as d/dr (r + k1 r^3 + k2 r^5 + k3 r^7) is positive; tangential
    # terms take at most 6 r |(p1, p2)| of that away, in the direction that they squeeze.
    terms = np.array([7 * k3, 0, 5 * k2, 0, 3 * k1, -6 * np.hypot(p1, p2), 1])
    # Smaller terms act on rays along the image plane alone.
    roots = np.roots(np.where(np.abs(terms) > 1e-12, terms, 0))
    turns = roots.real[(np.abs(roots.imag) < 1e-9 * np.abs(roots)) & (roots.real > 0)]
    return float(turns.min()) if len(turns) else float("inf")


def camera_from_field_of_view(size_wh: tuple[int, int], degrees: float | int) -> Camera:
    """An undistorted camera looking along z whose longer image side spans `degrees`."""
    focal = max(size_wh) / (2 * np.tan(np.radians(degrees) / 2))
    width, height = size_wh
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(K=K, size_wh=size_wh)


def _are_sane(numbers: np.ndarray) -> bool:
    return bool((np.abs(numbers) < MOST_NUMBER).all())
