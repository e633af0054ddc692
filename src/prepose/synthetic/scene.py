"""Surroundings of a person: a room or a place out of doors, with its things and its light.

World frame: mm, z up, the floor at z = 0. A scene leaves a clearing: where the person is, and between them and the
camera. What may stand in that clearing on purpose comes from `occluders`.

The lab is the one room that is always the same, with what people are asked to do in it. Its cameras have the lenses of
a usual motion-capture studio: a frame of 1000 px, a focal length of about 1145 px, barrel distortion; they hang in the
corners, three to five and a half metres from where people move.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from prepose.arrays import Vector2, Vector3
from prepose.camera.camera import Camera
from prepose.synthetic import props
from prepose.synthetic.light import daylight, lamplight
from prepose.synthetic.props import Maker
from prepose.synthetic.shading import Background, Light
from prepose.synthetic.solids import Thing, moved, panel
from prepose.synthetic.surfaces import Surface, draw_surface
from prepose.synthetic.tracer import Mesh
from prepose.synthetic.viewpoint import look_at

_TRIES = 6
_GROUND_REACH = 90_000.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything but the person and the camera.

    Attributes:
        kind: "room", or the ground of a place out of doors.
        meshes: What stands about.
        lights: Brightest first.
        background: The sky.
    """

    kind: str
    meshes: tuple[Mesh, ...]
    lights: tuple[Light, ...]
    background: Background


@dataclass(frozen=True, eq=False)
class Clearing:
    """Space that things keep out of.

    Attributes:
        person: Where the person is, xy, mm.
        radius: How far they reach from there, mm.
        top: Their highest point, mm.
        camera: The camera's centre, mm.
    """

    person: Vector2
    radius: float
    top: float
    camera: Vector3

    def turned(self, yaw: float) -> "Clearing":
        """The same clearing in a frame that is turned about z by -yaw."""
        cos, sin = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cos, -sin], [sin, cos]])
        camera = np.array([*(turn @ self.camera[:2]), self.camera[2]])
        return Clearing(turn @ self.person, self.radius, self.top, camera)

    def leaves(self, place: Vector2, reach: float) -> bool:
        """Whether a thing of that reach (mm) at that place (xy, mm) stands neither on the person nor in the view."""
        along = self.camera[:2] - self.person
        length = max(math.hypot(*along), 1.0)
        part = min(max(float((place - self.person) @ along) / length**2, 0.0), 1.0)
        # The view narrows from the person's width to a point at the camera.
        width = self.radius * (1 - part) + 150.0
        off = math.dist(place, self.person + part * along)
        return off > reach + width and math.dist(place, self.camera[:2]) > reach + 300.0


def clearing_about(points_world: Float[np.ndarray, "V 3"], camera: Vector3) -> Clearing:
    """The clearing for a person whose skin has these points (mm) and a camera there."""
    low, high = points_world.min(axis=0), points_world.max(axis=0)
    middle = (low[:2] + high[:2]) / 2
    radius = float(np.sqrt(((points_world[:, :2] - middle) ** 2).sum(axis=1).max()))
    return Clearing(middle, radius, float(high[2]), camera)


def draw_scene(generator: np.random.Generator, clearing: Clearing, *, indoors: float) -> Scene:
    """A room with probability `indoors`, else a place out of doors."""
    return draw_room(generator, clearing) if generator.random() < indoors else draw_outdoors(generator, clearing)


# Rooms.

_FLOORS = ("wood", "wood", "boards", "tiles", "carpet", "carpet", "concrete", "paving")
_WALLS = ("plaster", "plaster", "plaster", "wallpaper", "wallpaper", "brick", "tiles", "concrete", "planking")


def draw_room(generator: np.random.Generator, clearing: Clearing) -> Scene:
    """A furnished room, turned at random, that holds the person and the camera."""
    yaw = float(generator.uniform(-np.pi, np.pi))
    inner = clearing.turned(-yaw)
    points = np.stack([inner.person, inner.camera[:2]])
    reach = np.array([[inner.radius + 100], [200]])
    low = (points - reach).min(axis=0) - generator.uniform(150, 2600, 2)
    high = (points + reach).max(axis=0) + generator.uniform(150, 2600, 2)
    tallest = max(inner.top + 150, float(inner.camera[2]) + 250)
    ceiling = max(float(generator.uniform(2350, 3400)), tallest)
    meshes = shell(generator, low, high, ceiling)
    meshes += furnish(generator, inner, low, high)
    lights, background = lamplight(generator, low, high, ceiling)
    turned_lights = tuple(light_turned(light, yaw) for light in lights)
    return Scene("room", tuple(moved(meshes, (0.0, 0.0, 0.0), yaw)), turned_lights, background)


