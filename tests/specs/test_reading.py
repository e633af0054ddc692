import json
from pathlib import Path
from typing import Any

import pytest

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.recipes.budget import training_flops
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.reading import (
    at_scale,
    listed,
    read_recipe,
    read_study_file,
    recipe_from,
    study_from,
    study_named,
    with_seeds,
)
from prepose.studies.trials import arms_of


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
        (
            "stages.0.losses",
            {"joints": 1},
            r"pretrain\.losses\.joints: no loss is named 'joints' \(did you mean 'joint'\?\); known: ",
        ),
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
        ("model.backbone", "resnet", r"model\.backbone: no backbone is named 'resnet' \(did you mean 'resnet-\d+'\?\)"),
        ("model.readout", "argmax", r"stage 'pretrain' has the loss 'joint', but the place of readout 'argmax' has no"),
        ("seed", -1, r"seed: found -1, expected greater than or equal to 0"),
        ("precision", "fp16", r"precision: found 'fp16', expected 'bf16' or 'fp32'"),
    ],
)
def test_a_wrong_field_gets_one_line_that_names_it(path: str, value: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        recipe_from(put(plain(), path, value), "recipe.json")
    assert "\n" not in str(caught.value)


def test_all_faults_are_listed_at_once() -> None:
    data = put(plain(), "validation.evry", 1)
    data["stages"][0]["losses"] = {"joints": 1, "dept": 1}
    data["stages"][1]["shares"] = {"wilds": 1}
    del data["stages"][2]["samples"], data["model"]
    with pytest.raises(RecipeError, match=r"^recipe\.json: 5 faults: \(1\) model: missing.*; \(5\) validat") as caught:
        recipe_from(data, "recipe.json")
    told = ("pretrain.losses.joints", "pretrain.losses.dept", "geometry.samples: missing", "validation.evry")
    assert all(part in str(caught.value) for part in told) and "\n" not in str(caught.value)


def test_all_that_does_not_fit_together_is_listed_at_once() -> None:
    data = put(plain(), "stages.0.shares", {"wilds": 1})
    data["stages"][1]["shares"] = {"laab": 1}
    data["model"]["readout"] = "argmax"
    with pytest.raises(
        RecipeError, match=r"^recipe\.json: 5 faults: \(1\) stage 'pretrain' has the loss 'joint'"
    ) as caught:
        recipe_from(data, "recipe.json")
    assert "'wilds'" in str(caught.value) and "'laab'" in str(caught.value)


def test_no_more_faults_are_listed_than_anybody_reads() -> None:
    faults = [f"{number}: wrong" for number in range(9)]
    assert listed(faults).startswith("9 faults: (1) 0: wrong; ") and listed(faults).endswith("; and 3 more")
    assert "(6)" in listed(faults) and "(7)" not in listed(faults)


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


# --- studies ---

STUDIES = {"small": lambda size: small_study(name=f"small-{size}"), "smell": lambda size: small_study()}


def plain_study():
    return small_study().model_dump(mode="json")


def test_a_study_comes_by_its_name_and_size():
    assert study_named("small", studies=STUDIES).name == "small-cpu"
    assert study_named("small", studies=STUDIES, size="gpu").name == "small-gpu"


def test_a_study_comes_from_a_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(small_study().model_dump_json())
    assert study_named(str(path), studies=STUDIES) == small_study()


def test_the_study_of_a_folder_comes_at_its_budget(tmp_path):
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"format": 1, "study": plain_study(), "size": "cpu", "budget_scale": 0.5}))
    assert read_study_file(path).budget.amount == small_study().budget.amount / 2


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("smal", None, r"no study is named 'smal' \(did you mean 'small'\?\); known: small, smell, or a JSON file"),
        ("small", "huge", "--size huge: expected cpu or gpu"),
        ("nowhere.json", None, r"nowhere\.json: the study cannot be read \(No such file"),
        ("nowhere.json", "cpu", "a study from a file has no sizes"),
    ],
)
def test_what_is_not_there_is_said(name, size, message):
    with pytest.raises(RecipeError, match=message):
        study_named(name, studies=STUDIES, size=size)


