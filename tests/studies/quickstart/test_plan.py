import json
from dataclasses import replace

import pytest

from deaths import killed_everywhere
from prepose.errors import DataError
from prepose.recipes.budget import stage_cost, training_flops
from prepose.specs.builtin_recipes import RECIPES
from prepose.studies.quickstart.plan import ARMS, SIZES, Plan, arm_recipes, claim_folder


def plan_in(folder, size="quick"):
    return Plan(folder, SIZES[size], 2)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_size_has_what_the_comparison_needs(size):
    assert set(size.counts) == {"wild", "lab", "occluded"}
    assert all("test" in splits for splits in size.counts.values())
    assert {"train", "validation"} <= size.counts["wild"].keys() & size.counts["lab"].keys()
    assert "train" not in size.counts["occluded"], "evaluation only"
    assert size.seeds and len(set(size.seeds)) == len(size.seeds)
    assert size.stored_px >= RECIPES["mixed"]().model.size
    assert SIZES[size.name] is size


def test_larger_sizes_are_larger():
    for smaller, larger in (("quick", "standard"), ("standard", "full")):
        assert SIZES[smaller].samples < SIZES[larger].samples
        assert len(SIZES[smaller].seeds) < len(SIZES[larger].seeds)
        assert SIZES[smaller].counts["wild"]["train"] < SIZES[larger].counts["wild"]["train"]


@pytest.mark.parametrize("size", SIZES)
def test_all_arms_spend_the_same_to_half_a_batch(tmp_path, size):
    plan = plan_in(tmp_path, size)
    recipes = arm_recipes(plan)
    assert tuple(recipes) == ARMS
    base = RECIPES["only-3d"]()
    budget = training_flops(base) * plan.size.samples / base.samples
    for recipe in recipes.values():
        last = recipe.stages[-1]
        half_a_batch = recipe.batch_size * stage_cost(recipe.model, last).training / 2
        assert abs(training_flops(recipe) - budget) <= half_a_batch * (1 + 1e-9)


def test_arms_differ_in_their_stages_alone_and_read_the_plans_stores(tmp_path):
    plan = plan_in(tmp_path)
    for recipe in arm_recipes(plan).values():
        assert {name: spec.store for name, spec in recipe.sources.items()} == {
            name: str(plan.store(name)) for name in recipe.sources
        }
        assert all(spec.split == "train" for spec in recipe.sources.values())
    shared = {
        recipe.model_copy(update={"name": "", "summary": "", "sources": {}, "stages": ()}).model_dump_json()
        for recipe in arm_recipes(plan).values()
    }
    assert len(shared) == 1


def test_the_wild_gives_its_2d_labels_alone_and_no_test_set_chooses_a_model(tmp_path):
    plan = plan_in(tmp_path)
    for recipe in arm_recipes(plan).values():
        assert "wild" not in recipe.sources or recipe.sources["wild"].labels == "2d"
        for stage in recipe.stages:
            validation = recipe.validation_of(stage)
            assert validation is not None
            assert (validation.store, validation.split) == (str(plan.store("lab")), "validation")
            assert validation.every == plan.size.validate_every
        assert {spec.split for spec in recipe.watched.values()} == {"validation"}


def test_runs_of_different_arms_and_seeds_have_folders_of_their_own(tmp_path):
    plan = plan_in(tmp_path, "full")
    assert len({plan.run(arm, seed) for arm in ARMS for seed in plan.size.seeds}) == 9


def test_a_folder_is_claimed_and_can_be_gone_on_with(tmp_path):
    plan = plan_in(tmp_path / "quickstart")
    claim_folder(plan)
    written = (plan.folder / "quickstart.json").read_bytes()
    claim_folder(plan)
    assert (plan.folder / "quickstart.json").read_bytes() == written
    # More processes or fewer: the same comparison.
    claim_folder(replace(plan, jobs=7))


def test_an_empty_folder_may_be_claimed(tmp_path):
    claim_folder(plan_in(tmp_path))


def test_another_size_is_refused_and_named(tmp_path):
    claim_folder(plan_in(tmp_path, "quick"))
    with pytest.raises(DataError, match=r"holds a quickstart of size 'quick' .* now 'standard' is asked for"):
        claim_folder(plan_in(tmp_path, "standard"))


def test_the_same_name_with_other_counts_is_another_quickstart(tmp_path):
    plan = plan_in(tmp_path)
    claim_folder(plan)
    with pytest.raises(DataError, match="or of another version"):
        claim_folder(replace(plan, size=replace(plan.size, samples=1)))


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match="is not empty and holds no quickstart"):
        claim_folder(plan_in(tmp_path))
    with pytest.raises(DataError, match="is not empty and holds no quickstart"):
        claim_folder(plan_in(tmp_path / "thesis.tex"))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", json.dumps({"settings": 3}), json.dumps({"settings": {"size": 1}})]
)
def test_a_record_that_is_none_is_told(tmp_path, content):
    (tmp_path / "quickstart.json").write_text(content)
    with pytest.raises(DataError, match="choose another --out or delete the folder"):
        claim_folder(plan_in(tmp_path))


def test_killed_before_any_change_the_folder_is_claimed_when_asked_again(tmp_path):
    def command(out):
        plan = plan_in(out)
        claim_folder(plan)
        plan.note_seconds({"synthesis": 1.0})

    assert killed_everywhere(command, tmp_path, lambda out: claim_folder(plan_in(out))) > 4


@pytest.mark.parametrize("left", [".lock", ".quickstart.json.partial", "quickstart.partial"])
def test_what_a_process_left_that_died_in_its_first_write_is_no_reason_to_refuse(tmp_path, left):
    (tmp_path / left).write_text("half")
    claim_folder(plan_in(tmp_path))
    assert plan_in(tmp_path).seconds() == {}
