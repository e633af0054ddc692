"""Dressing a person: build, face and hair, which skin is covered, in which colour, and how far cloth stands off it.

A garment is a field over the body: mm inside its border. The renderer draws the border where the field is zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32

from prepose.synthetic.appearance import Appearance, Build, Cloth, Pattern
from prepose.synthetic.body_map import NOWHERE, BodyMap, Field, body_map, cover_of, layer_of, smooth_step
from prepose.synthetic.tracer import Layer


def _blend(albedo: Float32[np.ndarray, "V 3"], colour: Float[np.ndarray, "..."], share: Field) -> None:
    albedo += ((colour - albedo) * share[:, None]).astype(np.float32)


def _spot(face: Float[np.ndarray, "V 3"], x: int, z: int, half: tuple[int, int], sharpness: float = 2.0) -> Field:
    """A soft-edged patch of the face's front, on both sides."""
    reach = (np.abs(np.abs(face[:, 0]) - x) / half[0]) ** 2 + ((face[:, 2] - z) / half[1]) ** 2
    return np.exp(-(reach**sharpness)) * (face[:, 1] > 55)


def paint_face(albedo: Float32[np.ndarray, "V 3"], appearance: Appearance, body: BodyMap) -> None:
    """Paint brows, eyes, mouth, cheeks and beard in place."""
    face, skin, on_head = body.face, appearance.skin, body.head > 0.5
    red = skin * np.array([1.0, 0.72, 0.72])
    _blend(albedo, red, 0.5 * _spot(face, 42, 80, (20, 18)) * on_head)
    _blend(albedo, skin * np.array([0.85, 0.45, 0.45]), 0.9 * _spot(face, 0, 44, (24, 9)) * on_head)
    _blend(albedo, skin * 0.25, 0.7 * _spot(face, 0, 45, (19, 3)) * on_head)
    if appearance.beard > 0:
        jaw = (
            smooth_step(78 - 0.25 * face[:, 1] - face[:, 2], -4, 10) * (face[:, 1] > -5) * (body.head + body.neck > 0.5)
        )
        lip = _spot(face, 0, 45, (19, 8))
        moustache = _spot(face, 0, 58, (26, 6))
        _blend(
            albedo,
            appearance.hair,
            appearance.beard * np.maximum(jaw * (face[:, 2] > -25) * (1 - lip), moustache) * 0.9,
        )
    _blend(albedo, appearance.hair * 0.8, 0.9 * _spot(face, 33, 134, (19, 5)) * on_head)
    _blend(albedo, skin * 0.55, 0.5 * _spot(face, 32, 115, (20, 11)) * on_head)
    _blend(albedo, np.full(3, 0.6), 0.6 * _spot(face, 32, 114, (15, 6)) * on_head)
    _blend(albedo, np.full(3, 0.015), 0.95 * _spot(face, 32, 115, (9, 8)) * on_head)


# Lower edge of the hair (mm above the upper neck joint) by place from the back to the front of the head.
_HAIRLINE_Y = (-95.0, -50.0, -12.0, 10.0, 24.0, 62.0, 92.0)
_HAIRLINE_Z = {
    "short": (38.0, 52.0, 84.0, 118.0, 152.0, 170.0, 176.0),
    "cropped": (45.0, 60.0, 92.0, 122.0, 156.0, 178.0, 186.0),
    "full": (22.0, 22.0, 45.0, 78.0, 128.0, 164.0, 168.0),
    "long": (0.0, 0.0, 12.0, 40.0, 105.0, 166.0, 172.0),
    "ponytail": (42.0, 56.0, 90.0, 118.0, 152.0, 172.0, 180.0),
    "bun": (42.0, 56.0, 90.0, 118.0, 152.0, 172.0, 180.0),
    "cap": (38.0, 52.0, 84.0, 118.0, 150.0, 168.0, 176.0),
}
_HAIR_DEPTH = {"short": 9.0, "cropped": 3.0, "full": 20.0, "long": 13.0, "ponytail": 6.0, "bun": 6.0, "cap": 5.0}


