"""Poses from a procedural prior: an action, angles about its mean within human limits, limbs that keep apart."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prepose.synthetic.action import STANDING_MEAN, STANDING_SPREAD, Action, Angles
from prepose.synthetic.anatomy import (
    ANGLES,
    LIMITS,
    base_name,
    fold_into_limits,
    mirror_angles,
    segment_turns,
    within_limits,
)
from prepose.synthetic.contact import lowest_point, penetrations, settle, sinking
from prepose.synthetic.everyday import GAIT, GESTURES, LOW, STANDING
from prepose.synthetic.rig import BodyPose, Proportions, pose_joints
from prepose.synthetic.sports import ANYTHING, SPORT

ACTIONS: Mapping[str, Action] = MappingProxyType({**STANDING, **GAIT, **LOW, **SPORT, **ANYTHING})


__all__ = ["ACTIONS", "LIMITS", "draw_angles", "draw_pose", "ground", "within_limits"]

# Soft tissue gives way: limbs that overlap by less than this fraction of stature (30 mm of 1.7 m) press on each other.
TOUCH_DEPTH = 0.018
# Draws before the least overlapping is taken; each draw keeps nearer to the mean, where limbs lie apart.
_TRIES = 12
_TRIES_NARROWING = 0.93
_RIGHT, _LEFT = (np.array([i for i, name in enumerate(ANGLES) if name[:2] == side]) for side in ("r_", "l_"))
_SIDE_OF = {"r": _RIGHT, "l": _LEFT}
_HALF_CYCLE = np.array([0.5 if name[:2] == "l_" else 0.0 for name in ANGLES])


class _Table(NamedTuple):
    """An action's data as arrays over `ANGLES`; strides have a row for each harmonic."""

    mean: Float[np.ndarray, "A"]
    spread: Float[np.ndarray, "A"]
    factors: Float[np.ndarray, "F A"]
    stride: Float[np.ndarray, "H A"]
    lag: Float[np.ndarray, "H A"]


def _row(values: Angles) -> Float[np.ndarray, "A"]:
    """Values of `ANGLES`; a name with no side is said of both, and one with a side goes before it."""
    return np.array([values.get(name, values.get(base_name(name), 0.0)) for name in ANGLES], dtype=float)


def _loose(looseness: float) -> dict[str, float]:
    return {angle: value * looseness for angle, value in STANDING_SPREAD.items()}


@cache
def _table(name: str) -> _Table:
    action = ACTIONS[name]
    harmonics = [{a: terms[h] for a, terms in action.stride.items() if h < len(terms)} for h in range(2)]
    return _Table(
        mean=_row({**STANDING_MEAN, **action.mean}),
        spread=_row({**_loose(action.looseness), **action.spread}),
        factors=np.array([_row(factor) for factor in action.factors]).reshape(-1, len(ANGLES)),
        stride=np.array([_row({a: term[0] for a, term in row.items()}) for row in harmonics]),
        lag=np.array([_row({a: term[1] for a, term in row.items()}) for row in harmonics]),
    )


@cache
def _gesture(name: str) -> tuple[Float[np.ndarray, "A"], Float[np.ndarray, "A"], Float[np.ndarray, "A"]]:
    """A gesture's mean, spread, and which angles (1) are its own."""
    gesture = GESTURES[name]
    own = _row(dict.fromkeys(gesture.mean, 1.0))
    return _row(gesture.mean), _row({**_loose(gesture.looseness), **gesture.spread}), own


def _gestured(generator: np.random.Generator, table: _Table, action: Action) -> _Table:
    """The table with the arms' angles taken by a gesture of each arm."""
    arms, other = action.arms, action.other_arm
    mean, spread = table.mean.copy(), table.spread.copy()
    first = arms[int(generator.integers(len(arms)))]
    drawn = other or [name for name in arms if not GESTURES[name].other] or [first]
    second = GESTURES[first].other or drawn[int(generator.integers(len(drawn)))]
    for side, name in (("r", first), ("l", second)):
        means, spreads, own = _gesture(name)
        taken = _SIDE_OF[side][own[_SIDE_OF[side]] > 0]
        mean[taken], spread[taken] = means[taken], spreads[taken]
    return table._replace(mean=mean, spread=spread)


def draw_angles(generator: np.random.Generator, action: str, *, breadth: float = 1.0) -> Float[np.ndarray, "A"]:
    """Angles of `ANGLES` (degrees) of a moment of an action, within the limits, its right side as the data have it.

    Args:
        generator: Draws.
        action: A name of `ACTIONS`.
        breadth: Scales how far angles lie from the action's mean (its phase, which is its course, aside).
    """
    table, alike = _table(action), ACTIONS[action].alike
    if ACTIONS[action].arms:
        table = _gestured(generator, table, ACTIONS[action])
    noise = np.clip(generator.standard_normal(len(ANGLES)), -2.5, 2.5)
    noise[_LEFT] = alike * noise[_RIGHT] + np.sqrt(1 - alike**2) * noise[_LEFT]
    shared = generator.uniform(-1, 1, len(table.factors)) @ table.factors
    phase = generator.uniform() + _HALF_CYCLE
    cycle = table.stride * np.cos(2 * np.pi * (np.array([[1], [2]]) * phase + table.lag))
    return fold_into_limits(table.mean + cycle.sum(axis=0) + breadth * (shared + table.spread * noise))


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
        ValueError: `actions` is empty or names what is not one of `ACTIONS`.
    """
    names = tuple(ACTIONS) if actions is None else actions
    if not names or not set(names) <= set(ACTIONS):
        raise ValueError(f"actions must be some of {', '.join(ACTIONS)}; found {', '.join(names) or 'none'}")
    name = names[int(generator.integers(len(names)))]
    action = ACTIONS[name]
    mirrored = bool(generator.integers(2))
    least, best = np.inf, np.zeros(len(ANGLES))
    for attempt in range(_TRIES):
        angles = draw_angles(generator, name, breadth=breadth * _TRIES_NARROWING**attempt)
        joints = _joints(angles, proportions)
        trouble = float(penetrations(joints, 1.0).max())
        if trouble < TOUCH_DEPTH and (action.supports or action.soles):
            angles = settle(angles, action, proportions)
            joints = _joints(angles, proportions)
            trouble = max(float(penetrations(joints, 1.0).max()), sinking(joints, action))
        if trouble < least:
            least, best = trouble, angles
        if trouble < TOUCH_DEPTH:
            break
    clearance = float(generator.uniform(*action.clearance))
    local = segment_turns(mirror_angles(best) if mirrored else best)
    return ground(BodyPose(local, np.zeros(3), name), proportions, clearance=clearance)


def _joints(angles: Float[np.ndarray, "A"], proportions: Proportions) -> Float[np.ndarray, "27 3"]:
    """Joints about the pelvis, in statures."""
    joints, _ = pose_joints(proportions, BodyPose(segment_turns(angles), np.zeros(3)))
    return joints / proportions.height


def ground(pose: BodyPose, proportions: Proportions, *, clearance: float = 0.0) -> BodyPose:
    """The pose lifted or lowered until its lowest flesh is `clearance` statures above z = 0."""
    joints, _ = pose_joints(proportions, pose)
    lift = clearance * proportions.height - lowest_point(joints, proportions.height)
    return BodyPose(pose.local, pose.pelvis_world + np.array([0.0, 0.0, lift]), pose.action)
