"""Which camera an image was taken with, as far as the user says: a focal length, a field of view or a file."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from prepose.camera.camera import Camera, camera_from_field_of_view
from prepose.camera.crop import middle_of
from prepose.errors import DataError
from prepose.files import read_object

# An image's size (px) -> its camera, and in words where that comes from.
CameraOf = Callable[[tuple[int, int]], tuple[Camera, str]]

# Between a phone's main camera (about 69 degrees over the longer side) and a portrait lens (about 40).
ASSUMED_FIELD_OF_VIEW_DEG = 55.0
_AXIS = "the optical axis goes through the middle of the image"
_FORM = '{"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], "size_wh": [width, height], "distortion": [k1, k2, p1, p2, k3]}'


# Checking a camera takes 0.3 ms, and the frames of a video all have the same one.
@lru_cache(maxsize=64)
def assumed_camera(size_wh: tuple[int, int], degrees: float | int = ASSUMED_FIELD_OF_VIEW_DEG) -> tuple[Camera, str]:
    """The camera where nobody knows it."""
    return camera_from_field_of_view(size_wh, degrees), f"assumed: the longer side spans {degrees:g} degrees, {_AXIS}"


def camera_choice(
    *, focal_px: float | int | None = None, fov_deg: float | int | None = None, file: Path | None = None
) -> CameraOf | None:
    """The camera that a user gives, by one of three; None where by none.

    Args:
        focal_px: Focal length, px; the optical axis goes through the middle of each image.
        fov_deg: Angle that the longer side of each image spans, degrees; likewise.
        file: A JSON file with `K` (px), `size_wh` (px) and, of a lens that distorts, `distortion` (OpenCV's k1, k2, p1,
            p2, k3).

    Raises:
        DataError: more than one is given, a number is out of range, or the file is not what it should be.
    """
    if sum(each is not None for each in (focal_px, fov_deg, file)) > 1:
        raise DataError("--focal, --fov and --camera each say what the camera is; give one of them")
    if focal_px is not None:
        if not 1 <= focal_px <= 1e6:
            raise DataError(f"--focal {focal_px:g}: expected a focal length in px, from 1 to 1000000")
        return lambda size_wh: (_with_focal(size_wh, focal_px), f"given: focal length {focal_px:g} px, {_AXIS}")
    if fov_deg is not None:
        if not 1 <= fov_deg <= 170:
            raise DataError(f"--fov {fov_deg:g}: expected the angle that the longer side spans, 1 to 170 degrees")
        rule = f"given: the longer side spans {fov_deg:g} degrees, {_AXIS}"
        return lambda size_wh: (camera_from_field_of_view(size_wh, fov_deg), rule)
    return None if file is None else _from_file(file)


def _with_focal(size_wh: tuple[int, int], focal: float | int) -> Camera:
    width, height = size_wh
    return Camera(K=np.array([[focal, 0, middle_of(width)], [0, focal, middle_of(height)], [0, 0, 1]]), size_wh=size_wh)


def _from_file(path: Path) -> CameraOf:
    content = read_object(path, advice=f"expected {_FORM}")
    try:
        K, size, lens = (np.array(content.get(key, []), float) for key in ("K", "size_wh", "distortion"))
        if K.shape != (3, 3) or size.shape != (2,) or lens.ndim != 1 or len(lens) > 5 or (size != size.round()).any():
            raise ValueError(f"K has the shape {K.shape}, size_wh {size.shape}, distortion {lens.shape}")
        camera = Camera(
            K=K, size_wh=(int(size[0]), int(size[1])), distortion=np.pad(lens, (0, 5 - len(lens))), name=path.name
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: is not a camera ({error}); expected {_FORM}") from error

    def camera_of(size_wh: tuple[int, int]) -> tuple[Camera, str]:
        if size_wh != camera.size_wh:
            raise DataError(
                f"{path}: the camera is of images of {camera.size_wh[0]} x {camera.size_wh[1]} px, but this one is "
                f"{size_wh[0]} x {size_wh[1]} px; give a camera of that size"
            )
        return camera, f"given: {path}"

    return camera_of
