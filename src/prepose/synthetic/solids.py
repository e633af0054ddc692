"""What things are built of: boxes, panels, turned shapes and blobs. mm, z up, about the origin."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Int

from prepose.synthetic.surfaces import Surface
from prepose.synthetic.tracer import Mesh

Corner = Sequence[float | int]
Bounds = Sequence[tuple[Corner, Corner]]
Thing = list[Mesh]

_FAR_BLOB_ROWS, _FAR_BLOB_SIDES = 6, 9


@lru_cache(maxsize=1)
def _unit_box() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """24 corners (in 0..1) so that each side has its own normal, 12 outward faces, and the two axes of each side."""
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
    return np.array(corners, dtype=float), np.array(faces), np.array(axes)


def boxes(bounds: Bounds, finish: Surface | Float[np.ndarray, "N 3"]) -> Mesh:
    """Boxes with edges along the axes, each (low corner, high corner) in mm, as one mesh.

    Args:
        bounds: The boxes.
        finish: The surface of them all, or a plain colour for each.
    """
    corners, faces, axes = _unit_box()
    low, high = np.moveaxis(np.asarray(bounds, dtype=float), 1, 0)
    vertices = (low[:, None] + corners * (high - low)[:, None]).reshape(-1, 3)
    all_faces = (faces + 24 * np.arange(len(low))[:, None, None]).reshape(-1, 3).astype(np.int32)
    if isinstance(finish, Surface):
        across, down = np.tile(axes, (len(low), 1)).T
        rows = np.arange(len(vertices))
        uv = np.stack([vertices[rows, across], -vertices[rows, down]], axis=1) / finish.period
        return Mesh(vertices, all_faces, _everywhere(finish.tint, len(vertices)), finish.texture, uv)
    return Mesh(vertices, all_faces, np.repeat(np.asarray(finish, dtype=np.float32), 24, axis=0))


def _everywhere(colour: np.ndarray, count: int) -> Float32[np.ndarray, "V 3"]:
    return np.broadcast_to(colour.astype(np.float32), (count, 3))


def panel(corner: np.ndarray, across: np.ndarray, up: np.ndarray, surface: Surface, *, whole: bool = False) -> Mesh:
    """A flat rectangle.

    Args:
        corner: The lower left corner, mm, seen from the side it shows.
        across: From there to the lower right corner, mm.
        up: From there to the upper left corner, mm.
        surface: What it is made of.
        whole: Whether the pattern covers the panel once (a picture) and not at its own scale.
    """
    vertices = np.stack([corner, corner + across, corner + across + up, corner + up]).astype(float)
    width, height = (
        (1.0, 1.0) if whole else (np.linalg.norm(across) / surface.period, np.linalg.norm(up) / surface.period)
    )
    uv = np.array([[0, height], [width, height], [width, 0], [0, 0]], dtype=float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    return Mesh(vertices, faces, _everywhere(surface.tint, 4), surface.texture, uv)


def turned(
    profile: Sequence[tuple[float | int, float | int]], finish: Surface | Float[np.ndarray, "3"], sides: int = 10
) -> Mesh:
    """What a lathe makes: (radius, height) pairs from bottom to top, mm, about the z axis."""
    radius, height = np.asarray(profile, dtype=float).T
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vertices = np.concatenate(
        [radius[:, None, None] * ring, np.broadcast_to(height[:, None, None], (len(radius), sides + 1, 1))], axis=2
    ).reshape(-1, 3)
    faces = _grid_faces(len(radius), sides)
    if isinstance(finish, Surface):
        girth = 2 * np.pi * max(float(radius.max()), 1.0)
        around = np.broadcast_to(angle / (2 * np.pi) * max(1.0, round(girth / finish.period)), (len(radius), sides + 1))
        uv = np.stack([around.ravel(), -vertices[:, 2] / finish.period], axis=1)
        tint = _everywhere(finish.tint, len(vertices))
        return Mesh(vertices, faces, tint, finish.texture, uv, smooth=True)
    return Mesh(vertices, faces, _everywhere(finish, len(vertices)), smooth=True)


@lru_cache(maxsize=8)
def _grid_faces(rows: int, sides: int) -> Int[np.ndarray, "F 3"]:
    row, side = (index.ravel() for index in np.mgrid[0 : rows - 1, 0:sides])
    a, b = row * (sides + 1) + side, row * (sides + 1) + side + 1
    c, d = a + sides + 1, b + sides + 1
    return np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)]).astype(np.int32)


def blob(radii: Corner, surface: Surface, generator: np.random.Generator, bumps: float) -> Mesh:
    """A lumpy ellipsoid about the origin: bushes, crowns of trees, rocks, hills."""
    rows, sides = _FAR_BLOB_ROWS, _FAR_BLOB_SIDES
    polar = np.linspace(0, np.pi, rows)
    mesh = turned(list(zip(np.sin(polar), -np.cos(polar), strict=True)), surface, sides)
    swell = 1 + bumps * generator.uniform(-1, 1, (rows, sides + 1))
    swell[:, -1] = swell[:, 0]
    swell[0], swell[-1] = swell[0, 0], swell[-1, 0]
    vertices = mesh.vertices * swell.reshape(-1, 1) * np.array(radii)
    size = float(np.mean(radii))
    assert mesh.uv is not None
    turns = max(1.0, round(2 * np.pi * size / surface.period))
    around = mesh.uv[:, 0] / max(float(mesh.uv[:, 0].max()), 1e-9) * turns
    return replace(mesh, vertices=vertices, uv=np.stack([around, -vertices[:, 2] / surface.period], axis=1))


def moved(thing: Sequence[Mesh], place: Corner, yaw: float) -> Thing:
    """A thing turned about z by `yaw` (rad) and carried to its place (mm)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return [replace(mesh, vertices=mesh.vertices @ turn.T + np.asarray(place, dtype=float)) for mesh in thing]
