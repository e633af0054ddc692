"""Face, beard and hair, as they lie on the template's vertices."""

import numpy as np
from jaxtyping import Float, Float32

from prepose.synthetic.appearance import Appearance
from prepose.synthetic.body_map import NOWHERE, BodyMap, Field, cover_of, layer_of, smooth_step
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
