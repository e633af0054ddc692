"""A person's skin: the mean body fitted to proportions and build, dressed, and posed by the rig."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int32
from scipy.spatial.transform import Rotation

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.accessories import accessories
from prepose.synthetic.appearance import Appearance, draw_appearance
from prepose.synthetic.clothing import dress
from prepose.synthetic.rig import (
    SEGMENT_NAMES,
    SEGMENT_ORIGINS,
    SEGMENT_PARENTS,
    BodyPose,
    Proportions,
    pose_joints,
)
from prepose.synthetic.template import STATURE, bind_matrices, body_template
from prepose.synthetic.tracer import Layer, Mesh, vertex_normals

__all__ = ["Appearance", "Figure", "build_figure", "draw_appearance", "skin"]

_SKIN_GLOSS = 0.03


@dataclass(frozen=True, eq=False)
class Figure:
    """A dressed person, ready to be posed.

    Attributes:
        proportions: The skeleton.
        appearance: What was painted.
        vertices: In the bind pose, mm.
        normals: Unit, in the bind pose.
        faces: Counter-clockwise seen from outside; each piece is closed. The body's come first.
        weights: Share of each rig segment in each vertex; rows sum to one.
        albedo: Linear RGB of skin, hair pieces and skirt.
        layers: Clothes and hair painted over it.
        rest_from_bind: Rigid matrix of each segment.
        num_body: How many of the vertices are the body's; the rest are skirt and hair pieces.
    """

    proportions: Proportions
    appearance: Appearance
    vertices: Float[np.ndarray, "V 3"]
    normals: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    weights: Float32[np.ndarray, "V S"]
    albedo: Float32[np.ndarray, "V 3"]
    layers: tuple[Layer, ...]
    rest_from_bind: Float[np.ndarray, "S 4 4"]
    num_body: int


def build_figure(proportions: Proportions, appearance: Appearance, generator: np.random.Generator) -> Figure:
    """Fit the mean body to a person and dress it.

    Args:
        proportions: The skeleton.
        appearance: Build, hair and clothes.
        generator: Draws folds, prints and strands.
    """
    template = body_template()
    coat = dress(appearance, generator)
    body = template.vertices + template.normals * coat.offset[:, None]
    pieces = accessories(appearance, body, generator)
    starts = np.cumsum([len(template.vertices), *(len(piece.vertices) for piece in pieces)])
    vertices = np.concatenate([body, *(piece.vertices for piece in pieces)])
    faces = np.concatenate(
        [template.faces, *(piece.faces + start for piece, start in zip(pieces, starts, strict=False))]
    ).astype(np.int32)
    weights = np.concatenate([template.weights, *(piece.weights for piece in pieces)])
    bind_from_rest = bind_matrices(proportions)[1]
    fitted = _fit(vertices, weights, proportions, bind_from_rest)
    return Figure(
        proportions=proportions,
        appearance=appearance,
        vertices=fitted,
        normals=vertex_normals(fitted, faces),
        faces=faces,
        weights=weights.astype(np.float32),
        albedo=np.concatenate([coat.albedo, *(piece.albedo for piece in pieces)]),
        layers=tuple(_off_pieces(layer, len(vertices)) for layer in coat.layers),
        rest_from_bind=np.linalg.inv(bind_from_rest),
        num_body=len(template.vertices),
    )


def _off_pieces(layer: Layer, num_vertices: int) -> Layer:
    """The same layer, absent from the vertices that follow the body's."""
    absent = np.full(num_vertices - len(layer.edge), -1e3, dtype=np.float32)
    return Layer(np.concatenate([layer.edge, absent]), layer.colour)


# The axis along which each segment grows with a distance between two joints (along the same axis of the rest frame);
# all other axes grow with stature.
_GROWTH: dict[str, tuple[tuple[int, str, str], ...]] = {
    "pelvis": ((0, "l_hip", "r_hip"), (2, "pelvis", "spine")),
    "chest": ((0, "l_shoulder", "r_shoulder"), (2, "spine", "thorax")),
    "neck": ((2, "thorax", "upper_neck"),),
    "head": ((2, "upper_neck", "head_top"),),
} | {
    f"{s}_{part}": ((axis, f"{s}_{first}" if first != "thorax" else first, f"{s}_{second}"),)
    for s in "lr"
    for part, axis, first, second in (
        ("clavicle", 0, "thorax", "shoulder"),
        ("upper_arm", 0, "shoulder", "elbow"),
        ("forearm", 0, "elbow", "wrist"),
        ("hand", 0, "wrist", "hand"),
        ("thigh", 2, "hip", "knee"),
        ("shin", 2, "knee", "ankle"),
        ("foot", 1, "ankle", "toe"),
    )
}


