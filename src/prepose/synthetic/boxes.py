"""The boxes of a synthetic person in the picture, from points of the skin and from the head's joints."""

from functools import cache

import numpy as np
from jaxtyping import Float

from prepose.arrays import BoxXywh, Points2D
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera

_HEAD = [PREPOSE_27.index(name) for name in ("upper_neck", "head_top", "nose", "l_ear", "r_ear")]


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
    neck, top, nose, left, right = joints_world[_HEAD]
    ears = (left + right) / 2
    up, forward, side = (top - neck) / 2, nose - ears, (right - left) / 2
    # The skull as an ellipsoid through chin, crown, nose and ears; it reaches further behind the ears than before them.
    middle = ears + ((neck + top) / 2 - ears) @ up / (up @ up) * up - 0.1 * forward
    skin = middle + _sphere() @ np.stack([1.02 * up, 1.12 * forward, 1.08 * side])
    points = camera.project(camera.cam_from_world(skin))
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low + 1])


@cache
def _sphere() -> Float[np.ndarray, "P 3"]:
    """Points all over the unit sphere, its six poles among them."""
    steps = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)])
    return steps / np.linalg.norm(steps, axis=1, keepdims=True)
