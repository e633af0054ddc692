import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from fakes import png, turned_jpeg
from prepose.camera.crop import transform
from prepose.data.picture import (
    decode_image,
    decode_shrunk,
    decode_to_read,
    encode_jpeg,
    image_header,
    image_size,
    read_file,
    read_image_bytes,
    read_photograph,
    without_orientation,
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


def stray_before_tables(jpeg: bytes) -> bytes:
    table = jpeg.index(b"\xff\xdb")
    return jpeg[:table] + b"zzz\0\xff\0y" + jpeg[table:]


def test_stray_bytes_that_harm_no_pixel_are_forgiven(tmp_path):
    stray = JPEG[:-2] + b"z" * 8 + JPEG[-2:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(stray)
    early = stray_before_tables(JPEG)
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(early, strict=False)
    for data in (stray, early, stray_before_tables(stray)):
        np.testing.assert_array_equal(decode_image(data), decode_image(JPEG))
        np.testing.assert_array_equal(decode_shrunk(data, 2.0)[0], decode_shrunk(JPEG, 2.0)[0])
        assert image_size(data) == (121, 90)
        (tmp_path / "stray.jpg").write_bytes(data)
        assert read_image_bytes(tmp_path / "stray.jpg") == data
        with pytest.raises(DataError, match="truncated or damaged"):
            decode_image(data[: len(data) // 2])


def encoded(image: np.ndarray, kind: str, orientation: int | None = None) -> bytes:
    """The image in a format of Pillow's, with an EXIF orientation where one is given."""
    options: dict = {"quality": 95} if kind in ("JPEG", "AVIF") else {"lossless": True} if kind == "WEBP" else {}
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


# How an image is stored that a viewer shows as IMAGE, by EXIF orientation.
STORED = {
    1: IMAGE, 2: IMAGE[:, ::-1], 3: IMAGE[::-1, ::-1], 4: IMAGE[::-1], 5: IMAGE.swapaxes(0, 1), 6: np.rot90(IMAGE),
    7: IMAGE.swapaxes(0, 1)[::-1, ::-1], 8: np.rot90(IMAGE, -1),
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_image_is_read_upright_everywhere(tmp_path, kind, orientation):
    stored = np.ascontiguousarray(STORED[orientation])
    data = encoded(stored, kind, orientation)
    path = tmp_path / "photo"
    path.write_bytes(data)
    for image in (decode_image(data), decode_shrunk(data, 1.0)[0], decode_to_read(data, 1.0)[0], read_photograph(path)):
        assert image.shape[:2] == IMAGE.shape[:2]
        assert np.abs(image[..., :3].astype(int) - IMAGE).mean() < 4
    for header in (image_header(data), image_header(path)):
        assert header.size_wh == image_size(data) == (121, 90)
        assert (header.orientation, header.stored_wh) == (orientation, stored.shape[1::-1])
    kept = decode_image(without_orientation(data))
    assert kept.shape == stored.shape
    assert np.abs(kept.astype(int) - stored).mean() < 4
    if kind == "JPEG":
        np.testing.assert_array_equal(kept, simplejpeg.decode_jpeg(data))


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize(("width", "height"), [(400, 296), (397, 301)])
def test_a_turned_jpeg_is_shrunk_in_place(width, height, orientation):
    centre = (0.4 * width + 0.3, 0.6 * height)
    turn = {3: lambda image: image[::-1, ::-1], 6: np.rot90, 8: lambda image: np.rot90(image, -1)}[orientation]
    data = turned_jpeg(np.ascontiguousarray(turn(blob(width, height, centre))), orientation)
    image, decoded_from_img = decode_shrunk(data, 4.0)
    assert (image.shape[1] == width / 4) == (width % 8 == 0)
    assert np.abs(centroid(image) - transform(decoded_from_img, np.array([centre]))[0]).max() < 0.05


@pytest.mark.parametrize(
    "exif", [b"", b"MM", b"MM\0*\0\0\0\x08\xff\xff", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0"]
)
def test_damaged_exif_turns_nothing(exif):
    segment = b"Exif\0\0" + exif
    data = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + JPEG[2:]
    np.testing.assert_array_equal(decode_image(data), decode_image(JPEG))


def test_the_header_is_found_behind_any_amount_of_metadata(tmp_path):
    metadata = (b"\xff\xe2" + struct.pack(">H", 65000) + bytes(64998)) * 6
    turned = turned_jpeg(IMAGE, 6)
    end = 4 + int.from_bytes(turned[4:6])
    for number, data in enumerate((JPEG[:2] + metadata + JPEG[2:], turned[:end] + metadata + turned[end:])):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(data)
        assert image_header(path).size_wh == ((121, 90) if number == 0 else (90, 121))
        assert read_image_bytes(path) == data


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"GIF89a", "a GIF"),
        (b"\0\0\0\x18ftypheic", "a HEIC image"),
        (b"%PDF-1.7", "a PDF"),
        (b"8BPS", "a Photoshop file"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(begin, kind):
    with pytest.raises(DataError, match=f"photo: is {kind}, which is not read; save it as one of JPEG, PNG, BMP, TIFF"):
        decode_image(begin + bytes(50), "photo")


def test_several_images_in_one_file_are_refused():
    file = io.BytesIO()
    Image.fromarray(IMAGE).save(file, "TIFF", save_all=True, append_images=[Image.fromarray(IMAGE)])
    with pytest.raises(DataError, match="photo: holds 2 images, and one is expected"):
        decode_image(file.getvalue(), "photo")


def test_grey_of_16_bits_keeps_its_range_and_numbers_without_one_are_refused():
    deep = cv2.imencode(".png", IMAGE[..., 0].astype(np.uint16) * 257)[1].tobytes()
    np.testing.assert_array_equal(decode_image(deep)[..., 2], IMAGE[..., 0])
    numbers = cv2.imencode(".tiff", IMAGE[..., 0].astype(np.float32))[1].tobytes()
    with pytest.raises(DataError, match="photo: holds numbers of 32 bits"):
        decode_image(numbers, "photo")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_a_damaged_file_of_any_format_is_one_line_and_nothing_beside_it(kind, capfd):
    data = encoded(IMAGE, kind)
    for keep in (len(data) // 2, len(data) - 40):
        with pytest.raises(DataError, match=r"photo: is (a truncated or damaged|not an image)"):
            decode_image(data[:keep], "photo")
    assert capfd.readouterr() == ("", "")


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    frame = JPEG.index(b"\xff\xc0")
    return JPEG[: frame + 5] + struct.pack(">HH", height, width) + JPEG[frame + 9 :]


def test_what_a_jpeg_claims_is_checked_before_memory_is_taken_for_it():
    with pytest.raises(DataError, match=r"photo: claims 65500 x 65500 px, more than a JPEG of [\d,]+ bytes holds"):
        decode_image(claiming(65500, 65500), "photo")
    padded = claiming(65500, 65500) + bytes(10_000_000)
    for decode in (decode_image, lambda data, name: decode_to_read(data, 2.0, name)):
        with pytest.raises(DataError, match=r"photo: has 4290 million pixels, which take .* GiB to decode"):
            decode(padded, "photo")
    # In scans, all coefficients are kept: three times the memory of the pixels.
    file = io.BytesIO()
    Image.new("L", (2000, 2000)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    frame = data.index(b"\xff\xc2")
    large = data[: frame + 5] + struct.pack(">HH", 16000, 16000) + data[frame + 9 :] + bytes(500_000)
    with pytest.raises(DataError, match="photo: has 256 million pixels, which take"):
        decode_image(large, "photo")
    scan = data.rindex(b"\xff\xda")
    scans = (
        data[: frame + 5] + struct.pack(">HH", 9000, 9000) + data[frame + 9 :] + data[scan:-2] * 300 + bytes(200_000)
    )
    with pytest.raises(DataError, match=r"photo: claims 9000 x 9000 px in 30\d scans"):
        decode_image(scans, "photo")


def test_what_other_formats_claim_is_checked_as_well():
    file = io.BytesIO()
    Image.new("1", (100, 100)).save(file, "PNG")
    head = b"IHDR" + struct.pack(">II", 30000, 30000) + file.getvalue()[24:29]
    large = file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]
    for read in (decode_image, image_size):
        with pytest.raises(
            DataError, match=r"photo: has 900 million pixels, which take 6\.7 GiB to decode, and 1 GiB is"
        ):
            read(large, "photo")
    file = io.BytesIO()
    Image.new("RGB", (8000, 7000)).save(file, "WEBP", lossless=True, method=0)
    with pytest.raises(DataError, match=r"photo: has 56 million pixels, which take 1\.0 GiB to decode"):
        decode_image(file.getvalue(), "photo")


def test_the_limit_of_size_is_the_memory_whatever_the_format():
    file = io.BytesIO()
    Image.new("1", (100, 100)).save(file, "PNG")
    for side, is_refused in ((11_500, False), (11_600, True)):  # 132 and 135 million pixels of 8 bytes
        head = b"IHDR" + struct.pack(">II", side, side) + file.getvalue()[24:29]
        png = file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]
        with pytest.raises(DataError) as told:
            decode_image(png, "photo")
        # The smaller one is read, as far as its rows go.
        assert ("which take 1.0 GiB to decode, and 1 GiB is the most" in str(told.value)) == is_refused
        assert "damaged PNG" in str(told.value) or is_refused


@pytest.mark.parametrize("read", [read_photograph, read_image_bytes, image_header])
def test_files_that_cannot_be_read_are_named(tmp_path, read):
    with pytest.raises(DataError, match=r"gone\.jpg: the image cannot be read \(No such file"):
        read(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match=r"the image cannot be read \(Is a directory"):
        read(tmp_path)
    (tmp_path / "half.jpg").write_bytes(JPEG[: 300 if read is image_header else len(JPEG) // 2])
    with pytest.raises(DataError, match=r"half\.jpg: is a truncated or damaged JPEG"):
        read(tmp_path / "half.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(DataError, match=r"link\.jpg: the image cannot be read .*a link to .*nowhere\.jpg"):
        read(tmp_path / "link.jpg")
    os.mkfifo(tmp_path / "fifo.jpg")
    with pytest.raises(DataError, match=r"fifo\.jpg: the image cannot be read \(is not a regular file"):
        read(tmp_path / "fifo.jpg")
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(DataError, match=r"huge\.jpg: has 1\.0 GiB; an image has at most"):
        read(tmp_path / "huge.jpg")
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
