import numpy as np
import pytest

from prepose.pickles.names import NAMES, Refusal
from prepose.pickles.values import Budget, Unfinished, call, check_keys, finish, make

NDARRAY = NAMES["numpy", "ndarray"]
DTYPE = NAMES["numpy", "dtype"]
RECONSTRUCT = NAMES["numpy._core.multiarray", "_reconstruct"]


def no_bytes(size: int) -> bytes:
    raise AssertionError(size)


def test_an_array_is_made_in_two_steps():
    made = call(RECONSTRUCT, (NDARRAY, (0,), b"b"), Budget(100))
    assert isinstance(made, Unfinished)
    state = (1, (2, 2), np.dtype("<i2"), True, np.arange(4, dtype="<i2").tobytes())
    np.testing.assert_array_equal(finish(made, state, Budget(8), no_bytes), [[0, 2], [1, 3]])


def test_copies_come_out_of_the_budget():
    budget = Budget(20)
    state = (1, (2,), np.dtype("f8"), False, bytes(16))
    finish(Unfinished("array"), state, budget, no_bytes)
    assert budget.left == 4
    with pytest.raises(Refusal, match="unpacks to far more than it holds"):
        finish(Unfinished("array"), state, budget, no_bytes)


@pytest.mark.parametrize(
    "state",
    [
        (1, (3,), np.dtype("f8"), False, bytes(16)),
        (1, (-2,), np.dtype("f8"), False, bytes(16)),
        (1, (2.0,), np.dtype("f8"), False, bytes(16)),
        (1, [2], np.dtype("f8"), False, bytes(16)),
        (1, (1,) * 40 + (2,), np.dtype("f8"), False, bytes(16)),
        (1, (2,), "f8", False, bytes(16)),
        (1, (2,), np.dtype("f8"), False, [1.0, 2.0]),
        (1, (2,), np.dtype("f8"), False, 16),
        (1, (2,), np.dtype("f8")),
        None,
    ],
)
def test_an_array_must_fit_its_bytes(state):
    with pytest.raises(Refusal, match="holds a numpy array with arguments that do not fit"):
        finish(Unfinished("array"), state, Budget(10**6), no_bytes)


@pytest.mark.parametrize("code", ["O", "V8", "f8,i4", "M8[s]", "i4)", "S", "f3", "numpy.float64", "T"])
def test_only_types_of_numbers_and_text_are_known(code):
    with pytest.raises(Refusal, match="only arrays of numbers and text are read"):
        call(DTYPE, (code, False, True), Budget(10))


@pytest.mark.parametrize("code", ["b1", "|b1", "i1", "u8", "f2", "f8", "c16", "S5", "U12"])
def test_types_of_numbers_and_text_keep_their_order(code):
    made = call(DTYPE, (code, False, True), Budget(10))
    for order in "<>|=":
        wanted = np.dtype(code).newbyteorder(order) if order in "<>" else np.dtype(code)
        assert finish(made, (3, order, None, None, None, -1, -1, 0), Budget(10), no_bytes) == wanted


@pytest.mark.parametrize("arguments", [(), (1,), ("text",), [1], None, (NDARRAY, (0,), b"b", 1), (DTYPE, (0,), b"b")])
@pytest.mark.parametrize("what", NAMES.values(), ids=str)
def test_calls_with_strange_arguments_are_refused_or_harmless(what, arguments):
    try:
        made = call(what, arguments, Budget(100))
    except Refusal as refusal:
        assert str(refusal).isprintable()
    else:
        assert type(made) in (bytes, bytearray, set, frozenset) or made == {} or isinstance(made, Unfinished)


def test_only_sparse_matrices_and_joblibs_arrays_are_made_without_a_call():
    makeable = {what.kind for what in NAMES.values() if _can_be_made(what)}
    assert makeable == {"csc_matrix", "csr_matrix", "csc_array", "csr_array", "joblib"}


def _can_be_made(what) -> bool:
    try:
        return isinstance(make(what, ()), Unfinished)
    except Refusal:
        return False


def test_keys_are_quick_to_hash():
    check_keys(["a", b"b", 1, 2.0, None, True, np.int64(3), (1, "x")], Budget(0))
    for key in ((1, (2, 3)), frozenset([1]), [1], Unfinished("array"), NDARRAY):
        with pytest.raises(Refusal, match="as a key"):
            check_keys([key], Budget(0))


def test_keys_of_one_hash_are_few():
    alike = [number * (2**61 - 1) for number in range(20)]
    assert len({hash(key) for key in alike}) == 1
    budget = Budget(0)
    for _ in range(3):  # the same keys in every dict of a list are no trouble
        check_keys([*alike[:10], -1, -2, 0.0, False], budget)
    with pytest.raises(Refusal, match="keys of the same hash"):
        check_keys(alike, budget)


def test_what_is_held_comes_out_of_the_budget():
    budget = Budget(10**9, memory=1000)
    state = (1, (50,), np.dtype("f8"), False, bytes(400))
    finish(Unfinished("array"), state, budget, no_bytes)
    with pytest.raises(Refusal, match="far more memory"):
        finish(Unfinished("array"), state, budget, no_bytes)
    for kind in ("set", "OrderedDict"):
        with pytest.raises(Refusal, match="far more memory"):
            call(next(name for name in NAMES.values() if name.kind == kind), ([],), Budget(100, memory=200))