def hair_layers(appearance: Appearance, body: BodyMap, generator: np.random.Generator) -> tuple[list[Layer], Field]:
    """Hair or cap, and how far they stand off the skull, mm."""
    style = appearance.hair_style
    if style == "bald":
        return [], np.zeros(len(body.place))
    x, y, z = body.face.T
    scalp = np.where(body.head + body.neck > 0.5, z - np.interp(y, _HAIRLINE_Y, _HAIRLINE_Z[style]), -NOWHERE)
    # Strands: darker and lighter locks from the crown down.
    lock = np.sin(np.arctan2(x, y + 10) * 11 + generator.uniform(0, 6) + 0.6 * np.sin(z / 25)) * 9
    layers = [
        layer_of(scalp, appearance.hair),
        layer_of(np.minimum(scalp, lock - 4), appearance.hair * generator.uniform(0.6, 0.85)),
    ]
    depth = cover_of(scalp) * _HAIR_DEPTH[style] * generator.uniform(0.7, 1.3)
    depth *= 1 + 0.03 * lock
    if style == "cap":
        cap = np.where(body.head > 0.5, z - 150 + 0.12 * (y - 90), -NOWHERE)
        layers.append(layer_of(cap, appearance.shoes))
        depth = np.maximum(depth, 11 * cover_of(cap))
    return layers, depth


_WAIST_Z, _CROTCH_Z, _COLLAR_Z, _SOLE_Z = 105.0, -75.0, 512.0, -900.0


@dataclass(frozen=True, eq=False)
class Coat:
    """What lies on the template's vertices.

    Attributes:
        albedo: Linear RGB of the bare skin and face.
        layers: Hair, shoes and cloth over it.
        offset: How far the surface stands off the mean skin along its normal, mm.
    """

    albedo: Float32[np.ndarray, "V 3"]
    layers: tuple[Layer, ...]
    offset: Field


def dress(appearance: Appearance, generator: np.random.Generator) -> Coat:
    """Paint skin, face, hair and clothes, from the skin outwards."""
    body = body_map()
    albedo = np.tile(appearance.skin.astype(np.float32), (len(body.place), 1))
    paint_face(albedo, appearance, body)
    np.clip(albedo, 0, 1, out=albedo)
    layers, depth = hair_layers(appearance, body, generator)
    shoe = _shoe_edge(appearance, body)
    layers += [
        layer_of(shoe, appearance.shoes),
        layer_of(np.minimum(shoe, _SOLE_Z - body.place[:, 2]), appearance.sole),
    ]
    bottom, top = _bottom_edge(appearance, body), _top_edge(appearance, body)
    for edge, cloth in ((bottom, appearance.bottom), (top, appearance.top)):
        layers.append(layer_of(edge, cloth.colour))
        if cloth.pattern in PATTERN_EDGES:
            layers.append(
                layer_of(np.minimum(edge, PATTERN_EDGES[cloth.pattern](cloth, body, generator)), cloth.second)
            )
    # The looser the cloth, the deeper its folds; under a loose top the bottom's cloth adds little.
    folds = _folds(body, generator)
    under, over = cover_of(bottom), cover_of(top)
    stand = np.maximum(
        under * _hang(appearance.bottom, body, folds), over * (_hang(appearance.top, body, folds) + 4 * under)
    )
    return Coat(albedo, tuple(layers), build_offset(appearance.build) + depth + 5 * cover_of(shoe) + stand)


def _top_edge(appearance: Appearance, body: BodyMap) -> Field:
    x, y, z = body.place.T
    dip = appearance.neckline * np.exp(-0.5 * (x / 48.0) ** 2) * smooth_step(y, -45, -5)
    # A collar rings the neck: what lies further out is shoulder.
    below_collar = _COLLAR_Z - dip - z + 3 * np.maximum(np.abs(x) - 68, 0)
    above_hem = z - (_WAIST_Z - appearance.hem * (_WAIST_Z - _CROTCH_Z))
    # Arm holes end under the arm pit.
    on_sleeve = (appearance.sleeve - body.along_arm) * body.arm_length + 3 * np.maximum(360 - z, 0)
    return np.minimum(np.minimum(below_collar, above_hem), on_sleeve)


def _bottom_edge(appearance: Appearance, body: BodyMap) -> Field:
    # A skirt is a piece of its own; beneath it is underwear of the same colour.
    length = 0.14 if appearance.bottom_kind == "skirt" else appearance.bottom_length
    return np.minimum(_WAIST_Z + 8 - body.place[:, 2], (length - body.along_leg) * body.leg_length)


def _shoe_edge(appearance: Appearance, body: BodyMap) -> Field:
    if appearance.shaft <= 0:
        return np.full(len(body.place), -NOWHERE)
    return (body.along_leg - 1.03 + 0.5 * appearance.shaft) * body.leg_length


