"""The one reading of an image file: its format, its size, which way up it is, and its pixels as RGB uint8.

JPEG is decoded by simplejpeg (at a reduced scale where that is enough), PNG, WebP, BMP, TIFF and AVIF by Pillow. Every
image is turned upright, as its EXIF orientation says and as every viewer shows it: stores, `data show`, person chips,
training, evaluation and `predict` see the same pixels. A damaged file is an error, never half an image: decoders are
content to leave the missing rows grey. What a file claims is checked before memory is taken for it.
"""

import io
import re
import stat
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any, cast

import cv2
import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import ExifTags, Image

from prepose.arrays import ImageRgb, Matrix3
from prepose.camera.crop import resize_matrix
from prepose.data.jpeg_segments import SOS, exif_of, is_exif, joined, segments_of
from prepose.errors import DataError

JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
JPEG_QUALITY = 95
REPLACE = "put an undamaged copy in its place"
# Many public photographs carry a few stray bytes between segments, and no pixel suffers from them.
HARMLESS = "extraneous bytes before marker"
# Below this side a reduced decode saves nothing and rounds the size by much.
LEAST_SIDE_TO_SHRINK, LEAST_SHRINK = 64, 2.0
# What a thread keeps for pictures in passing, bytes: from four million, so that it comes in large pages, to 16 Mpx.
LEAST_SCRATCH, MOST_SCRATCH = 2**22, 2**26

# Pillow's names of what is read beside JPEG, and what decoding takes at its peak, bytes a pixel (measured: the
# decoder's memory, the image in Pillow's layout, and ours).
PILLOW_FORMATS = {"PNG": 8, "BMP": 8, "TIFF": 8, "WEBP": 20, "AVIF": 16}
# Pixels that are copied out of Pillow's layout at a time.
STRIP_PIXELS = 2**20
FORMATS = f"JPEG, {', '.join(PILLOW_FORMATS)}"
# Formats that are known by how they begin and not read: (where, how) -> what they are called.
OTHERS = {
    (0, b"GIF8"): "a GIF",
    (4, b"ftyphei"): "a HEIC image",
    (4, b"ftypmif1"): "a HEIF image",
    (4, b"ftyphevc"): "a HEIC image",
    (0, b"\0\0\0\x0cjP  "): "a JPEG 2000 image",
    (0, b"\0\0\0\x0cJXL "): "a JPEG XL image",
    (0, b"\xff\x0a"): "a JPEG XL image",
    (0, b"8BPS"): "a Photoshop file",
    (0, b"%PDF"): "a PDF",
    (0, b"<svg"): "an SVG drawing",
}
# How those that are read begin; of a damaged one Pillow may not know it.
READ = {
    (0, PNG_START): "PNG",
    (0, b"II*\0"): "TIFF",
    (0, b"MM\0*"): "TIFF",
    (8, b"WEBP"): "WebP image",
    (4, b"ftypavif"): "AVIF image",
    (4, b"ftypavis"): "AVIF image",
}
# Memory for one decoded image, and files larger than any image.
MOST_DECODED_BYTES, MOST_FILE_BYTES = 2**30, 2**30
# Below so many pixels no JPEG comes near that memory (4 channels, turned once more, 4 planes of coefficients).
CERTAINLY_DECODED = MOST_DECODED_BYTES // 16
# The entropy coding of a JPEG spends a bit or more on 64 pixels. Of scans, encoders write at most some tens.
MOST_PIXELS_A_BYTE, MOST_SCANS = 512, 200
# JPEG's starts of a frame that is sent in one go, and of those with arithmetic coding.
SOF_SEQUENTIAL, SOF_ARITHMETIC = (0xC0, 0xC1, 0xC9), (0xC9, 0xCA)
ORIENTATION = ExifTags.Base.Orientation
# How OpenCV turns an image of each EXIF orientation upright; those from 5 on exchange width and height.
UPRIGHT = {
    2: partial(cv2.flip, flipCode=1),
    3: partial(cv2.rotate, rotateCode=cv2.ROTATE_180),
    4: partial(cv2.flip, flipCode=0),
    5: cv2.transpose,
    6: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_COUNTERCLOCKWISE),
}
TRANSPOSED, TURN_BACK = (5, 6, 7, 8), {6: 8, 8: 6}