def test_a_file_of_something_else_is_said(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text("name = small")
    with pytest.raises(RecipeError, match=r"mine\.json: expected a study as JSON, found something else"):
        read_study_file(path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sedes", [1], r"^x: sedes: no such field \(did you mean 'seeds'\?\); known: name, question, base"),
        ("factors.0.levels.1.chnges", [], r"^x: factors\.training\.levels\.only-3d\.chnges: no such field \(did you m"),
        (
            "factors.0.levels.1.name",
            "Only 3D",
            r"name: found 'Only 3D', expected a name of lower-case letters, digits, dots,",
        ),
        ("factors.0.name", "-ab", r"name: found '-ab', expected a name of .*, a letter or digit first"),
        (
            "factors.0.name",
            "a.b",
            r"name: found 'a\.b', expected a name of lower-case letters, digits, - and _, a letter or digit first",
        ),
        ("factors.0.levels.1.budget", "much", r"factors\.training\.levels\.only-3d\.budget: found 'much', expected a"),
        ("stores.lab.worlds", "lab", r"stores\.lab\.worlds: no such field \(did you mean 'world'\?\)"),
        ("sets.lab.protocol", "none", r"sets\.lab\.protocol: no protocol is named 'none'"),
        ("base", {"name": "x"}, r"^x: 3 faults: \(1\) base: model: missing"),
        ("base", 3, r"^x: base: recipe: found 3, "),
        ("budget.amount", None, r"every rule but 'none' needs an amount"),
        ("comparisons", [{"statement": "?"}], r"comparisons\.0\.arm: missing"),
    ],
)
def test_what_is_wrong_in_a_study_is_named(path, value, message):
    with pytest.raises(RecipeError, match=message):
        study_from(put(plain_study(), path, value), "x")


def test_what_is_no_study_at_all_is_said():
    with pytest.raises(RecipeError, match=r"^x: study: found \[\], expected a valid dictionary"):
        study_from([], "x")


@pytest.mark.parametrize(
    "budget", [{"rule": "flops", "amount": 2e12}, {"rule": "images", "amount": 6400}, {"rule": "none"}]
)
def test_a_scale_acts_on_every_budget(budget):
    study = small_study(budget=budget)
    for whole, half in zip(arms_of(study), arms_of(at_scale(study, 0.5)), strict=True):
        assert training_flops(half.recipe) == pytest.approx(training_flops(whole.recipe) / 2, rel=0.03)
    assert at_scale(study, 1.0) == study


def test_a_base_that_is_wrong_hides_no_other_fault():
    data = put(plain_study(), "base", RECIPES["mixed"]().model_dump(mode="json") | {"batch_size": 0})
    data["sets"]["lab"]["store"] = "labb"
    data["comparisons"][0]["sets"] = ["lob"]
    with pytest.raises(RecipeError, match=r"^x: 3 faults: \(1\) base: batch_size: .*\(2\) set 'lab' is .*\(3\) compar"):
        study_from(data, "x")


def test_seeds_are_the_studys_first_and_then_new_ones():
    study = small_study(seeds=[4, 1])
    assert with_seeds(study, 1).seeds == (4,)
    assert with_seeds(study, 4).seeds == (4, 1, 0, 2)


@pytest.mark.parametrize("scale", ["1", True, 0, -1, 1e300, None, [1]])
def test_a_scale_in_a_folders_study_that_cannot_be_meant_is_refused(tmp_path, scale):
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"format": 1, "study": small_study().model_dump(mode="json"), "budget_scale": scale}))
    with pytest.raises(RecipeError, match=r"study\.json: budget_scale: found .*, expected a number above 0"):
        read_study_file(path)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"name": ' + "9" * 5000 + "}", '{"name": NaN}', '{"a": 1e999}'])
def test_a_file_of_a_study_that_python_cannot_read_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(RecipeError, match=r"study\.json: expected a study as JSON, found something else \(\w+"):
        read_study_file(path)
