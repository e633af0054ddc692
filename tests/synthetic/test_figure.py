from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.synthetic.appearance import Build, draw_appearance
from prepose.synthetic.embree import TriangleScene
from prepose.synthetic.figure import build_figure, skin
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.render import Background, Quality, render
from prepose.synthetic.rig import SEGMENT_NAMES, BodyPose, draw_proportions, mean_proportions, pose_joints
from prepose.synthetic.template import bind_matrices

FACE = {"nose", "l_eye", "r_eye", "l_ear", "r_ear", "head_top"}
INNER = [i for i, name in enumerate(PREPOSE_27.joints) if name not in FACE | {"l_toe", "r_toe"}]
STILL = np.tile(np.eye(3), (len(SEGMENT_NAMES), 1, 1))


def figure(seed, *, height=None, **fields):
    generator = np.random.default_rng(seed)
    proportions = draw_proportions(generator, height)
    return build_figure(proportions, replace(draw_appearance(generator), **fields), generator)


def bare(seed, height=None):
    """Someone whose skin is all there is."""
    return figure(seed, height=height, hair_style="bald", bottom_kind="trousers", build=Build())


def pose_of(one, seed):
    return draw_pose(np.random.default_rng(seed), proportions=one.proportions)


def windings(one, mesh, points):
    """How often the body's skin winds about each point: 1 inside, 0 outside.

    Source: van Oosterom and Strackee, "The solid angle of a plane triangle", 1983.
    """
    body = one.faces[one.faces[:, 0] < one.num_body]
    total = []
    for point in points:
        a, b, c = np.moveaxis(mesh.vertices[body] - point, 1, 0)
        la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
        volume = np.einsum("fc,fc->f", a, np.cross(b, c))
        flat = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (a * c).sum(1) * lb
        total.append(2 * np.arctan2(volume, flat).sum() / (4 * np.pi))
    return np.array(total)


@pytest.mark.parametrize("seed", range(6))
def test_joints_lie_inside_the_posed_skin(seed):
    one = figure(seed)
    pose = pose_of(one, seed)
    joints, _ = pose_joints(one.proportions, pose)
    assert (windings(one, skin(one, pose), joints[INNER]) > 0.5).all()


@pytest.mark.parametrize("height", [1450.0, 1700.0, 2000.0])
def test_face_marks_and_toes_lie_on_the_skin(height):
    one = bare(1, height)
    joints, _ = bind_matrices(one.proportions)
    for name in (*FACE, "l_toe", "r_toe"):
        gap = np.linalg.norm(one.vertices - joints[PREPOSE_27.index(name)], axis=1).min()
        assert gap < 0.016 * height, name


def test_joint_centres_lie_in_the_middle_of_the_limbs():
    one = bare(2)
    joints, _ = bind_matrices(one.proportions)
    scene = TriangleScene(one.vertices, one.faces)
    for name, along in (("elbow", "wrist"), ("knee", "ankle"), ("wrist", "hand"), ("ankle", "knee")):
        for side in "lr":
            start, end = (joints[PREPOSE_27.index(f"{side}_{n}")] for n in (name, along))
            across = np.cross(end - start, [0.3, 0.9, 0.3] if name == "ankle" else [0, 1.0, 0])
            across /= np.linalg.norm(across)
            rays = np.stack([across, -across], axis=1)
            reach = scene.first_hits(np.repeat(start[:, None], 2, axis=1), rays).distance
            assert 0.5 < reach[0] / reach[1] < 2, (side, name)


def test_stature_of_the_skin_is_the_person_s():
    for seed, height in ((0, 1450.0), (1, 1750.0), (2, 2000.0)):
        one = bare(seed, height)
        legs_together = skin(one, BodyPose(STILL, np.zeros(3)))
        assert np.ptp(legs_together.vertices[:, 2]) == pytest.approx(height, rel=0.025)


def test_parts_of_one_segment_move_rigidly():
    one = figure(3)
    pose = pose_of(one, 5)
    posed = skin(one, pose).vertices
    _, world_from_rest = pose_joints(one.proportions, pose)
    for s, name in enumerate(SEGMENT_NAMES):
        alone = one.weights[:, s] > 0.99999
        if name.endswith(("clavicle", "neck", "chest", "pelvis")):
            continue  # too short, or too soft, to own a vertex alone
        assert alone.sum() > 10, name
        matrix = world_from_rest[s] @ one.rest_from_bind[s]
        expected = one.vertices[alone] @ matrix[:3, :3].T + matrix[:3, 3]
        np.testing.assert_allclose(posed[alone], expected, atol=0.02)


