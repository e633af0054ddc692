"""Tests for the sizes of the studies that ship."""

import pytest

from prepose.errors import RecipeError
from prepose.studies.builtin import STUDIES
from prepose.studies.sizes import STUDY_SIZES
from prepose.studies.trials import arms_of


@pytest.mark.parametrize("size", STUDY_SIZES)
def test_the_budget_is_that_of_the_images_it_is_named_by(size: str) -> None:
    of = STUDY_SIZES[size]
    mixed = next(arm for arm in arms_of(STUDIES["label-efficiency"](size)) if arm.levels["training"] == "mixed")
    assert mixed.recipe.samples == pytest.approx(of.images / 2, rel=0.01)


def test_an_unknown_size_is_named() -> None:
    with pytest.raises(RecipeError, match=r"no study is of size 'gpus' \(did you mean 'gpu'\?\)"):
        STUDIES["pretraining"]("gpus")
