"""The mean body's skin: one mesh of fixed topology in the bind pose, weighted to the rig; made once a process."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int, Int32
from scipy import sparse
from scipy.sparse import linalg
from skimage.measure import marching_cubes

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.flesh import flesh_distance
from prepose.synthetic.rig import (
    SEGMENT_NAMES,
    SEGMENT_ORIGINS,
    BodyPose,
    Proportions,
    mean_proportions,
    pose_joints,
)
from prepose.synthetic.tracer import vertex_normals

STATURE = 1700.0
# The bind pose: half way between a T-pose and arms at the sides, with the legs apart, so that arm pits and crotch are
# open and no joint turns more than it must from here.
_ARM_DROP, _LEG_SPREAD = np.radians(50.0), np.radians(9.0)
_CELL = 22.0
# Head and hands are marched through a magnifying glass, or nose and thumb would fall between the cells.
_HEAD_ZOOM, _HAND_ZOOM = 2.7, 2.0
# How far a joint's bend spreads over the skin about it, mm, by the segment that a vertex lies on.
_SOFTNESS = {
    "pelvis": 62.0, "chest": 62.0, "neck": 34.0, "head": 16.0, "clavicle": 46.0, "upper_arm": 44.0, "forearm": 36.0,
    "hand": 20.0, "thigh": 58.0, "shin": 46.0, "foot": 26.0,
}  # fmt: skip
# Shares of a segment below this do not count.
_TRACE = 0.02


@dataclass(frozen=True, eq=False)
class Template:
    """The mean body in its bind pose.

    Attributes:
        vertices: mm; pelvis at the origin.
        normals: Unit.
        faces: Counter-clockwise from outside; the surface is closed.
        weights: Share of each rig segment in each vertex; none is negative, their sum is one.
        rest: The same points carried back to the rest (T) pose by their weights, mm: where patterns are painted.
        proportions: The body it belongs to.
        bind_from_rest: Rigid matrix of each segment.
    """

    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    weights: Float[np.ndarray, "V S"]
    rest: Float[np.ndarray, "V 3"]
    proportions: Proportions
    bind_from_rest: Float[np.ndarray, "S 4 4"]


def bind_matrices(proportions: Proportions) -> tuple[Float[np.ndarray, "27 3"], Float[np.ndarray, "S 4 4"]]:
    """Joints (mm) and rigid bind_from_rest matrices of a body in the bind pose."""
    local = np.tile(np.eye(3), (len(SEGMENT_NAMES), 1, 1))
    for side, sign in (("r", 1.0), ("l", -1.0)):
        local[SEGMENT_NAMES.index(f"{side}_upper_arm")] = _about_y(sign * _ARM_DROP)
        local[SEGMENT_NAMES.index(f"{side}_thigh")] = _about_y(-sign * _LEG_SPREAD)
        local[SEGMENT_NAMES.index(f"{side}_foot")] = _about_y(sign * _LEG_SPREAD)
    return pose_joints(proportions, BodyPose(local, np.zeros(3)))


def _about_y(angle: float) -> Float[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@cache
def body_template() -> Template:
    """The template; the first call in a process takes about a second."""
    proportions = mean_proportions(STATURE)
    joints, bind_from_rest = bind_matrices(proportions)
    origins = proportions.rest[list(SEGMENT_ORIGINS)]
    grid = _Lens(joints)
    points = grid.bind_from_lens(grid.lattice())
    union = flesh_distance(points.reshape(-1, 3), bind_from_rest, origins)[0].reshape(points.shape[:-1])
    cells, faces = marching_cubes(union, 0.0)[:2]
    faces = faces.astype(np.int32)
    vertices = grid.bind_from_lens(grid.start + cells.astype(np.float64) * _CELL)
    for _ in range(3):
        vertices = _relaxed(vertices, faces)
        distance = flesh_distance(vertices, bind_from_rest, origins)[0]
        vertices = vertices - distance[:, None] * vertex_normals(vertices, faces)
    alone = flesh_distance(vertices, bind_from_rest, origins)[1]
    weights = _weights(vertices, faces, _own_segment(vertices, alone, joints))
    back = np.linalg.inv(bind_from_rest)
    rest = np.einsum("vs,sab,vb->va", weights, back[:, :3, :3], vertices) + weights @ back[:, :3, 3]
    return Template(vertices, vertex_normals(vertices, faces), faces, weights, rest, proportions, bind_from_rest)


class _Lens:
    """A lattice of even cells in a space where head and hands are enlarged."""

    def __init__(self, joints: Float[np.ndarray, "27 3"]) -> None:
        self.neck_z = float(joints[PREPOSE_27.index("upper_neck"), 2]) - 30.0
        self.wrist = joints[PREPOSE_27.index("r_wrist")] - np.array([25.0, 0, 0])
        self.hand = joints[PREPOSE_27.index("r_hand")]
        top = joints[PREPOSE_27.index("head_top"), 2] + 40.0
        bottom = joints[:, 2].min() - 80.0
        finger = self.hand[0] + 130.0
        extent = np.array(
            [
                self.wrist[0] + (finger - self.wrist[0]) * _HAND_ZOOM,
                150.0 * _HEAD_ZOOM,
                self.neck_z + (top - self.neck_z) * _HEAD_ZOOM,
            ]
        )
        self.start = np.array([-extent[0], -extent[1], bottom])
        self.size = np.ceil((extent - self.start) / _CELL).astype(int) + 1

    def lattice(self) -> Float[np.ndarray, "X Y Z 3"]:
        return self.start + np.moveaxis(np.indices(tuple(int(n) for n in self.size)), 0, -1) * _CELL

    def bind_from_lens(self, points: Float[np.ndarray, "*P 3"]) -> Float[np.ndarray, "*P 3"]:
        """Points of the bind pose (mm) under points of the lens."""
        x, y, z = np.moveaxis(points, -1, 0)
        z, head = _shrink(z, self.neck_z, _HEAD_ZOOM)
        x, y = x / head, y / head
        outward, hand = _shrink(np.abs(x), float(self.wrist[0]), _HAND_ZOOM)
        x = np.sign(x) * outward
        slope = (self.hand[2] - self.wrist[2]) / (self.hand[0] - self.wrist[0])
        middle = self.wrist[2] + slope * np.maximum(outward - self.wrist[0], 0)
        y = self.hand[1] + (y - self.hand[1]) / hand
        return np.stack([x, y, middle + (z - middle) / hand], axis=-1)


def _shrink(
    place: Float[np.ndarray, "*P"], start: float, zoom: float
) -> tuple[Float[np.ndarray, "*P"], Float[np.ndarray, "*P"]]:
    """Undo a stretch that sets in after `start`, over 100 mm, and the stretch at each place."""
    beyond = np.maximum(place - start, 0)
    # d(lens)/d(bind) rises in a line from 1 to zoom over `ramp` mm of bind, then stays.
    ramp, rise = 60.0, zoom - 1
    on_ramp = ramp * (np.sqrt(1 + 2 * rise * beyond / ramp) - 1) / rise
    length = ramp * (1 + rise / 2)
    inside = np.where(beyond < length, on_ramp, ramp + (beyond - length) / zoom)
    return np.minimum(place, start) + inside, 1 + rise * np.clip(inside / ramp, 0, 1)


def _edges(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "E 2"]:
    """Directed edges, each face's three."""
    return faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


