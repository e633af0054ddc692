import pytest

from prepose.pickles.literals import binary_long, escaped, integer, latin1, long, quoted, utf8
from prepose.pickles.names import Refusal


def test_numbers_are_read_as_they_are_spelled():
    assert [integer(line) for line in (b"00", b"01", b"-12")] == [False, True, -12]
    assert integer(b"01") is True
    assert [long(line) for line in (b"5L", b"-7L", b"18446744073709551615L")] == [5, -7, 2**64 - 1]
    assert [binary_long(data) for data in (b"", b"\xff", b"\x00\x01")] == [0, -1, 256]


@pytest.mark.parametrize(("read", "data"), [(long, b"9" * 30 + b"L"), (integer, b"9" * 30), (binary_long, bytes(10))])
def test_numbers_beyond_64_bits_are_refused(read, data):
    with pytest.raises(Refusal, match="more than 64 bits"):
        read(data)


def test_text_is_read_as_it_is_spelled():
    assert utf8("é中".encode()) == "é中"
    assert latin1(b"\xe9\x80") == "é\x80"
    assert quoted(rb"'a\n\xe9\''") == "a\né'"
    assert quoted(b'"it\'s"') == "it's"
    assert escaped(rb"a\u4e2d\u000a") == "a中\n"


@pytest.mark.parametrize("line", [b"abc", b"'abc", b"'", b"'abc\"", b""])
def test_text_without_quotes_is_an_error(line):
    with pytest.raises(ValueError, match="without quotes"):
        quoted(line)
