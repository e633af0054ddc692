"""Tests for reading studies: what is wrong is told in one line."""

import json

import pytest

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.recipes.budget import training_flops
from prepose.studies.reading import at_scale, read_study_file, study_from, study_named, with_seeds
from prepose.studies.trials import arms_of

STUDIES = {"small": lambda size: small_study(name=f"small-{size}"), "smell": lambda size: small_study()}


def put(data, path, value):
    *outer, last = (int(part) if part.isdigit() else part for part in path.split("."))
    inner = data
    for part in outer:
        inner = inner[part]
    inner[last] = value
    return data


def plain():
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
    path.write_text(json.dumps({"format": 1, "study": plain(), "size": "cpu", "budget_scale": 0.5}))
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
        ("base", {"name": "x"}, r"^x: base: model: missing"),
        ("base", 3, r"^x: base: recipe: found 3, "),
        ("budget.amount", None, r"every rule but 'none' needs an amount"),
        ("comparisons", [{"statement": "?"}], r"comparisons\.0\.arm: missing"),
    ],
)
def test_what_is_wrong_is_named(path, value, message):
    with pytest.raises(RecipeError, match=message):
        study_from(put(plain(), path, value), "x")


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
def test_a_file_that_python_cannot_read_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(RecipeError, match=r"study\.json: expected a study as JSON, found something else \(\w+"):
        read_study_file(path)