def _fit(
    vertices: Float[np.ndarray, "V 3"],
    weights: Float[np.ndarray, "V S"],
    proportions: Proportions,
    bind_from_rest: Float[np.ndarray, "S 4 4"],
) -> Float[np.ndarray, "V 3"]:
    """The template's vertices moved with their segments, each stretched to this person's lengths; bind pose, mm."""
    template = body_template()
    mean_rest, rest = template.proportions.rest, proportions.rest
    stature = proportions.height / STATURE
    fitted = np.zeros_like(vertices)
    mean_rest_from_bind = np.linalg.inv(template.bind_from_rest)
    for s, name in enumerate(SEGMENT_NAMES):
        growth = np.full(3, stature)
        for axis, first, second in _GROWTH[name]:
            a, b = PREPOSE_27.index(first), PREPOSE_27.index(second)
            growth[axis] = (rest[b, axis] - rest[a, axis]) / (mean_rest[b, axis] - mean_rest[a, axis])
        origin = SEGMENT_ORIGINS[s]
        stretch = np.eye(4)
        stretch[:3, :3] = np.diag(growth)
        stretch[:3, 3] = rest[origin] - growth * mean_rest[origin]
        matrix = bind_from_rest[s] @ stretch @ mean_rest_from_bind[s]
        rows = np.flatnonzero(weights[:, s])
        fitted[rows] += weights[rows, s, None] * (vertices[rows] @ matrix[:3, :3].T + matrix[:3, 3])
    return fitted


def skin(figure: Figure, pose: BodyPose) -> Mesh:
    """The figure's surface in a pose (world, mm).

    Source: Kavan et al., "Geometric skinning with approximate dual quaternion blending", ACM TOG 27(4), 2008.
    """
    # Posed about the origin, where float32 is finest, then moved into the world.
    about_origin = replace(pose, pelvis_world=np.zeros(3))
    world_from_rest = pose_joints(figure.proportions, about_origin)[1]
    real, dual = _dual_quaternions(world_from_rest @ figure.rest_from_bind)
    blended = figure.weights @ np.concatenate([real, dual], axis=1).astype(np.float32)
    blended /= np.sqrt(np.einsum("vq,vq->v", blended[:, :4], blended[:, :4]))[:, None]
    real, dual = blended[:, :4], blended[:, 4:]
    axis, w = real[:, :3], real[:, 3:]
    shift = 2 * (w * dual[:, :3] - dual[:, 3:] * axis + _cross(axis, dual[:, :3]))
    vertices = _turn(axis, w, figure.vertices.astype(np.float32)) + shift
    return Mesh(
        vertices=vertices.astype(np.float64) + pose.pelvis_world,
        faces=figure.faces,
        albedo=figure.albedo,
        smooth=True,
        gloss=_SKIN_GLOSS,
        normals=_turn(axis, w, figure.normals),
        layers=figure.layers,
    )


def _dual_quaternions(
    matrices: Float[np.ndarray, "S 4 4"],
) -> tuple[Float[np.ndarray, "S 4"], Float[np.ndarray, "S 4"]]:
    """Unit dual quaternions (x, y, z, w) of rigid matrices, signs chosen so that neighbours blend the short way."""
    real = Rotation.from_matrix(matrices[:, :3, :3]).as_quat()
    for s, parent in enumerate(SEGMENT_PARENTS):
        if parent >= 0 and real[s] @ real[parent] < 0:
            real[s] = -real[s]
    half_shift = 0.5 * matrices[:, :3, 3]
    vector = real[:, 3:] * half_shift + np.cross(half_shift, real[:, :3])
    scalar = -np.einsum("sc,sc->s", half_shift, real[:, :3])
    return real, np.concatenate([vector, scalar[:, None]], axis=1)


def _cross(a: Float32[np.ndarray, "V 3"], b: Float32[np.ndarray, "V 3"]) -> Float32[np.ndarray, "V 3"]:
    """np.cross without its overhead."""
    ax, ay, az = a.T
    bx, by, bz = b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


def _turn(
    axis: Float32[np.ndarray, "V 3"], w: Float32[np.ndarray, "V 1"], vectors: Float32[np.ndarray, "V 3"]
) -> Float32[np.ndarray, "V 3"]:
    """Vectors turned by unit quaternions with vector part `axis` and scalar part `w`."""
    twice = 2 * _cross(axis, vectors)
    return vectors + w * twice + _cross(axis, twice)
