from dataclasses import replace

import numpy as np
import pytest

from prepose.camera.camera import Camera
from prepose.synthetic.render import Quality, render
from prepose.synthetic.shading import Background, Light, Texture
from prepose.synthetic.tracer import Layer, Mesh, build_tracer

BLACK = np.zeros(3)
DARK = Background(BLACK, BLACK, BLACK, ambient_sky=BLACK, ambient_ground=BLACK)
EVEN = replace(DARK, ambient_sky=np.ones(3), ambient_ground=np.ones(3))
# Looks down the world's -z from 1000 mm up; image x is world x, image y is world -y.
CAMERA = Camera(
    K=np.array([[100.0, 0, 20], [0, 100.0, 15], [0, 0, 1]]),
    size_wh=(41, 31),
    rotation=np.diag([1.0, -1.0, -1.0]),
    translation=np.array([0, 0, 1000.0]),
)
SHARP = Quality(num_shadows=2, occlusion_rays=0, edge_samples=0)


def panel(centre, half, colour=(1, 1, 1), **fields):
    x, y = half
    corners = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]], dtype=float) + centre
    albedo = np.tile(np.array(colour, dtype=np.float32), (4, 1))
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), albedo, **fields)


def look(meshes, lights=(), background=EVEN, quality=SHARP, camera=CAMERA):
    return render(meshes, camera=camera, lights=lights, background=background, quality=quality)


@pytest.mark.parametrize("pixel", [(0, 0), (20, 15), (40, 30), (7, 23)])
def test_pixel_centre_rule(pixel):
    x, y = (np.array(pixel) - [20, 15]) * 10.0
    seen = look([panel((x, -y, 0), (4.9, 4.9))])
    expected = np.full((31, 41), -1)
    expected[pixel[1], pixel[0]] = 0
    np.testing.assert_array_equal(seen.mesh_index, expected)


def test_size_depth_and_background():
    seen = look([panel((0, 0, 200), (40, 40))], background=replace(EVEN, ground=np.array([0.1, 0.2, 0.3])))
    assert seen.image.shape == (31, 41, 3)
    assert seen.depth[15, 20] == pytest.approx(800)
    assert seen.depth[13, 22] == pytest.approx(800)  # z, not the distance along the ray
    assert np.isinf(seen.depth[0, 0])
    np.testing.assert_allclose(seen.image[15, 20], 1, atol=1e-6)
    np.testing.assert_allclose(seen.image[0, 0], [0.1, 0.2, 0.3], atol=1e-6)


def test_distorted_camera_sees_points_where_it_projects_them():
    camera = replace(CAMERA, distortion=np.array([-1.0, 0.0, 0.1, 0.1, 0.0]))
    point = np.array([[150.0, 110, 0]])
    column, row = np.round(camera.project(camera.cam_from_world(point))[0]).astype(int)
    plain_column, plain_row = np.round(CAMERA.project(CAMERA.cam_from_world(point))[0]).astype(int)
    assert (column, row) != (plain_column, plain_row)
    assert look([panel(point[0], (6, 6))], camera=camera).mesh_index[row, column] == 0


def test_colour_is_albedo_times_light_on_both_sides():
    sun = Light("sun", np.array([1.0, 0, 1]), np.array([0.4, 0.5, 0.6]))
    front = panel((0, 0, 0), (200, 200), (0.5, 0.6, 0.7))
    expected = np.array([0.5, 0.6, 0.7]) * sun.colour * np.sqrt(0.5)
    for mesh in (front, replace(front, faces=front.faces[:, ::-1])):
        np.testing.assert_allclose(look([mesh], [sun], DARK).image[15, 20], expected, rtol=1e-5)
    away = replace(sun, vector=np.array([1.0, 0, -1]))
    np.testing.assert_allclose(look([front], [away], DARK).image[15, 20], 0)


@pytest.mark.parametrize("kind", ["sun", "point"])
def test_shadow_falls_away_from_the_light(kind):
    floor, roof = panel((0, 0, 0), (300, 300)), panel((0, 0, 100), (40, 40))
    light = Light(kind, np.array([1000.0, 0, 1000]), np.ones(3))
    image = look([floor, roof], [light], DARK).image[..., 0]
    assert image[15, 10] == 0  # the shadow's middle, 100 mm to the left
    assert image[15, 30] > 0.3
    assert look([floor, roof], [light], DARK, Quality(num_shadows=0)).image[15, 10, 0] > 0.3


