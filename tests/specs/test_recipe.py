from pathlib import Path

import pytest
from pydantic import ValidationError

from prepose.errors import RecipeError
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_frozen(name: str) -> None:
    recipe = RECIPES[name]()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        recipe.stages[0].samples = 3


@pytest.mark.parametrize("name", RECIPES)
def test_steps_cover_every_sample_of_a_stage_by_whole_batches(name: str) -> None:
    recipe = RECIPES[name]()
    for stage in recipe.stages:
        assert 0 <= recipe.steps(stage) * recipe.batch_size - stage.samples < recipe.batch_size
    assert recipe.samples == sum(recipe.steps(stage) * recipe.batch_size for stage in recipe.stages)


def test_a_stages_own_validation_comes_before_the_recipes() -> None:
    recipe = RECIPES["pretrain-finetune"]()
    pretrain, finetune, _ = recipe.stages
    assert recipe.validation_of(pretrain) is pretrain.validation
    assert recipe.validation_of(finetune) is recipe.validation


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", "true", "True, expected a number"),
        ("seed", "1e30", "at most 18 digits"),
        ("seed", DIGITS, "at most 18 digits"),
        ("only-3d.samples", "NaN", "expected a finite number"),
        ("only-3d.samples", "1e309", "expected a finite number"),
        ("only-3d.samples", "1e13", "expected at most 1,000,000,000,000 \\(32 years"),
        ("only-3d.samples", "1e30", "at most 18 digits"),
        ("only-3d.samples", "true", "expected a number"),
        ("batch_size", "1e5", "expected at most 65,536 \\(a batch is kept in memory"),
        ("batch_size", DIGITS, "at most 18 digits"),
        ("log_every", "1e30", "at most 18 digits"),
        ("sources.lab.cap", "1e13", "expected at most 1,000,000,000,000"),
        ("sources.lab.keep", "true", "expected a number"),
        ("sources.lab.box_scale", "inf", "expected a finite number"),
        ("sources.lab.box_scale", "1e9", "expected less than or equal to 100"),
        ("sources.lab.box_scale", "1e-9", r"expected greater than or equal to 0\.01"),
        ("validation.every", "1e13", "expected at most 1,000,000,000,000"),
        ("validation.limit", "true", "expected a number"),
        ("model.size", "16384", "expected at most 1024 px \\(memory grows"),
        ("model.size", "32" + "0" * 4000, "expected at most 1024 px"),
        ("only-3d.learning_rate", "1e309", "expected a finite number"),
        ("only-3d.learning_rate", "1e30", "expected at most 1,000,000,000 \\(products"),
        ("only-3d.learning_rate", "true", "expected a number"),
        ("only-3d.learning_rate", DIGITS, "expected a finite number"),
        ("only-3d.shares.lab", "1e300", "expected at most 1,000,000,000"),
        ("only-3d.losses.joint", "1e40", "expected at most 1,000,000,000"),
        ("only-3d.momentum", "NaN", "expected"),
        ("only-3d.augmentation.scale", "NaN", "expected less than 1"),
        ("clip_norm", "inf", "expected a finite number"),
        ("ema_decay", "NaN", "expected"),
    ],
    ids=lambda value: value[:24],
)
def test_a_number_that_no_training_can_use_is_refused_in_a_line(field: str, value: str, message: str) -> None:
    with pytest.raises(RecipeError, match=rf"{field}: found .*{message}") as caught:
        override(RECIPES["only-3d"](), [f"{field}={value}"])
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ("model.size=32 batch_size=1", True),
        ("model.size=32 batch_size=2", False),
        ("model.size=64 batch_size=1", False),
        ("model.size=32 batch_size=1 only-3d.frozen_batch_norm=true", False),
        ("model.size=32 batch_size=1 only-3d.trained=heads", False),
        ("model.size=32 batch_size=1 only-3d.trained=decoder-and-heads", True),
        ("model.size=32 batch_size=1 only-3d.trained=decoder-and-heads model.decoder=deconv", False),
    ],
)
def test_batch_norm_has_more_than_one_value_a_channel_where_it_learns(changes: str, refused: bool) -> None:
    if refused:
        with pytest.raises(RecipeError, match=r"batch_size 1 with model\.size 32 has one"):
            override(RECIPES["only-3d"](), changes.split())
    else:
        override(RECIPES["only-3d"](), changes.split())


def test_a_path_may_begin_at_home(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    changes = ["sources.lab.store=~/lab", "validation.store=~/held-out", "model.weights=~/model.pth"]
    recipe = override(RECIPES["only-3d"](), [*changes, 'watched={"held-out": {"store": "~/held-out"}}'])
    assert recipe.validation is not None
    paths = (
        recipe.sources["lab"].store,
        recipe.validation.store,
        recipe.model.weights,
        recipe.watched["held-out"].store,
    )
    assert [Path(path).relative_to(tmp_path).name for path in paths] == ["lab", "held-out", "model.pth", "held-out"]
    with pytest.raises(RecipeError, match=r"sources\.lab\.store: found '~nobody-here/lab', there is no home folder"):
        override(recipe, ["sources.lab.store=~nobody-here/lab"])
