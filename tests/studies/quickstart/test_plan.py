import pytest

from prepose.recipes.budget import stage_cost, training_flops
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.study import store_name
from prepose.studies.quickstart.plan import ARMS, SIZES, quickstart_study
from prepose.studies.trials import arms_of, trials_of


def recipes_of(size="quick"):
    return {arm.name: arm.recipe for arm in arms_of(quickstart_study(SIZES[size]))}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_size_has_what_the_comparison_needs(size):
    assert set(size.counts) == {"wild", "lab", "occluded"}
    assert "train" not in size.counts["occluded"], "evaluation only"
    assert size.stored_px >= RECIPES["mixed"]().model.size
    assert SIZES[size.name] is size


def test_larger_sizes_are_larger():
    for smaller, larger in (("quick", "standard"), ("standard", "full")):
        assert SIZES[smaller].samples < SIZES[larger].samples
        assert len(SIZES[smaller].seeds) < len(SIZES[larger].seeds)
        assert SIZES[smaller].counts["wild"]["train"] < SIZES[larger].counts["wild"]["train"]


@pytest.mark.parametrize("size", SIZES)
def test_all_arms_spend_the_same_to_half_a_batch(size):
    recipes = recipes_of(size)
    assert tuple(recipes) == ARMS
    base = RECIPES["only-3d"]()
    assert recipes["only-3d"].samples == SIZES[size].samples
    budget = training_flops(base) * SIZES[size].samples / base.samples
    for recipe in recipes.values():
        last = recipe.stages[-1]
        half_a_batch = recipe.batch_size * stage_cost(recipe.model, last).training / 2
        assert abs(training_flops(recipe) - budget) <= half_a_batch * (1 + 1e-9)


def test_arms_differ_in_their_stages_alone():
    shared = {
        recipe.model_copy(update={"name": "", "summary": "", "sources": {}, "stages": ()}).model_dump_json()
        for recipe in recipes_of().values()
    }
    assert len(shared) == 1


def test_the_wild_gives_its_2d_labels_alone_and_no_test_set_chooses_a_model():
    for recipe in recipes_of().values():
        assert all(spec.split == "train" for spec in recipe.sources.values())
        assert "wild" not in recipe.sources or recipe.sources["wild"].labels == "2d"
        for stage in recipe.stages:
            validation = recipe.validation_of(stage)
            assert validation is not None
            assert (store_name(validation.store), validation.split) == ("lab", "validation")
            assert validation.every == SIZES["quick"].validate_every
        assert {(name, spec.split) for name, spec in recipe.watched.items()} == {("wild", "validation")}


def test_runs_have_folders_that_people_can_type():
    study = quickstart_study(SIZES["full"])
    assert {trial.folder for trial in trials_of(study, arms_of(study))} == {
        f"runs/{arm}-seed{seed}" for arm in ARMS for seed in (0, 1, 2)
    }
