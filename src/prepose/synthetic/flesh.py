"""The flesh on the mean body: a signed distance built of tapered tubes and ellipsoids that melt into each other.

Each piece rides on one rig segment and is written in that segment's rest frame (mm, x to the person's right, y to the
front, z up), relative to the segment's origin joint, for `mean_proportions(1700)`. Girths follow the adult means of
ANSUR II (2012), rounded.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator

from prepose.synthetic.rig import SEGMENT_NAMES


@dataclass(frozen=True, eq=False)
class Flesh:
    """A tube whose cross-section changes along one axis.

    Attributes:
        segment: The rig segment it rides on.
        axis: Which axis (0, 1, 2) it runs along; the cross-section's a and b axes are the other two, in order.
        stations: Rows (place along the axis, half width along a, half width along b, centre a, centre b), mm.
        blend: How widely it melts into what came before, mm.
        power: Exponent of the superellipse of the cross-section; 2 is an ellipse, more is boxier.
    """

    segment: str
    axis: int
    stations: tuple[tuple[int, int, int, int, int], ...]
    blend: float = 25.0
    power: float = 2.0


@dataclass(frozen=True, eq=False)
class Ball:
    """An ellipsoid: `centre` and `radii`, mm; see `Flesh` for the rest."""

    segment: str
    centre: tuple[int, int, int]
    radii: tuple[int, int, int]
    blend: float


_TRUNK = Flesh(
    "pelvis", 2,
    (
        (-105, 38, 40, 0, -2), (-75, 105, 78, 0, -4), (-30, 158, 96, 0, -6), (20, 164, 100, 0, -8),
        (70, 154, 96, 0, -6), (130, 136, 90, 0, -4), (180, 131, 89, 0, -4), (240, 138, 95, 0, -6),
        (310, 151, 104, 0, -9), (375, 160, 108, 0, -12), (425, 156, 98, 0, -17), (465, 128, 78, 0, -24),
        (495, 84, 62, 0, -26), (525, 50, 50, 0, -22),
    ),
    power=2.35,
)  # fmt: skip
_MIDDLE = (
    _TRUNK,
    Flesh("neck", 2, ((-45, 60, 58, 0, 2), (0, 57, 56, 0, 4), (45, 55, 57, 0, 8), (95, 53, 58, 0, 12),
                      (130, 45, 50, 0, 14)), 22.0),
    Ball("head", (0, 4, 126), (76, 98, 96), 12.0),
    # Face and jaw.
    Flesh("head", 2, ((-8, 20, 16, 0, 74), (0, 34, 36, 0, 62), (20, 48, 52, 0, 48), (55, 60, 66, 0, 37),
                      (95, 65, 72, 0, 32), (140, 62, 66, 0, 32), (165, 50, 50, 0, 30)), 14.0),
    # Nose, from its root to under its tip.
    Flesh("head", 2, ((56, 5, 4, 0, 112), (62, 13, 10, 0, 113), (74, 13, 16, 0, 112), (90, 9, 14, 0, 106),
                      (112, 7, 11, 0, 98), (124, 4, 5, 0, 94)), 5.0),
    Ball("head", (0, 99, 44), (23, 11, 9), 6.0),
    Ball("head", (0, 94, 12), (20, 14, 15), 9.0),
    Flesh("head", 0, ((-50, 5, 5, 72, 130), (-34, 11, 8, 89, 132), (0, 9, 7, 99, 130), (34, 11, 8, 89, 132),
                      (50, 5, 5, 72, 130)), 8.0),
)  # fmt: skip
_RIGHT = (
    Ball("head", (33, 84, 115), (16, 15, 11), 4.0),
    Flesh("head", 2, ((66, 3, 7, 72, 8), (74, 8, 12, 75, 8), (100, 10, 18, 78, 5), (122, 9, 16, 78, 3),
                      (130, 3, 6, 76, 3)), 5.0),
    # Trapezius and collar bone out to the shoulder's cap.
    Flesh("r_clavicle", 0, ((-20, 40, 40, 0, 4), (40, 46, 40, 0, 2), (90, 47, 36, 2, -8), (140, 46, 35, 4, -19),
                            (190, 44, 36, 4, -29), (222, 28, 24, 4, -34)), 28.0),
    Flesh("r_upper_arm", 0, ((-40, 28, 26, 0, -8), (0, 46, 43, 0, -8), (50, 50, 49, 0, -5), (110, 47, 48, 2, -1),
                             (175, 44, 46, 3, 0), (240, 39, 41, 0, 0), (292, 39, 37, -2, 0), (325, 28, 28, 0, 0)),
          30.0),
    Flesh("r_forearm", 0, ((-28, 28, 28, 0, 0), (0, 38, 38, -2, 0), (45, 43, 41, 2, 0), (90, 41, 38, 3, 0),
                           (150, 36, 31, 1, 0), (205, 30, 24, 0, 0), (248, 29, 21, 0, 0), (275, 30, 20, 0, 0)), 14.0),
    # Palm and fingers held together, slightly curled, then the thumb.
    Flesh("r_hand", 0, ((-18, 24, 17, 0, 0), (0, 29, 20, 0, 0), (30, 38, 18, 2, 0), (65, 43, 16, 2, 0),
                        (98, 42, 14, 1, -1), (130, 38, 12, -1, -4), (160, 32, 10, -3, -9), (180, 20, 7, -4, -13),
                        (186, 8, 4, -4, -14)), 8.0, 2.6),
    Flesh("r_hand", 0, ((8, 12, 12, 24, -2), (40, 15, 13, 44, -5), (72, 12, 11, 60, -7), (98, 10, 9, 69, -8),
                        (110, 4, 4, 72, -8)), 9.0),
    Flesh("r_thigh", 2, ((-470, 36, 36, 0, 0), (-416, 53, 55, 0, 8), (-370, 56, 58, 0, 6), (-290, 66, 68, 2, 4),
                         (-180, 76, 80, 2, 2), (-90, 82, 87, 2, -2), (-20, 84, 92, 0, -4), (35, 70, 80, -4, -4),
                         (90, 45, 55, -8, -4)), 30.0),
    Ball("pelvis", (72, -60, -42), (80, 66, 82), 34.0),
    Flesh("r_shin", 2, ((-450, 24, 26, 0, 0), (-418, 33, 38, 0, -2), (-370, 32, 36, 0, -4), (-300, 39, 43, 1, -9),
                        (-215, 50, 55, 3, -17), (-130, 56, 60, 2, -18), (-60, 52, 56, 0, -7), (0, 51, 55, 0, 2),
                        (40, 38, 44, 0, 2)), 16.0),
    Flesh("r_foot", 1, ((-62, 12, 14, 0, -42), (-52, 28, 28, 0, -38), (-25, 35, 38, 0, -30), (15, 37, 42, 0, -26),
                        (60, 39, 36, 1, -33), (110, 45, 28, 3, -40), (155, 49, 22, 3, -45), (190, 43, 18, 2, -48),
                        (212, 26, 13, 0, -52), (220, 10, 6, 0, -54)), 14.0, 2.4),
)  # fmt: skip


def _mirrored(piece: Flesh | Ball) -> Flesh | Ball:
    segment = "l_" + piece.segment[2:] if piece.segment.startswith("r_") else piece.segment
    if isinstance(piece, Ball):
        return replace(piece, segment=segment, centre=(-piece.centre[0], *piece.centre[1:]))
    if piece.axis == 0:
        rows = tuple((-t, a, b, ca, cb) for t, a, b, ca, cb in reversed(piece.stations))
    else:
        rows = tuple((t, a, b, -ca, cb) for t, a, b, ca, cb in piece.stations)
    return replace(piece, segment=segment, stations=rows)


FLESH: tuple[Flesh | Ball, ...] = (*_MIDDLE, *(side for piece in _RIGHT for side in (piece, _mirrored(piece))))
# Beyond this distance from a piece's box its exact distance does not matter, mm.
_REACH = 50.0
_FAR = 1e3
# So near its middle (as a share of the way out) a direction to the skin is not defined.
_MIDDLE_SHARE = 0.01


def _box(piece: Flesh | Ball) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    if isinstance(piece, Ball):
        centre, radii = np.array(piece.centre, dtype=float), np.array(piece.radii, dtype=float)
        return centre - radii, centre + radii
    t, a, b, ca, cb = np.array(piece.stations, dtype=float).T
    low, high = [(ca - a).min(), (cb - b).min()], [(ca + a).max(), (cb + b).max()]
    return np.insert(low, piece.axis, t[0]), np.insert(high, piece.axis, t[-1])


def _distance(piece: Flesh | Ball, local: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, " P"]:
    """Signed distance (mm, nearly true near the skin) of points in the piece's own frame."""
    return _ball_distance(piece, local) if isinstance(piece, Ball) else _tube_distance(piece, local)


