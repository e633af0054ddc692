"""What things are built of: boxes, panels, turned shapes and blobs. mm, z up, about the origin."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from prepose.synthetic.surfaces import Surface
from prepose.synthetic.tracer import Mesh

Corner = Sequence[float | int]
Bounds = Sequence[tuple[Corner, Corner]]
Thing = list[Mesh]

_FAR_BLOB_ROWS, _FAR_BLOB_SIDES = 6, 9
_PANEL_FACES: Int32[np.ndarray, "2 3"] = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


class _UnitBox(NamedTuple):
    """A box from 0 to 1 whose sides have corners of their own, and so their own normals."""

    corners: Float[np.ndarray, "24 3"]
    faces: Int32[np.ndarray, "12 3"]
    # Which axis the columns and the rows of a texture run along, for each corner.
    across: Int[np.ndarray, "24"]
    down: Int[np.ndarray, "24"]


@lru_cache(maxsize=1)
def _unit_box() -> _UnitBox:
    corners, faces, axes = [], [], []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for end in (0, 1):
            first = len(corners)
            for a, b in ((0, 0), (1, 0), (1, 1), (0, 1)):
                corner = [0, 0, 0]
                corner[axis], corner[u], corner[v] = end, a, b
                corners.append(corner)
                # Texture rows run down the height of upright sides.
                axes.append((u, v) if axis == 2 else (v, u) if u == 2 else (u, v))
            turn = ((0, 1, 2), (0, 2, 3)) if end else ((0, 2, 1), (0, 3, 2))
            faces += [[first + i for i in triangle] for triangle in turn]
    across, down = np.array(axes).T
    return _UnitBox(np.array(corners, dtype=float), np.array(faces, dtype=np.int32), across, down)


def boxes(bounds: Bounds, finish: Surface | Float[np.ndarray, "N 3"]) -> Mesh:
    """Boxes with edges along the axes, each (low corner, high corner) in mm, as one mesh.

    Args:
        bounds: The boxes.
        finish: The surface of them all, or a plain colour for each.
    """
    box, ends = _unit_box(), np.array(bounds, dtype=float)
    low, high = ends[:, :1], ends[:, 1:]
    corners = low + box.corners * (high - low)
    vertices = corners.reshape(-1, 3)
    if isinstance(finish, Surface):
        side = np.arange(24)
        uv = np.stack([corners[:, side, box.across], -corners[:, side, box.down]], axis=2).reshape(-1, 2)
        tint = _everywhere(finish.tint, len(vertices))
        return Mesh(vertices, _box_faces(len(ends)), tint, finish.texture, uv / finish.period)
    return Mesh(vertices, _box_faces(len(ends)), np.repeat(np.asarray(finish, dtype=np.float32), 24, axis=0))


@lru_cache(maxsize=32)
def _box_faces(count: int) -> Int32[np.ndarray, "F 3"]:
    return (_unit_box().faces + 24 * np.arange(count, dtype=np.int32)[:, None, None]).reshape(-1, 3)


def _everywhere(colour: np.ndarray, count: int) -> Float32[np.ndarray, "V 3"]:
    # numpy's broadcast_to takes five times as long at these sizes.
    colours = np.empty((count, 3), dtype=np.float32)
    colours[:] = colour
    return colours


def panel(corner: np.ndarray, across: np.ndarray, up: np.ndarray, surface: Surface, *, whole: bool = False) -> Mesh:
    """A flat rectangle.

    Args:
        corner: The lower left corner, mm, seen from the side it shows.
        across: From there to the lower right corner, mm.
        up: From there to the upper left corner, mm.
        surface: What it is made of.
        whole: Whether the pattern covers the panel once (a picture) and not at its own scale.
    """
    vertices = np.empty((4, 3))
    vertices[0], vertices[1], vertices[3] = corner, corner + across, corner + up
    vertices[2] = vertices[1] + up
    width, height = (
        (1.0, 1.0) if whole else (np.linalg.norm(across) / surface.period, np.linalg.norm(up) / surface.period)
    )
    uv = np.array([[0, height], [width, height], [width, 0], [0, 0]], dtype=float)
    return Mesh(vertices, _PANEL_FACES, _everywhere(surface.tint, 4), surface.texture, uv)


def turned(
    profile: Sequence[tuple[float | int, float | int]], finish: Surface | Float[np.ndarray, "3"], sides: int = 10
) -> Mesh:
    """What a lathe makes: (radius, height) pairs from bottom to top, mm, about the z axis."""
    radius, height = np.array(profile, dtype=float).T
    turn, ring = _ring(sides)
    points = np.empty((len(radius), sides + 1, 3))
    points[..., :2] = radius[:, None, None] * ring
    points[..., 2] = height[:, None]
    vertices = points.reshape(-1, 3)
    faces = _grid_faces(len(radius), sides)
    if isinstance(finish, Surface):
        girth = 2 * np.pi * max(float(radius.max()), 1.0)
        uv = np.empty((len(radius), sides + 1, 2))
        uv[..., 0] = turn * max(1.0, round(girth / finish.period))
        uv[..., 1] = -height[:, None] / finish.period
        tint = _everywhere(finish.tint, len(vertices))
        return Mesh(vertices, faces, tint, finish.texture, uv.reshape(-1, 2), smooth=True)
    return Mesh(vertices, faces, _everywhere(finish, len(vertices)), smooth=True)


@lru_cache(maxsize=8)
def _ring(sides: int) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, "P 2"]]:
    """Points round the unit circle, the first again at the end: the share of the turn, and x and y."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    return angle / (2 * np.pi), np.stack([np.cos(angle), np.sin(angle)], axis=1)


