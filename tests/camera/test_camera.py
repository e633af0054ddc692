from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from prepose.camera.camera import Camera, camera_from_field_of_view

# The four cameras of Human3.6M: fx, fy, cx, cy, then k1, k2, p1, p2, k3.
H36M_INTRINSICS = {
    "54138969": (
        (1145.04940458804, 1143.78109572365, 512.541504956548, 515.4514869776),
        (-0.207098910824901, 0.247775183068982, -0.00142447157470321, -0.000975698859470499, -0.00307515035078854),
    ),
    "55011271": (
        (1149.67569986785, 1147.59161666764, 508.848621645943, 508.064917088557),
        (-0.194213629607385, 0.240408539138292, -0.0027408943961907, -0.001619026613787, 0.00681997559022603),
    ),
    "58860488": (
        (1149.14071676148, 1148.7989685676, 519.815837182153, 501.402658888552),
        (-0.208338188251856, 0.255488007488945, -0.000759999321030303, 0.00148438698385668, -0.00246049749891915),
    ),
    "60457274": (
        (1145.51133842318, 1144.77392807652, 514.968197319863, 501.882018537695),
        (-0.198384093827848, 0.218323676298049, -0.00181336200488089, -0.000587205583421232, -0.00894780704152122),
    ),
}


@pytest.fixture(params=H36M_INTRINSICS)
def camera(request):
    (fx, fy, cx, cy), distortion = H36M_INTRINSICS[request.param]
    return Camera(
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        size_wh=(1000, 1000),
        rotation=Rotation.from_euler("xyz", [95, 10, 200], degrees=True).as_matrix(),
        translation=np.array([-346.0, 546.9, 5474.5]),
        distortion=np.array(distortion),
        name=request.param,
    )


def points_in_view(count=200, seed=0):
    generator = np.random.default_rng(seed)
    depth = generator.uniform(1500, 8000, count)
    return np.stack(
        [depth * generator.uniform(-0.4, 0.4, count), depth * generator.uniform(-0.4, 0.4, count), depth], 1
    )


def test_projection_agrees_with_opencv(camera):
    cv2 = pytest.importorskip("cv2")
    points = points_in_view()
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.K, camera.distortion)
    np.testing.assert_allclose(camera.project(points), expected[:, 0], atol=1e-8)
    plain, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.K, np.zeros(5))
    assert np.abs(plain[:, 0] - expected[:, 0]).max() > 5, "these lenses bend the picture by several px"


def test_projected_points_come_back_through_the_lens(camera):
    points = points_in_view()
    returned = camera.back_project(camera.project(points), points[:, 2])
    np.testing.assert_allclose(returned, points, atol=1e-6)


def test_world_and_back(camera):
    points = points_in_view()
    np.testing.assert_allclose(camera.world_from_cam(camera.cam_from_world(points)), points, atol=1e-9)
    moved = camera.cam_from_world(points)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(moved, axis=0), axis=1), np.linalg.norm(np.diff(points, axis=0), axis=1)
    )
    np.testing.assert_allclose(camera.cam_from_world(np.zeros((1, 3)))[0], camera.translation)


def test_points_behind_or_missing_are_missing_in_the_image(camera):
    points = np.array([[0, 0, 1000.0], [0, 0, -1000.0], [0, 0, 0.0], [np.nan, 0, 1000.0], [0, 0, np.nan]])
    found = camera.project(points)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isnan(found[2]).all()
    assert np.isnan(found[3:]).any(axis=1).all()


def test_leading_shape_is_kept(camera):
    points = points_in_view(24).reshape(2, 3, 4, 3)
    assert camera.project(points).shape == (2, 3, 4, 2)
    np.testing.assert_allclose(camera.back_project(camera.project(points), points[..., 2]), points, atol=1e-6)


@given(degrees=st.floats(10, 120), width=st.integers(16, 4000), height=st.integers(16, 4000))
def test_field_of_view_spans_the_longer_side(degrees, width, height):
    camera = camera_from_field_of_view((width, height), degrees)
    tangent = np.tan(np.radians(degrees) / 2)
    edge = (
        np.array([[tangent, 0, 1.0], [-tangent, 0, 1.0]])
        if width >= height
        else np.array([[0, tangent, 1.0], [0, -tangent, 1.0]])
    )
    along = 0 if width >= height else 1
    # The picture spans -0.5 .. side - 0.5.
    np.testing.assert_allclose(camera.project(edge)[:, along], [max(width, height) - 0.5, -0.5], atol=1e-6)
    np.testing.assert_allclose(camera.project(np.array([[0, 0, 1.0]]))[0], [(width - 1) / 2, (height - 1) / 2])


