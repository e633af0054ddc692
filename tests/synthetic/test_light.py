import numpy as np
import pytest

from prepose.synthetic.light import blackbody, daylight, lamplight
from prepose.synthetic.surfaces import draw_surface


def test_lamps_are_warm_and_skies_cool():
    red, green, blue = blackbody(3000.0)
    assert red > green > blue
    red, green, blue = blackbody(9000.0)
    assert red < green < blue


@pytest.mark.parametrize("seed", range(30))
def test_daylight_comes_from_above_and_is_never_dark(seed):
    generator = np.random.default_rng(seed)
    lights, sky = daylight(generator, draw_surface("grass", generator))
    assert len(lights) <= 1
    assert all(light.vector[2] > 0 and (light.colour > 0).all() for light in lights)
    assert all((colour >= 0).all() for colour in (sky.zenith, sky.horizon, sky.ground))
    assert sky.ambient_sky.max() > 0.1


def test_suns_stand_at_many_heights():
    generator = np.random.default_rng(0)
    drawn = [daylight(generator, draw_surface("sand", generator))[0] for _ in range(200)]
    elevations = [np.degrees(np.arcsin(lights[0].vector[2])) for lights in drawn if lights]
    assert min(elevations) < 15 and max(elevations) > 65
    assert len(elevations) > 120  # and some skies are overcast
    assert len(elevations) < 200


@pytest.mark.parametrize("seed", range(30))
def test_lamps_hang_inside_the_room_brightest_first(seed):
    low, high = np.array([-2000.0, -1000]), np.array([1000.0, 4000])
    lights, background = lamplight(np.random.default_rng(seed), low, high, 2600.0)
    assert 1 <= len(lights) <= 3
    for light in lights:
        assert (light.vector[:2] > low).all() and (light.vector[:2] < high).all() and 0 < light.vector[2] < 2600
    sums = [light.colour.sum() for light in lights]
    assert sums == sorted(sums, reverse=True)
    assert background.ambient_sky.min() > 0