def test_whole_body_follows_a_rigid_motion_exactly():
    one = figure(4)
    pose = pose_of(one, 1)
    turn = Rotation.from_euler("xyz", [0.4, -1.1, 2.9]).as_matrix()
    local = pose.local.copy()
    local[0] = turn @ local[0]
    shift = np.array([300.0, -8000.0, 45.0])
    first, moved = skin(one, pose), skin(one, BodyPose(local, turn @ pose.pelvis_world + shift))
    np.testing.assert_allclose(moved.vertices, first.vertices @ turn.T + shift, atol=0.02)
    assert first.normals is not None
    assert moved.normals is not None
    np.testing.assert_allclose(moved.normals, first.normals @ turn.T, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_no_vertex_flies_off_and_no_edge_tears(seed):
    one = figure(seed)
    pose = pose_of(one, seed + 50)
    joints, _ = pose_joints(one.proportions, pose)
    mesh = skin(one, pose)
    body = mesh.vertices[: one.num_body]
    away = np.linalg.norm(body[:, None] - joints, axis=2).min(axis=1)
    assert away.max() < 0.16 * one.proportions.height
    faces = one.faces[one.faces[:, 0] < one.num_body]
    lengths = [np.linalg.norm(v[faces[:, 0]] - v[faces[:, 1]], axis=1) for v in (one.vertices, mesh.vertices)]
    assert lengths[1].max() < 4 * lengths[0].max()


def test_twisted_forearm_keeps_its_girth():
    one = bare(0)
    local = STILL.copy()
    local[SEGMENT_NAMES.index("r_hand")] = Rotation.from_euler("x", 150, degrees=True).as_matrix()
    joints, _ = pose_joints(one.proportions, BodyPose(local, np.zeros(3)))
    wrist = joints[PREPOSE_27.index("r_wrist")]
    volumes = []
    for turns in (STILL, local):
        posed = skin(one, BodyPose(turns, np.zeros(3))).vertices
        near = np.abs(posed[:, 0] - wrist[0]) < 30
        volumes.append(np.linalg.norm((posed[near] - wrist)[:, 1:], axis=1).mean())
    assert volumes[1] > 0.85 * volumes[0]  # a candy wrapper would pinch to nothing


@pytest.mark.parametrize("seed", range(4))
def test_silhouette_contains_the_projected_joints(seed):
    one = figure(seed)
    pose = pose_of(one, seed)
    joints, _ = pose_joints(one.proportions, pose)
    middle = joints.mean(axis=0)
    rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    camera = Camera(
        K=np.array([[300.0, 0, 63.5], [0, 300.0, 63.5], [0, 0, 1]]),
        size_wh=(128, 128),
        rotation=rotation,
        translation=-rotation @ (middle - [0, 6000, 0]),
    )
    nothing = Background(*[np.zeros(3)] * 5)
    seen = render([skin(one, pose)], camera=camera, lights=[], background=nothing, quality=Quality(0, 0, 0)).mesh_index
    grown = cv2.dilate((seen == 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    columns, rows = np.round(camera.project(camera.cam_from_world(joints))).astype(int).T
    inside = (columns >= 0) & (columns < 128) & (rows >= 0) & (rows < 128)
    assert inside.sum() > 20
    assert grown[rows[inside], columns[inside]].all()


def test_build_makes_people_thick_and_thin():
    slim, stout = (
        build_figure(
            mean_proportions(1700.0),
            replace(draw_appearance(np.random.default_rng(0)), build=Build(weight=w)),
            np.random.default_rng(1),
        )
        for w in (-1.0, 2.0)
    )
    level = np.abs(slim.vertices[: slim.num_body, 2] - 110) < 30
    depth = [np.ptp(one.vertices[: one.num_body][level, 1]) for one in (slim, stout)]
    assert depth[1] > depth[0] + 60


def test_long_limbs_belong_to_long_bones():
    one = mean_proportions(1700.0)
    rest = one.rest.copy()
    below = [PREPOSE_27.index(name) for name in ("l_ankle", "l_toe", "r_ankle", "r_toe")]
    rest[below, 2] -= 80
    figures = [
        build_figure(p, draw_appearance(np.random.default_rng(0)), np.random.default_rng(1))
        for p in (one, replace(one, rest=rest))
    ]
    low = [skin(f, BodyPose(STILL, np.zeros(3))).vertices[:, 2].min() for f in figures]
    assert low[0] - low[1] == pytest.approx(80, abs=2)
    shin = figures[0].weights[:, SEGMENT_NAMES.index("l_shin")] > 0.99
    length = [np.ptp(f.vertices[shin, 2]) for f in figures]
    bone = one.rest[PREPOSE_27.index("l_knee"), 2] - one.rest[PREPOSE_27.index("l_ankle"), 2]
    assert length[1] / length[0] == pytest.approx((bone + 80) / bone, rel=0.01)


def test_same_seed_same_figure():
    for seed in range(3):
        first, second = figure(seed), figure(seed)
        for name in ("vertices", "normals", "faces", "weights", "albedo"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        for a, b in zip(first.layers, second.layers, strict=True):
            np.testing.assert_array_equal(a.edge, b.edge)
        pose = pose_of(first, seed)
        np.testing.assert_array_equal(skin(first, pose).vertices, skin(second, pose).vertices)


@pytest.mark.parametrize("seed", range(12))
def test_every_person_is_whole(seed):
    one = figure(seed)
    np.testing.assert_allclose(one.weights.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(one.vertices).all()
    assert 0 <= one.albedo.min() <= one.albedo.max() <= 1
    directed = one.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert (np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)[1] == 2).all()
    for layer in one.layers:
        assert layer.edge.shape == (len(one.vertices),)
        assert 0 <= layer.colour.min() <= layer.colour.max() <= 1