def test_focal_is_the_geometric_mean():
    camera = Camera(K=np.array([[400.0, 0, 0], [0, 900.0, 0], [0, 0, 1]]), size_wh=(10, 10))
    assert camera.focal == pytest.approx(600)


@pytest.mark.parametrize("bad", [np.diag([-1.0, 1, 1]), np.full((3, 3), np.nan), np.zeros((3, 3))])
def test_unusable_intrinsics_are_refused(bad):
    with pytest.raises(ValueError, match=r"camera 'left': K must be finite with positive focal lengths, found"):
        Camera(K=bad, size_wh=(10, 10), name="left")


@pytest.mark.parametrize("bad", [np.diag([1.0, 1, -1]), 2 * np.eye(3), np.full((3, 3), np.nan)])
def test_what_is_no_rotation_is_refused(bad):
    with pytest.raises(ValueError, match=r"camera 'left': rotation is not a rotation matrix"):
        Camera(K=np.eye(3), size_wh=(10, 10), rotation=bad, name="left")


def test_the_camera_of_a_part_shows_the_same_through_the_same_lens():
    camera = Camera(
        K=np.array([[900.0, 3, 310], [0, 910, 250], [0, 0, 1]]),
        size_wh=(640, 480),
        rotation=np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        distortion=np.array([-0.3, 0.2, 0.002, -0.001, 0.05]),
        name="left",
    )
    part_from_img = np.array([[0.4, 0, -31.3], [0, 0.4, 12.8], [0, 0, 1]])
    part = camera.of_part(part_from_img, (100, 90))
    points = np.random.default_rng(0).uniform([-900, -900, 2000], [900, 900, 6000], (50, 3))
    seen = camera.project(points) @ part_from_img[:2, :2].T + part_from_img[:2, 2]
    np.testing.assert_allclose(part.project(points), seen, atol=1e-9)
    np.testing.assert_allclose(part.back_project(seen, points[:, 2]), points, atol=1e-4)
    assert (part.size_wh, part.name) == ((100, 90), "left")
    np.testing.assert_array_equal(part.cam_from_world(points), camera.cam_from_world(points))


# k1, k2, p1, p2, k3: the first of a public report of a wide-angle camera, whose picture has corners without a ray.
LENSES = {
    "wide": (-0.2535, 0.0924, -0.0006, 0.0007, -0.0191),
    "barrel": (-0.3, 0.0, 0.0, 0.0, 0.0),
    "strong": (-0.35, 0.15, 0.004, 0.003, -0.03),
    "pincushion": (0.3, 0.1, 0.001, 0.002, 0.05),
    "mixed": (0.2, -0.3, 0.003, -0.002, 0.01),
    "tangential": (0.0, 0.0, 0.01, -0.02, 0.0),
}


def wide(lens="wide", size_wh=(960, 540), focal=1917.36 / 4):
    K = np.array([[focal, 0, (size_wh[0] - 1) / 2], [0, focal, (size_wh[1] - 1) / 2], [0, 0, 1]])
    return Camera(K=K, size_wh=size_wh, distortion=np.array(LENSES[lens]))


def test_the_limit_is_where_the_polynomial_turns_back():
    camera = wide()
    radial = replace(camera, distortion=camera.distortion * [1, 1, 0, 0, 1])
    assert radial.ray_limit == pytest.approx(1.5445, abs=1e-4)
    assert camera.ray_limit == pytest.approx(radial.ray_limit, rel=0.01)
    assert camera.ray_limit < radial.ray_limit, "tangential terms squeeze one direction"
    assert wide("pincushion").ray_limit == np.inf
    # By hand: 1 + 3 k1 r^2 = 0.
    assert wide("barrel").ray_limit == pytest.approx(1 / np.sqrt(0.9))


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("seed", range(3))
def test_every_ray_of_the_lens_comes_back(lens, seed):
    camera, generator = wide(lens), np.random.default_rng(seed)
    far = min(camera.ray_limit, 3.0)
    distance, angle = far * np.sqrt(generator.uniform(0, 0.998**2, 3000)), generator.uniform(-np.pi, np.pi, 3000)
    rays = np.stack([distance * np.cos(angle), distance * np.sin(angle), np.ones(3000)], axis=1)
    points = 2000.0 * rays
    np.testing.assert_allclose(camera.back_project(camera.project(points), points[:, 2]), points, atol=1e-5)
    beyond = np.stack([np.cos(angle), np.sin(angle), np.full(3000, 0.999 / camera.ray_limit)], axis=1)
    assert np.isnan(camera.project(beyond)).all(), "a ray beyond the limit must not be drawn inside the image"


