"""How a person looks: build, skin, hair and clothes, drawn as plain values. Colours are linear RGB albedo in 0..1."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Colour = Float[np.ndarray, "3"]
Pattern = Literal["plain", "stripes", "pinstripes", "checks", "print", "halves", "panels", "logo", "jacket"]
HairStyle = Literal["bald", "short", "cropped", "full", "long", "ponytail", "bun", "cap"]
BottomKind = Literal["trousers", "shorts", "skirt"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
HAIR_STYLES: tuple[HairStyle, ...] = get_args(HairStyle)
BOTTOM_KINDS: tuple[BottomKind, ...] = get_args(BottomKind)


@dataclass(frozen=True, eq=False)
class Build:
    """Girth beside the skeleton, in steps of about one standard deviation; 0 is the mean adult.

    Attributes:
        weight: Fat: below 0 slim, above 0 stout.
        muscle: 0 or more.
        feminine: 0 to 1: breasts, hips and waist.
    """

    weight: float = 0.0
    muscle: float = 0.0
    feminine: float = 0.0


@dataclass(frozen=True, eq=False)
class Cloth:
    """What a garment is made of.

    Attributes:
        colour: Its main colour.
        second: The other colour of its pattern.
        pattern: How the two alternate.
        period: Size of the pattern, mm.
        looseness: How far it stands off the skin, mm.
    """

    colour: Colour
    second: Colour
    pattern: Pattern = "plain"
    period: float = 80.0
    looseness: float = 8.0


@dataclass(frozen=True, eq=False)
class Appearance:
    """How a person looks in every picture of one set of clothes.

    Attributes:
        build: Girth.
        skin: Colour of the skin.
        hair: Colour of hair, brows and beard.
        hair_style: Its cut; "cap" is short hair under a cap in the colour of the shoes.
        beard: 0 none, 1 full.
        top: Cloth of shirt, jacket or dress.
        sleeve: Where sleeves end: 0 shoulder, 0.5 about the elbow, 1 wrist.
        neckline: How deep the neckline dips in front, mm; below 0 is a roll neck.
        hem: Where the top ends: 0 at the waist, 1 at the crotch.
        bottom_kind: Trousers, shorts or skirt.
        bottom: Its cloth.
        bottom_length: Where it ends: 0 hip, 0.5 knee, 1 ankle.
        shoes: Colour of the shoes.
        sole: Colour of their soles.
        shaft: How high shoes or socks reach: 0 bare feet, 0.1 shoes, 1 knee.
    """

    build: Build
    skin: Colour
    hair: Colour
    hair_style: HairStyle
    beard: float
    top: Cloth
    sleeve: float
    neckline: float
    hem: float
    bottom_kind: BottomKind
    bottom: Cloth
    bottom_length: float
    shoes: Colour
    sole: Colour
    shaft: float


# Human skin from fair to dark, linear RGB. Source: the ten tones of the Monk Skin Tone scale (Monk 2023), from sRGB.
_SKIN_SRGB = (
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
)  # fmt: skip
# Black, brown, blond, red, grey and white hair.
_HAIR_SRGB = (
    (22, 19, 18), (38, 28, 22), (58, 40, 28), (92, 62, 38), (150, 112, 66), (200, 170, 116), (140, 62, 30),
    (120, 116, 112), (205, 202, 198),
)  # fmt: skip
_HAIR_SHARES = (0.26, 0.18, 0.16, 0.13, 0.08, 0.05, 0.04, 0.06, 0.04)
# People of darker tones than this have dark or grey hair, but for the few who dye it.
_DARK_TONE = 4.5
_DARK_TONE_HAIR = (1.0, 1.0, 0.4, 0.05, 0.03, 0.03, 0.03, 0.8, 0.5)
_DENIM_SRGB = ((32, 42, 68), (52, 72, 112), (92, 118, 156), (24, 26, 34))
_DULL_SRGB = ((24, 24, 26), (52, 52, 56), (100, 98, 96), (152, 138, 112), (92, 80, 58), (40, 52, 44), (30, 34, 58))


def linear_from_srgb(srgb: tuple[int, int, int] | Float[np.ndarray, "3"]) -> Colour:
    """Linear RGB in 0..1 of sRGB in 0..255. Source: IEC 61966-2-1."""
    value = np.asarray(srgb, dtype=np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def draw_appearance(generator: np.random.Generator) -> Appearance:
    """A person off the street, at work or at sport."""
    feminine = float(generator.random() < 0.5)
    sporty = bool(generator.random() < 0.25)
    hot = bool(generator.random() < 0.45)
    skin, hair = _draw_skin_and_hair(generator)
    kind = _draw_bottom_kind(generator, feminine=feminine, hot=hot)
    top = draw_cloth(generator)
    bottom = _draw_bottom_cloth(generator, kind)
    if kind == "skirt" and generator.random() < 0.5:
        bottom = top  # a dress
    return Appearance(
        build=_draw_build(generator, feminine=feminine, sporty=sporty),
        skin=skin,
        hair=hair,
        hair_style=_draw_hair_style(generator, feminine),
        beard=0.0 if feminine or generator.random() < 0.6 else float(generator.uniform(0.3, 1.0)),
        top=top,
        sleeve=_draw_sleeve(generator, feminine=feminine, hot=hot),
        neckline=float(generator.choice([-45.0, 10.0, 25.0, 45.0, 80.0], p=[0.06, 0.24, 0.34, 0.22, 0.14])),
        hem=float(generator.uniform(0.0, 1.05)) if generator.random() < 0.75 else -0.25,
        bottom_kind=kind,
        bottom=bottom,
        bottom_length=_draw_length(generator, kind),
        shoes=draw_colour(generator),
        sole=linear_from_srgb((235, 235, 232)) * generator.uniform(0.1, 0.9),
        shaft=_draw_shaft(generator),
    )


def draw_colour(generator: np.random.Generator) -> Colour:
    """A dyed colour: often dull or grey, at times bright."""
    if generator.random() < 0.42:
        return _varied(generator, linear_from_srgb(_DULL_SRGB[int(generator.integers(len(_DULL_SRGB)))]))
    hue, saturation = generator.random() * 6, generator.beta(1.6, 1.6)
    value = generator.uniform(0.12, 0.97) ** 1.2
    pure = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return linear_from_srgb(255 * value * (1 - saturation * (1 - pure))) * 0.92


def draw_cloth(generator: np.random.Generator) -> Cloth:
    """A cloth for a top."""
    shares = np.array([0.40, 0.10, 0.04, 0.07, 0.08, 0.07, 0.08, 0.09, 0.07])
    return Cloth(
        colour=draw_colour(generator),
        second=draw_colour(generator),
        pattern=PATTERNS[int(generator.choice(len(PATTERNS), p=shares / shares.sum()))],
        period=float(generator.uniform(50, 170)),
        looseness=float(generator.uniform(4, 20)),
    )


def _draw_bottom_cloth(generator: np.random.Generator, kind: BottomKind) -> Cloth:
    if kind == "trousers" and generator.random() < 0.4:
        colour = _varied(generator, linear_from_srgb(_DENIM_SRGB[int(generator.integers(len(_DENIM_SRGB)))]))
    else:
        colour = draw_colour(generator)
    pattern: Pattern = "plain" if generator.random() < 0.8 else "checks" if kind != "trousers" else "panels"
    return Cloth(
        colour, draw_colour(generator), pattern, float(generator.uniform(40, 120)), float(generator.gamma(2, 6))
    )


def _draw_build(generator: np.random.Generator, *, feminine: float, sporty: bool) -> Build:
    weight = float(np.clip(generator.normal(0.15, 0.8) if not sporty else generator.normal(-0.3, 0.4), -1.2, 2.4))
    muscle = float(abs(generator.normal(0, 0.6))) + (0.5 if sporty else 0.0)
    return Build(weight, muscle * (1 - 0.5 * feminine), feminine * float(generator.uniform(0.4, 1.0)))


def _draw_skin_and_hair(generator: np.random.Generator) -> tuple[Colour, Colour]:
    # The scale's last tone is darker than almost anyone's skin.
    tone = generator.uniform(0.0, len(_SKIN_SRGB) - 1.6)
    low = int(tone)
    share = tone - low
    mixed = (1 - share) * np.array(_SKIN_SRGB[low], float) + share * np.array(_SKIN_SRGB[low + 1], float)
    # The scale's patches are paler than skin is in most light: blood adds red.
    skin = np.clip(linear_from_srgb(mixed) * np.array([0.86, 0.68, 0.58]), 0.012, 0.8)
    shares = np.array(_HAIR_SHARES)
    if tone > _DARK_TONE:
        shares = shares * _DARK_TONE_HAIR
    hair = linear_from_srgb(_HAIR_SRGB[int(generator.choice(len(shares), p=shares / shares.sum()))])
    return skin, _varied(generator, hair)


def _draw_hair_style(generator: np.random.Generator, feminine: float) -> HairStyle:
    male = (0.10, 0.44, 0.16, 0.15, 0.03, 0.02, 0.01, 0.09)
    female = (0.005, 0.10, 0.02, 0.195, 0.36, 0.18, 0.09, 0.05)
    return HAIR_STYLES[int(generator.choice(len(HAIR_STYLES), p=female if feminine else male))]


def _draw_bottom_kind(generator: np.random.Generator, *, feminine: float, hot: bool) -> BottomKind:
    shares = (
        (0.45 - 0.2 * feminine, 0.55 - 0.2 * feminine, 0.4 * feminine)
        if hot
        else (1 - 0.22 * feminine, 0.0, 0.22 * feminine)
    )
    return BOTTOM_KINDS[int(generator.choice(len(BOTTOM_KINDS), p=shares))]


def _draw_sleeve(generator: np.random.Generator, *, feminine: float, hot: bool) -> float:
    if not hot:
        return float(generator.uniform(0.93, 1.03)) if generator.random() < 0.8 else float(generator.uniform(0.4, 0.8))
    if generator.random() < 0.15 + 0.2 * feminine:
        return -0.1
    return float(generator.uniform(0.22, 0.46))


def _draw_length(generator: np.random.Generator, kind: BottomKind) -> float:
    low, high = {"trousers": (0.86, 1.04), "shorts": (0.12, 0.58), "skirt": (0.28, 0.9)}[kind]
    return float(generator.uniform(low, high))


def _draw_shaft(generator: np.random.Generator) -> float:
    kind = generator.random()
    return (
        0.0
        if kind < 0.07
        else float(generator.uniform(0.3, 0.9))
        if kind > 0.85
        else float(generator.uniform(0.06, 0.22))
    )


def _varied(generator: np.random.Generator, colour: Colour) -> Colour:
    return np.clip(colour * generator.uniform(0.75, 1.3) * generator.uniform(0.93, 1.07, 3), 0.004, 0.9)