# Pillow warns of what it reads in spite of oddities, and of sizes that are refused here: neither is a line of ours.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Its own limit, a third lower, would be another one.
if Image.MAX_IMAGE_PIXELS == 2**30 // 4 // 3:
    Image.MAX_IMAGE_PIXELS = MOST_DECODED_BYTES // min(PILLOW_FORMATS.values())


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself before its pixels.

    Attributes:
        stored_wh: Width and height of the pixels as they are stored.
        orientation: EXIF orientation: 1 upright, 2 to 8 mirrored or turned.
    """

    stored_wh: tuple[int, int]
    orientation: int = 1

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright image, as it is read everywhere."""
        width, height = self.stored_wh
        return (height, width) if self.orientation in TRANSPOSED else (width, height)


def decode_image(data: bytes, name: str = "image") -> ImageRgb:
    """The image's pixels, upright.

    Args:
        data: The encoded image.
        name: What an error message calls it.

    Raises:
        DataError: the data are empty, truncated, damaged, of another format or too large to decode.
    """
    if data.startswith(JPEG_START):
        return _decode_jpeg(data, name, 1.0)[0]
    return _decode_other(data, name)


def decode_shrunk(data: bytes, shrink: float, name: str = "image") -> tuple[ImageRgb, Matrix3]:
    """The image decoded no smaller than 1 / `shrink` of its size, and the matrix from its px to the decoded px.

    A JPEG can be decoded at n / 8 of its size; each 8 x 8 block becomes n x n pixels, so the scale is n / 8 exactly
    even where the size is rounded up. Half the size and less takes a part of the time; 5/8 to 7/8 would take longer
    than the whole, so those come whole, as do other formats.

    Raises:
        DataError: as `decode_image`.
    """
    if not data.startswith(JPEG_START):
        return _decode_other(data, name), np.eye(3)
    image, scale = _decode_jpeg(data, name, shrink)
    return image, resize_matrix(scale)


def decode_to_read(data: bytes, shrink: float, name: str = "image") -> tuple[UInt8[np.ndarray, "H W 4"], Matrix3]:
    """As `decode_shrunk`, but RGBA in memory that this thread's next call overwrites: the fastest to cut a crop from.

    Four channels warp in half the time of three and are decoded in the same time. Colours that a JPEG keeps at half the
    size are not interpolated (50 dB from those that are, and a tenth of the time less).

    Raises:
        DataError: as `decode_image`.
    """
    if not data.startswith(JPEG_START):
        return cv2.cvtColor(_decode_other(data, name), cv2.COLOR_RGB2RGBA), np.eye(3)
    image, scale = _decode_jpeg(data, name, shrink, fast=True)
    return image, resize_matrix(scale)


def image_header(image: bytes | Path, name: str = "image") -> ImageHeader:
    """Size and orientation of an image from its header alone, wherever in the file that lies.

    Args:
        image: The encoded image, or its path; of a file no more is read than the header.
        name: What an error message calls it; a path is called by itself.

    Raises:
        DataError: the file cannot be read, or as `decode_image`.
    """
    if isinstance(image, bytes):
        return _header(image, name)
    with _reading(image), image.open("rb") as file:
        if image.stat().st_size == 0:
            raise DataError(f"{image}: the image is empty (0 bytes)")
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _header(data, str(image))


def image_size(data: bytes, name: str = "image") -> tuple[int, int]:
    """(width, height) in px of the upright image, from its header alone.

    Raises:
        DataError: as `decode_image`.
    """
    return _header(data, name).size_wh


def encode_jpeg(image: ImageRgb) -> bytes:
    """A picture as the stores keep those that they make themselves: JPEG of quality 95, colours at half the size."""
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=JPEG_QUALITY, colorsubsampling="420")


