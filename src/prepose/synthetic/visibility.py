"""Whether the camera sees a joint, and what hides it: an object, the own body, or the frame's edge; and boxes.

A joint lies inside the body, so some of its own skin is always in front of it. A ray from the camera to the joint goes
in and out of the body on its way. The own body hides the joint when the ray has been inside another part of it (it went
in and came out again), or when it goes through more flesh to the joint than lies over that joint: a hip is seen through
the belly or the buttock over it, but not through the whole trunk from the other side. Cloth and hair that hang free
hide nothing: they belong to what they cover.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from prepose.arrays import BoxXywh, Points2D, Points3D, Vector3
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.sample import JointState
from prepose.synthetic.tracer import Tracer

# The greatest thickness of flesh and clothes over a joint, seen from where it is still that joint's own flesh, as a
# fraction of stature: about the 95th percentile over drawn people and the directions on the joint's own side, which for
# the joints of the middle line are all directions.
FLESH_OVER: Mapping[str, float] = MappingProxyType(
    {
        "pelvis": 0.125, "spine": 0.110, "thorax": 0.090, "upper_neck": 0.075, "head": 0.088, "head_top": 0.060,
        "nose": 0.022, "l_eye": 0.022, "r_eye": 0.022, "l_ear": 0.030, "r_ear": 0.030,
        **{
            f"{s}_{joint}": thickness
            for s in "lr"
            for joint, thickness in {
                "shoulder": 0.068, "elbow": 0.045, "wrist": 0.034, "hand": 0.034,
                "hip": 0.108, "knee": 0.058, "ankle": 0.052, "toe": 0.040,
            }.items()
        },
    }
)  # fmt: skip
_FLESH_OVER = np.array([FLESH_OVER[name] for name in PREPOSE_27.joints])
# A gap between two limbs this small does not part them; an object this little before the joint touches it, mm.
_GAP, _TOUCH = 15.0, 2.0
_STEP = 0.5
# Surfaces that a ray is followed through; a body pressed to a body makes about eight.
_CROSSINGS = 16


class _Crossing(NamedTuple):
    """Where a ray meets a surface: how far along it, mm, and which kind it is."""

    at: float
    kind: "_Kind"


class _Kind(Enum):
    ENTERS = 0
    LEAVES = 1
    OBJECT = 2


def joint_states(
    joints_world: Points3D, camera: Camera, tracer: Tracer, *, stature: float, num_own: int = 1
) -> UInt8[np.ndarray, "27"]:
    """A `JointState` for each joint of prepose-27.

    Args:
        joints_world: The joints, mm.
        camera: The camera of the square picture.
        tracer: The whole scene. Its first mesh is the person's skin, closed, faces counter-clockwise from outside.
        stature: The person's height, mm.
        num_own: How many of the first meshes are the person's: the skin, then free-hanging cloth and hair.
    """
    outside = ~is_inside(camera.project(camera.cam_from_world(joints_world)), camera.size_wh)
    along = joints_world - camera_centre(camera)
    distance = np.linalg.norm(along, axis=1)
    crossings = _follow(tracer, camera_centre(camera), along / distance[:, None], distance, num_own)
    states = [
        _state(before, float(at), float(over))
        for before, at, over in zip(crossings, distance, _FLESH_OVER * stature, strict=True)
    ]
    return np.where(outside, JointState.OUTSIDE, np.array(states)).astype(np.uint8)


def _state(crossings: Sequence[_Crossing], joint_at: float, flesh_over: float) -> JointState:
    """What hides a joint at that distance, given what the ray meets before it and the flesh that belongs to it (mm)."""
    depth, went_in, came_out = 0, np.nan, np.nan
    for at, kind in crossings:
        if kind is _Kind.OBJECT:
            if np.isnan(went_in):
                return JointState.OCCLUDED_BY_OBJECT
        elif kind is _Kind.ENTERS:
            if depth == 0 and at - came_out > _GAP:
                return JointState.OCCLUDED_BY_BODY
            went_in = at if np.isnan(went_in) else went_in
            depth += 1
        else:
            depth = max(depth - 1, 0)
            came_out = at
    if joint_at - went_in > flesh_over or (depth == 0 and joint_at - came_out > _GAP):
        return JointState.OCCLUDED_BY_BODY
    return JointState.VISIBLE


def _follow(
    tracer: Tracer,
    centre: Vector3,
    directions: Float[np.ndarray, "R 3"],
    distance: Float[np.ndarray, "R"],
    num_own: int,
) -> list[list[_Crossing]]:
    """What each ray meets up to its distance (mm), in order; free-hanging cloth and hair are left out."""
    found: list[list[_Crossing]] = [[] for _ in distance]
    travelled = np.zeros(len(distance))
    going = np.arange(len(distance))
    for _ in range(_CROSSINGS):
        origins = centre + directions[going] * travelled[going, None]
        hits = tracer.scene.first_hits(origins.T, directions[going].T)
        travelled[going] += hits.distance
        on_the_way = travelled[going] < distance[going] - _TOUCH
        inward = np.einsum("kr,rk->r", hits.normal, directions[going])[on_the_way] < 0
        meshes = tracer.face_mesh[hits.triangle[on_the_way]]
        going = going[on_the_way]
        met = zip(meshes.tolist(), going.tolist(), inward.tolist(), travelled[going].tolist(), strict=True)
        for mesh, ray, enters, at in met:
            if mesh == 0:
                found[ray].append(_Crossing(at, _Kind.ENTERS if enters else _Kind.LEAVES))
            elif mesh >= num_own:
                found[ray].append(_Crossing(at, _Kind.OBJECT))
        if not len(going):
            break
        travelled[going] += _STEP
    return found


def camera_centre(camera: Camera) -> Vector3:
    """Where the camera is in the world, mm."""
    return -camera.rotation.T @ camera.translation


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
