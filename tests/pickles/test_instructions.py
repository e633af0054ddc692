import pickle
import pickletools

import pytest

from prepose.pickles.instructions import binary_long, escaped, integer, latin1, long, quoted, run, utf8
from prepose.pickles.machine import Machine
from prepose.pickles.names import Refusal

REFUSED = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "OBJ", "NEWOBJ_EX", "NEXT_BUFFER", "READONLY_BUFFER"}


def result(program: bytes) -> object:
    return run(Machine(program))


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        (b"(K\x01K\x02l.", [1, 2]),
        (b"(K\x01K\x02t.", (1, 2)),
        (b"(K\x01K\x02d.", {1: 2}),
        (b"(K\x01\x91.", frozenset([1])),
        (b"\x8f(K\x01\x90.", {1}),
        (b"]K\x01aK\x02a.", [1, 2]),
        (b"](K\x01K\x02e.", [1, 2]),
        (b"}K\x01K\x02s.", {1: 2}),
        (b"K\x01K\x022\x87.", (1, 2, 2)),
        (b"K\x01K\x020.", 1),
        (b"K\x01(K\x02K\x031.", 1),
        (b"K\x01(0.", 1),
        (b"K\x05p0\n0g0\n.", 5),
        (b"K\x05q\x010h\x01.", 5),
        (b"K\x05r\x07\x00\x00\x000j\x07\x00\x00\x00.", 5),
        (b"K\x05\x940K\x06\x940h\x00h\x01\x86.", (5, 6)),
        (b"K\x05q\x000K\x06q\x000h\x00.", 6),
        (b"\x80\x02G?\xf0\x00\x00\x00\x00\x00\x00.", 1.0),
        (b"F1.5\n.", 1.5),
        (b"I01\n.", True),
        (b"M\x00\x01J\xff\xff\xff\xff\x86.", (256, -1)),
    ],
)
def test_programs_do_what_pythons_own_machine_does(program, wanted):
    found = result(program)
    assert (found, type(found)) == (wanted, type(wanted))
    assert pickle.loads(program) == wanted


@pytest.mark.parametrize("opcode", pickletools.opcodes, ids=lambda opcode: opcode.name)
def test_every_instruction_of_python_is_known_or_refused(opcode):
    code = opcode.code.encode("latin-1")
    with pytest.raises(Exception) as caught:
        result(b"K\x01(" + code + (b"\n" if opcode.name == "PERSID" else b""))
    assert "no such instruction" not in str(caught.value)
    assert isinstance(caught.value, Refusal) or opcode.name not in REFUSED


def test_an_object_is_used_only_when_it_is_finished():
    begun = b"cscipy.sparse\ncsc_matrix\n)\x81"
    for program in (begun + b".", begun + b"q\x00h\x00.", begun + b"2.", b"]" + begun + b"a.", begun + b"q\x000h\x00."):
        with pytest.raises(Refusal, match=r"unfinished|before it is finished"):
            result(program)
    assert result(begun + b"0N.") is None


@pytest.mark.parametrize(
    "program", [b"K\x01", b"K\x01K\x02.", b"(K\x01.", b".", b"\x80\x09N.", b"\x87.", b"a.", b"K\x01K\x01a."]
)
def test_programs_that_end_in_disorder_are_errors(program):
    with pytest.raises((Refusal, ValueError, IndexError, EOFError)):
        result(program)


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
