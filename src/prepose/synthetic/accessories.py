"""Closed pieces that the mean body has not: skirts, long hair, pony tails, buns and peaks of caps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.appearance import Appearance, Colour
from prepose.synthetic.clothing import smooth_step
from prepose.synthetic.rig import SEGMENT_NAMES
from prepose.synthetic.template import body_template


@dataclass(frozen=True, eq=False)
class Piece:
    """A closed surface in the template's bind pose (mm), weighted to the rig."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    weights: Float[np.ndarray, "V S"]
    albedo: Float32[np.ndarray, "V 3"]


def accessories(appearance: Appearance, generator: np.random.Generator) -> list[Piece]:
    """The pieces that a person wears."""
    pieces = []
    if appearance.bottom_kind == "skirt":
        pieces.append(_skirt(appearance, generator))
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
    """Level ellipses (half widths along x and y, mm) about middles that rise along z."""
    angle = np.arange(num_points) * 2 * np.pi / num_points
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(num_points)], axis=1)
    widths = np.concatenate([halves, np.zeros((len(halves), 1))], axis=1)
    return middles[:, None] + circle * widths[:, None]


def _ball(
    centre: tuple[float, float, float], radii: tuple[float, float, float], tilt: float = 0.0
) -> Float[np.ndarray, "R K 3"]:
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


def _skirt(appearance: Appearance, generator: np.random.Generator) -> Piece:
    """A skirt with an outside and an inside, closed at its hem, that hangs on the hips and rides on the thighs."""
    knee_to_hip = _joint("r_hip")[2] - _joint("r_ankle")[2]
    low = _joint("r_hip")[2] - appearance.bottom_length * knee_to_hip
    flare = generator.uniform(0.10, 0.34)
    z = np.linspace(low, 112, 16)
    below = np.maximum(30 - z, 0)
    grown = 4 + 10 * max(appearance.build.weight, 0) + 6 * appearance.build.feminine
    hips = np.exp(-0.5 * ((z + 30) / 85) ** 2)
    # Wide enough for the bind pose's open legs.
    half_x = 140 + 36 * hips + grown + below * max(flare, 0.16)
    half_y = (
        96 + 20 * hips + grown + 0.2 * below * (z < -60) + below * (flare - 0.1) + 30 * max(appearance.build.weight, 0)
    )
    middles = np.stack([np.zeros(16), np.full(16, -6.0), z], axis=1)
    outer = _rings(middles, np.stack([half_x, half_y], axis=1), 48)
    angle = np.arctan2(outer[..., 1], outer[..., 0])
    pleats = 1 + 0.05 * np.sin(angle * int(generator.integers(8, 18))) * np.clip(below / 300, 0, 1)[:, None]
    outer[..., :2] *= pleats[..., None]
    inner = outer.copy()
    inner[..., :2] *= 0.97
    # Down the inside, round the hem and up the outside: one tube, capped inside the waist.
    rings = np.concatenate([inner[::-1], outer])
    vertices = rings.reshape(-1, 3)
    x, _, depth = vertices[:, 0], vertices[:, 1], -vertices[:, 2]
    on_thighs = 0.94 * smooth_step(depth, -30, 190)
    right = smooth_step(x, -110, 110)
    weights = _weights(
        len(vertices), {"pelvis": 1 - on_thighs, "r_thigh": on_thighs * right, "l_thigh": on_thighs * (1 - right)}
    )
    cloth = appearance.bottom
    wave = np.sin(depth * 2 * np.pi / cloth.period)
    share = smooth_step(wave, -0.3, 0.3) if cloth.pattern in ("stripes", "checks", "print") else np.zeros(len(wave))
    return _piece(rings, weights, cloth.colour + (cloth.second - cloth.colour) * share[:, None])
