import pytest

from prepose.recipes.spelling import nearest


@pytest.mark.parametrize(("typed", "meant"), [("lerning_rate", "learning_rate"), ("sampels", "samples")])
def test_a_misspelt_name_finds_the_one_that_was_meant(typed: str, meant: str) -> None:
    assert nearest(typed, ["seed", "learning_rate", "samples"]) == f" (did you mean {meant!r}?)"


def test_a_name_like_no_other_finds_nothing() -> None:
    assert nearest("zzz", ["seed", "learning_rate"]) == ""
