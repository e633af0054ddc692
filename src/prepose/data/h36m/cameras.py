"""Human3.6M's cameras: the authors' `metadata.xml`, the public JSON form, or a lens fitted to 2D and 3D joints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from prepose.arrays import Matrix3, Vector3
from prepose.camera.camera import Camera
from prepose.data.intake import check_file, read_json
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

CAMERA_IDS = ("54138969", "55011271", "58860488", "60457274")
CAMERA_FILES = ("metadata.xml", "camera-parameters.json", "cameras.pkl")
MM_PER_M = 1000.0
W0_SUBJECTS, W0_CAMERAS, W0_NUMBERS = 11, 4, 300
MOST_XML_BYTES = 16 * 2**20
# A lens has nine unknowns; on fewer points (each gives two equations) only focal lengths and centre are fitted.
LEAST_LENS_POINTS, MOST_LENS_POINTS = 90, 4000

Key = tuple[int, int]


@dataclass(frozen=True, eq=False)
class RawCamera:
    """A camera as a file has it, its pose not yet understood.

    Attributes:
        K: Intrinsic matrix, px.
        distortion: k1, k2, p1, p2, k3 (OpenCV's order).
        rotation: Nine numbers that should be cam_from_world's rotation; None where only the lens is known.
        shift: Three numbers that should be its translation or the camera's centre, mm.
        centre: Whether `shift` should be the camera's centre in the world.
    """

    K: Matrix3
    distortion: Float[np.ndarray, "5"]
    rotation: Matrix3 | None = None
    shift: Vector3 | None = None
    centre: bool = False

    def lens(self) -> Camera:
        """The camera in its own frame.

        Raises:
            ValueError: K or the distortion are not a camera's.
        """
        return Camera(K=self.K, size_wh=(1, 1), distortion=self.distortion)


def find_camera_files(root: Path) -> tuple[Path, ...]:
    """The camera files in a folder or one level below it, the authors' own first."""
    found = [path for name in CAMERA_FILES for path in (root / name, *sorted(root.glob(f"*/{name}")))]
    return tuple(path for path in found if path.is_file())


def read_camera_file(path: Path) -> dict[Key, RawCamera]:
    """(subject, camera 0..3) -> camera, of `metadata.xml`, `camera-parameters.json` or MMPose's `cameras.pkl`.

    Raises:
        DataError: the file is missing, damaged or holds something else.
    """
    readers = {".xml": _read_xml, ".pkl": _read_cameras_pickle}
    cameras = readers.get(path.suffix, _read_json)(path)
    for (subject, camera), raw in cameras.items():
        try:
            raw.lens()
        except ValueError as error:
            raise DataError(f"{path}: {CAMERA_IDS[camera]} of S{subject} is not a camera ({error})") from error
    return cameras


def _read_xml(path: Path) -> dict[Key, RawCamera]:
    check_file(path)
    if path.stat().st_size > MOST_XML_BYTES:
        raise DataError(f"{path}: is larger than {MOST_XML_BYTES >> 20} MiB; the authors' file has 0.1 MiB")
    # One element of plain numbers is wanted: no XML parser, hence no entities, has to see an untrusted file.
    found = re.search(rb"<w0[^>]*>([^<]*)</w0>", path.read_bytes())
    if found is None:
        raise DataError(f"{path}: has no element w0 with the camera parameters; take metadata.xml of the authors' code")
    try:
        w0 = np.array([float(number) for number in re.split(rb"[\s,;\[\]]+", found[1]) if number])
    except ValueError as error:
        raise DataError(f"{path}: w0 holds what is no number ({error}); download it again") from error
    if len(w0) != W0_NUMBERS or not np.isfinite(w0).all():
        raise DataError(
            f"{path}: w0 has {len(w0)} numbers, expected {W0_NUMBERS} finite ones (11 subjects x 4 cameras x 6 "
            f"extrinsics and 4 x 9 intrinsics); download it again"
        )
    return _cameras_of_w0(w0)


def _cameras_of_w0(w0: Float[np.ndarray, "300"]) -> dict[Key, RawCamera]:
    extrinsics = w0[:264].reshape(W0_CAMERAS, W0_SUBJECTS, 6)
    intrinsics = w0[264:].reshape(W0_CAMERAS, 9)
    cameras = {}
    for camera in range(W0_CAMERAS):
        fx, fy, cx, cy, k1, k2, k3, p1, p2 = intrinsics[camera]
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        for subject in range(W0_SUBJECTS):
            numbers = extrinsics[camera, subject]
            rotation = rotation_of_angles(numbers[:3])
            lens = np.array([k1, k2, p1, p2, k3])
            cameras[subject + 1, camera] = RawCamera(K, lens, rotation, numbers[3:].copy(), centre=True)
    return cameras


def rotation_of_angles(angles: Vector3) -> Matrix3:
    """The authors' rotation world -> camera: Rx(a) Ry(b) Rz(c)."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return x @ y @ z


def _read_cameras_pickle(path: Path) -> dict[Key, RawCamera]:
    """MMPose's: (subject, camera id) -> R (world from camera), T (the camera's centre, metres), f, c, k and p."""
    content = read_pickle(path)
    cameras = {}
    try:
        for (subject, camera), numbers in content.items():
            (fx, fy), (cx, cy) = (np.ravel(np.asarray(numbers[key], float)) for key in ("f", "c"))
            k1, k2, k3 = np.ravel(np.asarray(numbers["k"], float))
            p1, p2 = np.ravel(np.asarray(numbers["p"], float))
            centre = np.asarray(numbers["T"], float).reshape(3) * MM_PER_M
            rotation = np.asarray(numbers["R"], float).reshape(3, 3).T
            K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
            key = int(str(subject).lstrip("S")), CAMERA_IDS.index(str(camera))
            cameras[key] = RawCamera(K, np.array([k1, k2, p1, p2, k3]), rotation, centre, centre=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: is not MMPose's table of Human3.6M's cameras ({type(error).__name__} {error})"
        ) from error
    return cameras


def _read_json(path: Path) -> dict[Key, RawCamera]:
    data = read_json(path)
    try:
        lenses = [data["intrinsics"][name] for name in CAMERA_IDS]
        return {
            (int(subject[1:]), index): _camera_of_json(lenses[index], poses[name])
            for subject, poses in data["extrinsics"].items()
            for index, name in enumerate(CAMERA_IDS)
            if name in poses
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: is not the camera file of Human3.6M ({type(error).__name__} {error}); expected intrinsics of "
            f"{', '.join(CAMERA_IDS)} and extrinsics S1, S5, ... with R and t"
        ) from error


def _camera_of_json(lens: Mapping[str, Any], pose: Mapping[str, Any]) -> RawCamera:
    return RawCamera(
        K=np.array(lens["calibration_matrix"], float).reshape(3, 3),
        distortion=np.array(lens["distortion"], float).reshape(5),
        rotation=np.array(pose["R"], float).reshape(3, 3),
        shift=np.array(pose["t"], float).reshape(3),
    )


def fit_lens(joints_cam: Float[np.ndarray, "N J 3"], joints_img: Float[np.ndarray, "N J 2"]) -> RawCamera:
    """The lens that explains 2D joints (px) by 3D joints in the camera's frame, in the least-squares sense.

    Focal lengths and centre follow linearly; where there are points enough, they and the five coefficients of
    distortion are then refined together, robustly.

    Raises:
        ValueError: fewer than 10 points are in front of the camera and known in both, or the best polynomial turns back
            before the outermost of them.
    """
    points, places = joints_cam.reshape(-1, 3), joints_img.reshape(-1, 2)
    known = np.isfinite(points).all(axis=1) & np.isfinite(places).all(axis=1) & (points[:, 2] > 0)
    if known.sum() < 10:
        raise ValueError(f"a lens needs at least 10 points, {known.sum()} are known")
    rows = np.flatnonzero(known)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_LENS_POINTS)).astype(int))]
    points, places = points[rows], places[rows]
    rays = points[:, :2] / points[:, 2:]
    (fx, cx), (fy, cy) = (
        np.linalg.lstsq(np.stack([rays[:, axis], np.ones(len(rays))], axis=1), places[:, axis], rcond=None)[0]
        for axis in range(2)
    )
    numbers = np.array([fx, fy, cx, cy, 0, 0, 0, 0, 0])
    if len(rows) >= LEAST_LENS_POINTS and min(fx, fy) > 0:
        scale = np.array([1e3, 1e3, 1e3, 1e3, 0.1, 0.1, 1e-3, 1e-3, 0.1])

        def misses(guess: np.ndarray) -> np.ndarray:
            return (_projected_on(_lens(guess), points) - places).ravel()

        numbers = least_squares(misses, numbers, x_scale=scale, loss="soft_l1", max_nfev=60).x
        furthest, limit = float(np.linalg.norm(rays, axis=1).max()), _lens(numbers).ray_limit
        if furthest > limit:
            raise ValueError(
                f"the lens that fits best turns back at x/z = {limit:.2f}, and joints lie out to {furthest:.2f}"
            )
    lens = _matrix(numbers)
    return RawCamera(lens, numbers[4:])


def _projected_on(lens: Camera, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 2"]:
    """Points in the image; beyond the lens's limit it goes on straight, so that a search can find its way back."""
    distance = np.linalg.norm(points[:, :2], axis=1) / points[:, 2]
    beyond = distance > lens.ray_limit
    if not beyond.any():
        return lens.project(points)
    within = np.where(beyond, lens.ray_limit / np.where(beyond, distance, 1.0) * (1 - 1e-12), 1.0)[:, None]
    on_the_rim = np.concatenate([points[:, :2] * within, points[:, 2:]], axis=1)
    rays = points[:, :2] / points[:, 2:]
    return lens.project(on_the_rim) + (rays * (1 - within)) @ lens.K[:2, :2].T


def _matrix(numbers: np.ndarray) -> Matrix3:
    fx, fy, cx, cy = numbers[:4]
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def _lens(numbers: np.ndarray) -> Camera:
    numbers = np.concatenate([np.maximum(numbers[:2], 1.0), numbers[2:]])
    return Camera(K=_matrix(numbers), size_wh=(1, 1), distortion=numbers[4:])
