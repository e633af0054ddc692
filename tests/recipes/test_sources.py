"""Tests for the part of a source that a recipe keeps."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prepose.data.store import open_store
from prepose.recipes.sources import kept, open_sources, unused_labels
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe


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
