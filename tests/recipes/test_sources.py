"""The part of a source that a recipe keeps, and the mistakes that can be made on purpose."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from prepose.data.batch import PoseBatch
from prepose.data.store import open_store
from prepose.recipes.log import read_log
from prepose.recipes.sources import DEFECTS, MISPAIRED_SHARE, kept, open_sources, unused_labels, with_defects
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Defect, Recipe


def test_smaller_parts_lie_within_larger_ones() -> None:
    parts = [set(kept(1000, part, seed=3, source="lab").tolist()) for part in (0.01, 0.1, 0.5, 1.0)]
    assert [len(part) for part in parts] == [10, 100, 500, 1000]
    assert parts[0] < parts[1] < parts[2] < parts[3]


def test_the_seed_and_the_source_decide() -> None:
    lab = kept(1000, 0.1, seed=3, source="lab")
    assert np.array_equal(lab, kept(1000, 0.1, seed=3, source="lab"))
    assert not np.array_equal(lab, kept(1000, 0.1, seed=4, source="lab"))
    assert not np.array_equal(lab, kept(1000, 0.1, seed=3, source="wild"))
    assert np.all(np.diff(lab) > 0)


@pytest.mark.parametrize("samples", [1, 7])
def test_one_sample_is_always_kept(samples: int) -> None:
    assert len(kept(samples, 1e-6, seed=0, source="lab")) == 1


def test_a_recipe_opens_the_part_that_it_keeps(stores: Path, on_stores: Callable[[Recipe, Path], Recipe]) -> None:
    recipe = override(on_stores(RECIPES["mixed"](), stores), ["sources.lab.keep=0.25"])
    sources = open_sources(recipe)
    assert {name: len(dataset) for name, dataset in sources.items()} == {"wild": 24, "lab": 6}
    whole = open_store(stores / "lab", "train")
    chosen = kept(24, 0.25, seed=recipe.seed, source="lab")
    assert np.array_equal(sources["lab"].array("joints_cam"), whole.array("joints_cam", chosen), equal_nan=True)


def test_the_first_samples_can_be_kept_instead(stores: Path, on_stores: Callable[[Recipe, Path], Recipe]) -> None:
    changes = ["sources.lab.keep=0.25", "sources.lab.take=first"]
    sources = open_sources(override(on_stores(RECIPES["mixed"](), stores), changes))
    whole = open_store(stores / "lab", "train")
    first = whole.array("joints_cam", np.arange(6))
    assert np.array_equal(sources["lab"].array("joints_cam"), first, equal_nan=True)


def test_labels_that_the_network_does_not_learn_are_said(
    stores: Path, on_stores: Callable[[Recipe, Path], Recipe]
) -> None:
    recipe = on_stores(RECIPES["mixed"](), stores)
    sources = open_sources(recipe)
    own = recipe.model_copy(update={"model": recipe.model.model_copy(update={"skeleton": "coco-17"})})
    assert unused_labels(recipe, {"lab": sources["lab"]}) == []
    lines = unused_labels(own, sources)
    assert len(lines) == 2
    count = int(np.isfinite(sources["lab"].array("joints_img")[:, :, 0]).sum())
    assert f" of {count:,} labelled joints are not learnt, as coco-17 has no such joint or defines" in lines[1]
    assert "head_top" in lines[1]


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
