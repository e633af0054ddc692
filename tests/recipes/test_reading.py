import json
from pathlib import Path
from typing import Any

import pytest

from prepose.errors import RecipeError
from prepose.recipes.builtin import RECIPES
from prepose.recipes.reading import read_recipe, recipe_from


def plain(name: str = "pretrain-finetune") -> dict[str, Any]:
    return RECIPES[name]().model_dump(mode="json")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(plain(name)))
    assert read_recipe(path) == RECIPES[name]()


def put(data: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *outer, last = (int(part) if part.isdigit() else part for part in path.split("."))
    inner: Any = data
    for part in outer:
        inner = inner[part]
    inner[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sede", 3, r"recipe\.json: sede: no such field \(did you mean 'seed'\?\); known: name, summary, model, "),
        ("stages.0.lerning_rate", 1, r"pretrain\.lerning_rate: no such field \(did you mean 'learning_rate'\?\)"),
        (
            "sources.wild.stor",
            "x",
            r"sources\.wild\.stor: no such field \(did you mean 'store'\?\); known: store, split",
        ),
        ("validation.evry", 1, r"validation\.evry: no such field \(did you mean 'every'\?\)"),
        ("stages.1.augmentation.rotation", 1, r"finetune\.augmentation\.rotation: no such field"),
        ("model.bakbone", "x", r"model\.bakbone: no such field \(did you mean 'backbone'\?\)"),
        ("stages.1.samples", "many", r"finetune\.samples: found 'many', expected a valid integer"),
        ("stages.1.learning_rate", -1, r"finetune\.learning_rate: found -1, expected greater than 0"),
        ("stages.1.learning_rate", float("nan"), r"finetune\.learning_rate: found nan, expected"),
        ("stages.0.schedule", "one cycle", r"pretrain\.schedule: found 'one cycle', expected 'one-cycle', 'cosine'"),
        ("stages.0.losses", {"joints": 1}, r"pretrain: no loss is named 'joints' \(did you mean 'joint'\?\); known: "),
        ("stages.0.losses", {"joint": 0}, r"every loss of stage 'pretrain' has weight 0"),
        (
            "stages.0.shares",
            {"wilds": 1},
            r"stage 'pretrain' draws from 'wilds' \(did you mean 'wild'\?\); .* wild, lab",
        ),
        ("stages.0.shares", {}, r"pretrain\.shares: found \{\}, "),
        ("stages.0.schedule", "steps", r"'steps' needs milestones"),
        ("stages.0.name", "finetune", r"two stages share a name"),
        ("stages.0.name", "seed", r"a stage cannot be named 'seed'"),
        ("stages", [], r"stages: found \[\], "),
        ("validation.split", "test", r"validation: expected a held-out part of the training data"),
        ("validation.protocol", "best", r"validation\.protocol: no protocol is named 'best'"),
        ("model.backbone", "resnet", r"model\.backbone: no backbone is named 'resnet'"),
        ("model.readout", "argmax", r"stage 'pretrain' has the loss 'joint', but the place of readout 'argmax' has no"),
        ("seed", -1, r"seed: found -1, expected greater than or equal to 0"),
        ("precision", "fp16", r"precision: found 'fp16', expected 'bf16' or 'fp32'"),
    ],
)
def test_a_wrong_field_gets_one_line_that_names_it(path: str, value: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        recipe_from(put(plain(), path, value), "recipe.json")
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named() -> None:
    data = plain()
    del data["stages"][2]["samples"], data["model"]
    with pytest.raises(RecipeError, match=r"model: missing, and it has no default \(and 1 more\)"):
        recipe_from(data, "recipe.json")


@pytest.mark.parametrize("content", ["", "{", "\x00\x01", "[1, 2]", '"mixed"', "3"])
def test_a_file_that_holds_no_recipe_gets_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(RecipeError, match=r"recipe\.json: ") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.json: the recipe cannot be read \(No such file"):
        read_recipe(tmp_path / "none.json")