def test_wide_light_softens_its_shadow():
    floor, roof = panel((0, 0, 0), (300, 300)), panel((0, 0, 100), (60, 60))
    hard = Light("sun", np.array([1.0, 0, 1]), np.ones(3))
    shades = [
        len(np.unique(np.round(look([floor, roof], [light], DARK).image[15, :, 0], 3)))
        for light in (hard, replace(hard, radius=0.4))
    ]
    assert shades[1] > shades[0] + 2


def test_corners_are_darker_than_open_ground():
    wall = Mesh(
        np.array([[60, -300, 0], [60, 300, 0], [60, 300, 400], [60, -300, 400.0]]), panel((0, 0, 0), (1, 1)).faces
    )
    image = look([panel((0, 0, 0), (300, 300)), wall], quality=Quality(occlusion_rays=2, edge_samples=0)).image[..., 0]
    assert image[15, 24] < 0.85 * image[15, 2]
    assert look([panel((0, 0, 0), (300, 300))], quality=Quality(occlusion_rays=2)).image.min() > 0.999


def test_edges_are_smoothed_only_where_there_are_edges():
    # The panel's border runs through the middle of a column of pixels.
    mesh = panel((-100, 0, 0), (100, 300))
    ragged, smooth = (look([mesh], quality=Quality(edge_samples=n)).image[..., 0] for n in (0, 3))
    assert ((ragged < 1e-6) | (np.abs(ragged - 1) < 1e-6)).all()
    assert ((smooth[:, 20] > 0.2) & (smooth[:, 20] < 0.8)).all()
    np.testing.assert_array_equal(np.delete(smooth, [19, 20, 21], axis=1), np.delete(ragged, [19, 20, 21], axis=1))


def test_texture_multiplies_albedo():
    image = np.zeros((2, 2, 3), dtype=np.float32)
    image[:, 0, 0], image[:, 1, 1] = 1, 1
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    seen = look([panel((0, 0, 0), (100, 100), (0.5, 0.5, 0.5), texture=Texture(image), uv=uv)]).image
    np.testing.assert_allclose(seen[15, 15], [0.5, 0, 0], atol=0.01)
    np.testing.assert_allclose(seen[15, 25], [0, 0.5, 0], atol=0.01)


def test_layers_border_lies_where_their_edge_is_zero():
    mesh = panel((0, 0, 0), (100, 100))
    layer = Layer((mesh.vertices[:, 0] - 25).astype(np.float32), np.array([1.0, 0, 0]))
    row = look([panel((500, 0, 0), (1, 1)), replace(mesh, layers=(layer,))]).image[15]
    np.testing.assert_allclose(row[12:22, 1], 1)
    np.testing.assert_allclose(row[24:29, 1], 0, atol=1e-6)


def test_later_lights_cast_no_shadow_but_shine():
    floor, roof = panel((0, 0, 0), (300, 300)), panel((0, 0, 100), (40, 40))
    light = Light("sun", np.array([1.0, 0, 1]), np.ones(3))
    off = replace(light, colour=np.zeros(3))
    assert look([floor, roof], [off, off, light], DARK).image[15, 10, 0] > 0.3


def test_same_scene_same_pixels_and_tracer_changes_nothing():
    generator = np.random.default_rng(0)
    meshes = [panel(generator.uniform(-150, 150, 3), (40, 60), generator.random(3)) for _ in range(8)]
    lights = [
        Light("sun", np.array([1.0, 0.4, 1]), np.ones(3), 0.1),
        Light("point", np.array([0, 0, 900.0]), np.ones(3), 50.0),
    ]
    first, second = look(meshes, lights, quality=Quality()), look(build_tracer(meshes), lights, quality=Quality())
    np.testing.assert_array_equal(first.image, second.image)
    assert np.isfinite(first.image).all()
    assert (first.image >= 0).all()


def test_empty_scene_shows_the_background():
    seen = look([], quality=Quality())
    assert (seen.mesh_index == -1).all()
    assert (seen.image == 0).all()
