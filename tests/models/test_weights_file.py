"""The weights file: whole or not at all, and no stranger's."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from prepose.errors import DataError
from prepose.models.weights_file import (
    FILE_NAME,
    Weights,
    is_weights_file,
    load_state,
    read_weights,
    write_weights,
)
from prepose.specs.ledger import Ledger, TrainedOn

WEIGHTS = Weights({"backbone": "resnet-18"}, ("a", "b"), {"x": torch.arange(6.0).view(2, 3), "n": torch.tensor(4)})


@pytest.mark.parametrize("name", ["", "run", "deep/er", "file.safetensors"])
def test_what_is_written_is_read(tmp_path, name: str) -> None:
    path = tmp_path / name
    target = write_weights(WEIGHTS, path)
    assert target == (path if name.endswith("safetensors") else path / FILE_NAME)
    assert is_weights_file(path)
    found = read_weights(path)
    assert found.spec == WEIGHTS.spec and found.joints == WEIGHTS.joints
    assert all(torch.equal(found.tensors[key], WEIGHTS.tensors[key]) for key in WEIGHTS.tensors)
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_a_failure_while_writing_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    write_weights(WEIGHTS, tmp_path)

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prepose.files.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_weights(Weights({}, (), {}), tmp_path)
    monkeypatch.undo()
    assert read_weights(tmp_path).spec == WEIGHTS.spec
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]


def test_channels_last_tensors_are_saved_in_plain_order(tmp_path) -> None:
    tensor = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    write_weights(Weights({}, (), {"w": tensor}), tmp_path)
    assert torch.equal(read_weights(tmp_path).tensors["w"], tensor)


def test_a_missing_file_is_named(tmp_path) -> None:
    assert not is_weights_file(tmp_path)
    with pytest.raises(DataError, match=f"{FILE_NAME}: no such file"):
        read_weights(tmp_path)


@pytest.mark.parametrize("kept", [0, 4, 40, -3])
def test_a_truncated_file_is_refused(tmp_path, kept: int) -> None:
    path = write_weights(WEIGHTS, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="truncated or not a safetensors file"):
        read_weights(path)


def test_a_foreign_file_is_refused(tmp_path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(DataError, match="not one that prepose wrote"):
        read_weights(path)


@pytest.mark.parametrize("header", ['{"format": "prepose-weights", "version": 99}', "not json", "[]"])
def test_another_version_or_a_broken_header_is_refused(tmp_path, header: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(2)}, path, metadata={"prepose": header})
    with pytest.raises(DataError, match="reads prepose-weights version 1"):
        read_weights(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": None}, "joints are missing"),
        ({"joints": 5}, "joints are a int"),
        ({"joints": "pelvis"}, "joints are a str"),
        ({"joints": ["pelvis", 3]}, "joints are a list of other things"),
        ({"spec": None}, "spec is missing"),
        ({"spec": ["resnet-18"]}, "spec is a list of other things"),
    ],
    ids=str,
)
def test_a_header_of_other_types_is_refused(tmp_path, changes: dict, message: str) -> None:
    header = {"format": "prepose-weights", "version": 1, "spec": {}, "joints": ["a"]} | changes
    header = {name: value for name, value in header.items() if value is not None}
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(2)}, path, metadata={"prepose": json.dumps(header)})
    with pytest.raises(DataError, match=rf"other\.safetensors: the header's {message}"):
        read_weights(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value: float) -> None:
    module = nn.Linear(3, 2)
    tensors = {"weight": torch.zeros(2, 3), "bias": torch.tensor([0.0, value])}
    with pytest.raises(DataError, match="bias is not finite in 1 of 2 numbers"):
        load_state(module, tensors, tmp_path)


def test_numbers_of_another_kind_are_refused(tmp_path) -> None:
    tensors = {"weight": torch.zeros(2, 3, dtype=torch.int64), "bias": torch.zeros(2)}
    with pytest.raises(DataError, match=r"weight is of torch\.int64, expected torch\.float32"):
        load_state(nn.Linear(3, 2), tensors, tmp_path)


def test_tensors_that_do_not_fit_are_named(tmp_path) -> None:
    module = nn.Linear(3, 2)
    tensors = {"weight": torch.zeros(2, 4), "extra": torch.zeros(1)}
    message = r"missing bias; unexpected extra; of another shape weight \(2, 4\) instead of \(2, 3\)"
    with pytest.raises(DataError, match=message):
        load_state(module, tensors, tmp_path)


def test_the_header_is_json_that_any_tool_can_read(tmp_path) -> None:
    raw = write_weights(WEIGHTS, tmp_path).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["prepose"])
    assert header == {"format": "prepose-weights", "version": 1, "spec": WEIGHTS.spec, "joints": ["a", "b"]}


LEDGER = Ledger(
    datasets=(TrainedOn(dataset="lsp", split="train", samples=9, labels="2d", licence="research use"),),
    pretrained=("imagenet",),
)


def test_the_ledger_is_kept(tmp_path) -> None:
    path = write_weights(Weights(WEIGHTS.spec, WEIGHTS.joints, WEIGHTS.tensors, LEDGER), tmp_path)
    assert read_weights(path).ledger == LEDGER


def test_a_file_without_a_ledger_is_one_of_an_earlier_version(tmp_path) -> None:
    path = write_weights(WEIGHTS, tmp_path)
    assert read_weights(path).ledger is None


def test_a_damaged_ledger_is_refused(tmp_path) -> None:
    header = {"format": "prepose-weights", "version": 1, "spec": {}, "joints": [], "ledger": {"datasets": [{}]}}
    save_file({"x": torch.ones(1)}, tmp_path / "a.safetensors", {"prepose": json.dumps(header)})
    with pytest.raises(DataError, match=r"a\.safetensors: the header's ledger is damaged \(datasets\.0"):
        read_weights(tmp_path / "a.safetensors")
