"""Things that stand about: furniture, plants, cars, buildings.

Every thing is built about the origin on z = 0 (mm, z up) and then moved to its place. Geometry is kept to tens of faces
a thing: at the sizes that pictures are rendered, texture does the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from prepose.synthetic.solids import Bounds, Thing, blob, boxes, moved, panel, turned
from prepose.synthetic.surfaces import Surface, draw_surface
from prepose.synthetic.tracer import Mesh
from prepose.synthetic.weaves import draw_paint, linear


def _legs(half_x: float, half_y: float, top: float, thick: float = 55.0) -> list:
    return [
        ((sx * half_x - thick * (sx > 0), sy * half_y - thick * (sy > 0), 0),
         (sx * half_x + thick * (sx < 0), sy * half_y + thick * (sy < 0), top))
        for sx in (-1, 1) for sy in (-1, 1)
    ]  # fmt: skip


def _timber(generator: np.random.Generator) -> Surface | None:
    return draw_surface("boards", generator) if generator.random() < 0.6 else None


def _finished(bounds: Bounds, generator: np.random.Generator) -> Mesh:
    """Boxes of wood or of paint."""
    surface = _timber(generator)
    return boxes(bounds, surface if surface is not None else np.tile(draw_paint(generator), (len(bounds), 1)))


def table(generator: np.random.Generator) -> Thing:
    """A table or desk."""
    x, y, top = generator.uniform([400, 280, 560], [900, 500, 800])
    return [_finished([((-x, -y, top - 40), (x, y, top)), *_legs(x - 30, y - 30, top - 40)], generator)]


def chair(generator: np.random.Generator) -> Thing:
    """A chair whose back is towards -y."""
    half, seat, top = generator.uniform([190, 410, 780], [250, 480, 1000])
    return [
        _finished(
            [
                ((-half, -half, seat - 40), (half, half, seat)),
                ((-half, -half - 30, seat), (half, -half + 10, top)),
                *_legs(half, half, seat - 40, 38.0),
            ],
            generator,
        )
    ]


def stool(generator: np.random.Generator) -> Thing:
    """A round stool."""
    height, radius = generator.uniform([380, 160], [500, 230])
    return [
        turned(
            [
                (0, 0),
                (radius * 0.7, 0),
                (60, 40),
                (60, height - 60),
                (radius, height - 40),
                (radius, height),
                (0, height),
            ],
            draw_paint(generator),
        )
    ]


def sofa(generator: np.random.Generator) -> Thing:
    """A sofa or armchair whose back is towards -y."""
    half, depth, seat, back = generator.uniform([420, 380, 360, 700], [1100, 460, 460, 950])
    bounds = [
        ((-half, -depth, 60), (half, depth, seat)),
        ((-half, -depth - 160, 60), (half, -depth + 60, back)),
        ((-half - 150, -depth - 160, 60), (-half, depth, seat + 190)),
        ((half, -depth - 160, 60), (half + 150, depth, seat + 190)),
    ]
    return [boxes(bounds, draw_surface("fabric", generator))]


def bed(generator: np.random.Generator) -> Thing:
    """A bed with its head towards -y."""
    half, top = generator.uniform([450, 380], [900, 560])
    frame = [((-half, -1000, 80), (half, 1000, top - 150)), ((-half, -1060, 0), (half, -1000, top + 450))]
    return [
        _finished(frame, generator),
        boxes([((-half, -1000, top - 150), (half, 990, top))], draw_surface("fabric", generator)),
    ]


def shelf(generator: np.random.Generator) -> Thing:
    """A bookcase that shows its books to +y."""
    half, height = generator.uniform([350, 900], [900, 2200])
    case = _finished([((-half, -160, 0), (half, 140, height))], generator)
    books = draw_surface("books", generator)
    row = height / max(2, round(height / 330))
    front = panel(np.array([half - 30, 146, 60]), np.array([60 - 2 * half, 0, 0]), np.array([0, 0, height - 90]), books)
    assert front.uv is not None
    return [case, replace(front, uv=front.uv * np.array([1.0, books.period / row]))]


def cupboard(generator: np.random.Generator) -> Thing:
    """A cupboard, chest of drawers or fridge."""
    half, depth, height = generator.uniform([250, 200, 700], [700, 320, 2100])
    doors = [
        ((-half + 25, depth, 60), (-15, depth + 14, height - 30)),
        ((15, depth, 60), (half - 25, depth + 14, height - 30)),
    ]
    paint = draw_paint(generator)
    return [_finished([((-half, -depth, 0), (half, depth, height))], generator), boxes(doors, np.tile(paint, (2, 1)))]


def carton(generator: np.random.Generator) -> Thing:
    """One to three packing cases on each other."""
    bounds, base = [], 0.0
    for _ in range(int(generator.integers(1, 4))):
        x, y, height = generator.uniform([150, 150, 180], [380, 330, 480])
        dx, dy = generator.uniform(-60, 60, 2)
        bounds.append(((dx - x, dy - y, base), (dx + x, dy + y, base + height)))
        base += height
    brown = linear(0.66, 0.52, 0.36)
    tones = np.stack([brown * np.exp(generator.normal(0, 0.15)) for _ in bounds])
    if generator.random() < 0.3:
        tones = np.stack([draw_paint(generator) for _ in bounds])
    return [boxes(bounds, np.clip(tones, 0.01, 0.9))]


def plant(generator: np.random.Generator) -> Thing:
    """A potted plant."""
    pot, height = generator.uniform([120, 500], [220, 1500])
    leaves = draw_surface("foliage", generator)
    thing = [turned([(0, 0), (pot * 0.7, 0), (pot, 300), (0, 300)], draw_paint(generator))]
    for _ in range(3):
        radii = generator.uniform(0.14, 0.30, 3) * (height + 300)
        where = (*generator.uniform(-0.15, 0.15, 2) * height, 300 + float(generator.uniform(0.25, 0.8)) * height)
        thing += moved([blob((radii[0], radii[1], radii[2]), leaves, generator, 0.35)], where, 0.0)
    return thing


def floor_lamp(generator: np.random.Generator) -> Thing:
    """A standing lamp."""
    height, shade = generator.uniform([1200, 140], [1800, 260])
    pole = turned([(0, 0), (140, 0), (140, 25), (14, 40), (14, height)], draw_paint(generator))
    return [pole, turned([(shade, height - 120), (shade * 0.7, height + 160)], linear(0.93, 0.88, 0.76))]


def counter(generator: np.random.Generator) -> Thing:
    """A counter, low wall, or the like: a long block of waist height."""
    half, depth, height = generator.uniform([500, 100, 550], [1300, 350, 1050])
    kind = ("boards", "brick", "concrete", "plaster", "tiles")[int(generator.integers(5))]
    return [
        boxes([((-half, -depth, 0), (half, depth, height))], draw_surface(kind, generator)),
        boxes([((-half - 30, -depth - 30, height), (half + 30, depth + 30, height + 40))], draw_paint(generator)[None]),
    ]


def pillar(generator: np.random.Generator) -> Thing:
    """A pillar or post up to the ceiling."""
    half = float(generator.uniform(60, 190))
    kind = ("concrete", "plaster", "boards", "brick", "bark")[int(generator.integers(5))]
    surface = draw_surface(kind, generator)
    if generator.random() < 0.5:
        return [turned([(half, 0), (half, 4000)], surface)]
    return [boxes([((-half, -half, 0), (half, half, 4000))], surface)]


def board(generator: np.random.Generator) -> Thing:
    """A sign, screen or easel on two posts."""
    half, low, height = generator.uniform([220, 350, 450], [600, 900, 900])
    posts = [((side * half - 20, -20, 0), (side * half + 20, 20, low + height)) for side in (-0.8, 0.8)]
    face = draw_surface("picture", generator)
    panels = [
        panel(
            np.array([s * half, -22 * s, low]),
            np.array([-2 * s * half, 0, 0]),
            np.array([0, 0, height]),
            face,
            whole=True,
        )
        for s in (1.0, -1.0)
    ]
    return [boxes(posts, np.tile(draw_paint(generator), (2, 1))), *panels]


def tree(generator: np.random.Generator) -> Thing:
    """A tree: a trunk and a crown of blobs."""
    height, trunk = generator.uniform([3200, 90], [9000, 260])
    leaves, bark = draw_surface("foliage", generator), draw_surface("bark", generator)
    thing = [turned([(trunk * 1.3, 0), (trunk, 400), (trunk * 0.6, 0.75 * height)], bark, 8)]
    for _ in range(int(generator.integers(2, 5))):
        radii = generator.uniform(0.18, 0.32, 3) * height
        where = (*generator.uniform(-0.16, 0.16, 2) * height, float(generator.uniform(0.6, 0.95)) * height)
        thing += moved([blob((radii[0], radii[1], radii[2]), leaves, generator, 0.28)], where, 0.0)
    return thing


def bush(generator: np.random.Generator) -> Thing:
    """A bush, hedge or rock."""
    x, y, z = generator.uniform([400, 350, 300], [1400, 800, 1100])
    kind, bumps = (("foliage", 0.22), ("foliage", 0.30), ("concrete", 0.25))[int(generator.integers(3))]
    return moved([blob((x, y, z), draw_surface(kind, generator), generator, bumps)], (0.0, 0.0, 0.35 * z), 0.0)


def car(generator: np.random.Generator) -> Thing:
    """A parked car, its nose towards +x."""
    length, width, height = generator.uniform([1750, 780, 1350], [2350, 950, 1900])
    paint, glass, dark = draw_paint(generator), linear(0.16, 0.19, 0.22), linear(0.09, 0.09, 0.10)
    waist = 0.58 * height
    body = [
        ((-length, -width, 300), (length, width, waist)),
        ((-0.85 * length, -0.9 * width, waist), (0.45 * length, 0.9 * width, height - 60)),
        ((-0.87 * length, -0.88 * width, height - 60), (0.40 * length, 0.88 * width, height)),
    ]
    wheel = turned([(0, 0), (320, 0), (320, 190), (0, 190)], dark, 12)
    lying = replace(
        wheel, vertices=wheel.vertices[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0]) + np.array([0, -95.0, 320])
    )
    wheels = [
        replace(lying, vertices=lying.vertices + np.array([x * length, y * width, 0]))
        for x in (-0.62, 0.62) for y in (-0.95, 0.95)
    ]  # fmt: skip
    return [boxes(body, np.stack([paint, glass, paint])), *wheels]


def bench(generator: np.random.Generator) -> Thing:
    """A park bench whose back is towards -y."""
    half = float(generator.uniform(600, 950))
    bounds = [
        ((-half, -220, 410), (half, 220, 450)),
        ((-half, -240, 520), (half, -210, 850)),
        *(((side * half - 40, -230, 0), (side * half + 40, 200, 420)) for side in (-0.8, 0.8)),
    ]
    return [_finished(bounds, generator)]


def fence(generator: np.random.Generator) -> Thing:
    """A fence or wall along x, 12 m long."""
    height = float(generator.uniform(700, 2000))
    if generator.random() < 0.5:
        kind = ("planking", "brick", "concrete", "foliage")[int(generator.integers(4))]
        return [boxes([((-6000, -60, 0), (6000, 60, height))], draw_surface(kind, generator))]
    posts = [((x - 45, -45, 0), (x + 45, 45, height)) for x in np.linspace(-6000, 6000, 9)]
    rails = [((-6000, -20, z - 50), (6000, 20, z + 50)) for z in (0.35 * height, 0.8 * height)]
    bounds = [*posts, *rails]
    return [boxes(bounds, np.tile(draw_paint(generator), (len(bounds), 1)))]


def building(generator: np.random.Generator) -> Thing:
    """A house or block."""
    x, y, height = generator.uniform([3000, 3000, 3500], [12000, 9000, 18000])
    kind = ("facade", "facade", "facade", "brick", "plaster")[int(generator.integers(5))]
    roof = [((-x - 300, -y - 300, height), (x + 300, y + 300, height + 500))]
    return [
        boxes([((-x, -y, -100), (x, y, height))], draw_surface(kind, generator)),
        boxes(roof, draw_paint(generator)[None]),
    ]


def hill(generator: np.random.Generator) -> Thing:
    """A hill far away."""
    x, y, z = generator.uniform([20000, 15000, 4000], [60000, 40000, 16000])
    kind = ("grass", "foliage", "earth", "snow")[int(generator.integers(4))]
    surface = draw_surface(kind, generator)
    return moved([blob((x, y, z), replace(surface, period=12000.0), generator, 0.15)], (0.0, 0.0, -0.2 * z), 0.0)


Maker = Callable[[np.random.Generator], Thing]

INDOOR_THINGS: Mapping[str, Maker] = MappingProxyType(
    {
        "table": table, "chair": chair, "sofa": sofa, "bed": bed, "shelf": shelf, "cupboard": cupboard,
        "carton": carton, "plant": plant, "floor_lamp": floor_lamp, "stool": stool, "counter": counter,
    }
)  # fmt: skip
OUTDOOR_THINGS: Mapping[str, Maker] = MappingProxyType(
    {"tree": tree, "bush": bush, "car": car, "bench": bench, "carton": carton, "board": board, "counter": counter}
)
# What may stand between the camera and the person.
OCCLUDERS: Mapping[str, Maker] = MappingProxyType(
    {
        "table": table, "chair": chair, "sofa": sofa, "carton": carton, "plant": plant, "counter": counter,
        "pillar": pillar, "board": board, "stool": stool, "bush": bush, "cupboard": cupboard,
    }
)  # fmt: skip