def _relaxed(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Float[np.ndarray, "V 3"]:
    """Vertices moved half way to the mean of their neighbours, along the surface only."""
    edges = _edges(faces)
    count = np.bincount(edges[:, 0], minlength=len(vertices))
    mean = np.stack([np.bincount(edges[:, 0], vertices[edges[:, 1], c], len(vertices)) for c in range(3)], axis=1)
    move = 0.5 * (mean / count[:, None] - vertices)
    normals = vertex_normals(vertices, faces)
    return vertices + move - normals * np.einsum("vc,vc->v", move, normals)[:, None]


def _own_segment(
    vertices: Float[np.ndarray, "V 3"], alone: Float[np.ndarray, "V S"], joints: Float[np.ndarray, "27 3"]
) -> Int[np.ndarray, " V"]:
    """The segment whose flesh each vertex lies on; the trunk is one piece of flesh and parts at the spine joint."""
    own = alone.argmin(axis=1)
    pelvis, chest = SEGMENT_NAMES.index("pelvis"), SEGMENT_NAMES.index("chest")
    own[(own == pelvis) & (vertices[:, 2] > joints[PREPOSE_27.index("spine"), 2])] = chest
    return own


def _weights(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], own: Int[np.ndarray, " V"]
) -> Float[np.ndarray, "V S"]:
    """Each vertex's segment, spread like heat along the surface: never across the gap between arm and trunk.

    Source: Baran and Popović, "Automatic rigging and animation of 3D characters", SIGGRAPH 2007, section 4 (heat on
    the surface, here from the flesh's own segment instead of the nearest bone, and with a softness for each segment).
    """
    softness = np.array([_SOFTNESS[name.removeprefix("l_").removeprefix("r_")] for name in SEGMENT_NAMES])[own]
    laplacian, area = _laplacian(vertices, faces, softness**2)
    spread = linalg.splu((sparse.diags(area) + 0.25 * laplacian).tocsc())
    weights = np.eye(len(SEGMENT_NAMES))[own]
    for _ in range(2):
        weights = spread.solve(area[:, None] * weights)
    # Far segments' last traces would let a raised arm tug at the belly.
    weights = np.maximum(weights - _TRACE, 0)
    return weights / weights.sum(axis=1, keepdims=True)


def _laplacian(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], conductance: Float[np.ndarray, " V"]
) -> tuple[sparse.csr_matrix, Float[np.ndarray, " V"]]:
    """The cotangent Laplacian (positive) with a conductance at each vertex, and each vertex's area (mm2)."""
    corners = vertices[faces]
    rows, columns, values = [], [], []
    double_area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    double_area = np.maximum(double_area, 1e-6)
    for k in range(3):
        a, b = faces[:, (k + 1) % 3], faces[:, (k + 2) % 3]
        to_a, to_b = corners[:, (k + 1) % 3] - corners[:, k], corners[:, (k + 2) % 3] - corners[:, k]
        # Obtuse angles would give negative flow; a little positive flow keeps weights within 0..1.
        cotangent = np.maximum(np.einsum("fc,fc->f", to_a, to_b) / double_area, 0.05)
        rows += [a, b]
        columns += [b, a]
        values += [0.25 * cotangent * (conductance[a] + conductance[b])] * 2
    shape = (len(vertices), len(vertices))
    flow = sparse.coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape).tocsr()
    area = np.bincount(faces.ravel(), np.repeat(double_area / 6, 3), len(vertices))
    return sparse.diags(np.asarray(flow.sum(axis=1)).ravel()) - flow, area
