"""Where a garment shows its second colour: stripes, checks, prints and the like, as fields over the body."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from prepose.synthetic.appearance import Cloth, Pattern
from prepose.synthetic.body_map import BodyMap, Field


def _stripes(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    # Down the trunk and on along the sleeves, so that stripes ring both.
    x, _, z = body.place.T
    return _bands(np.where(body.along_arm > -0.12, np.abs(x), 464 - z), cloth.period, 0.5)


def _pinstripes(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    return _bands(body.place[:, 0], cloth.period, 0.3)


def _checks(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    x, _, z = body.place.T
    return np.maximum(_bands(x, cloth.period, 0.35), _bands(z, cloth.period, 0.35))


def _print(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    return (_blobs(body, cloth.period, generator) - 0.3) * cloth.period / 6


def _halves(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    return body.place[:, 2] - 252


def _panels(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    return np.abs(body.place[:, 0]) - 112


def _logo(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    x, y, z = body.place.T
    half = 0.4 * cloth.period + 20
    inside = half * (1 - ((x / 75) ** 4 + ((z - 330) / half) ** 4) ** 0.25) - 0.25 * half * _blobs(
        body, 90.0, generator
    )
    return np.minimum(inside, y - 40)


def _jacket(cloth: Cloth, body: BodyMap, generator: np.random.Generator) -> Field:
    x, y, z = body.place.T
    return np.minimum(45 + 0.06 * (z - 100) - np.abs(x), y - 10)


# Where a garment shows its second colour: mm inside the border of those parts. A plain cloth has none.
PATTERN_EDGES: Mapping[Pattern, Callable[[Cloth, BodyMap, np.random.Generator], Field]] = MappingProxyType(
    {
        "stripes": _stripes,
        "pinstripes": _pinstripes,
        "checks": _checks,
        "print": _print,
        "halves": _halves,
        "panels": _panels,
        "logo": _logo,
        "jacket": _jacket,
    }
)


def _bands(place: Field, period: float, share: float) -> Field:
    """Bands across `place` (mm) that take this share of each period: mm inside the nearest."""
    return 0.5 * share * period - np.abs((place + 0.5 * period) % period - 0.5 * period)


def _blobs(body: BodyMap, period: float, generator: np.random.Generator) -> Field:
    waves = generator.normal(size=(6, 3))
    waves *= (2 * np.pi / period / np.linalg.norm(waves, axis=1) * generator.uniform(0.6, 1.5, 6))[:, None]
    return np.sin(body.place @ waves.T + generator.uniform(0, 6.3, 6)).sum(axis=1) / 2