def without_orientation(data: bytes, name: str = "image") -> bytes:
    """The image so that its pixels are read as they are stored, without loss: for labels that mean those.

    A JPEG loses its EXIF segments and keeps every pixel; another format becomes a PNG.

    Raises:
        DataError: as `decode_image`.
    """
    if data.startswith(JPEG_START):
        return joined(data, [one for one in segments_of(data) if not is_exif(data, one)])
    stored = _decode_other(data, name, turn=False)
    return cv2.imencode(".png", cv2.cvtColor(stored, cv2.COLOR_RGB2BGR))[1].tobytes()


def read_image_bytes(path: Path) -> bytes:
    """The bytes of an image file, checked to be a whole image.

    Raises:
        DataError: the file is missing, or as `decode_image`.
    """
    data = read_file(path)
    # The coarsest decode still walks through every byte of the entropy-coded data.
    decode_shrunk(data, 8.0, str(path))
    return data


def read_photograph(path: Path) -> ImageRgb:
    """The pixels of an image file, upright.

    Raises:
        DataError: the file is missing, or as `decode_image`.
    """
    return decode_image(read_file(path), str(path))


def read_file(path: Path) -> bytes:
    """The bytes of an image file, unchecked.

    Raises:
        DataError: the file cannot be read, or is larger than any image.
    """
    with _reading(path):
        return path.read_bytes()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """A place to read a file in, once it is known to be one; its troubles in one line."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "Is a directory" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
            raise DataError(f"{path}: the image cannot be read ({kind})")
        if status.st_size > MOST_FILE_BYTES:
            raise DataError(f"{path}: has {status.st_size / 2**30:.1f} GiB; an image has at most 1 GiB")
        yield
    except OSError as error:
        link = f"; it is a link to {path.readlink()}, which is not there" if path.is_symlink() else ""
        raise DataError(f"{path}: the image cannot be read ({error.strerror or error}{link})") from error


def _header(data: bytes | mmap, name: str) -> ImageHeader:
    if data[:3] != JPEG_START:
        with _opened(data, name) as image:
            orientation, (width, height) = _orientation_of(image), image.size
            if image.format == "TIFF" and orientation in TRANSPOSED:  # whose size Pillow gives upright
                width, height = height, width
            return ImageHeader((width, height), orientation)
    return ImageHeader(_jpeg_size(data, name), _orientation(exif_of(data)))


# A JPEG file.


def _decode_jpeg(
    data: bytes, name: str, shrink: float, *, fast: bool = False
) -> tuple[UInt8[np.ndarray, "H W C"], float]:
    """RGB in memory of its own, or (fast) RGBA in this thread's; and the scale at which it was decoded."""
    orientation = _orientation(exif_of(data))
    width, height = _jpeg_size(data, name)
    pixels, eighths = width * height, 8
    if shrink >= LEAST_SHRINK:
        eighths = _eighths(width, height, shrink, turned=orientation != 1)
        width, height = ceil(width * eighths / 8), ceil(height * eighths / 8)
    if pixels > CERTAINLY_DECODED or pixels > MOST_PIXELS_A_BYTE * len(data):
        _check_budget(data, name, width * height * (4 if fast else 3), turned=orientation != 1)
    options: dict[str, Any] = {"min_width": width, "min_height": height} if eighths < 8 else {}
    if fast:
        options |= {"colorspace": "RGBA", "fastupsample": True, "buffer": _scratch_of(4 * width * height)}
    try:
        image = simplejpeg.decode_jpeg(data, **options)
    except ValueError as error:
        if HARMLESS not in str(error):
            raise _damaged_jpeg(name, error) from error
        image = _decode_untidy(data, name, options)
    return (image if orientation == 1 else UPRIGHT[orientation](image)), eighths / 8


def _eighths(width: int, height: int, shrink: float, *, turned: bool) -> int:
    """The size, in eighths, at which a JPEG that may be `shrink` times smaller is decoded."""
    if min(width, height) < LEAST_SIDE_TO_SHRINK:
        return 8
    eighths = max(1, ceil(8 / shrink))
    # A part of a pixel at the end of a side would come first in a turned image and move all others.
    whole = not (width * eighths % 8 or height * eighths % 8)
    return eighths if whole or not turned else 8


