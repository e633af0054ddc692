"""Tests for the studies that ship."""

import json
from pathlib import Path

import pytest

from prepose.errors import RecipeError
from prepose.recipes.budget import training_flops
from prepose.specs.builtin_studies import STUDIES, STUDY_SIZES, TRAINING_FLOPS
from prepose.specs.reading import read_study_file
from prepose.specs.study import Study
from prepose.studies.run.search import search_flops
from prepose.studies.trials import arms_of, counted_flops, trials_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "studies"


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_planned(name: str) -> None:
    study = STUDIES[name]("cpu")
    assert study.name == name
    assert Study.model_validate_json(study.model_dump_json()) == study
    arms = arms_of(study)
    trials = trials_of(study, arms)
    assert len(trials) == len(arms) * len(study.seeds)
    assert len(study.seeds) >= 3
    assert study.comparisons


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "model-size"])
def test_arms_of_one_budget_level_spend_alike(name: str) -> None:
    study = STUDIES[name]("cpu")
    by_budget: dict[str, list[float]] = {}
    for arm in arms_of(study):
        by_budget.setdefault(arm.levels.get("budget", ""), []).append(counted_flops(arm))
    for spent in by_budget.values():
        assert max(spent) / min(spent) == pytest.approx(1, abs=0.01)


def test_networks_of_all_sizes_see_as_many_images() -> None:
    arms = arms_of(STUDIES["model-size"]("cpu"))
    assert len({arm.recipe.samples for arm in arms}) == 1
    assert len({arm.recipe.model.backbone for arm in arms}) >= 5
    for backbone in {arm.recipe.model.backbone for arm in arms}:
        spent = [training_flops(arm.recipe) for arm in arms if arm.recipe.model.backbone == backbone]
        assert max(spent) / min(spent) < 1.01


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_can_be_planned(path: Path) -> None:
    study = read_study_file(path)
    arms = arms_of(study)
    assert len(trials_of(study, arms)) == len(arms) * len(study.seeds)
    spent = [training_flops(arm.recipe) for arm in arms]
    assert max(spent) / min(spent) < 1.01


def test_an_example_is_on_real_datasets() -> None:
    assert all(spec.path for spec in read_study_file(EXAMPLES / "mpii-h36m.json").stores.values())


def test_the_documented_example_is_the_one_that_ships() -> None:
    text = (EXAMPLES.parents[1] / "docs" / "studies.md").read_text(encoding="utf-8")
    shown = text.split("```json\n", 1)[1].split("```", 1)[0]
    assert json.loads(shown) == json.loads((EXAMPLES / "occluders.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("size", STUDY_SIZES)
def test_the_budget_is_that_of_the_images_it_is_named_by(size: str) -> None:
    of = STUDY_SIZES[size]
    mixed = next(arm for arm in arms_of(STUDIES["label-efficiency"](size)) if arm.levels["training"] == "mixed")
    assert mixed.recipe.samples == pytest.approx(of.images / 2, rel=0.01)


def test_an_unknown_size_is_named() -> None:
    with pytest.raises(RecipeError, match=r"no study is of size 'gpus' \(did you mean 'gpu'\?\)"):
        STUDIES["pretraining"]("gpus")


def test_a_study_at_a_size_costs_what_its_list_says() -> None:
    for name, make in STUDIES.items():
        study = make("cpu")
        arms = arms_of(study)
        flops = len(study.seeds) * sum(training_flops(arm.recipe) for arm in arms) + search_flops(study, arms)
        assert f"{flops:.2g}" == f"{TRAINING_FLOPS['cpu'][name]:.2g}", name


@pytest.mark.slow
def test_a_study_on_a_gpu_costs_what_its_list_says() -> None:
    for name, make in STUDIES.items():
        study = make("gpu")
        arms = arms_of(study)
        flops = len(study.seeds) * sum(training_flops(arm.recipe) for arm in arms) + search_flops(study, arms)
        assert f"{flops:.2g}" == f"{TRAINING_FLOPS['gpu'][name]:.2g}", name
