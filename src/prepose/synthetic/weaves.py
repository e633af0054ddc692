"""Patterns of surfaces, woven from noise: wood, brick, tiles, cloth, grass and so on.

Every pattern tiles without a seam. Colours are linear albedo, RGB, 0 to 1.
"""

import numpy as np
from jaxtyping import Float

TEXTURE_SIZE = 128
BRIGHTEST, DARKEST = 0.88, 0.012

Plane = Float[np.ndarray, "S S"]
Picture = Float[np.ndarray, "S S 3"]


def linear(red: float, green: float, blue: float) -> Float[np.ndarray, "3"]:
    """A display colour (sRGB, 0 to 1) as linear albedo. Source: IEC 61966-2-1."""
    colour = np.array([red, green, blue])
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def draw_paint(generator: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A plain colour as things have it: mostly muted, at times loud."""
    saturation = float(generator.beta(1.2, 2.5))
    value = float(generator.uniform(0.12, 0.92))
    hue = float(generator.uniform(0, 6))
    channels = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.clip(linear(*(value * (1 - saturation * (1 - channels)))), DARKEST, BRIGHTEST)


# Noise: every plane below tiles without a seam.


def _noise(
    generator: np.random.Generator, roughness: float = 1.0, stretch: tuple[float, float] = (1.0, 1.0), low: float = 1.0
) -> Plane:
    """Periodic noise of mean 0 and standard deviation 1 whose amplitude falls with frequency as f^-roughness.

    Args:
        generator: Where the phases come from.
        roughness: 0 is white, 1 cloudy, 2 smooth.
        stretch: How much longer the features are along y and x.
        low: Frequencies below this many periods a tile are levelled off.
    """
    size = TEXTURE_SIZE
    y = np.fft.fftfreq(size)[:, None] * size * stretch[0]
    x = np.fft.rfftfreq(size)[None, :] * size * stretch[1]
    spectrum = np.fft.rfft2(generator.standard_normal((size, size)))
    frequency = np.maximum(np.hypot(y, x), low)
    plane = np.fft.irfft2(spectrum * frequency**-roughness, s=(size, size))
    plane -= plane.mean()
    return plane / (plane.std() + 1e-9)


def _axes() -> tuple[Plane, Plane]:
    y, x = np.mgrid[0:TEXTURE_SIZE, 0:TEXTURE_SIZE] / TEXTURE_SIZE
    return y, x


def _mix(weight: Plane, low: np.ndarray, high: np.ndarray) -> Picture:
    weight = np.clip(weight, 0, 1)[..., None]
    return low * (1 - weight) + high * weight


def _between(generator: np.random.Generator, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A colour on the way from one to the other, so that the hue stays theirs."""
    return low + float(generator.random()) * (high - low)


def _shade(colour: np.ndarray, plane: Plane, strength: float) -> Picture:
    return colour * np.exp(strength * plane)[..., None]


def _cells(
    generator: np.random.Generator, *, rows: int, columns: int, shift: float, joint: float
) -> tuple[Plane, np.ndarray]:
    """A bond of rows x columns bricks: 1 in the joints between them, and a number for each brick."""
    y, x = _axes()
    row = np.floor(y * rows)
    along = (x * columns + shift * row) % columns
    inside_y, inside_x = (y * rows) % 1, along % 1
    height, width = 1 / rows, 1 / columns
    edge = np.minimum(
        np.minimum(inside_y, 1 - inside_y) * height,
        np.minimum(inside_x, 1 - inside_x) * width,
    )
    number = (row * columns + np.floor(along)).astype(int)
    return (edge < joint / 2).astype(float), generator.permutation(rows * columns)[number]


# Weaves.


def wood(generator: np.random.Generator) -> Picture:
    """A floor of planks."""
    rows, columns = int(generator.choice([4, 5, 8])), int(generator.choice([1, 2]))
    joints, plank = _cells(generator, rows=rows, columns=columns, shift=3 * columns / rows, joint=0.006)
    y, _ = _axes()
    warp = _noise(generator, 1.8, (0.6, 6.0))
    rings = np.sin(2 * np.pi * (y * rows * 2.5 + 0.55 * warp + plank * 0.37))
    grain = 0.10 * rings + 0.10 * _noise(generator, 0.6, (0.5, 10.0)) + 0.03 * _noise(generator, 0.3)
    tone = generator.normal(0, 0.16, rows * columns)[plank]
    base = [linear(0.62, 0.45, 0.29), linear(0.75, 0.60, 0.42), linear(0.42, 0.27, 0.17), linear(0.55, 0.36, 0.22)]
    return _shade(base[int(generator.integers(4))], grain + tone - 1.1 * joints, 1.0)


def boards(generator: np.random.Generator) -> Picture:
    """Planed wood with its grain."""
    grain = 0.16 * _noise(generator, 1.0, (0.5, 9.0)) + 0.05 * _noise(generator, 0.4, (0.7, 4.0))
    return _shade(_between(generator, linear(0.40, 0.28, 0.17), linear(0.78, 0.62, 0.44)), grain, 1.0)


def tiles(generator: np.random.Generator) -> Picture:
    """Square tiles with grout, plain or chequered."""
    count = int(generator.choice([2, 4, 6]))
    joints, tile = _cells(generator, rows=count, columns=count, shift=0.0, joint=0.012)
    colours = np.stack([draw_paint(generator), linear(0.85, 0.84, 0.80)])
    y, x = _axes()
    checkered = ((np.floor(y * count) + np.floor(x * count)) % 2).astype(int)
    chosen = colours[checkered] if generator.random() < 0.5 else np.broadcast_to(colours[1], (*y.shape, 3))
    tone = generator.normal(0, 0.05, count * count)[tile] + 0.06 * _noise(generator, 1.2)
    picture = chosen * np.exp(tone)[..., None]
    return _mix(joints, picture, linear(0.45, 0.43, 0.40))


def brick(generator: np.random.Generator) -> Picture:
    """Bricks in running bond."""
    joints, brick = _cells(generator, rows=8, columns=3, shift=0.5, joint=0.016)
    tone = generator.normal(0, 0.18, 24)[brick] + 0.14 * _noise(generator, 0.5)
    base = [linear(0.58, 0.30, 0.22), linear(0.66, 0.47, 0.36), linear(0.80, 0.78, 0.74), linear(0.45, 0.24, 0.20)]
    picture = _shade(base[int(generator.integers(4))], tone, 1.0)
    return _mix(joints, picture, linear(0.62, 0.60, 0.56))


def plaster(generator: np.random.Generator) -> Picture:
    """A painted wall."""
    tone = 0.05 * _noise(generator, 1.6) + 0.02 * _noise(generator, 0.2)
    return _shade(linear(*(generator.uniform(0.62, 0.92) + generator.normal(0, 0.04, 3))), tone, 1.0)


def wallpaper(generator: np.random.Generator) -> Picture:
    """Stripes, checks, waves or diamonds."""
    y, x = _axes()
    period = int(generator.choice([3, 4, 6]))
    form = int(generator.integers(4))
    waves = {
        0: np.sin(2 * np.pi * period * x),
        1: np.sin(2 * np.pi * period * x) * np.sin(2 * np.pi * period * y),
        2: np.cos(2 * np.pi * period * x + 2.0 * np.sin(2 * np.pi * period * y)),
        3: np.cos(2 * np.pi * period * (x + y)) + np.cos(2 * np.pi * period * (x - y)) - 0.6,
    }[form]
    paint = np.clip(draw_paint(generator), 0.12, 0.8)
    contrast = float(generator.uniform(0.15, 0.55))
    picture = _mix(0.5 + 3.0 * waves, paint, paint * (1 - contrast) + contrast * draw_paint(generator))
    return picture * np.exp(0.03 * _noise(generator, 1.0))[..., None]


def concrete(generator: np.random.Generator) -> Picture:
    """Concrete with stains and pores."""
    tone = 0.12 * _noise(generator, 1.4) + 0.06 * _noise(generator, 0.3) - 0.25 * (_noise(generator, 0.9) > 2.4)
    return _shade(linear(*(generator.uniform(0.42, 0.70) + generator.normal(0, 0.015, 3))), tone, 1.0)


def carpet(generator: np.random.Generator) -> Picture:
    """A carpet, plain or with diamonds, mostly in quiet colours."""
    y, x = _axes()
    ground, figure = (0.4 * draw_paint(generator) + 0.6 * linear(*(v * np.array([1, 0.93, 0.85]))) for v in (0.62, 0.4))
    picture = np.broadcast_to(ground, (*y.shape, 3))
    if generator.random() < 0.4:
        count = int(generator.choice([1, 2, 3]))
        diamonds = np.abs((x * count) % 1 - 0.5) + np.abs((y * count) % 1 - 0.5)
        picture = _mix(4 * np.sin(2 * np.pi * 2 * diamonds), ground, figure)
    return picture * np.exp(0.16 * _noise(generator, 0.15) + 0.08 * _noise(generator, 1.2))[..., None]


def fabric(generator: np.random.Generator) -> Picture:
    """Cloth, plain, striped or checked."""
    y, x = _axes()
    count = int(generator.choice([2, 4, 8]))
    bands = [np.sin(2 * np.pi * count * x), np.sin(2 * np.pi * count * x) + np.sin(2 * np.pi * count * y), 0 * x - 1]
    picture = _mix(2 * bands[int(generator.integers(3))], draw_paint(generator), draw_paint(generator))
    return picture * np.exp(0.08 * _noise(generator, 0.1) + 0.05 * _noise(generator, 1.0))[..., None]


def grass(generator: np.random.Generator) -> Picture:
    """A lawn with dry patches."""
    blades, patches = _noise(generator, 0.35, (1.6, 0.8)), _noise(generator, 1.3)
    green, dry = linear(*generator.uniform([0.24, 0.38, 0.12], [0.36, 0.52, 0.2])), linear(0.60, 0.56, 0.32)
    return _mix(0.22 + 0.25 * patches, green, dry) * np.exp(0.38 * blades)[..., None]


def asphalt(generator: np.random.Generator) -> Picture:
    """A road."""
    tone = 0.20 * _noise(generator, 0.1) + 0.10 * _noise(generator, 1.4)
    return _shade(linear(*(generator.uniform(0.26, 0.48) + generator.normal(0, 0.01, 3))), tone, 1.0)


def sand(generator: np.random.Generator) -> Picture:
    """Sand with ripples."""
    y, _ = _axes()
    ripples = np.sin(2 * np.pi * (9 * y + 0.5 * _noise(generator, 1.8)))
    tone = 0.07 * ripples + 0.10 * _noise(generator, 0.2) + 0.08 * _noise(generator, 1.4)
    return _shade(linear(0.76, 0.67, 0.50), tone, 1.0)


def snow(generator: np.random.Generator) -> Picture:
    """Trodden snow."""
    tone = 0.05 * _noise(generator, 1.5) + 0.02 * _noise(generator, 0.1) - 0.10 * (_noise(generator, 1.0) > 1.8)
    return _shade(linear(0.91, 0.92, 0.94), tone, 1.0)


def earth(generator: np.random.Generator) -> Picture:
    """Bare soil."""
    tone = 0.25 * _noise(generator, 0.5) + 0.18 * _noise(generator, 1.3)
    return _shade(_between(generator, linear(0.36, 0.28, 0.20), linear(0.60, 0.50, 0.39)), tone, 1.0)


def paving(generator: np.random.Generator) -> Picture:
    """Paving stones."""
    rows, columns = ((4, 4), (6, 3), (8, 4))[int(generator.integers(3))]
    joints, stone = _cells(generator, rows=rows, columns=columns, shift=0.5, joint=0.012)
    tone = generator.normal(0, 0.12, rows * columns)[stone] + 0.12 * _noise(generator, 0.5)
    base = linear(*(generator.uniform(0.5, 0.68) + np.array([0.03, 0.0, -0.03])))
    return _mix(joints, _shade(base, tone, 1.0), linear(0.30, 0.29, 0.26))


def foliage(generator: np.random.Generator) -> Picture:
    """Leaves."""
    tone = 0.55 * _noise(generator, 0.5, low=4.0) + 0.25 * _noise(generator, 1.2)
    return _shade(linear(*generator.uniform([0.18, 0.30, 0.08], [0.40, 0.46, 0.18])), tone, 1.0)


def bark(generator: np.random.Generator) -> Picture:
    """The bark of a tree."""
    tone = 0.35 * _noise(generator, 0.8, (6.0, 0.7)) + 0.1 * _noise(generator, 0.3)
    return _shade(linear(0.40, 0.32, 0.25), tone, 1.0)


def books(generator: np.random.Generator) -> Picture:
    """A row of books above a shelf board."""
    _, x = _axes()
    edges = np.sort(generator.uniform(0, 1, 22))
    book = np.searchsorted(edges, x)
    colours = np.stack([draw_paint(generator) for _ in range(23)])
    colours[-1] = colours[0]
    y, _ = _axes()
    shelf_board = (y > 0.94)[..., None]
    gap = (y < generator.uniform(0.02, 0.25, 23)[book])[..., None]
    return np.where(shelf_board, linear(0.55, 0.42, 0.30), np.where(gap, linear(0.12, 0.10, 0.09), colours[book]))


def picture(generator: np.random.Generator) -> Picture:
    """A print in a frame: a landscape, blots, or blocks of colour."""
    y, x = _axes()
    first, second, third = (draw_paint(generator) for _ in range(3))
    form = int(generator.integers(3))
    if form == 0:
        picture = _mix(20 * (y - 0.55 + 0.08 * _noise(generator, 1.6, (6.0, 1.0))), first, second)
        picture = _mix(40 * (0.12 - np.hypot(y - 0.3, x - generator.uniform(0.2, 0.8))), picture, third)
    elif form == 1:
        picture = _mix(4 * _noise(generator, 1.6), first, second)
        picture = _mix(6 * (_noise(generator, 1.6) - 1), picture, third)
    else:
        blocks = np.stack([draw_paint(generator) for _ in range(16)])
        cut_y, cut_x = (np.searchsorted(np.sort(generator.uniform(0.1, 0.9, 3)), axis) for axis in (y, x))
        picture = blocks[cut_y * 4 + cut_x]
    frame = np.minimum(np.minimum(y, 1 - y), np.minimum(x, 1 - x)) < 0.06
    return np.where(frame[..., None], draw_paint(generator), picture)


def facade(generator: np.random.Generator) -> Picture:
    """Rows of windows in a wall."""
    y, x = _axes()
    paint = draw_paint(generator)
    wall = np.clip(0.25 * paint + 0.75 * paint.mean() * linear(0.98, 0.92, 0.84), 0.08, 0.7)
    count = int(generator.choice([3, 4, 5]))
    inside_y, inside_x = (y * count) % 1, (x * count) % 1
    width, height = generator.uniform(0.3, 0.7), generator.uniform(0.35, 0.7)
    window = (np.abs(inside_x - 0.5) < width / 2) & (np.abs(inside_y - 0.5) < height / 2)
    number = (np.floor(y * count) * count + np.floor(x * count)).astype(int)
    lit = generator.uniform(0.02, 0.35, count * count)[number]
    glass = np.stack([lit * 0.8, lit * 0.95, lit * 1.15], axis=-1)
    return np.where(window[..., None], glass, _shade(wall, 0.06 * _noise(generator, 0.8), 1.0))


def planking(generator: np.random.Generator) -> Picture:
    """Upright boards, as of fences and sheds."""
    return wood(generator).transpose(1, 0, 2)
