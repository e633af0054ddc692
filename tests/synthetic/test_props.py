import numpy as np
import pytest

from prepose.synthetic import props

MAKERS = {
    **props.INDOOR_THINGS, **props.OUTDOOR_THINGS, **props.OCCLUDERS,
    "building": props.building, "hill": props.hill, "fence": props.fence,
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(4))
def test_thing_is_sound(name, seed):
    thing = MAKERS[name](np.random.default_rng(seed))
    assert thing and sum(len(mesh.faces) for mesh in thing) < 800
    for mesh in thing:
        assert np.isfinite(mesh.vertices).all()
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
        assert mesh.albedo.dtype == np.float32 and mesh.albedo.shape == mesh.vertices.shape
        assert (mesh.uv is None) == (mesh.texture is None)


@pytest.mark.parametrize("name", list(props.INDOOR_THINGS))
def test_furniture_stands_on_the_floor_about_the_origin(name):
    for seed in range(5):
        points = np.concatenate([mesh.vertices for mesh in MAKERS[name](np.random.default_rng(seed))])
        assert -1e-6 <= points[:, 2].min() <= 80
        assert points[:, 2].max() < 3000
        assert (np.abs((points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2) < 250).all()


def test_same_generator_same_thing():
    first, second = (props.car(np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