def _decode_untidy(data: bytes, name: str, options: dict[str, Any]) -> UInt8[np.ndarray, "H W C"]:
    """The pixels of a JPEG with stray bytes; those before its tables stop the decoder even where it is lenient."""
    tidy = joined(data, segments_of(data))
    try:
        return simplejpeg.decode_jpeg(tidy, **options)
    except ValueError as error:
        if HARMLESS not in str(error):
            raise _damaged_jpeg(name, error) from error
    return simplejpeg.decode_jpeg(tidy, strict=False, **options)


def _jpeg_size(data: bytes | mmap, name: str) -> tuple[int, int]:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        frame = next((start for marker, start, _ in segments_of(data) if 0xC0 <= marker <= 0xC2), None)
        if HARMLESS not in str(error) or frame is None:
            raise _damaged_jpeg(name, error) from error
        height, width = (int.from_bytes(data[frame + at : frame + at + 2]) for at in (5, 7))
    return int(width), int(height)


def _damaged_jpeg(name: str, error: ValueError) -> DataError:
    return DataError(f"{name}: is a truncated or damaged JPEG ({error}); {REPLACE}")


def _orientation(exif: bytes | None) -> int:
    if exif is None:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        found = tags.get(ORIENTATION, 1)
    # Damaged EXIF says nothing; viewers show such an image as it is stored.
    except Exception:
        return 1
    return found if found in range(1, 9) else 1


def _check_budget(data: bytes, name: str, decoded: int, *, turned: bool) -> None:
    """Refuse a JPEG whose header claims more than the file can hold, or more memory than an image may take.

    A JPEG that is sent in several scans is decoded by way of all its coefficients, two bytes each.
    """
    segments = list(segments_of(data))
    frame = next(((marker, start) for marker, start, _ in segments if 0xC0 <= marker <= 0xCF and marker != 0xC4), None)
    if frame is None or not segments or segments[-1][0] != SOS:
        return  # the decoder says what is wrong
    marker, start = frame
    width, height, planes = (int.from_bytes(data[start + a : start + b]) for a, b in ((7, 9), (5, 7), (9, 10)))
    pixels, claim = width * height, f"{name}: claims {width} x {height} px"
    if marker not in SOF_ARITHMETIC and pixels > MOST_PIXELS_A_BYTE * len(data):
        raise DataError(f"{claim}, more than a JPEG of {len(data):,} bytes holds; it is truncated or damaged")
    sampling = [data[start + 11 + 3 * plane] for plane in range(planes)]
    largest = max((across >> 4) * (across & 15) for across in sampling) or 1
    coefficients = sum((across >> 4) * (across & 15) for across in sampling) / largest
    scans = data.count(b"\xff\xda", segments[-1][1])
    if scans > MOST_SCANS:
        raise DataError(f"{claim} in {scans:,} scans; an image is sent in at most some tens of them: refused")
    in_scans = marker not in SOF_SEQUENTIAL or data[segments[-1][1] + 4] < planes
    needed = decoded * (2 if turned else 1) + (2 * coefficients * pixels if in_scans else 0)
    if planes == 4:
        needed += 3 * decoded  # inks are turned into light in memory of their own
    check_memory(name, width * height, needed)


def check_memory(name: str, pixels: int, needed: float | int) -> None:
    """Refuse an image or a frame that takes more than 1 GiB to decode: the one limit of size, whatever the format.

    Args:
        name: What the message calls it.
        pixels: How many it has.
        needed: What decoding it takes, bytes.

    Raises:
        DataError: that is more than `MOST_DECODED_BYTES`.
    """
    if needed > MOST_DECODED_BYTES:
        raise DataError(
            f"{name}: has {pixels / 1e6:.0f} million pixels, which take {needed / 2**30:.1f} GiB to decode, and 1 GiB "
            "is the most; make it smaller"
        )


# Other formats.


