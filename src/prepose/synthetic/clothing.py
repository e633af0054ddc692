"""Dressing a person: which skin is covered, in which colour, and how far cloth stands off it.

A garment is a field over the body: mm inside its border. The renderer draws the border where the field is zero.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from prepose.synthetic.appearance import Appearance, Cloth
from prepose.synthetic.body_map import NOWHERE, BodyMap, Field, body_map, cover_of, layer_of, smooth_step
from prepose.synthetic.girth import build_offset
from prepose.synthetic.head import hair_layers, paint_face
from prepose.synthetic.patterns import PATTERN_EDGES
from prepose.synthetic.tracer import Layer

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