def light_turned(light: Light, yaw: float) -> Light:
    """The light in a scene turned about z by `yaw` (rad)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return Light(light.kind, turn @ light.vector, light.colour, light.radius)


def shell(
    generator: np.random.Generator,
    low: Vector2,
    high: Vector2,
    ceiling: float,
    *,
    finish: tuple[str, str] | None = None,
) -> Thing:
    """Floor, ceiling and walls of a room, and what hangs on the walls.

    Args:
        generator: Where the numbers come from.
        low: The room's corner of least x and y, mm.
        high: The opposite corner, mm.
        ceiling: Its height, mm.
        finish: Materials of floor and walls; drawn when None.
    """
    floor_kind, wall_kind = finish or (_pick(generator, _FLOORS), _pick(generator, _WALLS))
    x, y = np.array([high[0] - low[0], 0, 0]), np.array([0, high[1] - low[1], 0])
    up = np.array([0.0, 0.0, ceiling])
    corner = np.array([low[0], low[1], 0.0])
    wall = draw_surface(wall_kind, generator)
    accent = draw_surface(_pick(generator, _WALLS), generator) if finish is None and generator.random() < 0.3 else wall
    meshes = [
        panel(corner, x, y, draw_surface(floor_kind, generator)),
        panel(corner + up + y, x, -y, draw_surface("plaster", generator)),
    ]
    sides = [(corner + y, x), (corner + x + y, -y), (corner + x, -x), (corner, y)]
    for number, (start, along) in enumerate(sides):
        meshes.append(panel(start, along, up, accent if number == 0 else wall))
        meshes += _wall_things(generator, start, along, ceiling)
    if finish is None and generator.random() < 0.35:
        centre, half = (low + high) / 2, generator.uniform(600, 1700, 2)
        rug = np.array([*(centre - half), 2.0])
        meshes.append(
            panel(rug, np.array([2 * half[0], 0, 0]), np.array([0, 2 * half[1], 0]), draw_surface("carpet", generator))
        )
    return meshes


def _wall_things(generator: np.random.Generator, start: Vector3, along: Vector3, ceiling: float) -> Thing:
    """Pictures, windows and a door on a wall that starts at `start` and runs `along`, seen from inside."""
    length = float(np.linalg.norm(along))
    forward = along / length
    inward = np.array([forward[1], -forward[0], 0.0])
    things: Thing = []
    at = float(generator.uniform(200, 900))
    for kind in generator.permutation(["window", "picture", "picture", "door", "none"])[:3]:
        width, height, low = {
            "window": (float(generator.uniform(700, 1900)), float(generator.uniform(900, 1500)), 850.0),
            "picture": (float(generator.uniform(300, 1100)), float(generator.uniform(300, 900)), 1250.0),
            "door": (850.0, 2020.0, 0.0),
            "none": (float(generator.uniform(300, 1500)), 0.0, 0.0),
        }[str(kind)]
        if at + width > length - 150 or low + height > ceiling - 100:
            continue
        if kind != "none":
            things += _hung(
                generator, str(kind), start + at * forward + low * np.array([0, 0, 1]), forward, inward, (width, height)
            )
        at += width + float(generator.uniform(200, 1200))
    return things


def _hung(
    generator: np.random.Generator, kind: str, corner: Vector3, forward: Vector3, inward: Vector3, size: tuple
) -> Thing:
    across, up = size[0] * forward, size[1] * np.array([0.0, 0.0, 1.0])
    if kind == "picture":
        return [panel(corner + 12 * inward, across, up, draw_surface("picture", generator), whole=True)]
    frame = Surface(*_plain(generator))
    things = [panel(corner + 8 * inward, across, up, frame)]
    if kind == "window":
        glass = Surface(frame.texture, frame.period, np.array([0.80, 0.86, 0.92], dtype=np.float32))
        inset = np.array([0.06, 0.06]) * min(size)
        for part in (0.0, 0.5):
            origin = corner + 14 * inward + forward * (inset[0] + part * size[0]) + np.array([0, 0, inset[1]])
            width = size[0] / 2 - 1.5 * inset[0]
            things.append(panel(origin, width * forward, up - np.array([0, 0, 2 * inset[1]]), glass))
    return things


def _plain(generator: np.random.Generator) -> tuple:
    surface = draw_surface("plaster", generator)
    return surface.texture, surface.period, surface.tint


def furnish(generator: np.random.Generator, clearing: Clearing, low: Vector2, high: Vector2) -> Thing:
    """Furniture along the walls and here and there."""
    meshes: Thing = []
    names = tuple(props.INDOOR_THINGS)
    taken: list[tuple[Vector2, float]] = []
    for _ in range(int(generator.integers(2, 8))):
        thing = props.INDOOR_THINGS[_pick(generator, names)](generator)
        meshes += _stand(generator, thing, clearing, (low, high), taken)
    return meshes


def _stand(
    generator: np.random.Generator,
    thing: Thing,
    clearing: Clearing,
    room: tuple[Vector2, Vector2],
    taken: list[tuple[Vector2, float]],
) -> Thing:
    """The thing in a free place, its back to a wall more often than not; nothing where no place is free."""
    low, high = room
    depth = -min(float(mesh.vertices[:, 1].min()) for mesh in thing)
    reach = reach_of(thing)
    for _ in range(_TRIES):
        place, yaw = generator.uniform(low + 300, np.maximum(high - 300, low + 301)), generator.uniform(-np.pi, np.pi)
        side = int(generator.integers(5))
        if side < 4:
            # The back (-y) goes to the wall: y low, x high, y high, x low.
            yaw = (0.0, np.pi / 2, np.pi, -np.pi / 2)[side]
            axis = 1 - side % 2
            place[axis] = low[axis] + depth + 20 if side in (0, 3) else high[axis] - depth - 20
        if clearing.leaves(place, reach) and all(math.dist(place, other) > 0.7 * (reach + its) for other, its in taken):
            taken.append((place, reach))
            return moved(thing, (float(place[0]), float(place[1]), 0.0), float(yaw))
    return []


def reach_of(thing: Sequence[Mesh]) -> float:
    """The largest distance of a thing's points from the z axis, mm."""
    x, y = np.concatenate([mesh.vertices for mesh in thing])[:, :2].T
    return math.sqrt(float((x * x + y * y).max()))