@lru_cache(maxsize=8)
def _grid_faces(rows: int, sides: int) -> Int[np.ndarray, "F 3"]:
    row, side = (index.ravel() for index in np.mgrid[0 : rows - 1, 0:sides])
    a, b = row * (sides + 1) + side, row * (sides + 1) + side + 1
    c, d = a + sides + 1, b + sides + 1
    return np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)]).astype(np.int32)


def blob(radii: Corner, surface: Surface, generator: np.random.Generator, bumps: float) -> Mesh:
    """A lumpy ellipsoid about the origin: bushes, crowns of trees, rocks, hills."""
    rows, sides = _FAR_BLOB_ROWS, _FAR_BLOB_SIDES
    swell = 1 + bumps * generator.uniform(-1, 1, (rows, sides + 1))
    swell[:, -1] = swell[:, 0]
    swell[0], swell[-1] = swell[0, 0], swell[-1, 0]
    vertices = _unit_ball() * swell.reshape(-1, 1) * np.array(radii)
    turns = max(1.0, round(2 * np.pi * sum(radii) / 3 / surface.period))
    uv = np.empty((rows, sides + 1, 2))
    uv[..., 0] = _ring(sides)[0] * turns
    uv[..., 1] = -vertices[:, 2].reshape(rows, sides + 1) / surface.period
    tint = _everywhere(surface.tint, len(vertices))
    return Mesh(vertices, _grid_faces(rows, sides), tint, surface.texture, uv.reshape(-1, 2), smooth=True)


@lru_cache(maxsize=1)
def _unit_ball() -> Float[np.ndarray, "V 3"]:
    polar = np.linspace(0, np.pi, _FAR_BLOB_ROWS)
    profile = list(zip(np.sin(polar), -np.cos(polar), strict=True))
    return turned(profile, np.zeros(3), _FAR_BLOB_SIDES).vertices


def moved(thing: Sequence[Mesh], place: Corner, yaw: float, stretch: float = 1.0) -> Thing:
    """A thing stretched in height, turned about z by `yaw` (rad) and carried to its place (mm)."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, stretch]])
    where = np.array(place, dtype=float)
    return [replace(mesh, vertices=mesh.vertices @ turn + where) for mesh in thing]
