"""Who stands in front of the camera: numbered people, each with one build and one set of clothes."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from zlib import crc32

import numpy as np
from jaxtyping import Float, Int

from prepose.arrays import Points3D
from prepose.synthetic.figure import Figure, build_figure, draw_appearance, skin
from prepose.synthetic.rig import BodyPose, Proportions, draw_proportions, pose_joints
from prepose.synthetic.tracer import Layer, Mesh


@dataclass(frozen=True, eq=False)
class Person:
    """Someone who can be met again.

    Attributes:
        name: Their world and number, such as "lab-03".
        proportions: Their build.
        figure: Their skin, hair and clothes.
    """

    name: str
    proportions: Proportions
    figure: Figure


@lru_cache(maxsize=32)
def person(world: str, number: int) -> Person:
    """The person of that number in a world: always the same one."""
    generator = np.random.default_rng([crc32(world.encode()), number])
    proportions = draw_proportions(generator)
    appearance = draw_appearance(generator)
    return Person(f"{world}-{number:02d}", proportions, build_figure(proportions, appearance, generator))


@dataclass(frozen=True, eq=False)
class Model:
    """A person in a pose, turned and placed in the world.

    Attributes:
        who: The person.
        pose: The pose.
        joints_world: prepose-27 joints, mm.
        meshes: Their skin, then what hangs free of it (skirt, hair), mm.
        action: What they do.
    """

    who: Person
    pose: BodyPose
    joints_world: Float[np.ndarray, "27 3"]
    meshes: tuple[Mesh, ...]
    action: str

    @cached_property
    def points_world(self) -> Points3D:
        """The corners of the skin and of what hangs from it, mm."""
        return np.concatenate([mesh.vertices for mesh in self.meshes], dtype=float)


def model_of(who: Person, pose: BodyPose, action: str) -> Model:
    """A person who takes a pose."""
    joints_world, _ = pose_joints(who.proportions, pose)
    return Model(who, pose, joints_world, _pieces(skin(who.figure, pose), who.figure.num_body), action)


def _pieces(mesh: Mesh, num_body: int) -> tuple[Mesh, ...]:
    """The closed skin of a figure's mesh and, where there is one, the rest."""
    if num_body == len(mesh.vertices):
        return (mesh,)
    on_skin = mesh.faces[:, 0] < num_body
    skin_part, rest = slice(None, num_body), slice(num_body, None)
    return _part(mesh, skin_part, mesh.faces[on_skin]), _part(mesh, rest, mesh.faces[~on_skin] - num_body)


def _part(mesh: Mesh, rows: slice, faces: Int[np.ndarray, "F 3"]) -> Mesh:
    albedo, uv, normals = (None if column is None else column[rows] for column in (mesh.albedo, mesh.uv, mesh.normals))
    layers = tuple(Layer(layer.edge[rows], layer.colour) for layer in mesh.layers if layer.edge[rows].max() > 0)
    return replace(
        mesh, vertices=mesh.vertices[rows], faces=faces, albedo=albedo, uv=uv, normals=normals, layers=layers
    )


def turned_pose(pose: BodyPose, yaw: float, where: Float[np.ndarray, "2"]) -> BodyPose:
    """The pose turned about the world's z axis (rad) and carried over the floor (mm)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    local = pose.local.copy()
    local[0] = turn @ local[0]
    return BodyPose(local, turn @ pose.pelvis_world + np.array([*where, 0.0]), pose.action)
