"""The verbs that bring networks in and out, and their functions in Python."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import prepose
from fakes_hub import small_weights
from prepose.cli import app
from prepose.errors import DataError


def invoked(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def test_a_checkpoint_is_imported_with_every_tensor_accounted_for(tmp_path):
    keys = json.loads((Path(__file__).parent / "vectors/pose_resnet18.json").read_text())["keys"]
    state = {name: torch.ones(shape) if shape else torch.tensor(0) for name, shape in keys}
    torch.save(state | {"fc.bias": torch.ones(1)}, tmp_path / "a.pth")
    result = invoked("import-checkpoint", tmp_path / "a.pth", "--out", tmp_path / "a.safetensors", "--size", "64")
    assert result.exit_code == 0 and result.stdout.splitlines() == [
        "the published code of arXiv 2604.22830: resnet-18, mpii-16, 64 px",
        "input: BGR / 256, kept as pixel statistics",
        f"mapped: {len(keys)} tensors",
        "left out: fc.bias (the classifier)",
        str(tmp_path / "a.safetensors"),
    ]
    assert "256" not in repr(prepose.load(tmp_path / "a.safetensors"))


def test_a_checkpoint_that_is_not_there_is_refused():
    result = invoked("import-checkpoint", "lost.pth", "--out", "x.safetensors")
    assert isinstance(result.exception, DataError) and "lost.pth: no such file" in str(result.exception)


def test_an_import_is_not_written_under_a_foreign_name(tmp_path):
    result = invoked("import-checkpoint", "lost.pth", "--out", tmp_path / "x.onnx")
    assert "x.onnx: expected a file whose name ends in .safetensors" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_a_push_to_a_folder_is_read_back_by_hf(tmp_path):
    weights = small_weights(tmp_path / "a.safetensors", unrecorded=["b.pth"])
    result = invoked("push", weights, "me/net", "--to-folder", tmp_path / "out", "--license", "other")
    assert result.exit_code == 0 and "what b.pth learnt from is not recorded" in result.stderr
    assert result.stdout.split() == [str(tmp_path / "out" / name) for name in ("README.md", "weights.safetensors")]
    assert prepose.load(f"hf:{tmp_path / 'out'}").weights == prepose.load(weights).weights
    assert prepose.push(weights, "me/net", to_folder=tmp_path / "again") == str(tmp_path / "again")
    with pytest.raises(prepose.DataError, match="say so by --terms-read; nothing was shared"):
        prepose.push(weights, "me/net")