def _outside(
    offset: Float[np.ndarray, "P C"], halves: Float[np.ndarray, "*P C"], power: float
) -> Float[np.ndarray, " P"]:
    """Distance from the middle times the share of it that lies outside: true along the axes of an ellipse."""
    radius = ((np.abs(offset) / halves) ** power).sum(axis=1) ** (1 / power)
    outside = np.linalg.norm(offset, axis=1) * (1 - 1 / np.maximum(radius, 1e-3))
    return np.where(radius > _MIDDLE_SHARE, outside, -halves.min(axis=-1))


def _ball_distance(ball: Ball, local: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, " P"]:
    return _outside(local - np.array(ball.centre), np.array(ball.radii, dtype=float), 2.0)


def _tube_distance(piece: Flesh, local: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, " P"]:
    stations = np.array(piece.stations, dtype=float)
    first, last = stations[0, 0], stations[-1, 0]
    # A table in half mm: a spline for each of half a million points would take longer than all the rest.
    table = PchipInterpolator(stations[:, 0], stations[:, 1:])(np.arange(first, last + 0.5, 0.5))
    along = local[:, piece.axis]
    across = np.delete(local, piece.axis, axis=1)
    place = np.clip((along - first) * 2 + 0.5, 0, len(table) - 1).astype(np.int64)
    halves, centres = table[place, :2], table[place, 2:]
    radial = _outside(across - centres, halves, piece.power)
    beyond = np.maximum(first - along, along - last)
    return np.minimum(np.maximum(radial, beyond), 0) + np.hypot(np.maximum(radial, 0), np.maximum(beyond, 0))


