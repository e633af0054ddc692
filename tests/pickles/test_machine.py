import pickle

import pytest

from prepose.pickles.instructions import run
from prepose.pickles.machine import Machine, allowance
from prepose.pickles.names import Refusal
from prepose.pickles.values import Unfinished


def test_bytes_are_only_taken_where_there_are_some():
    machine = Machine(b"abc\ndef")
    assert (machine.take(1), machine.line(), machine.take(3)) == (b"a", b"bc", b"def")
    for size in (1, 2**60, -1):
        with pytest.raises(EOFError):
            machine.take(size)
    with pytest.raises(ValueError, match="not found"):
        machine.line()


def test_marks_part_the_stack():
    machine = Machine(b"")
    machine.stack = [1, 2]
    machine.marks.append([0])
    assert machine.since_mark() == [1, 2]
    assert machine.stack == [0]
    with pytest.raises(IndexError):
        machine.since_mark()


def test_unfinished_objects_are_counted_and_containers_come_out_of_the_budget():
    machine = Machine(b"", memory=160)
    thing = Unfinished("array")
    machine.push_made(thing)
    machine.push_made(b"")
    assert machine.unfinished == 1
    machine.drop([thing, b""])
    assert machine.unfinished == 0
    machine.push_container([])
    machine.push_container({})
    with pytest.raises(Refusal, match="far more memory than the file has"):
        machine.push_container([])


def test_what_a_file_may_take_grows_with_it():
    assert allowance(0) < 2**30
    assert allowance(2 * 10**9) - allowance(10**9) == allowance(10**9) - allowance(0) > 10**9


def test_several_pickles_in_a_row_are_read_one_by_one_and_may_name_what_lies_outside():
    first, second = pickle.dumps([1], protocol=2), b"\x80\x02X\x01\x00\x00\x007Q."
    machine = Machine(first + second)
    assert run(machine) == [1] and machine.at + 1 == len(first)
    assert run(Machine(first + second, at=len(first), refer={"7": "seven"}.__getitem__)) == "seven"
    with pytest.raises(Refusal, match="an object outside"):
        run(Machine(second))
