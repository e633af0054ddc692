import pytest

from prepose.data.pickle_machine import Machine, allowance
from prepose.data.pickle_names import Refusal
from prepose.data.pickle_values import Unfinished


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
