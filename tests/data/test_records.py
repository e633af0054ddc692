import numpy as np
import pytest

from prepose.data.records import check_list, check_mapping, numbers, text
from prepose.errors import DataError


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        [(1, 2.5), (3, 4)],
        np.ones((2, 2), np.float32),
        [np.ones(2), np.zeros(2)],
        np.eye(2, dtype=bool),
    ],
)
def test_numbers_come_as_floats_of_the_shape(value):
    found = numbers(value, (2, 2), "here")
    assert (found.dtype, found.shape) == (np.float64, (2, 2))
    np.testing.assert_array_equal(found, np.asarray(value))
    assert numbers(value, (None, 2), "here").shape == (2, 2)


def test_one_number_has_no_axes():
    assert numbers(3, (), "here") == numbers(np.float32(3), (), "here") == 3.0


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([[1, 2], [3]], "holds no numbers but a list"),
        ([["a", "b"], ["c", "d"]], "holds no numbers but a list"),
        (np.array([["a", "b"], ["c", "d"]]), "holds no numbers but a ndarray"),
        ("ab", "holds no numbers but a str"),
        (None, "holds no numbers but a NoneType"),
        ([[[1]]], "holds no numbers but a list"),
        ([[1, 2, 3]], "is 1 x 3"),
        (np.zeros(4), "is 4"),
        (3, "is one number"),
        ([[2**70, 1], [1, 1]], "holds no numbers but a list"),
    ],
)
def test_what_has_another_shape_or_type_is_an_error(value, found):
    with pytest.raises(DataError, match=f"here: {found}, expected 2 x 2"):
        numbers(value, (2, 2), "here")


def test_lists_that_repeat_themselves_are_not_spelled_out():
    value: list = [1.0] * 1000
    for _ in range(12):
        value = [value] * 1000  # 10 to the 39th numbers, were it an array
    with pytest.raises(DataError, match="holds no numbers but a list"):
        numbers(value, (2, 2), "here")


def test_mappings_and_lists_say_what_they_lack():
    assert check_mapping({"a": 1, "b": 2}, ("a",), "here") == {"a": 1, "b": 2}
    with pytest.raises(DataError, match=r"here: lacks b, c; it has a, d\ne".replace(r"\n", r"\\n")):
        check_mapping({"a": 1, "d\ne": 1}, ("a", "b", "c"), "here")
    with pytest.raises(DataError, match="here: is a list, expected a dictionary with a"):
        check_mapping([], ("a",), "here")
    assert check_list((1, 2), "here") == [1, 2]
    for value, found in (({}, "is a dict, expected a list"), ([], "is an empty list")):
        with pytest.raises(DataError, match=found):
            check_list(value, "here")


def test_short_facts_become_text():
    assert [text(value) for value in ("S1", b"S1", 3, np.int64(3), None, [1], "a\nb")] == [
        "S1",
        "S1",
        "3",
        "3",
        "",
        "",
        "a\\nb",
    ]