# Out of doors. Each ground with what usually stands on it.

_GROUNDS: Mapping[str, tuple[str, ...]] = {
    "grass": ("tree", "tree", "bush", "bench", "fence", "building", "hill"),
    "asphalt": ("car", "car", "building", "building", "tree", "fence", "board"),
    "paving": ("building", "building", "tree", "bench", "board", "counter", "car"),
    "sand": ("bush", "hill", "fence", "carton", "tree"),
    "snow": ("tree", "tree", "hill", "building", "fence"),
    "earth": ("tree", "bush", "hill", "fence", "carton"),
    "concrete": ("building", "car", "fence", "carton", "counter"),
}
# Nearest and farthest place of a thing from the person, mm; others stand 2 to 12 m away.
_RANGES: Mapping[str, tuple[float, float]] = {
    "building": (11_000.0, 45_000.0),
    "hill": (60_000.0, 140_000.0),
    "tree": (3_500.0, 30_000.0),
    "fence": (2_500.0, 15_000.0),
    "car": (3_000.0, 16_000.0),
}
_MAKERS: Mapping[str, Maker] = {
    **props.OUTDOOR_THINGS, "building": props.building, "hill": props.hill, "fence": props.fence,
}  # fmt: skip


def draw_outdoors(generator: np.random.Generator, clearing: Clearing) -> Scene:
    """A meadow, street, beach, yard or the like, with a sky."""
    kind = _pick(generator, tuple(_GROUNDS))
    surface = draw_surface(kind, generator)
    corner = np.array([*(clearing.person - _GROUND_REACH), 0.0])
    side = 2 * _GROUND_REACH
    meshes = [panel(corner, np.array([side, 0, 0]), np.array([0, side, 0]), surface)]
    ahead = float(np.arctan2(*(clearing.person - clearing.camera[:2])[::-1]))
    for _ in range(int(generator.integers(3, 11))):
        name = _pick(generator, _GROUNDS[kind])
        meshes += _strew(generator, name, clearing, ahead)
    lights, background = daylight(generator, surface)
    return Scene(kind, tuple(meshes), lights, background)


