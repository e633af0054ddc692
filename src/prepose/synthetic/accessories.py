"""Closed pieces that the mean body has not: skirts, long hair, pony tails, buns and peaks of caps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.appearance import Appearance, Colour
from prepose.synthetic.body_map import smooth_step
from prepose.synthetic.rig import SEGMENT_NAMES
from prepose.synthetic.template import body_template


@dataclass(frozen=True, eq=False)
class Piece:
    """A closed surface in the template's bind pose (mm), weighted to the rig."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    weights: Float[np.ndarray, "V S"]
    albedo: Float32[np.ndarray, "V 3"]


def accessories(appearance: Appearance, body: Float[np.ndarray, "V 3"], generator: np.random.Generator) -> list[Piece]:
    """The pieces that a person wears over a body (the template's vertices with their build, mm)."""
    pieces = []
    if appearance.bottom_kind == "skirt":
        pieces.append(_skirt(appearance, body, generator))
    match appearance.hair_style:
        case "long":
            pieces.append(_hair_fall(appearance, generator))
        case "ponytail":
            pieces.append(_tail(appearance, generator))
        case "bun":
            pieces.append(_on_head(_ball((0, -98, 172), (36, 34, 36)), appearance.hair))
        case "cap":
            pieces.append(_on_head(_ball((0, 128, 158), (66, 58, 5), tilt=-0.18), appearance.shoes))
    return pieces


# Exponent of rings: 1 is an ellipse, less is boxier, as a trunk is.
_ROUNDNESS = 0.85


def _joint(name: str) -> Float[np.ndarray, "3"]:
    return body_template().proportions.rest[PREPOSE_27.index(name)]


def _weights(count: int, shares: dict[str, Float[np.ndarray, " V"] | float]) -> Float[np.ndarray, "V S"]:
    weights = np.zeros((count, len(SEGMENT_NAMES)))
    for name, share in shares.items():
        weights[:, SEGMENT_NAMES.index(name)] = share
    return weights


def _loft(rings: Float[np.ndarray, "R K 3"]) -> Int32[np.ndarray, "F 3"]:
    """Faces of a tube through rings of points (counter-clockwise seen against its direction), capped by fans."""
    num_rings, num_points = rings.shape[:2]
    ring, k = np.divmod(np.arange((num_rings - 1) * num_points), num_points)
    here, beside = ring * num_points + k, ring * num_points + (k + 1) % num_points
    up, up_beside = here + num_points, beside + num_points
    sides = np.concatenate([np.stack([here, beside, up_beside], 1), np.stack([here, up_beside, up], 1)])
    fan = np.arange(1, num_points - 1)
    first = np.stack([np.zeros_like(fan), fan + 1, fan], 1)
    last = np.stack([np.zeros_like(fan), fan, fan + 1], 1) + (num_rings - 1) * num_points
    return np.concatenate([sides, first, last]).astype(np.int32)


def _rings(
    middles: Float[np.ndarray, "R 3"], halves: Float[np.ndarray, "R 2"], num_points: int
) -> Float[np.ndarray, "R K 3"]:
    """Level rings (half widths along x and y, mm), boxier than ellipses, about middles that rise along z."""
    angle = np.arange(num_points) * 2 * np.pi / num_points
    flat = np.stack([np.cos(angle), np.sin(angle), np.zeros(num_points)], axis=1)
    circle = np.sign(flat) * np.abs(flat) ** _ROUNDNESS
    widths = np.concatenate([halves, np.zeros((len(halves), 1))], axis=1)
    return middles[:, None] + circle * widths[:, None]


def _ball(centre: tuple[int, int, int], radii: tuple[int, int, int], tilt: float = 0.0) -> Float[np.ndarray, "R K 3"]:
    """Rings of an ellipsoid (mm from the upper neck joint), tilted about x."""
    turn = np.linspace(-0.48 * np.pi, 0.48 * np.pi, 9)
    middles = np.stack([np.zeros(9), np.zeros(9), radii[2] * np.sin(turn)], axis=1)
    rings = _rings(middles, np.cos(turn)[:, None] * np.array(radii[:2]), 16)
    c, s = np.cos(tilt), np.sin(tilt)
    return rings @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T + np.array(centre)


def _piece(
    rings: Float[np.ndarray, "R K 3"], weights: Float[np.ndarray, "V S"], albedo: Float[np.ndarray, "*V 3"]
) -> Piece:
    vertices = rings.reshape(-1, 3)
    colours = np.clip(np.broadcast_to(albedo, vertices.shape), 0, 1).astype(np.float32)
    return Piece(vertices, _loft(rings), weights, colours)


def _on_head(rings: Float[np.ndarray, "R K 3"], colour: Colour) -> Piece:
    """A piece that moves with the head alone, given from the upper neck joint."""
    count = rings.shape[0] * rings.shape[1]
    return _piece(rings + _joint("upper_neck"), _weights(count, {"head": 1.0}), colour)