def _hang(cloth: Cloth, body: BodyMap, folds: Field) -> Field:
    """How far cloth stands off the skin: straight trousers and sleeves bridge the thin places."""
    thin = np.exp(-0.5 * ((body.along_leg - 0.93) / 0.22) ** 2) * (body.leg > 0.5)
    waist = np.exp(-0.5 * ((body.place[:, 2] - 165) / 70) ** 2) * (body.arm < 0.3) * (body.leg < 0.5)
    wrist = np.exp(-0.5 * ((body.along_arm - 0.95) / 0.2) ** 2) * (body.arm > 0.5)
    loose = cloth.looseness
    return (
        3.5
        + 0.45 * loose
        + thin * loose * 1.1
        + 0.5 * waist * loose
        + 0.5 * wrist * loose
        + folds * (0.8 + 0.2 * loose)
    )


def _folds(body: BodyMap, generator: np.random.Generator) -> Field:
    """Soft waves over the cloth, of about unit size."""
    x, y, z = body.place.T
    total = np.zeros(len(x))
    for _ in range(5):
        direction = generator.normal(size=3)
        wave = 2 * np.pi / generator.uniform(70, 180) * direction / np.linalg.norm(direction)
        total += np.sin(x * wave[0] + y * wave[1] + z * wave[2] + generator.uniform(0, 6.3))
    return total / 2.5


def _bump(place: Float[np.ndarray, "V 3"], centre: tuple[int, int, int], size: tuple[int, int, int]) -> Field:
    """A soft hill of height one, on both sides of the body."""
    mirrored = np.concatenate([np.abs(place[:, :1]), place[:, 1:]], axis=1)
    return np.exp(-0.5 * (((mirrored - centre) / size) ** 2).sum(axis=1))


@cache
def _build_fields() -> Float[np.ndarray, "5 V"]:
    """How many mm one step adds: slimness, stoutness, muscle, feminine form, and its share of fat."""
    body = body_map()
    place, face = body.place, body.face
    soft = 1 - smooth_step(np.maximum(body.head, body.foot), 0.3, 0.7)
    hand = smooth_step(body.along_arm, 0.95, 1.02) * (body.arm > 0.5)
    trunk = (1 - body.arm) * (1 - body.leg) * soft
    thigh, calf = body.leg * (1 - smooth_step(body.along_leg, 0.3, 0.6)), body.leg * soft
    slim = -soft * (1 - hand) * (4 + 4 * trunk + 3 * thigh)
    stout = (
        soft * (1 - hand) * (5 + 9 * trunk + 9 * thigh + 2 * body.arm)
        + 42 * _bump(place, (0, 105, 110), (95, 70, 95))
        + 20 * _bump(place, (150, 0, 90), (40, 90, 70))
        + 10 * _bump(place, (75, 90, 360), (50, 40, 45))
        + 5 * body.head * _bump(face, (40, 50, 20), (35, 50, 30))
    )
    muscle = (
        7 * body.arm * np.exp(-0.5 * ((body.along_arm - 0.22) / 0.16) ** 2)
        + 4 * body.arm * np.exp(-0.5 * ((body.along_arm - 0.65) / 0.1) ** 2)
        + 8 * _bump(place, (85, 95, 385), (55, 40, 45))
        + 7 * _bump(place, (130, -80, 380), (60, 60, 70))
        + 6 * calf * np.exp(-0.5 * ((body.along_leg - 0.68) / 0.08) ** 2)
        + 5 * thigh
        + 5 * body.neck
    )
    feminine = (
        34 * _bump(place, (72, 100, 350), (38, 50, 40))
        - 9 * _bump(place, (135, 0, 170), (60, 200, 60))
        + 10 * _bump(place, (165, 0, -40), (50, 90, 80))
        + 9 * _bump(place, (75, -110, -45), (60, 50, 60))
        - 5 * body.arm * soft * (1 - hand)
        - 5 * body.neck
        - 6 * _bump(place, (190, -20, 470), (50, 60, 50))
        - 2 * body.head * _bump(face, (40, 40, 15), (40, 60, 30))
    )
    return np.stack([slim, stout, muscle, feminine, -3 * soft * trunk])


def build_offset(build: Build) -> Field:
    """How a build stands off the mean body, mm."""
    shares = [max(-build.weight, 0), max(build.weight, 0), build.muscle, build.feminine, build.feminine]
    return np.array(shares) @ _build_fields()


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
