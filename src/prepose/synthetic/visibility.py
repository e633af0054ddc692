"""Whether the camera sees a joint, and what hides it: an object, the own body, or the frame's edge.

A joint lies inside the body, so the skin is always in front of it. What counts is how far: the own body hides a joint
when the first skin that a ray meets is further before the joint than the flesh about that joint is thick, or when the
ray leaves the body again before it comes to the joint.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int, UInt8

from prepose.arrays import Points3D, Vector3
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import is_inside
from prepose.data.sample import JointState

# (origins, directions) -> (index of the mesh or -1, distance in mm or inf) of the first hit of each ray.
FirstHits = Callable[
    [Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]], tuple[Int[np.ndarray, "R"], Float[np.ndarray, "R"]]
]

# The greatest thickness of flesh and clothes over a joint, seen from where it is still that joint's own flesh, as a
# fraction of stature. Shoulders and hips: from the front through chest muscle or belly, from behind through the
# buttock, but not from the far side through the trunk. Marks on the skin have only hair or cloth over them.
FLESH_OVER: Mapping[str, float] = MappingProxyType(
    {
        "pelvis": 0.100, "spine": 0.095, "thorax": 0.090, "upper_neck": 0.068, "head": 0.078, "head_top": 0.060,
        "nose": 0.022, "l_eye": 0.022, "r_eye": 0.022, "l_ear": 0.030, "r_ear": 0.030,
        **{
            f"{s}_{joint}": thickness
            for s in "lr"
            for joint, thickness in {
                "shoulder": 0.060, "elbow": 0.042, "wrist": 0.034, "hand": 0.034,
                "hip": 0.090, "knee": 0.050, "ankle": 0.042, "toe": 0.036,
            }.items()
        },
    }
)  # fmt: skip
_FLESH_OVER = np.array([FLESH_OVER[name] for name in PREPOSE_27.joints])
# A gap between two limbs, or an object this little before the joint, does not count, mm.
_GAP = 20.0
_STEP = 2.0


def joint_states(
    joints_world: Points3D, camera: Camera, *, first_hits: FirstHits, person_mesh: int, stature: float
) -> UInt8[np.ndarray, "27"]:
    """A `JointState` for each joint of prepose-27.

    Args:
        joints_world: The joints, mm.
        camera: The camera of the square picture.
        first_hits: The ray caster of the whole scene (world, mm; unit directions).
        person_mesh: Which mesh is the person's skin.
        stature: The person's height, mm.
    """
    joints_cam = camera.cam_from_world(joints_world)
    outside = ~is_inside(camera.project(joints_cam), camera.size_wh[0])
    centre = camera_centre(camera)
    along = joints_world - centre
    distance = np.linalg.norm(along, axis=1)
    directions = along / distance[:, None]
    mesh, reached = first_hits(np.broadcast_to(centre, along.shape).copy(), directions)
    before = np.where(mesh >= 0, distance - reached, -np.inf)
    on_body = mesh == person_mesh
    deep = before > _FLESH_OVER * stature
    near_body = on_body & ~deep & (before > _GAP)
    hidden = on_body & deep
    if near_body.any():
        rays = np.flatnonzero(near_body)
        origins = centre + directions[rays] * (reached[rays] + _STEP)[:, None]
        behind, further = first_hits(origins, directions[rays])
        left_at = reached[rays] + _STEP + further
        hidden[rays] = (behind == person_mesh) & (distance[rays] - left_at > _GAP)
    states = np.full(len(joints_world), JointState.VISIBLE, dtype=np.uint8)
    states[hidden] = JointState.OCCLUDED_BY_BODY
    states[~on_body & (before > _STEP)] = JointState.OCCLUDED_BY_OBJECT
    states[outside] = JointState.OUTSIDE
    return states


def camera_centre(camera: Camera) -> Vector3:
    """Where the camera is in the world, mm."""
    return -camera.rotation.T @ camera.translation
