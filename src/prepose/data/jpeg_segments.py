"""The segments that a JPEG file consists of before its pixels: where they lie, and which of them is EXIF."""

from collections.abc import Iterable, Iterator
from mmap import mmap

Segment = tuple[int, int, int]

# Markers: start of scan, first application segment (EXIF's is the second), comment; and those without a segment.
SOS, APP0, APP1, APP15, COMMENT = 0xDA, 0xE0, 0xE1, 0xEF, 0xFE
NO_SEGMENT = frozenset([0x00, 0x01, *range(0xD0, 0xD9)])
# How the shortest JFIF segment goes on after its 0xff, and what follows it where nothing else comes before the tables.
PLAIN_JFIF, TABLES = b"\xe0\x00\x10", b"\xff\xdb"


def segments_of(data: bytes | mmap) -> Iterator[Segment]:
    """(marker, start, end) of each segment up to the first scan; stray bytes between them are passed over.

    Decoders read on at the next marker as well. A segment may claim to end after the data do.
    """
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in NO_SEGMENT or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        yield marker, at, end
        if marker == SOS or end == at + 2:
            return
        at = end


def joined(data: bytes, segments: Iterable[Segment]) -> bytes:
    """A JPEG of those segments and of what follows the last of them."""
    kept = list(segments)
    parts = [data[start:end] for _, start, end in kept]
    return b"".join([data[:2], *parts, data[kept[-1][2] :] if kept else b""])


def is_exif(data: bytes | mmap, segment: Segment) -> bool:
    """Whether a segment is EXIF."""
    marker, start, _ = segment
    return marker == APP1 and data[start + 4 : start + 10] == b"Exif\0\0"


def exif_of(data: bytes | mmap) -> bytes | None:
    """A JPEG's EXIF, None where there is none: it lies among the application segments that begin the file."""
    if data[3:6] == PLAIN_JFIF and data[20:22] == TABLES:
        return None  # most JPEGs of datasets: told in a third of the time
    for segment in segments_of(data):
        marker, start, end = segment
        if is_exif(data, segment):
            return data[start + 4 : end]
        if not (APP0 <= marker <= APP15 or marker == COMMENT):
            break
    return None
