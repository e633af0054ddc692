import numpy as np
import pytest

from prepose.data.checks.finding import indices_of, named, soft_severity


@pytest.mark.parametrize(
    ("found", "judged", "severity"),
    [(1, 10, "note"), (2, 100, "fault"), (2, 101, "note"), (30, 10_000, "note"), (200, 10_000, "fault")],
)
def test_a_few_slips_are_a_note(found, judged, severity):
    assert soft_severity(found, judged) == severity
    assert soft_severity(found, judged, least=found + 1) == "note"


def test_samples_are_plain_numbers_from_a_mask_or_indices():
    assert indices_of(np.array([False, True, True])) == (1, 2) == indices_of(np.array([1, 2]))
    assert all(type(index) is int for index in indices_of(np.array([3])))


def test_a_long_list_of_samples_is_cut():
    assert named(range(8)) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert named(range(9)).endswith("7, ...")
