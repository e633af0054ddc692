"""The generated page of the docs names everything that a recipe or a study may say."""

import importlib.util
from pathlib import Path

import pytest

from prepose.body.skeletons import SKELETONS
from prepose.losses import LOSSES
from prepose.metrics.protocols import PROTOCOLS
from prepose.models.backbones import BACKBONES
from prepose.recipes.builtin import RECIPES
from prepose.studies.builtin import STUDIES

# mkdocs and the page's hook are in the extra `dev` alone.
pytest.importorskip("mkdocs")
SPEC = importlib.util.spec_from_file_location("reference_page", Path(__file__).parents[1] / "docs/reference_page.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)
PAGE = reference.reference_page()


@pytest.mark.parametrize("known", [LOSSES, BACKBONES, PROTOCOLS, SKELETONS, RECIPES, STUDIES])
def test_every_name_has_its_row(known):
    assert [name for name in known if f"\n| `{name}` | " not in PAGE] == []


def test_every_field_has_its_row_with_type_bounds_and_default():
    stage = PAGE.split("### Stage\n")[1].split("### ")[0]
    assert [name for name in reference.Recipe.model_fields if f"\n| `{name}` | " not in PAGE] == []
    assert "| `schedule` | `one-cycle`, `cosine`, `steps`, `constant` | `one-cycle` |" in stage
    assert "| `decay` | number &gt; 0 and ≤ 1 | `0.1` |" in stage
    assert "| `frozen_batch_norm` | true or false | `false` |" in stage
    assert "| `rule` | `flops`, `images`, `seconds`, `none` | `flops` |" in PAGE
    assert "| `cap` | integer &gt; 0 | `null` |" in PAGE


def test_every_budget_rule_is_explained():
    rules = reference.Study.model_json_schema()["$defs"]["Budget"]["properties"]["rule"]["enum"]
    assert set(reference.BUDGET_TEXTS) == set(rules)
