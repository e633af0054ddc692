"""A comparison that is finished, once for the whole room, and copies of it to spoil."""

import shutil

import pytest

from fakes_comparison import fake_comparison

IGNORED = shutil.ignore_patterns("*.safetensors", "report.html")


@pytest.fixture(scope="session")
def comparison(tmp_path_factory):
    """The plan of a finished comparison; look, do not touch."""
    return fake_comparison(tmp_path_factory.mktemp("comparison") / "quickstart")


@pytest.fixture
def own_comparison(comparison, tmp_path):
    """The folder of a copy that a test may spoil, without the page, and the weights, which it does not need."""
    return shutil.copytree(comparison.folder, tmp_path / "quickstart", ignore=IGNORED)
