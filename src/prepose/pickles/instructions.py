"""The instructions of the stack machine that a pickle is a program for: Python's own, without import and call.

Protocols 0 to 5 (`pickletools` describes them). The names in a program are looked up in `names`, and what it
wants called or made is built by `values` or refused.
"""

import codecs
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from prepose.pickles.machine import Machine
from prepose.pickles.names import Named, Refusal, named
from prepose.pickles.values import PAIR_BYTES, Budget, Unfinished, call, check_keys, finish, make

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


STOP = ord(".")
# What values take in memory beside what they hold, as `sys.getsizeof` has it.
NUMBER_BYTES, TEXT_BYTES, MARK_BYTES, TUPLE_BYTES = 32, 56, 72, 64


def _packed(form: str, held: int = NUMBER_BYTES) -> Callable[[Machine], None]:
    unpack, size = struct.Struct(form).unpack_from, struct.calcsize(form)

    def act(machine: Machine) -> None:
        machine.budget.hold(held)
        machine.stack.append(unpack(machine.data, machine.at)[0])
        machine.at += size

    return act


def _sized(form: str, build: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    """Push what `build` makes of bytes that come after their length."""
    unpack, size = struct.Struct(form).unpack_from, struct.calcsize(form)

    def act(machine: Machine) -> None:
        length = unpack(machine.data, machine.at)[0]
        machine.at += size
        machine.budget.hold(TEXT_BYTES)
        machine.stack.append(build(machine.take(length)))

    return act


def _from_line(build: Callable[[bytes], Any]) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        machine.budget.hold(TEXT_BYTES)
        machine.stack.append(build(machine.line()))

    return act


def _mark(machine: Machine) -> None:
    machine.budget.hold(MARK_BYTES)
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine) -> None:
    machine.drop([machine.stack.pop()] if machine.stack else machine.since_mark())


def _duplicate(machine: Machine) -> None:
    if type(machine.stack[-1]) is Unfinished:
        raise Refusal("uses an object before it is finished")
    machine.stack.append(machine.stack[-1])


def _tuple_of(count: int) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise EOFError
        machine.budget.hold(TUPLE_BYTES + 8 * count)
        stack[-count:] = [tuple(stack[-count:])]

    return act


def _tuple(machine: Machine) -> None:
    items = tuple(machine.since_mark())
    machine.budget.hold(TUPLE_BYTES + 8 * len(items))
    machine.stack.append(items)


def _marked(build: Callable[[list, Budget], Any]) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        machine.push_container(build(machine.since_mark(), machine.budget))

    return act


def _list_of(items: list, budget: Budget) -> list:
    return items


def _dict_of(items: list, budget: Budget) -> dict:
    filled: dict = {}
    _set_pairs(filled, items, budget)
    return filled


def _set_pairs(target: Any, items: list, budget: Budget) -> None:
    if type(target) not in (dict, OrderedDict) or len(items) % 2:
        raise ValueError("not a dict, or a key without value")
    budget.hold(PAIR_BYTES * len(items) // 2)
    check_keys(items[::2], budget)
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key] = value


def _extend(target: Any, items: list) -> None:
    if type(target) is not list:
        raise ValueError("not a list")
    target.extend(items)


def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    _extend(machine.stack[-1], [value])


def _appends(machine: Machine) -> None:
    items = machine.since_mark()
    _extend(machine.stack[-1], items)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set_pairs(machine.stack[-1], [key, value], machine.budget)


def _set_items(machine: Machine) -> None:
    items = machine.since_mark()
    _set_pairs(machine.stack[-1], items, machine.budget)


def _frozen(items: list, budget: Budget) -> frozenset:
    budget.hold(PAIR_BYTES * len(items))
    check_keys(items, budget)
    return frozenset(items)


def _add_items(machine: Machine) -> None:
    items = machine.since_mark()
    if type(machine.stack[-1]) is not set:
        raise ValueError("not a set")
    machine.budget.hold(PAIR_BYTES * len(items))
    check_keys(items, machine.budget)
    machine.stack[-1].update(items)


def _remember(machine: Machine, index: int) -> None:
    memo, value = machine.memo, machine.stack[-1]
    if index == len(memo):
        memo.append(value)
    elif 0 <= index < len(memo):
        memo[index] = value
    else:  # Python 2 numbered from 1; a list as long as the number asked for would be a memory bomb
        machine.budget.hold(PAIR_BYTES)
        machine.memo_far[index] = value


def _recall(machine: Machine, index: int) -> None:
    value = machine.memo[index] if 0 <= index < len(machine.memo) else machine.memo_far[index]
    if type(value) is Unfinished:
        if value.pending:
            raise Refusal("uses an object before it is finished")
        value = value.value
    machine.stack.append(value)


def _memoize(machine: Machine) -> None:
    machine.memo.append(machine.stack[-1])


def _by_index(act: Callable[[Machine, int], None], form: str | None) -> Callable[[Machine], None]:
    if form is None:
        return lambda machine: act(machine, int(machine.line()))
    unpack, size = struct.Struct(form).unpack_from, struct.calcsize(form)

    def numbered(machine: Machine) -> None:
        index = unpack(machine.data, machine.at)[0]
        machine.at += size
        act(machine, index)

    return numbered


