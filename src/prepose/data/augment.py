"""Drawing one view of a sample (or a batch of them) from the settings of `specs.augmentation`.

Drawing a view is split from applying it (`view.apply_view`): a `View` holds every parameter that was drawn, so it can
be shown, repeated and moved to another process. Random numbers are drawn for a whole batch at once (`draw`), always
the same amount of them, so that a batch's views depend on its generator alone and not on who computes which part.

Turning the picture turns the camera about its axis, and mirroring it mirrors the world: both are as true in 3D as in
2D, because depth here is relative depth along the camera's axis (ARCHITECTURE.md, "Depth").
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, UInt8

from prepose.arrays import BoxXywh
from prepose.camera.crop import Crop, crop_of_box
from prepose.data.view import Fill, Noise, Patch, View
from prepose.specs.augmentation import MAX_PATCHES, Augmentation, ColourJitter, Occlusion


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers behind the views of a batch: uniform in 0 .. 1 but for the standard normal ones."""

    scale: Float[np.ndarray, "B"]  # standard normal
    turn: Float[np.ndarray, "B"]  # standard normal
    chance: Float[np.ndarray, "B 5"]  # whether to: turn, flip, blur, add noise, occlude
    shift: Float[np.ndarray, "B 2"]
    colour: Float[np.ndarray, "B 8"]
    blur: Float[np.ndarray, "B"]
    noise: Float[np.ndarray, "B 3"]
    patches: Float[np.ndarray, "B 12 P"]
    num_patches: Float[np.ndarray, "B"]

    def __len__(self) -> int:
        return len(self.scale)

    def rows(self, selection: slice) -> "Draws":
        """The numbers of some of the views."""
        return Draws(*(getattr(self, field.name)[selection] for field in fields(self)))


def draw(count: int, generator: np.random.Generator) -> Draws:
    """The random numbers of `count` views; how many are taken from the generator depends on `count` alone."""
    normal = generator.standard_normal((2, count))
    uniform = generator.random((count, 20 + 12 * MAX_PATCHES))
    return Draws(
        scale=normal[0],
        turn=normal[1],
        chance=uniform[:, 0:5],
        shift=uniform[:, 5:7],
        colour=uniform[:, 7:15],
        blur=uniform[:, 15],
        noise=uniform[:, 16:19],
        num_patches=uniform[:, 19],
        patches=uniform[:, 20:].reshape(count, 12, MAX_PATCHES),
    )


def draw_view(box_xywh: BoxXywh, augmentation: Augmentation, *, size: int, generator: np.random.Generator) -> View:
    """One view of the person in a box (image px), as a crop of `size` x `size` pixels."""
    return make_views(box_xywh[None], draw(1, generator), augmentation, size)[0]


def make_views(
    boxes_xywh: Float[np.ndarray, "B 4"], draws: Draws, augmentation: Augmentation, size: int
) -> Sequence[View]:
    """The views that the drawn numbers mean under these settings.

    Args:
        boxes_xywh: The persons' boxes, image px.
        draws: The numbers, one row a box.
        augmentation: The settings.
        size: Side of the crops, px.
    """
    turn = np.radians(augmentation.rotation_deg) * np.clip(draws.turn, -2, 2)
    turn = np.where(draws.chance[:, 0] < augmentation.rotation_probability, turn, 0.0)
    flip = draws.chance[:, 1] < augmentation.flip_probability
    scale = np.clip(1 + augmentation.scale * draws.scale, 1 - augmentation.scale, 1 + augmentation.scale)
    shift = augmentation.shift * (2 * draws.shift - 1)
    matrices, tones = _colours(draws.colour, augmentation.colour)
    blurs = np.where(draws.chance[:, 2] < augmentation.blur_probability, augmentation.blur_sigma * size * draws.blur, 0)
    noises = _noises(draws, augmentation)
    patches = _patches(draws, augmentation.occlusion)
    return [
        View(
            crop=_crop(box, size, scale=scale[i], shift=shift[i], turn=turn[i], flip=bool(flip[i])),
            colour_matrix=None if matrices is None else matrices[i],
            tone=None if tones is None else tones[i],
            blur_sigma=float(blurs[i]),
            noise=noises[i],
            patches=patches[i],
        )
        for i, box in enumerate(boxes_xywh)
    ]