def _hair_fall(appearance: Appearance, generator: np.random.Generator) -> Piece:
    """Hair that falls behind the head and neck to the shoulders or beyond; below the chin it lies on the chest."""
    length = generator.uniform(60, 230)
    z = np.linspace(-length, 185, 14)
    t = (z + length) / (185 + length)
    width = 92 * np.sqrt(np.clip(1 - ((t - 0.52) / 0.56) ** 4, 0.02, 1))
    depth = np.where(z > 0, 62.0, 62 - 0.17 * -z) * np.sqrt(np.clip(1 - ((t - 0.5) / 0.53) ** 6, 0.03, 1))
    middles = np.stack([np.zeros(14), -46 - 0.12 * np.maximum(-z, 0), z], axis=1)
    rings = _rings(middles, np.stack([width, depth], axis=1), 28)
    vertices = rings.reshape(-1, 3)
    on_head = smooth_step(vertices[:, 2], -110, 30)
    angle = np.arctan2(vertices[:, 1] + 46, vertices[:, 0])
    streaks = 1 + 0.25 * np.sin(angle * 14) + 0.1 * np.sin(vertices[:, 2] / 17)
    weights = _weights(len(vertices), {"head": on_head, "chest": 1 - on_head})
    return _piece(rings + _joint("upper_neck"), weights, appearance.hair * streaks[:, None])


def _tail(appearance: Appearance, generator: np.random.Generator) -> Piece:
    """A pony tail from the back of the head."""
    length, root = generator.uniform(110, 260), generator.uniform(110, 185)
    t = np.linspace(1, 0, 11)
    middles = np.stack(
        [np.zeros(11), -96 - 62 * np.sin(np.minimum(t * 2.2, 1.9)) + 18 * t, root + 10 - length * t**1.4], axis=1
    )
    radius = 25 * np.sin(np.pi * np.clip(0.12 + 0.8 * (1 - t), 0, 1)) ** 0.7
    rings = _rings(middles, np.stack([radius, 0.85 * radius], axis=1), 12)
    on_head = smooth_step(rings.reshape(-1, 3)[:, 2], -140, 20)
    weights = _weights(len(on_head), {"head": on_head, "chest": 1 - on_head})
    return _piece(rings + _joint("upper_neck"), weights, appearance.hair)


def _skirt(appearance: Appearance, body: Float[np.ndarray, "V 3"], generator: np.random.Generator) -> Piece:
    """A skirt with an outside and an inside, closed at its hem, that hangs on the hips and rides on the thighs."""
    hip, ankle = _joint("r_hip")[2], _joint("r_ankle")[2]
    z = np.linspace(hip - appearance.bottom_length * (hip - ankle), 116, 18)
    middles, halves = _around_body(body, z)
    below = np.maximum(-40 - z, 0)
    halves += below[:, None] * np.array([generator.uniform(0.0, 0.2), generator.uniform(0.08, 0.3)])
    outer = _rings(middles, halves, 48)
    pleats = 0.05 * np.sin(np.arange(48) * 2 * np.pi / 48 * int(generator.integers(6, 14)))
    outer += (outer - middles[:, None]) * pleats[:, None] * np.clip(below / 300, 0, 1)[:, None, None]
    inner = middles[:, None] + 0.97 * (outer - middles[:, None])
    # Down the inside, round the hem and up the outside: one tube, capped inside the waist.
    rings = np.concatenate([inner[::-1], outer])
    x, _, depth = (rings.reshape(-1, 3) * np.array([1, 1, -1])).T
    on_thighs = 0.94 * smooth_step(depth, -30, 190)
    right = smooth_step(x, -110, 110)
    # The waistband bends with the waist.
    chest = np.interp(-depth, *_chest_share())
    weights = _weights(
        len(x),
        {
            "chest": chest,
            "pelvis": 1 - chest - on_thighs,
            "r_thigh": on_thighs * right,
            "l_thigh": on_thighs * (1 - right),
        },
    )
    cloth = appearance.bottom
    banded = cloth.pattern in ("stripes", "checks", "print")
    share = smooth_step(np.sin(depth * 2 * np.pi / cloth.period), -0.3, 0.3) * banded
    return _piece(rings, weights, cloth.colour + (cloth.second - cloth.colour) * share[:, None])


def _chest_share() -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
    """Heights about the waist (mm) and how far the trunk there moves with the chest; the rest moves with the pelvis."""
    template = body_template()
    heights = np.arange(0.0, 181.0, 20.0)
    share = template.weights[:, SEGMENT_NAMES.index("chest")]
    trunk = share + template.weights[:, SEGMENT_NAMES.index("pelvis")] > 0.9
    levels = [share[trunk & (np.abs(template.vertices[:, 2] - height) < 15)].mean() for height in heights]
    levels[0] = 0.0
    return heights, np.array(levels)


# How far a skirt hangs off the skin, mm.
_SLACK = 12.0


def _around_body(
    body: Float[np.ndarray, "V 3"], heights: Float[np.ndarray, " R"]
) -> tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 2"]]:
    """Middles and half widths of level ellipses about trunk and legs in the bind pose."""
    template = body_template()
    arms = [i for i, name in enumerate(SEGMENT_NAMES) if name.endswith(("arm", "hand"))]
    body = body[template.weights[:, arms].sum(axis=1) < 0.3]
    extents = []
    for height in heights:
        level = body[np.abs(body[:, 2] - height) < 22]
        extents.append((np.abs(level[:, 0]).max(), level[:, 1].min(), level[:, 1].max()))
    side, back, front = np.array(extents).T
    # Cloth falls straight from the widest place above.
    side, front, back = (np.maximum.accumulate(edge[::-1])[::-1] for edge in (side, front, -back))
    middles = np.stack([np.zeros_like(side), 0.5 * (front - back), heights], axis=1)
    return middles, np.stack([side, 0.5 * (front + back)], axis=1) + _SLACK
