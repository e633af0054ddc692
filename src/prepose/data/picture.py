"""Decoding pictures: JPEG through simplejpeg (at a reduced scale where that is enough), the rest through OpenCV.

Every picture becomes RGB uint8; grey, CMYK and transparent ones are converted. A damaged file is an error, never half a
picture: decoders are content to leave the missing rows grey.
"""

import zlib
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from prepose.arrays import ImageRgb, Matrix3
from prepose.camera.crop import resize_matrix
from prepose.errors import DataError

JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
JPEG_QUALITY = 95
# Many public photographs carry a few stray bytes between segments, and no pixel suffers from them.
HARMLESS = "extraneous bytes before marker"
# Below this side a reduced decode saves nothing and rounds the size by much.
LEAST_SIDE_TO_SHRINK = 64


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
    eighths = max(1, ceil(8 / max(shrink, 1.0)))
    if eighths > 4 or not data.startswith(JPEG_START):
        return decode_image(data, name), np.eye(3)
    width, height = image_size(data, name)
    if min(width, height) < LEAST_SIDE_TO_SHRINK:
        return decode_image(data, name), np.eye(3)
    size_wh = (ceil(width * eighths / 8), ceil(height * eighths / 8))
    return _decode_jpeg(data, name, size_wh), resize_matrix(eighths / 8)


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


def _decode_jpeg(data: bytes, name: str, least_wh: tuple[int, int]) -> ImageRgb:
    width, height = least_wh
    try:
        return simplejpeg.decode_jpeg(data, "RGB", min_width=width, min_height=height)
    except ValueError as error:
        if HARMLESS in str(error):
            return simplejpeg.decode_jpeg(data, "RGB", min_width=width, min_height=height, strict=False)
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
