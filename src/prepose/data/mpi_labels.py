"""What MPI-INF-3DHP and MuPoTS-3D share: cameras fitted to the labels where none is given, and `univ_annot3`."""

import numpy as np
from jaxtyping import Bool, Float

from prepose.camera.camera import Camera
from prepose.errors import DataError

FEWEST_JOINTS = 10
# Most labels are projections of the 3D joints to hundredths of a pixel; those of another place than their 3D joint miss
# by hundreds of times as much, and would pull a plain least-squares fit.
OUTLIER_TIMES, LEAST_OUTLIER_PX = 3.0, 1.0
MOST_FITS = 20


def fit_pinhole(
    joints_cam: Float[np.ndarray, "N J 3"],
    joints_img: Float[np.ndarray, "N J 2"],
    picture_wh: tuple[int, int],
    name: str,
) -> Camera:
    """The pinhole camera that sees 3D joints (mm) where the 2D joints are (px), by least squares.

    Joints that miss by more than three times the median and 1 px are left out and the camera is fitted again, until
    they stay the same.

    Raises:
        DataError: no camera does.
    """
    known = np.isfinite(joints_cam).all(axis=-1) & np.isfinite(joints_img).all(axis=-1) & (joints_cam[..., 2] > 0)
    if known.sum() < FEWEST_JOINTS:
        raise DataError(f"{name}: only {known.sum()} joints are before the camera; no camera can be fitted to them")
    rays, places = joints_cam[known][:, :2] / joints_cam[known][:, 2:], joints_img[known]
    used = np.ones(len(rays), bool)
    K = _least_squares(rays, places, used)
    for _ in range(MOST_FITS):
        apart = np.linalg.norm(rays * np.diag(K)[:2] + K[:2, 2] - places, axis=1)
        agree = np.asarray(apart <= max(LEAST_OUTLIER_PX, OUTLIER_TIMES * float(np.median(apart))))
        if (agree == used).all():
            break
        used = agree
        K = _least_squares(rays, places, used)
    try:
        return Camera(K, picture_wh, name=name)
    except ValueError as error:
        raise DataError(
            f"{name}: no camera sees its 3D joints at its 2D joints ({error}); take the original files"
        ) from error


def _least_squares(
    rays: Float[np.ndarray, "M 2"], places: Float[np.ndarray, "M 2"], used: Bool[np.ndarray, "M"]
) -> Float[np.ndarray, "3 3"]:
    (fx, cx), (fy, cy) = (
        np.linalg.lstsq(np.stack([rays[used, axis], np.ones(used.sum())], axis=1), places[used, axis], rcond=None)[0]
        for axis in range(2)
    )
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def univ_scale_of(true: Float[np.ndarray, "N J 3"], univ: Float[np.ndarray, "N J 3"], root: int) -> float:
    """The size of poses that the authors brought to one height, in parts of the true size (median over joints)."""
    sizes = [np.linalg.norm(joints - joints[:, root : root + 1], axis=-1) for joints in (true, univ)]
    far = sizes[0] > 1e-6
    return float(np.nanmedian(sizes[1][far] / sizes[0][far])) if far.any() else float("nan")
