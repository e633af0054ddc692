import pytest

from prepose.errors import RecipeError
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink


def test_changes_reach_fields_of_recipe_model_sources_and_stages() -> None:
    changed = override(
        RECIPES["pretrain-finetune"](),
        [
            "seed=3",
            "batch_size=64",
            "model.backbone=resnet-50",
            "sources.wild.store=2024",
            "pretrain.learning_rate=1e-3",
            "pretrain.samples=1e5",
            "finetune.shares.lab=0.8",
            "geometry.losses.joint_depth=0.5",
            "geometry.augmentation.flip_probability=0",
            "pretrain.validation=null",
            "validation.every=77",
            "clip_norm=null",
        ],
    )
    pretrain, finetune, geometry = changed.stages
    assert (changed.seed, changed.batch_size, changed.model.backbone) == (3, 64, "resnet-50")
    assert changed.sources["wild"].store == "2024"
    assert (pretrain.learning_rate, pretrain.samples) == (1e-3, 100_000)
    assert finetune.shares == {"wild": 0.5, "lab": 0.8}
    assert geometry.losses["joint_depth"] == 0.5
    assert geometry.augmentation.flip_probability == 0
    assert pretrain.validation is None
    assert changed.validation is not None and changed.validation.every == 77
    assert changed.clip_norm is None


def test_no_change_is_the_same_recipe() -> None:
    recipe = RECIPES["mixed"]()
    assert override(recipe, []) == recipe


def test_a_new_group_begins_where_there_was_none() -> None:
    changed = override(RECIPES["mixed"](), ["mixed.validation.store=data/wild", "mixed.validation.metric=pck2d"])
    validation = changed.stages[0].validation
    assert validation is not None and (validation.store, validation.metric) == ("data/wild", "pck2d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", "--set seed: expected FIELD=VALUE"),
        ("=3", "expected FIELD=VALUE"),
        (
            "sede=3",
            r"no field or stage 'sede' \(did you mean 'seed'\?\); known: name, .*, pretrain, finetune, geometry",
        ),
        ("pretrian.samples=3", r"no field or stage 'pretrian' \(did you mean 'pretrain'\?\)"),
        ("pretrain=3", "'pretrain' is a stage; name one of its fields: name, samples"),
        ("seed.x=3", "'seed' is a value and has no field 'x'"),
        ("pretrain.sampels=3", r"pretrain\.sampels: no such field \(did you mean 'samples'\?\)"),
        ("pretrain.samples=many", r"pretrain\.samples: found 'many', expected a valid integer"),
        ("pretrain.samples=1.5", r"pretrain\.samples: found 1\.5, expected a valid integer"),
        ("model.backbone=resnet-51", r"no backbone is named 'resnet-51'"),
        ("precision=fp64", r"precision: found 'fp64', expected 'bf16' or 'fp32'"),
        ("sources=3", r"sources: found 3, expected a valid dictionary"),
    ],
)
def test_a_wrong_change_gets_one_line(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        override(RECIPES["pretrain-finetune"](), [change])
    assert "\n" not in str(caught.value)


def test_all_wrong_changes_are_told_at_once() -> None:
    changes = ["sed=1", "pretrain", "pretrain.samples=many", "model.backbone=resnet-51", "clip_norm=2"]
    with pytest.raises(RecipeError, match=r"^4 faults: \(1\) --set sed=1: .*\(2\) --set pretrain: ") as caught:
        override(RECIPES["pretrain-finetune"](), changes)
    assert "pretrain.samples: found 'many'" in str(caught.value) and "resnet-51" in str(caught.value)
    with pytest.raises(RecipeError, match=r"^--set batch_size=0 seed=-1: 2 faults: \(1\) seed: .*\(2\) batch_size: "):
        override(RECIPES["pretrain-finetune"](), ["batch_size=0", "seed=-1"])


@pytest.mark.parametrize("name", RECIPES)
def test_shrunk_recipes_keep_all_but_their_lengths(name: str) -> None:
    recipe = RECIPES[name]()
    small = shrink(recipe)
    assert [small.steps(stage) for stage in small.stages] == [2] * len(recipe.stages)
    for before, after in zip(recipe.stages, small.stages, strict=True):
        assert before.model_copy(update={"samples": 0, "validation": None}) == after.model_copy(
            update={"samples": 0, "validation": None}
        )
    assert (small.model, small.sources, small.seed) == (recipe.model, recipe.sources, recipe.seed)


def test_a_star_means_every_stage() -> None:
    changed = override(RECIPES["pretrain-finetune"](), ["*.weight_decay=0.5"])
    assert {stage.weight_decay for stage in changed.stages} == {0.5}
