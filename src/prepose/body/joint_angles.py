"""Angles of the knees, hips, elbows, shoulders and the trunk from joint positions alone.

The recommendations of the International Society of Biomechanics (ISB) define joint angles between coordinate systems
of segments (Wu et al., J. Biomech. 35, 2002, hip and ankle; 38, 2005, shoulder and elbow; after Grood and Suntay,
J. Biomech. Eng. 105, 1983). Those need landmarks that a skeleton of joints lacks (epicondyles, spines of the pelvis).
What joints allow:

- `knee_flexion`, `elbow_flexion`: 180 degrees minus the angle at the joint between its neighbours. A 3-point angle: it
  knows no hyperextension and no axis of the joint.
- `hip_flexion`: of the thigh in the trunk's sagittal plane, front positive. ISB's first rotation of the hip, with the
  trunk's axes in place of the pelvis's.
- `shoulder_flexion`: of the upper arm in the trunk's sagittal plane, front positive. Not an ISB angle; NaN within 20
  degrees of straight to the side, where the plane shows nothing of the arm.
- `shoulder_elevation`: between the upper arm and the trunk's downward axis. ISB's second rotation of the humerus
  relative to the thorax.
- `trunk_lean`: between the trunk's axis and up, in any direction.

The trunk's axis runs from the middle of the hips to the middle of the shoulders; its axis to the right follows the hips
for the hip's angles and the shoulders for the shoulder's, square to the trunk's axis; the third is its front.
"""

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton

SIDES = {"l": "left", "r": "right"}
ANGLES = ("knee_flexion", "hip_flexion", "elbow_flexion", "shoulder_flexion", "shoulder_elevation", "trunk_lean")
# What each angle is and where its definition comes from, for a reader of tables.
DEFINITIONS = {
    "knee_flexion": "180° minus the angle hip-knee-ankle; 0 is straight. A 3-point angle: no hyperextension, no joint "
    "axis.",
    "hip_flexion": "of the thigh in the trunk's sagittal plane, front positive; 0 is standing. ISB's first rotation of "
    "the hip (Wu et al., J. Biomech. 35, 2002), with the trunk's axes in place of the pelvis's.",
    "elbow_flexion": "180° minus the angle shoulder-elbow-wrist; 0 is straight. A 3-point angle.",
    "shoulder_flexion": "of the upper arm in the trunk's sagittal plane, front positive; 0 is hanging. Not an ISB "
    "angle; unknown within 20° of straight to the side.",
    "shoulder_elevation": "between the upper arm and the trunk's downward axis. ISB's second rotation of the humerus "
    "relative to the thorax (Wu et al., J. Biomech. 38, 2005).",
    "trunk_lean": "between the trunk's axis (middle of the hips to middle of the shoulders) and the upward axis, in "
    "any direction.",
}
# The camera's y axis points down. Whether it is level with the ground, one image does not tell.
CAMERA_UP = (0.0, -1.0, 0.0)
# An arm nearer than this to the axis across the body has no direction in the sagittal plane that means anything.
_LEAST_IN_PLANE = np.sin(np.deg2rad(20))

_Vectors = Float[np.ndarray, "N 3"]
_Degrees = Float[np.ndarray, "N"]


def joint_angles(
    joints: Float[np.ndarray, "N J 3"], skeleton: Skeleton, up: tuple[float, float, float] = CAMERA_UP
) -> dict[tuple[str, str], _Degrees]:
    """Joint angles of each pose, degrees.

    Args:
        joints: In any right-handed frame and unit.
        skeleton: Of the joints.
        up: The direction that `trunk_lean` is measured against.

    Returns:
        (angle, side) -> degrees; the side is `left` or `right`, for the trunk empty. NaN where a joint that the angle
        needs is missing or two of them coincide. Flexion of hips and shoulders lies between -90 and 270, the others
        between 0 and 180.
    """

    def place(name: str) -> _Vectors:
        if name not in skeleton.joints:
            return np.full((len(joints), 3), np.nan)
        return joints[:, skeleton.index(name)].astype(float)

    hips, shoulders = ({s: place(f"{s}_{part}") for s in SIDES} for part in ("hip", "shoulder"))
    trunk = _unit((shoulders["l"] + shoulders["r"] - hips["l"] - hips["r"]) / 2)
    front_of_hips = _front(trunk, hips["r"] - hips["l"])
    front_of_shoulders = _front(trunk, shoulders["r"] - shoulders["l"])
    angles: dict[tuple[str, str], np.ndarray] = {}
    for s, side in SIDES.items():
        knee, ankle, elbow, wrist = (place(f"{s}_{part}") for part in ("knee", "ankle", "elbow", "wrist"))
        thigh, upper_arm = _unit(knee - hips[s]), _unit(elbow - shoulders[s])
        angles["knee_flexion", side] = _between(thigh, _unit(ankle - knee))
        angles["hip_flexion", side] = _in_sagittal_plane(thigh, trunk, front_of_hips)
        angles["elbow_flexion", side] = _between(upper_arm, _unit(wrist - elbow))
        angles["shoulder_flexion", side] = _in_sagittal_plane(upper_arm, trunk, front_of_shoulders)
        angles["shoulder_elevation", side] = _between(upper_arm, -trunk)
    angles["trunk_lean", ""] = _between(trunk, _unit(np.tile(np.array(up, float), (len(joints), 1))))
    return angles


def _unit(vectors: _Vectors) -> _Vectors:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1), np.nan)


def _front(up: _Vectors, right: _Vectors) -> _Vectors:
    return _unit(np.cross(up, right))


def _between(a: _Vectors, b: _Vectors) -> _Degrees:
    """The angle between unit vectors, exact near 0 and 180 degrees too."""
    return np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))


def _in_sagittal_plane(limb: _Vectors, up: _Vectors, front: _Vectors) -> _Degrees:
    forward, downward = np.sum(limb * front, axis=-1), -np.sum(limb * up, axis=-1)
    angle = np.rad2deg(np.arctan2(forward, downward))
    # No limb bends back by more than 90 degrees: what lies beyond has gone over the front.
    angle = np.where(angle < -90, angle + 360, angle)
    return np.where(np.hypot(forward, downward) < _LEAST_IN_PLANE, np.nan, angle)
