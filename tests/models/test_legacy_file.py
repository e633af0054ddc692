"""Files of the reference code base: what is read, and the one line where it is not."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from fakes_checkpoints import state_of_resnet_18
from prepose.errors import DataError
from prepose.models.legacy_file import is_legacy_file, read_any_weights, read_legacy
from prepose.models.weights_file import Weights, write_weights


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older form"])
@pytest.mark.parametrize(
    "numpy_name", [b"numpy._core.multiarray", b"numpy.core.multiarray"], ids=["NumPy 2", "NumPy 1"]
)
def test_numbers_of_numpy_beside_the_weights_are_ignored(tmp_path, zipped: bool, numpy_name: bytes) -> None:
    beside = {
        "epoch": np.int64(140),
        "best": np.float64(0.87),
        "flag": np.bool_(True),
        "curve": np.linspace(0, 1, 5),
        "type": np.dtype("float32"),
        "optimizer": {"state": {0: {"square_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-3}]},
    }
    path = tmp_path / "model.pth.tar"
    torch.save(beside | {"state_dict": state_of_resnet_18()}, path, _use_new_zipfile_serialization=zipped)
    if not zipped:
        path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", numpy_name))
    assert len(read_legacy(path).tensors) == len(state_of_resnet_18()) + 3


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("where", ["state_dict", "beside", "in an array"])
def test_nothing_in_a_checkpoint_is_executed_and_the_refused_name_is_said(tmp_path, monkeypatch, zipped, where) -> None:
    monkeypatch.chdir(tmp_path)
    content = {
        "state_dict": {"state_dict": {"conv1.weight": Bomb()}},
        "beside": {"args": Bomb(), "state_dict": state_of_resnet_18()},
        "in an array": {"best": np.array([Bomb()], object), "state_dict": state_of_resnet_18()},
    }
    torch.save(content[where], "bomb.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"bomb\.pth: unsafe: it holds '(getattr|pathlib\.\w+)'") as caught:
        read_legacy(Path("bomb.pth"))
    assert not Path("exploded").exists()
    line = str(caught.value)
    assert line.isprintable() and "weights_only" not in line and "add_safe_globals" not in line


def test_a_whole_network_is_refused_by_its_class(tmp_path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pth")
    with pytest.raises(DataError, match=r"holds 'torch\.nn\.modules\.linear\.Linear'.*save its state_dict alone"):
        read_legacy(tmp_path / "net.pth")


@pytest.mark.parametrize(
    "content", [b"", b"hello", pickle.dumps({"a": 1}, protocol=2)[:5], b"PK\x03\x04", b"\x80\x04\x93."]
)
def test_files_that_are_no_checkpoint_are_refused_in_a_printable_line(tmp_path, content: bytes) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a PyTorch file") as caught:
        read_legacy(path)
    assert str(caught.value).isprintable() and "trust" not in str(caught.value)


HUGE = torch.zeros(1).expand(10**9, 3, 40, 40)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": [1, 2]}, "holds no state_dict of tensors"),
        ({"state_dict": {}}, "holds no state_dict of tensors"),
        ({"state_dict": {3: torch.zeros(1)}}, "holds no state_dict of tensors"),
        ({"state_dict": {"conv1.weight": np.zeros(3)}}, "holds no state_dict of tensors"),
        ({"state_dict": {"conv1.weight": torch.eye(3).to_sparse()}}, "holds no state_dict of tensors"),
        ({"encoder.weight": torch.zeros(1)}, r"tensor 'encoder\.weight' is unknown"),
        ({"trunk.x": torch.zeros(1)}, "named as prepose names them"),
        (
            {"conv1.weight": torch.zeros(2, 3, 1, 1), "head.weight": torch.zeros(1)},
            r"'head\.weight' is unknown in torchv",
        ),
        ({"layer" + "9" * 5000 + ".0.conv1.weight": torch.zeros(1)}, r"tensor 'layer9{70,80}'\.\.\. is unknown"),
        ({"\x1b[31mred": torch.zeros(1)}, r"tensor '\\x1b\[31mred' is unknown"),
        ({"bn1.weight": torch.zeros(64)}, "no first convolution"),
        ({"conv1.weight": torch.zeros(64, 1, 7, 7)}, "no first convolution of a colour image"),
        ({"conv1.weight": HUGE}, r"tensor 'conv1\.weight' is larger than what the file holds"),
        ({"conv1.weight": torch.zeros(2, 3, 1, 1), "module.conv1.weight": torch.zeros(1)}, "two tensors are called"),
        ({"conv1.weight": torch.zeros(2, 3, 1, 1)}, "no ResNet has basic blocks in stages of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_network_of_the_reference_is_said(tmp_path, content, message: str) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(DataError, match=message):
        read_legacy(tmp_path / "model.pth")


def test_a_path_means_our_weights_or_a_checkpoint_to_import(tmp_path) -> None:
    ours = write_weights(Weights({"backbone": "resnet-18"}, ("a",), {"x": torch.ones(1)}), tmp_path / "ours")
    theirs = tmp_path / "theirs.bin"
    torch.save(state_of_resnet_18(), theirs)
    assert [is_legacy_file(path) for path in (ours, ours.parent, theirs)] == [False, False, True]
    assert read_any_weights(ours.parent).joints == ("a",)
    assert read_any_weights(theirs).spec["backbone"] == "resnet-18"
    with pytest.raises(DataError, match=r"checkpoint .*lost\.pth: no such file"):
        read_any_weights(tmp_path / "lost.pth")
