"""Tests for the mistakes that can be made on purpose."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch

from prepose.data.batch import PoseBatch
from prepose.recipes.conduct import Machine, run_recipe
from prepose.recipes.defects import DEFECTS, MISPAIRED_SHARE, with_defects
from prepose.recipes.log import read_log
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Defect, Recipe


def batch(count: int = 32, joints: int = 4) -> PoseBatch:
    """Half with 3D labels; the third joint is nowhere labelled."""
    generator = torch.Generator().manual_seed(0)
    has_2d = torch.ones(count, joints, dtype=torch.bool)
    has_2d[:, 2] = False
    has_3d = has_2d.clone()
    has_3d[1::2] = False
    places = 60 * torch.rand(count, joints, 3, generator=generator) * has_2d[..., None]
    return PoseBatch(
        image=torch.zeros(count, 3, 64, 64, dtype=torch.uint8),
        joints_crop=places,
        has_2d=has_2d,
        has_3d=has_3d,
        img_from_crop=torch.eye(3).expand(count, 3, 3),
        source=torch.zeros(count, dtype=torch.int64),
        index=torch.arange(count),
    )


def test_training_makes_the_mistakes_that_its_recipe_names(
    stores: Path, on_stores: Callable[[Recipe, Path], Recipe], tmp_path: Path
) -> None:
    recipe = shrink(on_stores(RECIPES["mixed"](), stores))
    losses = []
    for name, changes in (("right", []), ("wrong", ['defects=["integer-labels"]'])):
        run_recipe(override(recipe, changes), tmp_path / name, machine=Machine(accelerator="cpu"))
        losses.append(float(read_log(tmp_path / name)[0]["loss_joint"]))
    # The first step's network is the same: only its labels differ.
    assert losses[0] != losses[1]


def test_a_recipe_can_name_every_defect() -> None:
    assert set(get_args(Defect)) == set(DEFECTS)


def test_no_defect_leaves_the_batch_alone() -> None:
    right = batch()
    assert with_defects(right, ()) is right


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_changes_labels_alone_and_not_in_place(name: str) -> None:
    right, untouched = batch(), batch()
    wrong = with_defects(right, [name])
    assert torch.equal(right.joints_crop, untouched.joints_crop)
    assert torch.equal(right.has_2d, untouched.has_2d)
    assert torch.equal(wrong.image, right.image)
    changed = not torch.equal(wrong.joints_crop, right.joints_crop) or not torch.equal(wrong.has_2d, right.has_2d)
    assert changed


@pytest.mark.parametrize(("count", "expected"), [(32, 2), (16, 1), (2, 0)])
def test_some_samples_with_3d_labels_have_anothers(count: int, expected: int) -> None:
    right = batch(count)
    wrong = with_defects(right, ["mispaired-labels"])
    differing = (wrong.joints_crop != right.joints_crop).any(-1).any(-1)
    assert int(differing.sum()) == expected == round(MISPAIRED_SHARE * count / 2)
    assert right.has_3d.any(1)[differing].all()
    for row in torch.nonzero(differing).flatten():
        assert (right.joints_crop == wrong.joints_crop[row]).flatten(1).all(1).any()


def test_integer_labels_lie_half_a_cell_too_far_left_and_up() -> None:
    right = batch(1000)
    wrong = with_defects(right, ["integer-labels"])
    moved = (wrong.joints_crop - right.joints_crop)[right.has_2d]
    assert ((moved[:, :2] <= 0) & (moved[:, :2] > -4)).all()
    assert moved[:, :2].mean() == pytest.approx(-2, abs=0.1)
    assert (moved[:, 2] == 0).all()
    assert torch.equal(wrong.joints_crop[~right.has_2d], right.joints_crop[~right.has_2d])


def test_missing_joints_are_taken_for_labelled_where_no_depth_is_known() -> None:
    right = batch()
    wrong = with_defects(right, ["missing-at-origin"])
    assert wrong.has_2d[1::2].all()
    assert torch.equal(wrong.has_2d[::2], right.has_2d[::2])
    assert (wrong.joints_crop[1::2, 2] == 0).all()
    assert torch.equal(wrong.has_3d, right.has_3d)