def _crop(box: BoxXywh, size: int, *, scale: float, shift: Float[np.ndarray, "2"], turn: float, flip: bool) -> Crop:
    whole = crop_of_box(box, size)
    x, y = whole.centre
    return replace(
        whole,
        centre=(x + float(shift[0]) * whole.side, y + float(shift[1]) * whole.side),
        side=whole.side * float(scale),
        rotation=float(turn),
        flip=flip,
    )


# Luma and two colour-difference axes of the NTSC colour space: turning the latter keeps the luma.
_YIQ_FROM_RGB = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB_FROM_YIQ = np.linalg.inv(_YIQ_FROM_RGB)


def _colours(
    numbers: Float[np.ndarray, "B 8"], jitter: ColourJitter
) -> tuple[Float[np.ndarray, "B 3 3"] | None, UInt8[np.ndarray, "B 256"] | None]:
    """For each view the colour matrix (light, saturation, hue) and the tone table (gamma, contrast, brightness).

    The light comes before the tone curve, as in a camera; so one table serves all channels, which is half as dear.
    """
    spread = 2 * numbers - 1
    matrices = tones = None
    if jitter.saturation or jitter.hue_deg or jitter.channel_gain:
        matrices = _colour_matrices(1 + jitter.saturation * spread[:, 0], np.radians(jitter.hue_deg) * spread[:, 1])
        matrices = matrices * (1 + jitter.channel_gain * spread[:, None, 5:])
    if jitter.brightness or jitter.contrast or jitter.gamma:
        level = np.linspace(0, 1, 256)[None]
        level = level ** (1 + jitter.gamma * spread[:, 2, None])
        level = 0.5 + (level - 0.5) * (1 + jitter.contrast * spread[:, 3, None])
        level = level + jitter.brightness * spread[:, 4, None]
        tones = np.clip(255 * level + 0.5, 0, 255).astype(np.uint8)
    return matrices, tones


def _colour_matrices(saturation: Float[np.ndarray, "B"], hue: Float[np.ndarray, "B"]) -> Float[np.ndarray, "B 3 3"]:
    turned = np.zeros((len(hue), 3, 3))
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = saturation * np.cos(hue)
    turned[:, 2, 1] = saturation * np.sin(hue)
    turned[:, 1, 2] = -turned[:, 2, 1]
    return _RGB_FROM_YIQ @ turned @ _YIQ_FROM_RGB


def _noises(draws: Draws, augmentation: Augmentation) -> list[Noise | None]:
    noisy = draws.chance[:, 3] < augmentation.noise_probability
    sigma = 255 * augmentation.noise_sigma * draws.noise[:, 0]
    return [
        Noise(float(sigma[i]), (float(draws.noise[i, 1]), float(draws.noise[i, 2]))) if noisy[i] else None
        for i in range(len(draws))
    ]


def _patches(draws: Draws, occlusion: Occlusion) -> list[tuple[Patch, ...]]:
    hidden = draws.chance[:, 4] < occlusion.probability
    count = np.where(hidden, 1 + (draws.num_patches * occlusion.patches).astype(int), 0)
    smallest, largest = occlusion.side_min, max(occlusion.side_min, occlusion.side_max)
    return [
        tuple(_patch(draws.patches[i, :, p].tolist(), smallest, largest) for p in range(count[i]))
        for i in range(len(draws))
    ]


def _patch(numbers: Sequence[float], smallest: float, largest: float) -> Patch:
    x, y, width, height, turn, shape, fill, red, green, blue, from_x, from_y = numbers
    return Patch(
        centre=(x, y),
        sides=(smallest + (largest - smallest) * width, smallest + (largest - smallest) * height),
        turn_deg=180 * turn,
        ellipse=shape < 0.5,
        fill=Fill(int(3 * fill)),
        colour=(int(256 * red), int(256 * green), int(256 * blue)),
        origin=(from_x, from_y),
    )
