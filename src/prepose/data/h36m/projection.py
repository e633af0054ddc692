"""Each frame gets its camera, its place in the image, and a check that the two and the 3D joints belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prepose.camera.camera import Camera
from prepose.data.h36m.cameras import CAMERA_IDS, Key, RawCamera, find_camera_files, fit_lens, read_camera_file
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
# Of several camera sources the first keeps its place unless another fits better by more than this: in shares of the
# boxes' sides (a lens without distortion is off by about half as much), or in px of the 2D joints.
CLEARLY_BETTER_SHARE, CLEARLY_BETTER_PX = 0.01, 1.0


@dataclass(frozen=True, eq=False)
class Seen:
    """Frames with their cameras by (subject, camera 0..3)."""

    frames: Frames
    cameras: Mapping[Key, Camera]


class _Source(NamedTuple):
    """Cameras of one source, before their poses are understood."""

    raws: Mapping[Key, RawCamera]
    origin: str


class _Tried(NamedTuple):
    """Frames seen by the cameras of one source, and how far these miss the labels; NaN where nothing tells."""

    seen: Seen
    origin: str
    miss: float


def with_cameras(frames: Frames, root: Path) -> Seen:
    """The frames with cameras: of a file or the layout's own, whichever fits; without either fitted to 2D and 3D.

    Every source is held against the 2D joints, or against the boxes where the layout has none. The authors' file keeps
    its place unless another source fits clearly better. Joints in the world become joints in the camera's frame; where
    the layout has no 2D joints, they are projected.

    Raises:
        DataError: cameras are missing, damaged or do not fit the labels.
    """
    if frames.rooted:
        return Seen(frames, {})
    keys = sorted({(int(subject), int(camera)) for subject, _, _, camera, _ in frames.where})
    files = find_camera_files(root)
    own = {key: raw for key, raw in frames.cameras.items() if key in keys}
    if not files and not own:
        source = _Source(_lenses(frames, keys), "lenses fitted to 2D and 3D joints")
        return _through(frames, source).seen
    tried, failed = [], []
    for path in (*files, None) if own else files:
        try:
            source = _Source(own, "the layout's camera files") if path is None else _of_file(path, keys)
            tried.append(_through(frames, source))
        except DataError as error:
            failed.append(error)
    if not tried:
        raise failed[0]
    chosen = _best(tried, CLEARLY_BETTER_PX if frames.joints_world is None else CLEARLY_BETTER_SHARE)
    notes = [f"not used: {error}" for error in failed]
    if len(tried) > 1:
        misses = ", ".join(f"{each.origin} by {_said(each.miss, frames)}" for each in tried)
        notes.append(f"of the camera sources that are there, {misses} miss the labels: {chosen.origin} is taken")
    return replace(chosen.seen, frames=chosen.seen.frames.told(*notes))


def _said(miss: float, frames: Frames) -> str:
    if np.isnan(miss):
        return "an unknown amount"
    return f"{miss:.2f} px" if frames.joints_world is None else f"{miss:.1%} of the boxes' sides"


def _best(tried: Sequence[_Tried], clearly: float) -> _Tried:
    """The first that no other beats clearly."""
    least = min((each.miss for each in tried if not np.isnan(each.miss)), default=np.nan)
    return next((each for each in tried if each.miss <= least + clearly), tried[0])


def _of_file(path: Path, keys: Sequence[Key]) -> _Source:
    raws = read_camera_file(path)
    lacking = [key for key in keys if key not in raws]
    if lacking:
        raise DataError(f"{path}: has no camera {CAMERA_IDS[lacking[0][1]]} for S{lacking[0][0]}; take a complete file")
    return _Source({key: raws[key] for key in keys}, path.name)


def _through(frames: Frames, source: _Source) -> _Tried:
    """The frames as one source's cameras see them."""
    if frames.joints_world is not None and not any(raw.distortion.any() for raw in source.raws.values()):
        frames = frames.told(f"{source.origin}: no lens distortion; add metadata.xml for 2D joints exact to a pixel")
    settled = _poses(frames, source.raws, source.origin)
    frames = frames.told(*settled.notes)
    cameras = _cameras(frames, source.raws, settled.poses)
    if frames.joints_world is not None:
        frames = replace(frames, joints_cam=_in_cameras(frames, cameras))
    projected, apart = _projected(frames, cameras, source.origin)
    return _Tried(Seen(projected, cameras), source.origin, settled.misfit if frames.joints_world is not None else apart)


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


def _projected(frames: Frames, cameras: Mapping[Key, Camera], origin: str) -> tuple[Frames, float]:
    """2D joints by projection where the layout has none, else the two compared; and their median distance, px."""
    projected = np.full(frames.joints_img.shape, np.nan)
    for key, camera in cameras.items():
        rows = rows_of(frames, key)
        projected[rows] = camera.project(frames.joints_cam[rows])
    _check_seen(frames, projected)
    apart = np.linalg.norm(projected - frames.joints_img, axis=-1)
    if np.isnan(apart).all():
        told = "2D joints are not labelled: they are the 3D joints, projected by the camera"
        return replace(frames, joints_img=projected, projected=True).told(told), np.nan
    worst, figure = "", 0.0
    for key in cameras:
        rows = rows_of(frames, key)
        median = float(np.nanmedian(apart[rows])) if np.isfinite(apart[rows]).any() else 0.0
        if median >= figure:
            worst, figure = f"camera {CAMERA_IDS[key[1]]} of S{key[0]}", median
    if figure > MOST_PX_APART:
        raise DataError(
            f"{frames.folder}: {worst} misses the 2D joints by {figure:.1f} px in the median ({origin}): cameras "
            f"and 2D joints do not belong together"
        )
    median = float(np.nanmedian(apart))
    told = (
        f"projected 3D joints meet the 2D joints to {median:.2f} px (median; {origin}), the worst camera to "
        f"{figure:.2f} px"
    )
    return frames.told(told), median


def _check_seen(frames: Frames, projected: Float[np.ndarray, "N 17 2"]) -> None:
    lost = np.isnan(projected).any(axis=(1, 2))
    behind = (frames.joints_cam[..., 2] <= 0).any(axis=1)
    if behind.any():
        first = frames.images[int(behind.argmax())]
        raise DataError(
            f"{frames.folder}: {int(behind.sum())} of {len(frames)} people are behind their camera ({first}, ...); the "
            f"depth axis is flipped, or the joints are relative to the pelvis"
        )
    if lost.any():
        first = frames.images[int(lost.argmax())]
        raise DataError(
            f"{frames.folder}: {int(lost.sum())} of {len(frames)} people are further off the optical axis than their "
            f"camera's lens reaches ({first}, ...); its distortion coefficients are not those of these recordings"
        )


def rows_of(frames: Frames, key: Key) -> np.ndarray:
    """Which frames a subject's camera took."""
    return np.flatnonzero((frames.where[:, 0] == key[0]) & (frames.where[:, 3] == key[1]))