@contextmanager
def _opened(data: bytes | mmap, name: str) -> Iterator[Image.Image]:
    """An image as Pillow opens it, its pixels still encoded; what goes wrong in one line."""
    if not data:
        raise DataError(f"{name}: the image is empty (0 bytes)")
    beginning = data[:16]
    try:
        file = io.BytesIO(data) if isinstance(data, bytes) else cast("IO[bytes]", data)
        with Image.open(file, formats=list(PILLOW_FORMATS)) as image:
            count = getattr(image, "n_frames", 1)
            if count != 1:
                raise DataError(f"{name}: holds {count} images, and one is expected; save the one that is meant")
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        pixels = int(next(iter(re.findall(r"\((\d+) pixels\)", str(error))), MOST_DECODED_BYTES))
        check_memory(name, pixels, pixels * min(PILLOW_FORMATS.values()))
        raise DataError(f"{name}: {error}") from error  # by a limit of Pillow's that the user has set
    except Image.UnidentifiedImageError as error:
        raise _unknown(beginning, name) from error
    # On damaged bytes Pillow raises whatever its decoders stumble over.
    except Exception as error:
        what, reason = _begun(beginning, READ) or "image", error or type(error).__name__
        raise DataError(f"{name}: is a truncated or damaged {what} ({reason}); {REPLACE}") from error


def _unknown(beginning: bytes, name: str) -> DataError:
    if (known := _begun(beginning, READ)) is not None:
        return DataError(f"{name}: is a truncated or damaged {known}; {REPLACE}")
    if (other := _begun(beginning, OTHERS)) is not None:
        return DataError(f"{name}: is {other}, which is not read; save it as one of {FORMATS}")
    return DataError(
        f"{name}: is not an image that can be decoded (it begins with {beginning[:8]!r}); expected one of {FORMATS}"
    )


def _begun(beginning: bytes, kinds: Mapping[tuple[int, bytes], str]) -> str | None:
    return next((kind for (at, start), kind in kinds.items() if beginning[at:].startswith(start)), None)


def _decode_other(data: bytes, name: str, *, turn: bool = True) -> ImageRgb:
    if data.startswith(PNG_START):
        _check_png(data, name)
    with _opened(data, name) as image:
        orientation = _orientation_of(image)
        turned_already = image.format == "TIFF"  # Pillow turns these itself
        a_pixel = PILLOW_FORMATS[image.format or ""] + (3 if orientation != 1 else 0)
        pixels = image.width * image.height
        check_memory(name, pixels, a_pixel * pixels)
        rgb = _rgb(image, name)
    if orientation == 1 or turn == turned_already:
        return rgb
    return UPRIGHT[orientation if turn else TURN_BACK.get(orientation, orientation)](rgb)


def _orientation_of(image: Image.Image) -> int:
    if image.format == "TIFF":
        found = image.getexif().get(ORIENTATION, 1)
        return found if found in range(1, 9) else 1
    return _orientation(image.info.get("exif"))


def _rgb(image: Image.Image, name: str) -> ImageRgb:
    if image.mode in ("I", "F"):
        raise DataError(f"{name}: holds numbers of 32 bits, which have no range of brightness; save it with 8 bits")
    image.load()
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        if image.mode.startswith("I;16"):
            pixels[top : top + rows] = (np.asarray(strip) >> 8)[..., None]
        else:
            pixels[top : top + rows] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return pixels


# The memory that each thread decodes into.
_scratch = threading.local()


def _scratch_of(size: int) -> UInt8[np.ndarray, "N"]:
    """At least so many bytes that this thread alone uses."""
    if size > MOST_SCRATCH:
        return np.empty(size, np.uint8)
    if getattr(_scratch, "bytes", None) is None or len(_scratch.bytes) < size:
        memory = np.empty(max(size, LEAST_SCRATCH) + 64, np.uint8)
        # Into rows aligned to 32 bytes the decoder's stores go around the cache, and whoever reads the pixels next
        # waits twice as long. Rows are multiples of 4 bytes: beginning 2 bytes beside one, none is ever aligned.
        start = -memory.ctypes.data % 32 + 2
        _scratch.bytes = memory[start : start + len(memory) - 64]
    return _scratch.bytes


def _check_png(data: bytes, name: str) -> None:
    at = len(PNG_START)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        body_end = at + 8 + length
        if int.from_bytes(data[body_end : body_end + 4]) != zlib.crc32(data[at + 4 : body_end]):
            break
        if data[at + 4 : at + 8] == b"IEND":
            return
        at = body_end + 4
    raise DataError(f"{name}: is a truncated or damaged PNG (at byte {at} of {len(data)}); {REPLACE}")
