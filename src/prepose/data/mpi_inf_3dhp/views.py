"""One camera's labelled frames of one recording, of either part of the dataset, and what all of them must pass."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeleton import Skeleton
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.length_unit import length_unit
from prepose.data.sample import as_stored
from prepose.errors import DataError

# The authors' 2D joints are projections of their 3D joints (to 0.01 px in the training set); a wrong camera, or 2D and
# 3D joints of different moments, miss by hundredths of the image's side.
MOST_APART = 0.005
UNSEEN = "frames have no joint inside the picture, and are left out"
BROKEN = "frames have NaN or infinite joints, and are left out"


@dataclass(frozen=True, eq=False)
class View:
    """N frames that one camera took of one recording.

    Attributes:
        name: The recording and camera, for people to read.
        subject: Who.
        place: The folder of the pictures, or the video that holds them.
        names: The picture of each frame below `place`; nothing where that is a video.
        frames: Which frame of the recording each is, from 0.
        joints_cam: Joints, mm.
        joints_img: Joints, px.
        actions: What the person does in each.
        camera: The camera.
        univ_scale: The size of the authors' `univ_annot3` poses in parts of the true one; NaN where there are none.
        counts: What was left out or mended -> how often.
    """

    name: str
    subject: str
    place: Path
    names: tuple[str, ...]
    frames: Int[np.ndarray, "N"]
    joints_cam: Float[np.ndarray, "N J 3"]
    joints_img: Float[np.ndarray, "N J 2"]
    actions: tuple[str, ...]
    camera: Camera
    univ_scale: float
    counts: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, kept: Bool[np.ndarray, "N"], why: str) -> "View":
        """Some of the frames, the others counted."""
        rows = np.flatnonzero(kept)
        return replace(
            self,
            names=tuple(self.names[row] for row in rows) if self.names else (),
            frames=self.frames[rows],
            joints_cam=self.joints_cam[rows],
            joints_img=self.joints_img[rows],
            actions=tuple(self.actions[row] for row in rows),
            counts=self.counts + Counter({why: int((~kept).sum())}),
        )


def checked(views: Sequence[View], skeleton: Skeleton, where: Path, *, partial: bool) -> tuple[View, ...]:
    """A recording's views without frames that are broken or show nobody, proved to be in mm and to fit in 2D and 3D.

    Raises:
        DataError: joints are NaN and `partial` is not set; legs are no person's in mm; 2D joints are not where the
            camera sees the 3D joints.
    """
    whole = [_finite(view, partial=partial) for view in views]
    if any(map(len, whole)):
        unit = length_unit(np.concatenate([view.joints_cam for view in whole]), skeleton, where)
        if unit.name != "mm":
            raise DataError(f"{where}: {unit}, and the authors' are in mm; take the original files")
    for view in whole:
        _check_projection(view)
    return tuple(view.take(np.asarray(inside(view).any(axis=1)), UNSEEN) for view in whole)


def inside(view: View) -> Bool[np.ndarray, "N J"]:
    """Which joints lie inside the picture."""
    return is_inside(view.joints_img, view.camera.size_wh)


def misses(view: View) -> Float[np.ndarray, "N J"]:
    """How far the projected 3D joints lie from the 2D joints, px; NaN behind the camera."""
    return np.linalg.norm(view.camera.project(view.joints_cam) - view.joints_img, axis=-1)


def notes_of(views: Sequence[View]) -> tuple[str, ...]:
    """What a user should be told of all views: counts of what was left out, agreement of 2D and 3D, `univ_annot3`."""
    counts = reduce(lambda a, b: a + b, (view.counts for view in views), Counter[str]())
    apart = np.concatenate([misses(view).ravel() for view in views])
    return (
        *(f"{count:,} {what}" for what, count in counts.items() if count),
        f"projected 3D joints meet the 2D joints to {np.nanmedian(apart):.2f} px (median)",
        *_univ_note(views),
    )


def _univ_note(views: Sequence[View]) -> tuple[str, ...]:
    scales = [view.univ_scale for view in views if np.isfinite(view.univ_scale)]
    if not scales:
        return ()
    return (
        f"3D joints are annot3, true to the camera in mm; univ_annot3, the same poses at {min(scales):.2f} to "
        f"{max(scales):.2f} times their size, do not project onto the people and are not used (univ_scale in details)",
    )


def _finite(view: View, *, partial: bool) -> View:
    joints = np.concatenate([view.joints_cam, view.joints_img], axis=-1)
    good = np.asarray(np.isfinite(as_stored(joints)).all(axis=(1, 2)))
    if good.all():
        return view
    if not partial:
        raise DataError(
            f"{view.name}: {int((~good).sum())} of {len(view)} frames hold NaN or infinite joints; pass "
            f"--partial to leave those frames out"
        )
    return view.take(good, BROKEN)


def _check_projection(view: View) -> None:
    if not len(view):
        return
    apart = misses(view)
    behind = float(np.isnan(apart).mean())
    if behind > 0.5:
        raise DataError(
            f"{view.name}: {behind:.0%} of the 3D joints are behind the camera; annot3 should be in the camera's frame "
            f"(z forward, mm): these files are not the authors'"
        )
    median = float(np.nanmedian(apart))
    if median > MOST_APART * max(view.camera.size_wh):
        raise DataError(
            f"{view.name}: 3D joints project {median:.1f} px (median) beside the 2D joints; check that they "
            f"are annot3, not univ_annot3, and that the camera is this recording's"
        )
