"""How a sample may be shown: the settings. `prepose.data.augment` draws views by them."""

from pydantic import BaseModel, ConfigDict, Field

MAX_PATCHES = 4


class ColourJitter(BaseModel):
    """Spreads of the colour changes; each factor is drawn uniformly from 1 - spread to 1 + spread."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brightness: float = Field(default=0.0, ge=0, le=1, description="added to all channels, as a part of the full range")
    contrast: float = Field(default=0.0, ge=0, lt=1, description="spread of the factor about middle grey")
    gamma: float = Field(default=0.0, ge=0, lt=1, description="spread of the exponent")
    channel_gain: float = Field(
        default=0.0, ge=0, lt=1, description="spread of one factor a channel (the light's colour)"
    )
    saturation: float = Field(default=0.0, ge=0, le=1, description="spread of the factor on the colourfulness")
    hue_deg: float = Field(default=0.0, ge=0, le=180, description="largest turn of the colours about the grey axis")


class Occlusion(BaseModel):
    """Opaque patches in front of the person: turned rectangles and ellipses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=0.0, ge=0, le=1, description="of any patch at all")
    patches: int = Field(default=2, ge=1, le=MAX_PATCHES, description="most patches on one picture")
    side_min: float = Field(default=0.1, gt=0, le=1, description="smallest side of a patch over the crop's side")
    side_max: float = Field(default=0.35, gt=0, le=1, description="largest side of a patch over the crop's side")


class Augmentation(BaseModel):
    """What may be done to a picture before the network sees it; the default is nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=0.0, ge=0, lt=1, description="crop side times clip(1 + s N(0, 1), 1 - s, 1 + s)")
    shift: float = Field(
        default=0.0, ge=0, le=0.5, description="largest move of the centre in x and y over the crop's side"
    )
    rotation_deg: float = Field(default=0.0, ge=0, le=90, description="turn by clip(r N(0, 1), -2 r, 2 r) degrees")
    rotation_probability: float = Field(default=0.0, ge=0, le=1)
    flip_probability: float = Field(default=0.0, ge=0, le=1)
    colour: ColourJitter = ColourJitter()
    blur_probability: float = Field(default=0.0, ge=0, le=1)
    blur_sigma: float = Field(default=0.0, ge=0, le=0.05, description="largest Gaussian blur over the crop's side")
    noise_probability: float = Field(default=0.0, ge=0, le=1)
    noise_sigma: float = Field(default=0.0, ge=0, le=0.5, description="largest pixel noise as a part of the full range")
    occlusion: Occlusion = Occlusion()


NO_AUGMENTATION = Augmentation()

# Source: arXiv 2604.22830 and its predecessor. They turn only their 2D samples; here a turn is right for both.
REFERENCE = Augmentation(scale=0.25, rotation_deg=30, rotation_probability=0.6, flip_probability=0.5)

STRONG = Augmentation(
    scale=0.3,
    shift=0.08,
    rotation_deg=30,
    rotation_probability=0.6,
    flip_probability=0.5,
    colour=ColourJitter(brightness=0.12, contrast=0.3, gamma=0.3, channel_gain=0.12, saturation=0.4, hue_deg=15),
    blur_probability=0.15,
    blur_sigma=0.012,
    noise_probability=0.2,
    noise_sigma=0.05,
    occlusion=Occlusion(probability=0.4),
)

AUGMENTATIONS = {"none": NO_AUGMENTATION, "reference": REFERENCE, "strong": STRONG}
