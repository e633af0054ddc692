"""What belongs to the person's own place: the seat they sit on, and things that stand between them and the camera."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from prepose.arrays import Points3D, Vector3
from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic import props
from prepose.synthetic.embree import TriangleScene
from prepose.synthetic.props import Maker
from prepose.synthetic.scene import reach_of
from prepose.synthetic.solids import Bounds, Thing, boxes, moved
from prepose.synthetic.surfaces import draw_surface
from prepose.synthetic.tracer import Mesh, joined
from prepose.synthetic.weaves import draw_paint

# The actions of `motion` that need a seat.
SEATED = ("sitting", "sitting_legs_crossed", "eating")

_CANDIDATES = 24
# Distances that things keep from the skin and from the camera, mm.
_FROM_BODY, _FROM_CAMERA = 40.0, 350.0
_NARROWEST = 180.0
# Stretching a thing more than this in height makes it look wrong.
_STRETCH = (0.65, 1.45)
_TALL: tuple[Maker, ...] = (props.pillar, props.plant, props.board, props.cupboard, props.shelf, props.tree)
_ANY: tuple[Maker, ...] = tuple(props.OCCLUDERS.values())
_PELVIS, _KNEES = PREPOSE_27.index("pelvis"), [PREPOSE_27.index(name) for name in ("l_knee", "r_knee")]
_HIPS = [PREPOSE_27.index(name) for name in ("l_hip", "r_hip")]
_ANKLES = [PREPOSE_27.index(name) for name in ("l_ankle", "r_ankle")]
_THORAX = PREPOSE_27.index("thorax")


def draw_occluders(
    generator: np.random.Generator,
    joints_world: Float[np.ndarray, "J 3"],
    body_world: Float[np.ndarray, "V 3"],
    *,
    camera: Vector3,
    target: float,
) -> Thing:
    """Things that together hide about the `target` share of the joints from the camera.

    Each candidate is aimed at a joint and kept if it hides something without hiding much more than is wanted.

    Args:
        generator: Where the numbers come from.
        joints_world: The joints, mm.
        body_world: Points of the skin, mm: things keep out of it.
        camera: The camera's centre, mm.
        target: Wanted share of hidden joints, 0 to 1.
    """
    kept: Thing = []
    body_floor = np.ascontiguousarray(body_world[:, :2].T)
    hidden = np.zeros(len(joints_world), dtype=bool)
    for _ in range(_CANDIDATES):
        if hidden.mean() >= 0.9 * target:
            break
        thing = _aim(generator, joints_world[int(generator.integers(len(joints_world)))], body_floor, camera)
        if not thing:
            continue
        also = hidden | hides(thing, joints_world, camera)
        if hidden.mean() < also.mean() <= target + 0.08:
            kept, hidden = kept + thing, also
    return kept


def hides(thing: Sequence[Mesh], joints_world: Points3D, camera: Vector3) -> Bool[np.ndarray, "P"]:
    """Which points (mm) a thing hides from a camera."""
    rays = (joints_world - camera).T
    # No more than their shape is asked of the meshes: a whole tracer would cost eight times as much.
    return TriangleScene(*joined(thing)).occluded(np.broadcast_to(camera[:, None], rays.shape), rays, 1.0)


def _aim(
    generator: np.random.Generator, joint: Vector3, body_floor: Float[np.ndarray, "2 V"], camera: Vector3
) -> Thing:
    """A thing in front of a joint, about as high as needed; nothing where there is no room for it.

    Where the body is matters only on the floor: its points' x and y, mm.
    """
    part = float(generator.uniform(0.3, 0.9))
    sight = camera + part * (joint - camera)
    needed = float(sight[2]) + float(generator.uniform(-50, 350))
    place = sight[:2] + generator.normal(0, 150, 2)
    away_x, away_y = body_floor - place[:, None]
    to_body = math.sqrt(float((away_x * away_x + away_y * away_y).min()))
    # Hardly a thing is so narrow; most candidates end here, before anything is built.
    if needed < 250 or to_body < _NARROWEST:
        return []
    makers = _ANY if needed < 1500 else _TALL
    thing = makers[int(generator.integers(len(makers)))](generator)
    tallest = max(float(mesh.vertices[:, 2].max()) for mesh in thing)
    stretch = min(max(needed / tallest, _STRETCH[0]), _STRETCH[1]) if tallest < 3500 else 1.0
    if stretch * tallest < needed - 400:
        return []
    reach = reach_of(thing)
    below_camera = float(camera[2]) > stretch * tallest + _FROM_CAMERA
    beside_camera = math.dist(camera[:2], place) > reach + _FROM_CAMERA
    if to_body < reach + _FROM_BODY or not (below_camera or beside_camera):
        return []
    return moved(thing, (float(place[0]), float(place[1]), 0.0), float(generator.uniform(-np.pi, np.pi)), stretch)


def draw_seat(generator: np.random.Generator, joints_world: Points3D, stature: float) -> Thing:
    """A seat under a person who sits with hanging shins; nothing where the pelvis is too low for one.

    Args:
        generator: Where the numbers come from.
        joints_world: prepose-27 joints, mm.
        stature: The person's height, mm.
    """
    # The flesh under the hips is about a twentieth of stature thick; the seat yields a little.
    top = float(joints_world[[_PELVIS, *_HIPS], 2].min()) - 0.050 * stature
    if top < 180:
        return []
    pelvis, knees = joints_world[_PELVIS, :2], joints_world[_KNEES, :2].mean(axis=0)
    thigh = float(np.linalg.norm(knees - pelvis))
    yaw = float(np.arctan2(*(knees - pelvis)[::-1])) - np.pi / 2
    cos, sin = np.cos(yaw), np.sin(yaw)
    forward = np.array([-sin, cos])
    # How far the shoulders lean behind the pelvis: a back rest stands behind them.
    lean = float((joints_world[_THORAX, :2] - pelvis) @ forward)
    front, back, half = min(0.62 * thigh, 330.0), 0.085 * stature, float(generator.uniform(0.12, 0.16)) * stature
    kind = int(generator.integers(4))
    # A block ends before the heels; shins may go back under a chair.
    heels = float(((joints_world[_ANKLES, :2] - pelvis) @ forward).min()) - 0.06 * stature
    if kind < 2 and heels < front:
        front = max(heels, 0.03 * stature)
    bounds = _seat_boxes(kind, (half, back, front, top), rear=back + max(0.0, -lean) + 40)
    finish: object = draw_surface(("boards", "fabric", "concrete")[int(generator.integers(3))], generator)
    mesh = boxes(bounds, finish if generator.random() < 0.6 else np.tile(draw_paint(generator), (len(bounds), 1)))
    return moved([mesh], (float(pelvis[0]), float(pelvis[1]), 0.0), yaw)


def _seat_boxes(kind: int, sides: tuple[float, float, float, float], rear: float) -> Bounds:
    """A block, a bench, a chair or a stool: half width, reach behind and before the pelvis, height; where a rest is."""
    half, back, front, top = sides
    if kind == 0:
        return [((-half, -back, 0), (half, front, top))]
    if kind == 1:
        return [((-4 * half, -back, 0), (3 * half, front, top))]
    legs = [
        ((x * half - 22, y - 22, 0), (x * half + 22, y + 22, top - 45))
        for x in (-0.9, 0.9) for y in (25 - back, front - 25)
    ]  # fmt: skip
    plate = ((-half, -rear if kind == 2 else -back, top - 45), (half, front, top))
    rest = [((-half, -rear - 30, top - 45), (half, -rear, top + 430))] if kind == 2 else []
    return [plate, *legs, *rest]
