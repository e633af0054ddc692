import numpy as np

from prepose.synthetic.actions import ACTIONS
from prepose.synthetic.lab import CEILING, FLOOR_HALF, LAB_ACTIONS, ROOM_HALF, lab_cameras, lab_scene
from prepose.synthetic.tracer import build_tracer, first_hits
from prepose.synthetic.visibility import camera_centre


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
