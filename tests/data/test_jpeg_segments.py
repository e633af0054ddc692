import numpy as np
import pytest
import simplejpeg

from fakes import turned_jpeg
from prepose.data.jpeg_segments import SOS, exif_of, is_exif, joined, segments_of

IMAGE = np.zeros((16, 24, 3), np.uint8)
JPEG = simplejpeg.encode_jpeg(IMAGE)
TABLES = JPEG.index(b"\xff\xdb")


def test_segments_follow_each_other_up_to_the_first_scan():
    found = list(segments_of(JPEG))
    assert found[0] == (0xE0, 2, 20)
    assert [end for _, _, end in found[:-1]] == [start for _, start, _ in found[1:]]
    assert [marker for marker, _, _ in found].count(SOS) == 1
    assert found[-1][0] == SOS
    assert joined(JPEG, found) == JPEG


@pytest.mark.parametrize("stray", [b"z", b"zz\0\xff\0y", b"\xff\xff", b"\0" * 500])
def test_stray_bytes_between_segments_are_passed_over(stray):
    data = JPEG[:TABLES] + stray + JPEG[TABLES:]
    assert joined(data, segments_of(data)) == JPEG
    assert exif_of(data) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", JPEG[:30], JPEG[:2] + b"\xff\xe1\0\0" + JPEG[2:]])
def test_damaged_files_end_the_walk(data):
    assert len(list(segments_of(data))) <= 2
    assert exif_of(data) is None


def test_exif_is_found_among_the_first_segments_alone():
    turned = turned_jpeg(IMAGE, 6)
    (segment,) = [one for one in segments_of(turned) if is_exif(turned, one)]
    exif = turned[segment[1] : segment[2]]
    assert exif_of(turned) == exif[4:]
    comment = b"\xff\xfe\0\x04hi"
    assert exif_of(JPEG[:TABLES] + comment + exif + JPEG[TABLES:]) == exif[4:]
    scan = next(start for marker, start, _ in segments_of(JPEG) if marker == SOS)
    assert exif_of(JPEG[:scan] + exif + JPEG[scan:]) is None
