"""Tests for the arms and trials of a study."""

from pathlib import Path

import pytest

from prepose.errors import RecipeError
from prepose.recipes.budget import training_flops
from prepose.specs.study import Level, Study
from prepose.studies.trials import arms_of, counted_flops, on_stores, stores_of, trials_of

STORES = {
    name: {"world": name, "counts": {"train": 8, "validation": 8, "test": 8}} for name in ("wild", "lab", "occluded")
}


def study_of(levels: list[dict[str, object]], **changes: object) -> Study:
    content: dict[str, object] = {
        "name": "small",
        "question": "?",
        "base": "pretrain-finetune",
        "factors": [{"name": "training", "levels": levels}],
        "budget": {"rule": "flops", "amount": 2e12},
        "stores": STORES,
        "sets": {"lab": {"store": "lab"}},
        "seeds": [0, 1, 2],
    }
    return Study.model_validate(content | changes)


def test_all_arms_spend_the_same_flops() -> None:
    arms = arms_of(
        study_of(
            [
                {"name": "pretrained"},
                {"name": "only-3d", "recipe": "only-3d"},
                {"name": "longer", "parts": {"pretrain": 0.8, "finetune": 0.2, "geometry": 0.0}},
                {"name": "larger", "changes": ["model.backbone=small-1.6m"]},
            ]
        )
    )
    assert [arm.name for arm in arms] == ["pretrained", "only-3d", "longer", "larger"]
    for arm in arms:
        assert training_flops(arm.recipe) == pytest.approx(2e12, rel=0.01)
    longer = {stage.name: stage.samples for stage in arms[2].recipe.stages}
    assert list(longer) == ["pretrain", "finetune"]
    assert longer["pretrain"] == pytest.approx(4 * longer["finetune"], rel=0.02)


def test_a_stage_that_is_left_out_takes_its_source_with_it() -> None:
    arm = arms_of(study_of([{"name": "mixed-only", "parts": {"pretrain": 0, "finetune": 1, "geometry": 0}}]))[0]
    assert [stage.name for stage in arm.recipe.stages] == ["finetune"]


def test_equal_images_are_equal_images() -> None:
    levels: list[dict[str, object]] = [{"name": "pretrained"}, {"name": "only-3d", "recipe": "only-3d"}]
    for arm in arms_of(study_of(levels, budget={"rule": "images", "amount": 9600})):
        assert arm.recipe.samples == 9600


def test_a_shared_stage_counts_by_its_part() -> None:
    levels: list[dict[str, object]] = [{"name": "whole"}, {"name": "shared", "shared_by": {"pretrain": 4}}]
    whole, shared = arms_of(study_of(levels))
    assert counted_flops(whole) == training_flops(whole.recipe)
    assert counted_flops(shared) == pytest.approx(2e12, rel=0.01)
    assert training_flops(shared.recipe) > 1.3 * training_flops(whole.recipe)


def test_a_level_may_have_more_to_spend() -> None:
    once, twice = arms_of(study_of([{"name": "once"}, {"name": "twice", "budget": 2}]))
    assert training_flops(twice.recipe) == pytest.approx(2 * training_flops(once.recipe), rel=0.01)


def test_combinations_can_be_left_out() -> None:
    factors = [
        {"name": "training", "levels": [{"name": "a"}, {"name": "b", "recipe": "only-3d"}]},
        {"name": "rate", "levels": [{"name": "high"}, {"name": "low", "changes": ["*.learning_rate=1e-3"]}]},
    ]
    arms = arms_of(study_of([], factors=factors, left_out=[{"training": "b", "rate": "low"}]))
    assert [arm.name for arm in arms] == ["a / high", "a / low", "b / high"]
    assert {stage.learning_rate for stage in arms[1].recipe.stages} == {1e-3}


def test_trials_are_named_by_what_they_do() -> None:
    levels: list[dict[str, object]] = [{"name": "a"}, {"name": "b", "recipe": "only-3d"}]
    study = study_of(levels)
    trials = trials_of(study, arms_of(study))
    assert len({trial.id for trial in trials}) == len(trials) == 6
    assert [trial.seed for trial in trials] == [0, 0, 1, 1, 2, 2]
    renamed = study_of([{"name": "c"}, {"name": "d", "recipe": "only-3d"}])
    assert [trial.id for trial in trials_of(renamed, arms_of(renamed))] == [trial.id for trial in trials]
    more = study_of(levels, stores=STORES | {"lab": STORES["lab"] | {"seed": 1}})
    assert not {trial.id for trial in trials_of(more, arms_of(more))} & {trial.id for trial in trials}


def test_the_same_training_twice_is_refused() -> None:
    study = study_of([{"name": "a"}, {"name": "b"}])
    with pytest.raises(RecipeError, match="arms 'a' and 'b' are the same training"):
        trials_of(study, arms_of(study))


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({"changes": ["model.bakcbone=x"]}, "arm 'x': .*backbone"),
        ({"changes": ["batch_size=many"]}, "arm 'x': .*batch_size"),
        ({"recipe": "unheard"}, "no recipe is named 'unheard'"),
        ({"parts": {"pretrian": 1}}, r"stage 'pretrian' \(did you mean 'pretrain'\?\)"),
        ({"parts": {"pretrain": 1}}, "gives no part to stage 'finetune'"),
        ({"parts": {"pretrain": 0, "finetune": 0, "geometry": 0}}, "leaves out every stage"),
        ({"shared_by": {"only-3d": 2}}, "shares stage 'only-3d'"),
        ({"budget": 1e-5}, "too few for one batch"),
        ({"recipe": "reference-3d-only"}, "reads store 'h36m'"),
        ({"changes": ["sources.lab.split=val"]}, "split 'val' of store 'lab', which draws train, validation, test"),
    ],
)
def test_an_arm_that_cannot_be_run_is_named(level: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        arms_of(study_of([{"name": "x"} | level]))


def test_two_factors_cannot_both_give_a_recipe() -> None:
    factors = [{"name": name, "levels": [{"name": "x", "recipe": "mixed"}]} for name in ("a", "b")]
    with pytest.raises(RecipeError, match="both give a recipe"):
        arms_of(study_of([], factors=factors))


def test_recipes_are_placed_on_the_stores_of_the_study() -> None:
    recipe = arms_of(study_of([{"name": "a"}]))[0].recipe
    assert stores_of(recipe) == [("wild", "train"), ("lab", "train"), ("lab", "validation")]
    placed = on_stores(recipe, {"wild": Path("w"), "lab": Path("l")})
    assert {name: spec.store for name, spec in placed.sources.items()} == {"wild": "w", "lab": "l"}
    assert placed.validation is not None
    assert placed.validation.store == "l"
    assert {stage.validation.store for stage in placed.stages if stage.validation} == {"l"}


def test_a_level_needs_no_more_than_a_name() -> None:
    assert Level(name="a").changes == ()


def test_a_store_takes_the_place_of_another() -> None:
    arm = arms_of(study_of([{"name": "a", "stores": {"lab": "occluded"}}]))[0]
    assert stores_of(arm.recipe) == [("wild", "train"), ("occluded", "train"), ("occluded", "validation")]
    with pytest.raises(RecipeError, match=r"replaces store 'lap' \(did you mean 'lab'\?\)"):
        arms_of(study_of([{"name": "a", "stores": {"lap": "occluded"}}]))
