import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import simplejpeg

from fakes import png
from prepose.camera.crop import transform
from prepose.data.picture import (
    decode_image,
    decode_shrunk,
    decode_to_read,
    encode_jpeg,
    image_size,
    read_file,
    read_image_bytes,
    read_photograph,
)
from prepose.errors import DataError


def smooth(width: int, height: int) -> np.ndarray:
    coarse = np.random.default_rng(1).integers(40, 215, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def blob(width: int, height: int, centre: tuple[float, float]) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    value = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 9.0**2))
    return np.repeat(value[..., None], 3, axis=2).astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    grey = image[..., 1].astype(float)
    grey[grey < 20] = 0
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(grey * x).sum(), (grey * y).sum()]) / grey.sum()


IMAGE = smooth(121, 90)
JPEG = simplejpeg.encode_jpeg(IMAGE, quality=95)
GREY = simplejpeg.encode_jpeg(np.ascontiguousarray(IMAGE[..., :1]), colorspace="GRAY", colorsubsampling="Gray")
INKS = simplejpeg.encode_jpeg(np.concatenate([IMAGE, np.full((90, 121, 1), 255, np.uint8)], axis=2), 95, "CMYK")


def test_a_jpeg_is_decoded_in_rgb_order():
    assert np.abs(decode_image(JPEG).astype(int) - IMAGE).mean() < 3
    red = simplejpeg.encode_jpeg(np.full((16, 16, 3), (250, 10, 20), np.uint8))
    assert decode_image(red)[8, 8, 0] > 200 > 60 > decode_image(red)[8, 8, 2]


