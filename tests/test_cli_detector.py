"""The verb `train-detector`: what it refuses before it renders anything."""

import pytest
from typer.testing import CliRunner

from prepose.cli import app
from prepose.errors import PoseError


@pytest.mark.parametrize(
    ("words", "named"),
    [(("--backgrounds", "nowhere"), "nowhere"), (("--photographs", "nowhere"), "nowhere"), (("--size", "7"), "7")],
)
def test_what_cannot_be_used_is_named_and_nothing_is_written(tmp_path, words, named):
    result = CliRunner().invoke(app, ["train-detector", "--out", str(tmp_path / "detector"), *words])
    assert isinstance(result.exception, PoseError) and named in str(result.exception)
    assert not (tmp_path / "detector" / "weights.safetensors").exists()
