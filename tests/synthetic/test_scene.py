import numpy as np
import pytest

from prepose.synthetic.motion import ACTIONS
from prepose.synthetic.scene import (
    CEILING,
    FLOOR_HALF,
    LAB_ACTIONS,
    ROOM_HALF,
    Clearing,
    clearing_about,
    draw_outdoors,
    draw_room,
    draw_scene,
    furnish,
    lab_cameras,
    lab_scene,
    light_turned,
    reach_of,
    shell,
)
from prepose.synthetic.shading import Light
from prepose.synthetic.solids import boxes
from prepose.synthetic.tracer import build_tracer, first_hits
from prepose.synthetic.visibility import camera_centre

BODY = np.random.default_rng(0).uniform([-350, -250, 0], [350, 250, 1750], (200, 3))
CAMERA = np.array([2500.0, -3000, 1500])
CLEARING = clearing_about(BODY, CAMERA)


def rays(target):
    return np.broadcast_to(CAMERA, target.shape), target - CAMERA


@pytest.mark.parametrize("draw", [draw_room, draw_outdoors])
@pytest.mark.parametrize("seed", range(12))
def test_nothing_stands_between_the_camera_and_the_person_nor_in_them(draw, seed):
    scene = draw(np.random.default_rng(seed), CLEARING)
    tracer = build_tracer(scene.meshes)
    above = BODY[BODY[:, 2] > 20]
    _, distance = first_hits(tracer, *rays(above))
    # Scaled so that 1 is the point itself.
    assert distance.min() > 1
    sideways = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]])
    _, free = first_hits(tracer, np.tile([0.0, 0, 900], (5, 1)), sideways)
    assert free.min() > 250


@pytest.mark.parametrize("seed", range(12))
def test_there_is_a_floor_under_the_person_and_a_room_all_around(seed):
    room = draw_room(np.random.default_rng(seed), CLEARING)
    tracer = build_tracer(room.meshes)
    directions = np.random.default_rng(1).normal(size=(300, 3))
    for place in (np.array([0.0, 0, 1000]), CAMERA):
        mesh, _ = first_hits(tracer, np.broadcast_to(place, directions.shape), directions)
        assert (mesh >= 0).all()
    _, down = first_hits(tracer, np.array([[0.0, 0, 1000]]), np.array([[0.0, 0, -1]]))
    assert 997 < down[0] < 1001  # on a rug or on the floor
    outdoors = draw_outdoors(np.random.default_rng(seed), CLEARING)
    _, down = first_hits(build_tracer(outdoors.meshes), np.array([[0.0, 0, 1000]]), np.array([[0.0, 0, -1]]))
    assert down[0] == pytest.approx(1000)


def test_scenes_are_light_varied_and_reproducible():
    kinds = set()
    for seed in range(60):
        scene = draw_scene(np.random.default_rng(seed), CLEARING, indoors=0.5)
        kinds.add(scene.kind)
        assert sum(len(mesh.faces) for mesh in scene.meshes) < 4000
    assert "room" in kinds and len(kinds) >= 6
    first, again = (draw_scene(np.random.default_rng(5), CLEARING, indoors=0.5) for _ in range(2))
    assert first.kind == again.kind
    for one, other in zip(first.meshes, again.meshes, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)


def test_clearing_keeps_things_off_the_person_the_view_and_the_camera():
    clearing = Clearing(np.zeros(2), 400.0, 1700.0, np.array([4000.0, 0, 1500]))
    assert not clearing.leaves(np.array([0.0, 700]), 300.0)
    assert clearing.leaves(np.array([0.0, 900]), 300.0)
    assert not clearing.leaves(np.array([2000.0, 300]), 100.0)
    assert clearing.leaves(np.array([2000.0, 900]), 100.0)
    assert not clearing.leaves(np.array([4300.0, 0]), 100.0)
    assert clearing.leaves(np.array([-2000.0, 0]), 500.0)


def test_turned_clearing_keeps_distances():
    turned = CLEARING.turned(0.7)
    before, after = (np.linalg.norm(c.camera[:2] - c.person) for c in (CLEARING, turned))
    assert after == pytest.approx(before)
    assert turned.camera[2] == CLEARING.camera[2]


def test_turned_lamp_turns_with_its_room():
    lamp = light_turned(Light("point", np.array([1000.0, 0, 2000]), np.ones(3), 50.0), np.pi / 2)
    np.testing.assert_allclose(lamp.vector, [0, 1000, 2000], atol=1e-9)
    assert lamp.radius == 50.0


def test_furniture_stays_in_the_room():
    low, high = np.array([-3000.0, -3000]), np.array([3000.0, 3500])
    for seed in range(8):
        meshes = furnish(np.random.default_rng(seed), CLEARING, low, high)
        points = np.concatenate([mesh.vertices for mesh in meshes])
        assert (points[:, 2] >= -1e-6).all()
        assert (points[:, :2] > low - 1300).all() and (points[:, :2] < high + 1300).all()
    assert len(shell(np.random.default_rng(0), low, high, 2600.0)) >= 6


def test_reach_is_the_farthest_corner():
    assert reach_of([boxes([((-3, -4, 0), (1, 1, 9))], np.full((1, 3), 0.5))]) == pytest.approx(5)


def test_four_cameras_hang_in_the_room_and_see_the_whole_floor():
    cameras = lab_cameras()
    assert len({camera.name for camera in cameras}) == 4
    corners = np.array(
        [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0.0, 1900.0)]
    ) * np.array([*FLOOR_HALF, 1.0])  # fmt: skip
    for camera in cameras:
        centre = camera_centre(camera)
        assert (np.abs(centre[:2]) < ROOM_HALF).all() and 1000 < centre[2] < CEILING
        assert 2000 < np.linalg.norm(centre[:2]) < 5000
        seen = camera.project(camera.cam_from_world(corners))
        assert (seen > -250).all() and (seen < 1250).all()


def test_cameras_and_room_are_the_same_every_time():
    assert lab_cameras() is lab_cameras()
    assert lab_scene() is lab_scene()
    fresh = lab_scene.__wrapped__()
    for mesh, other in zip(lab_scene().meshes, fresh.meshes, strict=True):
        np.testing.assert_array_equal(mesh.vertices, other.vertices)


def test_floor_is_free_of_furniture_from_every_camera():
    tracer = build_tracer(lab_scene().meshes)
    points = np.random.default_rng(0).uniform([-1, -1, 0.05], [1, 1, 1.8], (300, 3)) * [*FLOOR_HALF, 1000.0]
    for camera in lab_cameras():
        rays = points - camera_centre(camera)
        _, distance = first_hits(tracer, np.broadcast_to(camera_centre(camera), rays.shape), rays)
        assert (distance > 1).mean() > 0.97


def test_fifteen_actions_are_made_of_known_ones():
    assert len(LAB_ACTIONS) == 15
    assert {part for parts in LAB_ACTIONS.values() for part in parts} <= set(ACTIONS)
