"""Numbers and text as pickles of all protocols spell them."""

import codecs

from prepose.pickles.names import Refusal

LONGEST_INTEGER = 9  # bytes: 64 bits and a sign


def utf8(data: bytes) -> str:
    """Text of protocol 1 and later."""
    return data.decode("utf-8", "surrogatepass")


def latin1(data: bytes) -> str:
    """Text of Python 2."""
    return data.decode("latin-1")


def quoted(line: bytes) -> str:
    """Text of protocol 0 of Python 2: quoted, with backslashes."""
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("text without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin-1")  # pyright: ignore[reportAttributeAccessIssue]


def escaped(line: bytes) -> str:
    """Text of protocol 0."""
    return line.decode("raw-unicode-escape")


def integer(line: bytes) -> int | bool:
    """A number of protocol 0, or a truth value."""
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else long(line)


def long(line: bytes) -> int:
    """A number of protocol 0 with an L behind."""
    if len(line) > 3 * LONGEST_INTEGER:
        raise Refusal("holds an integer of more than 64 bits")
    return int(line.removesuffix(b"L"))


def binary_long(data: bytes) -> int:
    """A number of protocol 2 and later."""
    if len(data) > LONGEST_INTEGER:
        raise Refusal("holds an integer of more than 64 bits")
    return int.from_bytes(data, "little", signed=True)