def flesh_distance(
    points: Float[np.ndarray, "P 3"], bind_from_rest: Float[np.ndarray, "S 4 4"], origins_rest: Float[np.ndarray, "S 3"]
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, "P S"]]:
    """Signed distance to the skin of the mean body in its bind pose, and to each segment's own flesh.

    Distances are good near the skin only; far from all flesh they are large.

    Args:
        points: In the bind pose, mm.
        bind_from_rest: Rigid matrix of each segment.
        origins_rest: Each segment's origin joint in the rest frame, mm.

    Returns:
        Distance to the union (negative inside) and, for each segment, to its flesh alone.
    """
    union = np.full(len(points), _FAR)
    alone = np.full((len(points), len(SEGMENT_NAMES)), _FAR)
    for piece in FLESH:
        s = SEGMENT_NAMES.index(piece.segment)
        rotation, translation = bind_from_rest[s, :3, :3], bind_from_rest[s, :3, 3]
        local = (points - translation) @ rotation - origins_rest[s]
        low, high = _box(piece)
        near = np.flatnonzero(((local > low - _REACH) & (local < high + _REACH)).all(axis=1))
        distance = _distance(piece, local[near])
        union[near] = _smooth_minimum(union[near], distance, piece.blend)
        alone[near, s] = np.minimum(alone[near, s], distance)
    return union, alone


def _smooth_minimum(
    first: Float[np.ndarray, " P"], second: Float[np.ndarray, " P"], width: float
) -> Float[np.ndarray, " P"]:
    """Source: Quilez, "Smooth minimum", quadratic polynomial form."""
    near = np.maximum(width - np.abs(first - second), 0) / width
    return np.minimum(first, second) - near * near * width / 4