def test_other_formats_are_decoded_in_rgb_order():
    np.testing.assert_array_equal(decode_image(png(IMAGE)), IMAGE)
    bitmap = cv2.imencode(".bmp", IMAGE[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_image(bitmap), IMAGE)


def test_grey_and_transparent_pictures_become_rgb():
    grey = decode_image(GREY)
    assert grey.shape == (90, 121, 3)
    assert np.ptp(grey, axis=2).max() == 0
    see_through = np.concatenate([IMAGE[..., ::-1], np.full((90, 121, 1), 128, np.uint8)], axis=2)
    np.testing.assert_array_equal(decode_image(cv2.imencode(".png", see_through)[1].tobytes()), IMAGE)
    deep = cv2.imencode(".png", IMAGE[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    np.testing.assert_array_equal(decode_image(deep), IMAGE)


def test_print_inks_become_rgb():
    # As print programs store it: inverted, full light where there is no ink.
    assert simplejpeg.decode_jpeg_header(INKS)[2] in ("CMYK", "YCCK")
    assert np.abs(decode_image(INKS).astype(int) - IMAGE).mean() < 4


@pytest.mark.parametrize("shrink", [1.0, 1.1, 1.5, 2.0, 2.7, 3.0, 4.0, 7.9, 8.0, 100.0])
@pytest.mark.parametrize(("width", "height"), [(400, 296), (397, 301), (128, 515)])
def test_a_shrunk_jpeg_lies_where_its_matrix_says(shrink, width, height):
    centre = (0.4 * width + 0.3, 0.6 * height)
    data = simplejpeg.encode_jpeg(blob(width, height, centre), quality=98)
    image, decoded_from_img = decode_shrunk(data, shrink)
    scale = decoded_from_img[0, 0]
    assert scale >= min(1, 1 / shrink) - 1e-9
    assert scale == 1 if shrink < 2 else scale < 1 / shrink + 0.125
    assert image.shape[:2] == (int(np.ceil(height * scale)), int(np.ceil(width * scale)))
    expected = transform(decoded_from_img, np.array([centre]))[0]
    assert np.abs(centroid(image) - expected).max() < 0.05


@pytest.mark.parametrize("shrink", [1.0, 1.9, 2.0, 3.0, 8.0])
@pytest.mark.parametrize("data", [JPEG, GREY, INKS, png(IMAGE)], ids=["jpeg", "grey", "inks", "png"])
def test_decoding_to_read_gives_the_same_picture_in_four_channels(data, shrink):
    image, matrix = decode_to_read(data, shrink)
    expected, expected_matrix = decode_shrunk(data, shrink)
    assert image.shape == (*expected.shape[:2], 4)
    assert np.abs(image[..., :3].astype(int) - expected).mean() < 2
    np.testing.assert_array_equal(matrix, expected_matrix)


def test_each_thread_reads_in_memory_of_its_own():
    white = simplejpeg.encode_jpeg(np.full((90, 121, 3), 255, np.uint8))
    mine, _ = decode_to_read(JPEG, 1.0)
    before = mine.copy()
    with ThreadPoolExecutor(1) as other:
        theirs, _ = other.submit(decode_to_read, white, 1.0).result()
    assert theirs.min() == 255
    np.testing.assert_array_equal(mine, before)
    decode_to_read(white, 1.0)
    assert mine.min() == 255, "the thread's next picture is put over it"


def test_a_picture_too_large_to_keep_memory_for_is_read_as_well(monkeypatch):
    monkeypatch.setattr("prepose.data.picture.MOST_SCRATCH", 1000)
    image, _ = decode_to_read(JPEG, 1.0)
    before = image.copy()
    decode_to_read(GREY, 1.0)
    np.testing.assert_array_equal(image, before)


def test_small_and_other_pictures_are_not_shrunk():
    for data in (simplejpeg.encode_jpeg(smooth(60, 200)), png(smooth(300, 200))):
        image, matrix = decode_shrunk(data, 4.0)
        np.testing.assert_array_equal(matrix, np.eye(3))
        np.testing.assert_array_equal(image, decode_image(data))


@pytest.mark.parametrize("data", [JPEG, GREY, INKS, png(IMAGE), cv2.imencode(".bmp", IMAGE)[1].tobytes()], ids=range(5))
def test_the_size_is_read_from_every_format(data):
    assert image_size(data) == (121, 90)
    assert image_size(JPEG[:700]) == (121, 90)


@pytest.mark.parametrize("keep", [3, 20, 300, len(JPEG) // 2, len(JPEG) - 60, len(JPEG) - 2])
def test_a_truncated_jpeg_is_an_error(keep):
    with pytest.raises(DataError, match="photo: is a truncated or damaged JPEG"):
        decode_image(JPEG[:keep], "photo")
    with pytest.raises(DataError, match="photo: is a truncated or damaged JPEG"):
        decode_shrunk(JPEG[:keep], 8.0, "photo")


@pytest.mark.parametrize("keep", [9, 30, 0.5, -1])
def test_a_truncated_png_is_an_error(keep):
    data = png(IMAGE)
    cut = data[: int(len(data) * keep)] if isinstance(keep, float) else data[:keep]
    with pytest.raises(DataError, match="photo: is a truncated or damaged PNG"):
        decode_image(cut, "photo")


def test_a_damaged_png_is_an_error():
    data = bytearray(png(IMAGE))
    data[len(data) // 2] ^= 255
    with pytest.raises(DataError, match="truncated or damaged PNG"):
        decode_image(bytes(data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"the image is empty \(0 bytes\)"),
        (b"<html>not found</html>", r"not an image that can be decoded \(it begins"),
    ],
)
def test_what_is_not_a_picture_is_an_error(data, message):
    with pytest.raises(DataError, match=f"photo: .*{message}"):
        decode_image(data, "photo")


def test_stray_bytes_that_harm_no_pixel_are_forgiven():
    stray = JPEG[:-2] + b"z" * 8 + JPEG[-2:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(stray)
    np.testing.assert_array_equal(decode_image(stray), decode_image(JPEG))


def turned(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF segment that holds nothing but the orientation."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_a_photograph_is_turned_upright_and_a_datasets_image_is_not(tmp_path):
    data = turned(JPEG, 6)
    (tmp_path / "photo.jpg").write_bytes(data)
    upright = read_photograph(tmp_path / "photo.jpg")
    assert np.abs(upright.astype(int) - np.rot90(IMAGE, -1)).mean() < 3
    assert decode_image(data).shape == IMAGE.shape
    (tmp_path / "plain.png").write_bytes(png(IMAGE))
    np.testing.assert_array_equal(read_photograph(tmp_path / "plain.png"), IMAGE)


@pytest.mark.parametrize("read", [read_photograph, read_image_bytes])
def test_files_that_cannot_be_read_are_named(tmp_path, read):
    with pytest.raises(DataError, match=r"gone\.jpg: the image cannot be read \(No such file"):
        read(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match=r"the image cannot be read \(Is a directory"):
        read(tmp_path)
    (tmp_path / "half.jpg").write_bytes(JPEG[: len(JPEG) // 2])
    with pytest.raises(DataError, match=r"half\.jpg: is a truncated or damaged JPEG"):
        read(tmp_path / "half.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.jpg: the image is empty"):
        read(tmp_path / "empty.jpg")


def test_whole_files_come_back_byte_for_byte(tmp_path):
    (tmp_path / "one.jpg").write_bytes(JPEG)
    assert read_image_bytes(tmp_path / "one.jpg") == JPEG


def test_what_the_store_makes_itself_is_a_good_jpeg(tmp_path):
    data = encode_jpeg(IMAGE[::2])
    assert np.abs(decode_image(data).astype(int) - IMAGE[::2]).mean() < 4
    (tmp_path / "half.jpg").write_bytes(data[:100])
    assert read_file(tmp_path / "half.jpg") == data[:100]