def _name(machine: Machine) -> None:
    module, name = utf8(machine.line()), utf8(machine.line())
    machine.stack.append(named(module, name))


def _stack_name(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(named(module, name))


def _call(machine: Machine) -> None:
    arguments, what = machine.stack.pop(), machine.stack.pop()
    machine.push_made(call(what, arguments, machine.budget))


def _make(machine: Machine) -> None:
    arguments, what = machine.stack.pop(), machine.stack.pop()
    machine.push_made(make(what, arguments))


def _build(machine: Machine) -> None:
    state, thing = machine.stack.pop(), machine.stack[-1]
    if type(thing) is not Unfinished:
        raise Refusal(f"sets the inner state of a {type(thing).__name__}")
    thing.value = finish(thing, state, machine.budget, machine.take)
    thing.pending = False
    machine.unfinished -= 1
    machine.stack[-1] = thing.value


def _old_instance(machine: Machine) -> None:
    module, name = utf8(machine.line()), utf8(machine.line())
    raise Refusal(f"makes an object of {named(module, name)} in an unusual way")


def _old_object(parts: list) -> None:
    what = next((str(part) for part in parts if isinstance(part, Named)), "something")
    raise Refusal(f"makes an object of {what} in an unusual way")


def _refused(what: str) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        raise Refusal(what)

    return act


def _referred(take: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        if machine.refer is None:
            raise Refusal("refers to an object outside of the file")
        machine.budget.hold(TEXT_BYTES)
        machine.stack.append(machine.refer(take(machine)))

    return act


def _unknown(machine: Machine) -> None:
    raise ValueError("no such instruction")


def _start(machine: Machine) -> None:
    if machine.take(1)[0] > 5:
        raise ValueError("a later protocol")


def _frame(machine: Machine) -> None:
    if int.from_bytes(machine.take(8), "little") > len(machine.data) - machine.at:
        raise EOFError


_INSTRUCTIONS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": _start,
    b"\x95": _frame,
    b"(": _mark,
    b"0": _pop,
    b"1": lambda machine: machine.drop(machine.since_mark()),
    b"2": _duplicate,
    b"N": lambda machine: machine.stack.append(None),
    b"\x88": lambda machine: machine.stack.append(True),
    b"\x89": lambda machine: machine.stack.append(False),
    b")": lambda machine: machine.stack.append(()),
    b"F": _from_line(float),
    b"I": _from_line(integer),
    b"L": _from_line(long),
    b"J": _packed("<i"),
    b"K": _packed("<B", 0),
    b"M": _packed("<H"),
    b"G": _packed(">d"),
    b"\x8a": _sized("<B", binary_long),
    b"\x8b": _sized("<i", binary_long),
    b"S": _from_line(quoted),
    b"T": _sized("<i", latin1),
    b"U": _sized("<B", latin1),
    b"V": _from_line(escaped),
    b"X": _sized("<I", utf8),
    b"\x8c": _sized("<B", utf8),
    b"\x8d": _sized("<Q", utf8),
    b"B": _sized("<I", bytes),
    b"C": _sized("<B", bytes),
    b"\x8e": _sized("<Q", bytes),
    b"\x96": _sized("<Q", bytearray),
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"t": _tuple,
    b"]": lambda machine: machine.push_container([]),
    b"l": _marked(_list_of),
    b"}": lambda machine: machine.push_container({}),
    b"d": _marked(_dict_of),
    b"\x8f": lambda machine: machine.push_container(set()),
    b"\x91": _marked(_frozen),
    b"\x90": _add_items,
    b"a": _append,
    b"e": _appends,
    b"s": _set_item,
    b"u": _set_items,
    b"g": _by_index(_recall, None),
    b"h": _by_index(_recall, "<B"),
    b"j": _by_index(_recall, "<I"),
    b"p": _by_index(_remember, None),
    b"q": _by_index(_remember, "<B"),
    b"r": _by_index(_remember, "<I"),
    b"\x94": _memoize,
    b"c": _name,
    b"\x93": _stack_name,
    b"R": _call,
    b"\x81": _make,
    b"b": _build,
    b"i": _old_instance,
    b"o": lambda machine: _old_object(machine.since_mark()),
    b"\x92": lambda machine: _old_object(machine.stack[-3:]),
    b"P": _referred(lambda machine: utf8(machine.line())),
    b"Q": _referred(lambda machine: machine.stack.pop()),
    **dict.fromkeys((b"\x97", b"\x98"), _refused("refers to a buffer outside of the file")),
    **dict.fromkeys((b"\x82", b"\x83", b"\x84"), _refused("refers to a class by a number of the copyreg registry")),
}
_ACTIONS = [_INSTRUCTIONS.get(bytes([code]), _unknown) for code in range(256)]


def run(machine: Machine) -> Any:
    """Interpret the program.

    Raises:
        Refusal: it asks for what no file of plain data needs.
        Exception: it is damaged.
    """
    data, actions = machine.data, _ACTIONS
    while (code := data[machine.at]) != STOP:
        machine.at += 1
        actions[code](machine)
    (value,) = machine.stack
    if machine.unfinished or machine.marks:
        raise Refusal("leaves an object unfinished")
    return value
