"""Why 2D and 3D labels disagree: each cause undoes one known mistake, and the one that mends the residual is named."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prepose.arrays import Joints2D, Joints3D
from prepose.data.checks.records import Records

Rows = Int[np.ndarray, "M"]


class Views(NamedTuple):
    """Two accounts of the same joints in the image: what is labelled and what the camera makes of the 3D joints, px."""

    labelled: Joints2D
    projected: Joints2D


def project_rows(records: Records, rows: Rows, joints_cam: Joints3D) -> Joints2D:
    """(M, J, 2) px of 3D joints through each sample's own camera; NaN without a camera or behind it."""
    projected = np.full((*joints_cam.shape[:2], 2), np.nan)
    for place, row in enumerate(rows.tolist()):
        camera = records.cameras[row]
        if camera is not None:
            projected[place] = camera.project(joints_cam[place])
    return projected


def residual_of(views: Views) -> Float[np.ndarray, "M"]:
    """The median distance over a sample's joints, px; infinite where no joint can be compared."""
    return median_over_joints(np.linalg.norm(views.labelled - views.projected, axis=-1))


def median_over_joints(values: Float[np.ndarray, "M J"]) -> Float[np.ndarray, "M"]:
    """The median of the finite values in each row, infinite where there is none."""
    out = np.full(len(values), np.inf)
    some = np.isfinite(values).any(axis=1)
    out[some] = np.nanmedian(np.where(np.isfinite(values[some]), values[some], np.nan), axis=1)
    return out


def _with_cam(change: Callable[[Records, Rows, Joints3D], Joints3D]) -> Callable[[Records, Rows], Views]:
    def views(records: Records, rows: Rows) -> Views:
        changed = change(records, rows, records.joints_cam[rows])
        return Views(records.joints_img[rows], project_rows(records, rows, changed))

    return views


def _with_img(change: Callable[[Records, Rows, Joints2D], Joints2D]) -> Callable[[Records, Rows], Views]:
    def views(records: Records, rows: Rows) -> Views:
        projected = project_rows(records, rows, records.joints_cam[rows])
        return Views(change(records, rows, records.joints_img[rows]), projected)

    return views


def _shifted(records: Records, rows: Rows) -> Views:
    """The labels moved by what most of the set is off by, each sample by its own median."""
    projected = project_rows(records, rows, records.joints_cam[rows])
    apart = records.joints_img[rows] - projected
    some = np.isfinite(apart).any(axis=(1, 2))
    offset = np.zeros((len(rows), 1, 2))
    offset[some] = np.nanmedian(apart[some], axis=1, keepdims=True)
    return Views(records.joints_img[rows] - offset, projected)


def _rescaled(records: Records, rows: Rows) -> Views:
    """The labels at another image size: times one number."""
    labelled, projected = records.joints_img[rows], project_rows(records, rows, records.joints_cam[rows])
    both = np.isfinite(labelled) & np.isfinite(projected)
    a, b = np.where(both, labelled, 0.0), np.where(both, projected, 0.0)
    ratio = (a * b).sum(axis=(1, 2)) / np.maximum((a * a).sum(axis=(1, 2)), 1e-9)
    return Views(labelled * ratio[:, None, None], projected)


def _neighbour(step: int) -> Callable[[Records, Rows], Views]:
    def views(records: Records, rows: Rows) -> Views:
        other = (rows + step) % len(records)
        return Views(records.joints_img[rows], project_rows(records, other, records.joints_cam[other]))

    return views


def _signs(*signs: int) -> Callable[[Records, Rows, np.ndarray], np.ndarray]:
    return lambda records, rows, joints: joints * np.array(signs)


def _depth_reversed(records: Records, rows: Rows, joints_cam: Joints3D) -> Joints3D:
    """Depths mirrored at the root's, or at the middle of the body without a root."""
    changed = joints_cam.copy()
    skeleton = records.skeleton
    roots = [skeleton.root_index] if skeleton.root else [skeleton.index(name) for name in ("l_hip", "r_hip")]
    changed[..., 2] = 2 * joints_cam[:, roots, 2].mean(axis=1, keepdims=True) - joints_cam[..., 2]
    return changed


def _from_world(records: Records, rows: Rows, joints: Joints3D) -> Joints3D:
    turned = np.einsum("nij,nkj->nki", records.camera_rotation[rows], joints)
    return turned + records.camera_translation[rows][:, None]


def _from_bottom(records: Records, rows: Rows, joints: Joints2D) -> Joints2D:
    height = records.camera_size_wh[rows][:, None, 1]
    return np.stack([joints[..., 0], height - 1 - joints[..., 1]], axis=-1)


def _from_right(records: Records, rows: Rows, joints: Joints2D) -> Joints2D:
    width = records.camera_size_wh[rows][:, None, 0]
    return np.stack([width - 1 - joints[..., 0], joints[..., 1]], axis=-1)


# Simple mistakes first: of two causes that mend the residual, the earlier is named.
CAUSES: Mapping[str, Callable[[Records, Rows], Views]] = MappingProxyType(
    {
        "left and right joints are swapped between the 2D and the 3D labels": _with_img(
            lambda records, rows, joints: joints[:, records.skeleton.mirror]
        ),
        "the 2D labels are all shifted by the same number of pixels": _shifted,
        "the depth axis points backwards (z away from the root is negated)": _with_cam(_depth_reversed),
        "the z axis is flipped (the person is behind the camera)": _with_cam(_signs(1, 1, -1)),
        "the y axis of the 3D labels points up": _with_cam(_signs(1, -1, 1)),
        "the x axis of the 3D labels is mirrored": _with_cam(_signs(-1, 1, 1)),
        "the 3D labels are turned by half a turn (y and z negated, a y-up camera frame)": _with_cam(_signs(1, -1, -1)),
        "y of the 2D labels is counted from the bottom of the image": _with_img(_from_bottom),
        "x of the 2D labels is counted from the right (a mirrored image)": _with_img(_from_right),
        "x and y of the 2D labels are exchanged": _with_img(lambda records, rows, joints: joints[..., ::-1]),
        "the 2D labels belong to another image size than the camera": _rescaled,
        "the 3D labels are in the world's frame, not the camera's": _with_cam(_from_world),
        "the 2D joints are off by one against the 3D joints (one to the right)": _with_img(
            lambda records, rows, joints: np.roll(joints, -1, axis=1)
        ),
        "the 2D joints are off by one against the 3D joints (one to the left)": _with_img(
            lambda records, rows, joints: np.roll(joints, 1, axis=1)
        ),
        "the 3D labels and camera belong to the sample before": _neighbour(-1),
        "the 3D labels and camera belong to the sample after": _neighbour(1),
    }
)
UNEXPLAINED = "the camera is not this image's, or 2D and 3D labels are of different samples"
