"""Light of the day and of rooms. Colours are linear; only ratios matter, since the camera meters.

Suns are described by elevation, skies by cloud cover; lamps by colour temperature.
"""

import numpy as np
from jaxtyping import Float

from prepose.arrays import Vector2
from prepose.synthetic.shading import Background, Light
from prepose.synthetic.surfaces import Surface

Lighting = tuple[tuple[Light, ...], Background]


# Kelvin, then red and blue over green, linear sRGB. Source: M. Charity, "What color is a blackbody?" (CIE 1931, 2
# degrees), made linear.
_BLACKBODY = np.array(
    [
        (2700, 2.59, 0.25), (3000, 2.27, 0.35), (4000, 1.62, 0.62), (5000, 1.29, 0.80),
        (6500, 1.05, 1.03), (8000, 0.94, 1.23), (10000, 0.85, 1.41),
    ]
)  # fmt: skip

# A camera balances most of a lamp's colour away; this power of it is left.
_ADAPTED = 0.45


def blackbody(kelvin: float) -> Float[np.ndarray, "3"]:
    """Linear RGB of a glowing body, green = 1, from 2700 to 10000 K."""
    red, blue = (float(np.interp(kelvin, _BLACKBODY[:, 0], column)) for column in _BLACKBODY.T[1:])
    return np.array([red, 1.0, blue])


def daylight(generator: np.random.Generator, ground: Surface) -> Lighting:
    """A sun at some height behind some cloud, and the sky and bounced light that belong to it.

    Args:
        generator: Where the numbers come from.
        ground: What the ground is made of: it throws light back up.
    """
    elevation = float(np.radians(generator.uniform(6, 75)))
    cover = float(generator.beta(0.8, 1.1))
    azimuth = float(generator.uniform(-np.pi, np.pi))
    towards = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    # Low suns are warm and weak; cloud takes the beam away and gives a part of it back as white sky.
    warm = blackbody(5600.0 - 2600.0 * np.exp(-elevation / 0.22))
    beam = 1.5 * (1 - np.exp(-elevation / 0.25)) * (1 - cover) ** 1.3
    blue, white = np.array([0.22, 0.42, 0.85]), np.array([0.95, 0.97, 1.0])
    height = float(np.sin(elevation)) ** 0.5
    zenith = (blue * (1 - cover) + 0.75 * white * cover) * (0.35 + 0.65 * height)
    horizon = (0.8 * (1 - cover) * (0.5 * white + 0.5 * warm) + 0.85 * white * cover) * (0.35 + 0.65 * height)
    bounce = ground.texture.image.mean(axis=(0, 1)) * ground.tint
    sky = 0.6 * zenith + 0.4 * horizon
    from_ground = bounce * (sky + beam * warm * np.sin(elevation))
    sun = Light("sun", towards, beam * warm, radius=0.005 + 0.12 * cover)
    background = Background(
        zenith=zenith, horizon=horizon, ground=from_ground, ambient_sky=sky, ambient_ground=0.8 * from_ground
    )
    return (sun,) if beam > 0.02 else (), background


def lamplight(generator: np.random.Generator, low: Vector2, high: Vector2, ceiling: float) -> Lighting:
    """One to three lamps or windows of a room with these corners (xy, mm), and the light that its walls throw back."""
    warm = blackbody(float(np.exp(generator.uniform(np.log(2700), np.log(7000))))) ** _ADAPTED
    lights = []
    for number in range(int(generator.choice([1, 2, 3], p=[0.5, 0.4, 0.1]))):
        share = generator.uniform(0.12, 0.88, 2)
        if number > 0 and generator.random() < 0.5:
            # Daylight from a window: at the wall, broad, cool.
            share[int(generator.integers(2))] = float(generator.choice([0.03, 0.97]))
            place = np.array([*(low + share * (high - low)), float(generator.uniform(1200, 1900))])
            colour, radius = blackbody(7500.0) ** _ADAPTED, 500.0
        else:
            place = np.array([*(low + share * (high - low)), ceiling - float(generator.uniform(80, 500))])
            colour, radius = warm, float(generator.uniform(60, 350))
        strength = float(np.exp(generator.normal(0, 0.4))) * (1.0 if number == 0 else 0.6)
        lights.append(Light("point", place, strength * colour, radius))
    lights.sort(key=lambda light: -float(light.colour.sum()))
    total = np.sum([light.colour for light in lights], axis=0)
    ambient = float(generator.uniform(0.15, 0.55)) * total
    background = Background(
        zenith=ambient, horizon=ambient, ground=0.5 * ambient, ambient_sky=ambient, ambient_ground=0.6 * ambient
    )
    return tuple(lights), background
