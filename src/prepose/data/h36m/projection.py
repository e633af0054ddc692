"""Each frame gets its camera, its place in the image, and a check that the two and the 3D joints belong together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from prepose.camera.camera import Camera
from prepose.data.h36m.cameras import CAMERA_IDS, Key, RawCamera, find_camera_file, fit_lens, read_camera_file
from prepose.data.h36m.extrinsics import (
    MOST_BOX_SHARE,
    MOST_MM_BETWEEN_VIEWS,
    Pose,
    Settled,
    box_misfit,
    settle,
    views_misfit,
)
from prepose.data.h36m.frames import Frames
from prepose.data.picture import image_header
from prepose.errors import DataError

# 2D joints are projections of the 3D ones: sound files agree to a pixel, and a wrong lens misses by tens.
MOST_PX_APART = 8.0


@dataclass(frozen=True, eq=False)
class Seen:
    """Frames with their cameras by (subject, camera 0..3)."""

    frames: Frames
    cameras: Mapping[Key, Camera]


def with_cameras(frames: Frames, root: Path) -> Seen:
    """The frames with cameras: of the owners' file where it is there, else the layout's, else fitted to 2D and 3D.

    Joints in the world become joints in the camera's frame; where the layout has no 2D joints, they are projected.

    Raises:
        DataError: cameras are missing, damaged or do not fit the labels.
    """
    if frames.rooted:
        return Seen(frames, {})
    file = find_camera_file(root)
    keys = sorted({(int(subject), int(camera)) for subject, _, _, camera, _ in frames.where})
    if file is not None:
        raws = read_camera_file(file)
        lacking = [key for key in keys if key not in raws]
        if lacking:
            raise DataError(
                f"{file}: has no camera {CAMERA_IDS[lacking[0][1]]} for S{lacking[0][0]}; take a complete file"
            )
        raws, origin = {key: raws[key] for key in keys}, file.name
    elif frames.joints_world is not None:
        raws, origin = {key: raw for key, raw in frames.cameras.items() if key in keys}, "the layout's camera files"
        frames = frames.told(
            "the layout's cameras have no lens distortion; add metadata.xml for places exact to a pixel"
        )
    else:
        raws, origin = _lenses(frames, keys), "lenses fitted to 2D and 3D joints"
    settled = _poses(frames, raws, origin)
    frames = frames.told(*settled.notes)
    cameras = _cameras(frames, raws, settled.poses)
    if frames.joints_world is not None:
        frames = replace(frames, joints_cam=_in_cameras(frames, cameras))
    return Seen(_projected(frames, cameras, origin), cameras)


def _lenses(frames: Frames, keys: list[Key]) -> dict[Key, RawCamera]:
    """Lenses fitted to all frames of each of the four cameras, whoever is seen."""
    lenses = {}
    for camera in sorted({camera for _, camera in keys}):
        rows = frames.where[:, 3] == camera
        try:
            lens = fit_lens(frames.joints_cam[rows], frames.joints_img[rows])
        except ValueError as error:
            raise DataError(
                f"{frames.folder}: no lens of camera {CAMERA_IDS[camera]} can be fitted ({error}); put metadata.xml or "
                f"camera-parameters.json beside the labels"
            ) from error
        lenses |= {key: lens for key in keys if key[1] == camera}
    return lenses


def _poses(frames: Frames, raws: Mapping[Key, RawCamera], origin: str) -> Settled:
    if frames.joints_world is not None:
        misfit = box_misfit(frames.joints_world, frames.given, frames.where, raws)
        return settle(raws, misfit, limit=MOST_BOX_SHARE, unit="of the boxes' sides", where=origin)
    misfit = views_misfit(frames.joints_cam, frames.where)
    return settle(raws, misfit, limit=MOST_MM_BETWEEN_VIEWS, unit="mm between views", where=origin)


def _cameras(frames: Frames, raws: Mapping[Key, RawCamera], poses: Mapping[Key, Pose]) -> dict[Key, Camera]:
    cameras = {}
    nowhere = Pose(np.eye(3), np.zeros(3))
    for key, raw in raws.items():
        rows = np.flatnonzero((frames.where[:, 0] == key[0]) & (frames.where[:, 3] == key[1]))
        size = image_header(frames.folder / frames.images[rows[0]]).size_wh
        rotation, translation = poses.get(key, nowhere)
        try:
            camera = Camera(raw.K, size, rotation, translation, raw.distortion, CAMERA_IDS[key[1]])
        except ValueError as error:
            raise DataError(f"{frames.folder}: camera {CAMERA_IDS[key[1]]} of S{key[0]} cannot be ({error})") from error
        centre = np.abs(raw.K[:2, 2] / size - 0.5)
        if (centre > 0.25).any():
            raise DataError(
                f"{frames.folder / frames.images[rows[0]]}: is {size[0]} x {size[1]} px, but the centre of its camera "
                f"lies at {raw.K[0, 2]:.0f}, {raw.K[1, 2]:.0f}; the images were resized or cropped: take the originals"
            )
        cameras[key] = camera
    return cameras


def _in_cameras(frames: Frames, cameras: Mapping[Key, Camera]) -> Float[np.ndarray, "N 17 3"]:
    assert frames.joints_world is not None
    joints = np.full(frames.joints_world.shape, np.nan)
    for key, camera in cameras.items():
        rows = rows_of(frames, key)
        joints[rows] = camera.cam_from_world(frames.joints_world[rows])
    return joints


def _projected(frames: Frames, cameras: Mapping[Key, Camera], origin: str) -> Frames:
    """2D joints by projection where the layout has none; else the two compared."""
    projected = np.full(frames.joints_img.shape, np.nan)
    for key, camera in cameras.items():
        rows = rows_of(frames, key)
        projected[rows] = camera.project(frames.joints_cam[rows])
    behind = np.isnan(projected).any(axis=(1, 2))
    if behind.any():
        first = frames.images[int(np.flatnonzero(behind)[0])]
        raise DataError(
            f"{frames.folder}: {int(behind.sum())} of {len(frames)} people are behind their camera ({first}, ...); the "
            f"depth axis is flipped, or the joints are relative to the pelvis"
        )
    apart = np.linalg.norm(projected - frames.joints_img, axis=-1)
    if np.isnan(apart).all():
        return replace(frames, joints_img=projected).told("2D joints are projections of the 3D joints")
    worst, figure = "", 0.0
    for key in cameras:
        rows = rows_of(frames, key)
        median = float(np.nanmedian(apart[rows])) if np.isfinite(apart[rows]).any() else 0.0
        if median >= figure:
            worst, figure = f"camera {CAMERA_IDS[key[1]]} of S{key[0]}", median
    if figure > MOST_PX_APART:
        raise DataError(
            f"{frames.folder}: {worst} misses the 2D joints by {figure:.1f} px in the median ({origin}); the camera is "
            f"of another recording, or the images' size is not the original one"
        )
    return frames.told(
        f"projected 3D joints meet the 2D joints to {np.nanmedian(apart):.2f} px (median; {origin}), the worst camera "
        f"to {figure:.2f} px"
    )


def rows_of(frames: Frames, key: Key) -> np.ndarray:
    """Which frames a subject's camera took."""
    return np.flatnonzero((frames.where[:, 0] == key[0]) & (frames.where[:, 3] == key[1]))
