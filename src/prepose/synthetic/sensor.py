"""What a real camera does to light: exposure, colour cast, vignetting, blur, noise, tone curve, JPEG.

Photometric only: no pixel moves, so the joints stay where the camera projects them.
Parameters are drawn first and applied after, and they are recorded with the sample.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Float, UInt8

from prepose.arrays import ImageRgb

LinearImage = Float[np.ndarray, "H W 3"]

_LEVELS = 4096
# Light up to this many times white still leaves a trace in the shoulder of the tone curve.
_HEADROOM = 2.0
_SHOULDER = 0.6
_GREY = 0.18
_LUMINANCE = np.array([[0.2126, 0.7152, 0.0722]], dtype=np.float32)


@dataclass(frozen=True)
class Sensor:
    """What a camera does to one picture.

    Attributes:
        exposure_ev: Deviation from the metered exposure, stops.
        white_balance: Gain of the red and of the blue channel against the green one.
        vignetting: Share of the light that is lost in the corners.
        defocus: Standard deviation of the blur disc, share of the image side.
        motion: Length of the motion blur, share of the image side.
        motion_angle: Direction of the motion blur, rad.
        shot_noise: Standard deviation of the photon noise at white, share of white.
        read_noise: Standard deviation of the noise floor, share of white.
        resolution: Side at which the picture was really taken over its stored side (1: no loss).
        contrast: Slope of the tone curve about middle grey, 1 as the standard.
        saturation: Chroma gain, 1 as it was.
        jpeg_quality: 1 to 100.
    """

    exposure_ev: float = 0.0
    white_balance: tuple[float, float] = (1.0, 1.0)
    vignetting: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    motion_angle: float = 0.0
    shot_noise: float = 0.0
    read_noise: float = 0.0
    resolution: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    jpeg_quality: int = 92


def draw_sensor(generator: np.random.Generator, severity: float = 1.0) -> Sensor:
    """A camera in someone's hand.

    Args:
        generator: Where the numbers come from.
        severity: 0 is a perfect camera (JPEG quality 92), 1 the spread of holiday pictures.

    Raises:
        ValueError: severity is negative.
    """
    if severity < 0:
        raise ValueError(f"severity must be at least 0, found {severity}")
    # All numbers are drawn whatever the severity, so that a sample's later draws do not depend on it.
    ev, red, blue, contrast, saturation = generator.normal(0, 1, 5)
    corner, blurred, moved, angle, iso, low, coarse, quality = generator.uniform(0, 1, 8)
    return Sensor(
        exposure_ev=float(np.clip(severity * 0.45 * ev, -1.2, 1.0)),
        white_balance=(float(np.exp(0.08 * severity * red)), float(np.exp(0.10 * severity * blue))),
        vignetting=float(min(0.45 * severity * corner**2, 0.8)),
        defocus=float(severity * 0.009 * (max(blurred - 0.5, 0.0) / 0.5) ** 2.5),
        motion=float(severity * 0.030 * max(moved - 0.85, 0.0) / 0.15),
        motion_angle=float(np.pi * angle),
        shot_noise=float(severity * 0.042 * iso**2.5),
        read_noise=float(severity * 0.008 * iso**2.5),
        resolution=float(1 - severity * 0.55 * max(low - 0.85, 0.0) / 0.15 * coarse) if severity <= 1 else 1.0,
        contrast=float(np.exp(0.12 * severity * contrast)),
        saturation=float(np.clip(1 + 0.18 * severity * saturation, 0.0, 1.8)),
        jpeg_quality=int(np.clip(92 - severity * 55 * quality**2, 20, 95)),
    )


def expose(linear: LinearImage, sensor: Sensor, generator: np.random.Generator) -> ImageRgb:
    """The picture that a camera makes of linear light: metered, cast, blurred, noisy, tone-mapped.

    Args:
        linear: Linear light, any scale, RGB.
        sensor: What the camera does.
        generator: Where the noise comes from.
    """
    image = _resample(_blur(np.array(linear, dtype=np.float32, order="C"), sensor), sensor.resolution)
    image *= _gain_map(image.shape[:2], metered_gain(image), sensor)
    _add_noise(image, sensor, generator)
    if sensor.saturation != 1.0:
        grey = cv2.transform(image, _LUMINANCE)[..., None]
        image = grey + np.float32(sensor.saturation) * (image - grey)
    np.clip(image * np.float32((_LEVELS - 1) / _HEADROOM), 0, _LEVELS - 1, out=image)
    return tone_curve(sensor.contrast)[image.astype(np.uint16)]


def encode(image: ImageRgb, sensor: Sensor) -> bytes:
    """The picture as JPEG bytes."""
    subsampling = "444" if sensor.jpeg_quality >= 90 else "420"
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=sensor.jpeg_quality, colorspace="RGB", colorsubsampling=subsampling
    )


def metered_gain(linear: LinearImage) -> float:
    """The gain that an automatic exposure chooses: centre-weighted, careful with the lights.

    The weighted geometric mean goes to 18 % grey, unless that would burn more than a little of the picture: then the
    97th percentile goes to white.
    """
    luminance = cv2.resize(linear, (24, 24), interpolation=cv2.INTER_AREA) @ _LUMINANCE[0]
    axis = np.linspace(-1, 1, 24)
    weight = np.exp(-1.2 * (axis[:, None] ** 2 + axis[None, :] ** 2))
    # Pitch-black places count as a thousandth of the mean, whatever the unit of light.
    floor = 1e-3 * float(luminance.mean()) + 1e-12
    mean = float(np.exp((weight * np.log(luminance + floor)).sum() / weight.sum()))
    bright = float(np.partition(luminance.ravel(), 558)[558])
    wanted = _GREY / mean
    # The two limits meet half-way in stops, as matrix metering compromises.
    burnt = wanted * bright
    return wanted if burnt <= 1 else wanted / float(np.sqrt(burnt))


def tone_curve(contrast: float) -> UInt8[np.ndarray, "L"]:
    """The display level of each level of linear light from 0 to twice white: sRGB gamma with a soft shoulder.

    Source: the sRGB transfer function, IEC 61966-2-1. The slope is turned about 18 % grey in the logarithm, and what
    lies above 60 % of white is bent by a hyperbolic tangent that reaches white at about twice white.
    """
    light = np.linspace(0, _HEADROOM, _LEVELS)
    light = _GREY * (light / _GREY) ** contrast
    rest = 1 - _SHOULDER
    light = np.where(light < _SHOULDER, light, _SHOULDER + rest * np.tanh((light - _SHOULDER) / rest))
    display = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.clip(np.rint(255 * display), 0, 255).astype(np.uint8)


def _gain_map(shape: tuple[int, int], gain: float, sensor: Sensor) -> Float[np.ndarray, "H W 3"]:
    height, width = shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fall_off = 1 - np.float32(sensor.vignetting / 2) * (x * x + y * y)
    red, blue = sensor.white_balance
    colour = (np.array([red, 1.0, blue]) * gain * 2.0**sensor.exposure_ev).astype(np.float32)
    # Plane by plane: numpy takes four times as long over an innermost axis of three.
    gains = np.empty((height, width, 3), dtype=np.float32)
    for channel in range(3):
        np.multiply(fall_off, colour[channel], out=gains[..., channel])
    return gains


def _blur(image: LinearImage, sensor: Sensor) -> LinearImage:
    side = max(image.shape[:2])
    if sensor.defocus * side > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), sensor.defocus * side, borderType=cv2.BORDER_REPLICATE)
    length = sensor.motion * side
    if length > 1.0:
        image = cv2.filter2D(image, -1, _motion_kernel(length, sensor.motion_angle), borderType=cv2.BORDER_REPLICATE)
    return image


def _motion_kernel(length: float, angle: float) -> Float[np.ndarray, "K K"]:
    """A line of the given length (px) through the kernel's centre, symmetric, so that nothing moves."""
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    for along in np.linspace(-length / 2, length / 2, 4 * half + 1):
        x, y = half + along * np.cos(angle), half + along * np.sin(angle)
        column, row = int(np.floor(x)), int(np.floor(y))
        right, below = x - column, y - row
        kernel[row, column] += (1 - right) * (1 - below)
        kernel[row, column + 1] += right * (1 - below)
        kernel[row + 1, column] += (1 - right) * below
        kernel[row + 1, column + 1] += right * below
    return kernel / kernel.sum()


def _resample(image: LinearImage, resolution: float) -> LinearImage:
    if resolution >= 1:
        return image
    height, width = image.shape[:2]
    small = (max(1, round(width * resolution)), max(1, round(height * resolution)))
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def _add_noise(image: LinearImage, sensor: Sensor, generator: np.random.Generator) -> None:
    """Photon noise grows with the square root of the light, read noise does not. In place."""
    if sensor.shot_noise < 1e-3 and sensor.read_noise < 1e-3:
        return
    deviation = cv2.sqrt(np.maximum(image, 0) * np.float32(sensor.shot_noise**2) + np.float32(sensor.read_noise**2))
    image += deviation * generator.standard_normal(image.shape, dtype=np.float32)
