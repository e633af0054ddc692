"""The boxes of a synthetic person in the picture, from points of the skin and from the head's joints."""

import numpy as np
from jaxtyping import Float

from prepose.arrays import BoxXywh, Points2D
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera

_HEAD = {name: PREPOSE_27.index(name) for name in ("upper_neck", "head_top", "nose", "l_ear", "r_ear")}


def body_box(body_img: Points2D, size_wh: tuple[int, int]) -> BoxXywh:
    """The box (px) of what the picture could show of a body if nothing stood in front of it.

    Args:
        body_img: Points of the skin and joints, px; NaN behind the camera.
        size_wh: The picture's size, px.
    """
    # A box from pixel a to pixel b covers both of them.
    low = np.clip(np.nanmin(body_img, axis=0), 0, np.array(size_wh) - 2)
    high = np.clip(np.nanmax(body_img, axis=0), low + 1, np.array(size_wh) - 1)
    return np.concatenate([low, high - low + 1])


def head_box(joints_world: Float[np.ndarray, "27 3"], camera: Camera) -> BoxXywh:
    """The box (px) of the skull, chin to crown, as MPII's annotators drew it; it may reach past the picture's edge."""
    neck, top, nose, l_ear, r_ear = (
        joints_world[_HEAD[name]] for name in ("upper_neck", "head_top", "nose", "l_ear", "r_ear")
    )
    ears = (l_ear + r_ear) / 2
    up, forward, side = top - neck, nose - ears, (r_ear - l_ear) / 2
    # From behind the crown to the nose, and as wide as the skull is over the ears.
    depths, widths = (-1.25, 1.0), (-1.0, 1.0)
    middle = ears + ((neck + top) / 2 - ears) @ up / (up @ up) * up
    corners = np.stack([middle + h * up + d * forward + w * side for h in (-0.5, 0.5) for d in depths for w in widths])
    points = camera.project(camera.cam_from_world(corners))
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low + 1])