def _strew(generator: np.random.Generator, name: str, clearing: Clearing, ahead: float) -> Thing:
    """A thing somewhere about the person, mostly on the side that the camera sees."""
    thing = _MAKERS[name](generator)
    near, far = _RANGES.get(name, (2_000.0, 12_000.0))
    reach = reach_of(thing)
    for _ in range(_TRIES):
        angle = ahead + float(generator.normal(0, 0.9))
        distance = float(np.exp(generator.uniform(np.log(near), np.log(far)))) + clearing.radius
        place = clearing.person + distance * np.array([np.cos(angle), np.sin(angle)])
        # Fences and buildings face the person; their length runs across the view.
        yaw = angle + np.pi / 2 + float(generator.normal(0, 0.3))
        flat = reach if name != "fence" else 800.0
        if clearing.leaves(place, flat) and (name != "building" or distance > reach + 4000):
            return moved(thing, (float(place[0]), float(place[1]), 0.0), yaw)
    return []


def _pick(generator: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(generator.integers(len(names)))]


# Half the room's sides and of the part in which people move, mm.
ROOM_HALF = (3100.0, 3800.0)
FLOOR_HALF = (800.0, 1000.0)
CEILING = 3000.0
LAB_SEED = 2014

# name: centre (mm), focal lengths and principal point (px), distortion.
_CAMERAS = (
    ("lab-1", (2650.0, 3350.0, 1720.0), (1145.0, 1143.8, 512.5, 515.0), (-0.205, 0.246, -0.0014, -0.0010, 0.0)),
    ("lab-2", (-2600.0, 3300.0, 1580.0), (1149.6, 1147.5, 508.8, 508.1), (-0.194, 0.240, -0.0027, -0.0016, 0.0)),
    ("lab-3", (-2700.0, -3250.0, 1840.0), (1149.1, 1148.7, 519.8, 501.4), (-0.208, 0.255, -0.0008, 0.0015, 0.0)),
    ("lab-4", (2550.0, -3400.0, 1660.0), (1145.5, 1144.7, 514.9, 501.9), (-0.198, 0.218, -0.0009, 0.0006, 0.0)),
)

# What a person is asked to do -> the actions of `motion` that it is made of.
LAB_ACTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "directions": ("standing", "pointing", "waving"),
        "discussion": ("standing", "pointing", "hands_on_hips", "arms_crossed"),
        "eating": ("eating",),
        "greeting": ("waving", "reaching_forward", "bending"),
        "phoning": ("phoning",),
        "photo": ("holding",),
        "posing": ("standing", "hands_on_hips", "arms_behind", "arms_crossed", "arms_up"),
        "purchases": ("reaching_forward", "reaching_down", "holding"),
        "sitting": ("sitting", "sitting_legs_crossed"),
        "sitting_down": ("sitting", "sitting_ground", "crouching"),
        "smoking": ("standing", "phoning", "sitting"),
        "waiting": ("standing", "arms_crossed", "arms_behind", "hands_on_hips"),
        "walk_dog": ("walking", "bending"),
        "walking": ("walking",),
        "walk_together": ("walking",),
    }
)


@cache
def lab_cameras() -> tuple[Camera, ...]:
    """The four cameras with the intrinsics of their whole frames."""
    return tuple(_lab_camera(*row) for row in _CAMERAS)


def _lab_camera(name: str, centre: tuple, lens: tuple, distortion: tuple) -> Camera:
    place = np.array(centre)
    rotation = look_at(place, np.array([0.0, 0.0, 950.0]))
    K = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    return Camera(K, (1000, 1000), rotation, -rotation @ place, np.array(distortion), name)


@cache
def lab_scene() -> Scene:
    """The room: always the same walls, furniture and lamps."""
    generator = np.random.default_rng(LAB_SEED)
    # The middle is kept free as if someone as wide as the whole floor stood there.
    clearing = Clearing(np.zeros(2), float(np.linalg.norm(FLOOR_HALF)) + 500, 2000.0, np.array([0.0, 0.0, 5000.0]))
    high = np.array(ROOM_HALF)
    meshes = shell(generator, -high, high, CEILING, finish=("concrete", "plaster"))
    meshes += furnish(generator, clearing, -high, high)
    lights, background = lamplight(generator, -high, high, CEILING)
    return Scene("lab", tuple(meshes), lights, background)
