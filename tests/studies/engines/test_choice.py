"""Tests for the names of engines."""

import pytest

from prepose.errors import RecipeError
from prepose.studies.engines.choice import ENGINES, engine_named
from prepose.studies.engines.local import Engine, run_jobs


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_the_same_form(name):
    assert isinstance(engine_named(name), Engine)


def test_engines_come_by_name():
    assert engine_named("local") is run_jobs
    with pytest.raises(RecipeError, match="--engine slurm: expected local or ray"):
        engine_named("slurm")
