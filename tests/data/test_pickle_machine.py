import pytest

from prepose.data import pickle_machine
from prepose.data.pickle_machine import Machine
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


def test_unfinished_objects_and_containers_are_counted(monkeypatch):
    machine = Machine(b"")
    thing = Unfinished("array")
    machine.push_made(thing)
    machine.push_made(b"")
    assert machine.unfinished == 1
    machine.drop([thing, b""])
    assert machine.unfinished == 0
    monkeypatch.setattr(pickle_machine, "MOST_CONTAINERS", 2)
    machine.push_container([])
    machine.push_container({})
    with pytest.raises(Refusal, match="more than 2 lists and dicts"):
        machine.push_container([])
