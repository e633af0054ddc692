"""Decoding pictures: JPEG through simplejpeg (at a reduced scale where that is enough), the rest through OpenCV.

Every picture becomes RGB uint8; grey, CMYK and transparent ones are converted. A damaged file is an error, never half a
picture: decoders are content to leave the missing rows grey.
"""

import threading
import zlib
from functools import partial
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from jaxtyping import UInt8

from prepose.arrays import ImageRgb, Matrix3
from prepose.camera.crop import resize_matrix
from prepose.errors import DataError

JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
JPEG_QUALITY = 95
# Many public photographs carry a few stray bytes between segments, and no pixel suffers from them.
HARMLESS = "extraneous bytes before marker"
# Below this side a reduced decode saves nothing and rounds the size by much.
LEAST_SIDE_TO_SHRINK = 64
# What a thread keeps for pictures in passing, bytes: from four million, so that it comes in large pages, to 16 Mpx.
LEAST_SCRATCH, MOST_SCRATCH = 2**22, 2**26


def decode_image(data: bytes, name: str = "image") -> ImageRgb:
    """The picture's pixels as they are stored, EXIF orientation ignored, as labels are made on those.

    Args:
        data: The encoded picture.
        name: What an error message calls it.

    Raises:
        DataError: the data are empty, truncated, damaged or not a picture.
    """
    if data.startswith(JPEG_START):
        return _decode_jpeg(data, name, (0, 0))
    return _decode_other(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def decode_shrunk(data: bytes, shrink: float, name: str = "image") -> tuple[ImageRgb, Matrix3]:
    """The picture decoded no smaller than 1 / `shrink` of its size, and the matrix from its px to the decoded px.

    A JPEG can be decoded at n / 8 of its size; each 8 x 8 block becomes n x n pixels, so the scale is n / 8 exactly
    even where the size is rounded up. Half the size and less takes a part of the time; 5/8 to 7/8 would take longer
    than the whole, so those come whole, as do other formats.

    Raises:
        DataError: as `decode_image`.
    """
    if not data.startswith(JPEG_START):
        return decode_image(data, name), np.eye(3)
    size_wh, scale = _size_allowed(data, shrink, name)
    return _decode_jpeg(data, name, size_wh), resize_matrix(scale)


def decode_to_read(data: bytes, shrink: float, name: str = "image") -> tuple[UInt8[np.ndarray, "H W 4"], Matrix3]:
    """As `decode_shrunk`, but RGBA in memory that this thread's next call overwrites: the fastest to cut a crop from.

    Four channels warp in half the time of three and are decoded in the same time. Colours that a JPEG keeps at half the
    size are not interpolated (50 dB from those that are, and a tenth of the time less).

    Raises:
        DataError: as `decode_image`.
    """
    if not data.startswith(JPEG_START):
        return cv2.cvtColor(decode_image(data, name), cv2.COLOR_RGB2RGBA), np.eye(3)
    size_wh, scale = _size_allowed(data, shrink, name)
    scratch = _scratch_of(4 * size_wh[0] * size_wh[1])
    return _decode_jpeg(data, name, size_wh, scratch), resize_matrix(scale)


def image_size(data: bytes, name: str = "image") -> tuple[int, int]:
    """(width, height) in px, from a JPEG's or PNG's header alone (the first few kilobytes are enough of a PNG).

    Raises:
        DataError: as `decode_image`.
    """
    if data.startswith(JPEG_START):
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        except ValueError as error:
            if HARMLESS in str(error):
                return decode_image(data, name).shape[1::-1]
            raise DataError(f"{name}: is a truncated or damaged JPEG ({error}); fetch it again") from error
        return int(width), int(height)
    if data.startswith(PNG_START) and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    height, width = decode_image(data, name).shape[:2]
    return width, height


def encode_jpeg(image: ImageRgb) -> bytes:
    """A picture as the stores keep those that they make themselves: JPEG of quality 95, colours at half the size."""
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=JPEG_QUALITY, colorsubsampling="420")


def read_image_bytes(path: Path) -> bytes:
    """The bytes of a picture file, checked to be a whole picture.

    Raises:
        DataError: the file is missing, or as `decode_image`.
    """
    data = read_file(path)
    # The coarsest decode still walks through every byte of the entropy-coded data.
    decode_shrunk(data, 8.0, str(path))
    return data


def read_photograph(path: Path) -> ImageRgb:
    """A user's photograph, the right way up: turned as its EXIF orientation says.

    Raises:
        DataError: the file is missing, or as `decode_image`.
    """
    data = read_file(path)
    if data.startswith(JPEG_START):
        decode_shrunk(data, 8.0, str(path))  # OpenCV would fill the missing part of a truncated JPEG with grey
    return _decode_other(data, str(path), cv2.IMREAD_COLOR)


def read_file(path: Path) -> bytes:
    """The bytes of a picture file, unchecked.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read ({error.strerror})") from error


def _size_allowed(data: bytes, shrink: float, name: str) -> tuple[tuple[int, int], float]:
    """The (width, height) at which a JPEG that may be `shrink` times smaller is decoded, and its scale."""
    eighths = max(1, ceil(8 / max(shrink, 1.0)))
    width, height = image_size(data, name)
    if eighths > 4 or min(width, height) < LEAST_SIDE_TO_SHRINK:
        return (width, height), 1.0
    return (ceil(width * eighths / 8), ceil(height * eighths / 8)), eighths / 8


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


def _decode_jpeg(
    data: bytes, name: str, least_wh: tuple[int, int], buffer: UInt8[np.ndarray, "N"] | None = None
) -> UInt8[np.ndarray, "H W C"]:
    """RGB in memory of its own, or RGBA in the buffer (the fast way)."""
    decode = partial(
        simplejpeg.decode_jpeg,
        data,
        "RGB" if buffer is None else "RGBA",
        fastupsample=buffer is not None,
        min_width=least_wh[0],
        min_height=least_wh[1],
        buffer=buffer,
    )
    try:
        return decode()
    except ValueError as error:
        if HARMLESS in str(error):
            return decode(strict=False)
        raise DataError(f"{name}: is a truncated or damaged JPEG ({error}); fetch it again") from error


def _decode_other(data: bytes, name: str, flags: int) -> ImageRgb:
    if not data:
        raise DataError(f"{name}: the image is empty (0 bytes)")
    if data.startswith(PNG_START):
        _check_png(data, name)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise DataError(f"{name}: is not an image that can be decoded (it begins with {data[:8]!r})")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


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
    raise DataError(f"{name}: is a truncated or damaged PNG (at byte {at} of {len(data)}); fetch it again")
