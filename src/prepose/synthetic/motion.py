"""Poses from a procedural prior: an action, angles about its mean within human limits, limbs that keep apart."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prepose.synthetic.actions import ACTIONS, STANDING_MEAN, STANDING_SPREAD, Action, Angles
from prepose.synthetic.anatomy import ANGLES, base_name, fold_into_limits, mirror_angles, segment_turns, within_limits
from prepose.synthetic.anatomy import LIMITS as LIMITS
from prepose.synthetic.contact import lowest_point, penetrations
from prepose.synthetic.rig import BodyPose, Proportions, pose_joints

__all__ = ["ACTIONS", "LIMITS", "draw_angles", "draw_pose", "ground", "within_limits"]

# Soft tissue gives way: limbs that overlap by less than this fraction of stature (30 mm of 1.7 m) press on each other.
TOUCH_DEPTH = 0.018
# Draws before the least overlapping is taken; each draw keeps nearer to the mean, where limbs lie apart.
_TRIES = 12
_TRIES_NARROWING = 0.93


class _Table(NamedTuple):
    """An action's data as arrays over `ANGLES`."""

    mean: Float[np.ndarray, "A"]
    spread: Float[np.ndarray, "A"]
    factors: Float[np.ndarray, "F A"]
    stride: Float[np.ndarray, "A"]
    lag: Float[np.ndarray, "A"]
    harmonic: Float[np.ndarray, "A"]


def _row(values: Angles) -> Float[np.ndarray, "A"]:
    """Values of `ANGLES`; a name with no side is said of both, and one with a side goes before it."""
    return np.array([values.get(name, values.get(base_name(name), 0.0)) for name in ANGLES])


@cache
def _table(name: str) -> _Table:
    action = ACTIONS[name]
    known = {base_name(angle) for angle in ANGLES} | set(ANGLES)
    rows = (action.mean, action.spread, action.stride, *action.factors)
    if unknown := {angle for row in rows for angle in row} - known:
        raise ValueError(f"action {name!r} names angles that do not exist: {', '.join(sorted(unknown))}")
    loose = {angle: value * action.looseness for angle, value in STANDING_SPREAD.items()}
    stride = [_row({angle: term[i] for angle, term in action.stride.items()}) for i in range(3)]
    half_cycle = np.array([0.5 if angle[:2] == "l_" else 0.0 for angle in ANGLES])
    return _Table(
        mean=_row({**STANDING_MEAN, **action.mean}),
        spread=_row({**loose, **action.spread}),
        factors=np.array([_row(factor) for factor in action.factors]).reshape(-1, len(ANGLES)),
        stride=stride[0],
        lag=stride[1] + half_cycle,
        harmonic=stride[2],
    )


_RIGHT, _LEFT = (np.array([i for i, name in enumerate(ANGLES) if name[:2] == side]) for side in ("r_", "l_"))


def draw_angles(generator: np.random.Generator, action: str, *, breadth: float = 1.0) -> Float[np.ndarray, "A"]:
    """Angles of `ANGLES` (degrees) of a moment of an action, within the limits; the side is drawn.

    Args:
        generator: Draws.
        action: A name of `ACTIONS`.
        breadth: Scales how far angles lie from the action's mean (its phase, which is its course, aside).
    """
    table, alike = _table(action), ACTIONS[action].alike
    noise = np.clip(generator.standard_normal(len(ANGLES)), -2.5, 2.5)
    noise[_LEFT] = alike * noise[_RIGHT] + np.sqrt(1 - alike**2) * noise[_LEFT]
    shared = generator.uniform(-1, 1, len(table.factors)) @ table.factors
    phase = generator.uniform()
    cycle = table.stride * np.cos(2 * np.pi * (table.harmonic * phase + table.lag))
    angles = fold_into_limits(table.mean + cycle + breadth * (shared + table.spread * noise))
    return mirror_angles(angles) if generator.integers(2) else angles


def draw_pose(
    generator: np.random.Generator,
    *,
    proportions: Proportions,
    actions: tuple[str, ...] | None = None,
    breadth: float = 1.0,
) -> BodyPose:
    """A pose of an action drawn uniformly; the person faces +y on average and is over the world's origin.

    Args:
        generator: Draws.
        proportions: Who takes the pose.
        actions: Names of `ACTIONS` to draw from; all when None.
        breadth: Scales the spread about each action's mean.

    Returns:
        The pose, mm, world z up: its lowest flesh rests at z = 0, or above where the action leaves the ground.

    Raises:
        ValueError: `actions` is empty or names none of `ACTIONS`.
    """
    names = tuple(ACTIONS) if actions is None else actions
    if not names or not set(names) <= set(ACTIONS):
        raise ValueError(f"actions must be some of {', '.join(ACTIONS)}; found {names or 'none'}")
    name = names[int(generator.integers(len(names)))]
    action = ACTIONS[name]
    best, least = None, np.inf
    for attempt in range(_TRIES):
        angles = draw_angles(generator, name, breadth=breadth * _TRIES_NARROWING**attempt)
        local = segment_turns(angles)
        pose = BodyPose(local, np.zeros(3), name)
        overlap = float(penetrations(pose_joints(proportions, pose)[0], proportions.height).max())
        if overlap < least:
            best, least = pose, overlap
        if overlap < TOUCH_DEPTH:
            break
    assert best is not None
    return _settle(best, action, proportions, float(generator.uniform(*action.clearance)))


def _settle(pose: BodyPose, action: Action, proportions: Proportions, clearance: float) -> BodyPose:
    return ground(pose, proportions, clearance=clearance)


def ground(pose: BodyPose, proportions: Proportions, *, clearance: float = 0.0) -> BodyPose:
    """The pose lifted or lowered until its lowest flesh is `clearance` statures above z = 0."""
    joints, _ = pose_joints(proportions, pose)
    lift = clearance * proportions.height - lowest_point(joints, proportions.height)
    return BodyPose(pose.local, pose.pelvis_world + np.array([0.0, 0.0, lift]), pose.action)