@pytest.mark.parametrize("lens", LENSES)
def test_every_place_of_the_image_has_its_ray_or_none(lens):
    camera = wide(lens)
    x, y = np.meshgrid(np.linspace(-0.5, 959.5, 97), np.linspace(-0.5, 539.5, 55))
    places = np.stack([x, y], axis=-1)
    points = camera.back_project(places, np.full(x.shape, 2000.0))
    found = np.isfinite(points).all(axis=-1)
    np.testing.assert_allclose(camera.project(points[found]), places[found], atol=1e-7)
    assert found.all() == (lens in ("pincushion", "tangential"))
    if lens == "wide":
        from_centre = np.linalg.norm(places - camera.K[:2, 2], axis=-1)
        assert from_centre[~found].min() == pytest.approx(490, abs=4)
        assert from_centre[found].max() == pytest.approx(490, abs=4)


def test_a_ray_far_off_the_axis_comes_back_exactly():
    # A fixed-point iteration is 215 mm off here.
    points = np.array([[1.5, 0.55, 1.0], [-1.1, 1.0, 1.0]]) * 2000.0
    camera = wide("mixed")
    assert np.isnan(camera.project(points)).all(), "beyond this lens"
    for lens in ("pincushion", "tangential"):
        camera = wide(lens)
        np.testing.assert_allclose(camera.back_project(camera.project(points), points[:, 2]), points, atol=1e-6)
    inside = np.array([[1.3, 0.5, 1.0]]) * 2000.0
    np.testing.assert_allclose(wide().back_project(wide().project(inside), inside[:, 2]), inside, atol=1e-6)


def test_a_place_without_a_ray_takes_the_outermost_one_where_asked():
    camera = wide()
    places = np.array([[0.0, 0.0], [959, 539], [-4000, 270], [480, 269.5], [np.nan, 3]])
    depth = np.full(len(places), 1000.0)
    assert np.isnan(camera.back_project(places, depth)).any(axis=1).tolist() == [True, True, True, False, True]
    points = camera.back_project(places, depth, nearest_ray=True)
    assert np.isfinite(points[:4]).all()
    assert np.isnan(points[4, :2]).any()
    np.testing.assert_allclose(np.linalg.norm(points[:3, :2], axis=1) / 1000, camera.ray_limit)
    # It is drawn in the direction of the place, on the way from the centre.
    drawn = (camera.project(points[:3] * [1 - 1e-9, 1 - 1e-9, 1]) - camera.K[:2, 2])[:, :2]
    wanted = places[:3] - camera.K[:2, 2]
    cosine = (drawn * wanted).sum(axis=1) / np.linalg.norm(drawn, axis=1) / np.linalg.norm(wanted, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-9)


@given(
    k1=st.floats(-0.5, 0.5), k2=st.floats(-0.4, 0.4), k3=st.floats(-0.1, 0.1), p1=st.floats(-0.01, 0.01),
    p2=st.floats(-0.01, 0.01), angle=st.floats(-3.2, 3.2), share=st.floats(0, 0.995),
)  # fmt: skip
def test_any_lens_gives_its_rays_back(k1, k2, k3, p1, p2, angle, share):
    camera = Camera(K=np.eye(3), size_wh=(1, 1), distortion=np.array([k1, k2, p1, p2, k3]))
    distance = share * min(camera.ray_limit, 2.0)
    point = np.array([[distance * np.cos(angle), distance * np.sin(angle), 1.0]])
    np.testing.assert_allclose(camera.back_project(camera.project(point), point[:, 2]), point, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": np.array([[500.0, 0, 0], [0, 500, 0], [320, 240, 1]])}, r"the last row of K must be 0 0 1, found \[320"),
        (
            {"K": np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 2]])},
            r"the last row of K must be 0 0 1, found \[0.0, 0",
        ),
        (
            {"K": np.array([[500.0, 0, 320], [5, 500, 240], [0, 0, 1]])},
            r"the second row of K must begin with 0, found \[5.0",
        ),
        ({"K": np.diag([1e300, 500, 1.0])}, "K must be finite with positive focal lengths, .*below"),
        ({"distortion": np.array([1e30, 0, 0, 0, 0])}, "distortion must be finite and below"),
        ({"translation": np.array([0, np.nan, 0])}, r"translation must be finite"),
        ({"distortion": np.array([0, np.inf, 0, 0, 0])}, r"distortion must be finite"),
        ({"size_wh": (0, 10)}, r"size_wh must be positive, found \(0, 10\)"),
    ],
    ids=["transposed", "scaled", "lower triangle", "huge", "huge lens", "translation", "distortion", "size"],
)
def test_numbers_that_are_no_camera_are_refused(change, message):
    with pytest.raises(ValueError, match=rf"camera 'left': {message}"):
        Camera(**{"K": np.eye(3), "size_wh": (10, 10), "name": "left", **change})
