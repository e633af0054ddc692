"""Tests for studies as data."""

import json

import pytest
from pydantic import ValidationError

from fake_studies import small_study
from prepose.errors import RecipeError
from prepose.specs.reading import study_from
from prepose.specs.study import Budget, Comparison, EvaluationSet, Factor, Level, StoreSpec, Study


def study(**changes: object) -> Study:
    content: dict[str, object] = {
        "name": "small",
        "question": "Do 2D labels help?",
        "base": "mixed",
        "factors": [
            {"name": "training", "levels": [{"name": "mixed"}, {"name": "only-3d", "recipe": "only-3d"}]},
            {"name": "rate", "levels": [{"name": "high"}, {"name": "low", "changes": ["*.learning_rate=1e-3"]}]},
        ],
        "budget": {"rule": "images", "amount": 64},
        "stores": {
            "wild": {"world": "wild", "counts": {"train": 8, "validation": 8}},
            "lab": {"world": "lab", "counts": {"train": 8, "validation": 8, "test": 8}},
        },
        "sets": {"lab": {"store": "lab"}},
        "comparisons": [
            {
                "statement": "2D labels lower the error",
                "arm": {"training": "mixed"},
                "baseline": {"training": "only-3d"},
                "sets": ["lab"],
            }
        ],
    }
    return Study.model_validate(content | changes)


def test_a_study_survives_json() -> None:
    assert Study.model_validate(json.loads(study().model_dump_json())) == study()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sets": {"lab": {"store": "lap"}}}, r"set 'lab' is of store 'lap' \(did you mean 'lab'\?\)"),
        ({"left_out": [{"trainin": "mixed"}]}, r"no factor is named 'trainin' \(did you mean 'training'\?\)"),
        ({"left_out": [{"training": "mix"}]}, r"has no level 'mix' \(did you mean 'mixed'\?\)"),
        ({"seeds": [1, 1]}, "a seed is named twice"),
        ({"colour": 1}, "Extra inputs"),
        ({"factors": []}, "at least 1 item"),
    ],
)
def test_an_inconsistent_study_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        study(**changes)


def test_a_comparison_names_the_same_factors_on_both_sides() -> None:
    for arm, baseline in (({"training": "mixed"}, {"rate": "low"}), ({"rate": "low"}, {"rate": "low"})):
        with pytest.raises(ValidationError, match=r"same"):
            Comparison(statement="x", arm=arm, baseline=baseline, sets=("lab",))


def test_a_store_is_a_world_or_a_path() -> None:
    for content in (
        {},
        {"world": "lab"},
        {"path": "x", "world": "lab", "counts": {"test": 1}},
        {"path": "x", "counts": {"test": 1}},
    ):
        with pytest.raises(ValidationError, match=r"world"):
            StoreSpec.model_validate(content)


def test_every_budget_but_none_needs_an_amount() -> None:
    for rule, amount in (("flops", None), ("none", 3.0)):
        with pytest.raises(ValidationError, match="every rule but 'none' needs an amount"):
            Budget.model_validate({"rule": rule, "amount": amount})


def test_levels_of_a_factor_have_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="two levels of factor 'size' share a name"):
        Factor(name="size", levels=(Level(name="one"), Level(name="one")))


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ValidationError, match=r"no protocol is named 'true-root-dept' \(did you mean"):
        EvaluationSet(store="lab", protocol="true-root-dept")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("seeds",), [True, 1]),
        (("seeds",), [2**63]),
        (("budget", "amount"), True),
        (("budget", "amount"), 1e30),
        (("budget", "amount"), float("nan")),
        (("stores", "lab", "counts"), {"train": 1e30}),
        (("stores", "lab", "counts"), {"train": True}),
        (("stores", "lab", "size"), True),
        (("stores", "lab", "seed"), True),
        (("stores", "lab", "seed"), 10**30),
        (("factors", 0, "levels", 0, "budget"), 1e30),
        (("factors", 0, "levels", 0, "budget"), float("inf")),
        (("factors", 0, "levels", 0, "budget"), True),
        (("factors", 0, "levels", 0, "parts"), {"pretrain": 1e30}),
        (("factors", 0, "levels", 0, "shared_by"), {"pretrain": True}),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_with_its_field(where, value):
    content = small_study().model_dump(mode="json")
    inner = content
    for part in where[:-1]:
        inner = inner[part]
    inner[where[-1]] = value
    with pytest.raises(RecipeError) as refused:
        study_from(content, "mine.json")
    assert str(refused.value).startswith("mine.json: ") and "found" in str(refused.value)
    named = [str(part) for part in where if isinstance(part, str)]
    assert named[0] in str(refused.value) or named[-1] in str(refused.value)
