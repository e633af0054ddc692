"""The tar form of the first PyTorch: read like PyTorch reads it, and nothing in it runs."""

import io
import tarfile
from pathlib import Path

import pytest
import torch

from fakes_checkpoints import state_of_resnet_18, write_state_in_tar_form, write_tar_form
from prepose.errors import DataError
from prepose.models.torch_file import read_tar_form, read_torch_file


def test_it_is_read_as_pytorch_itself_reads_it(tmp_path):
    state = {name: tensor + index for index, (name, tensor) in enumerate(state_of_resnet_18().items())}
    write_state_in_tar_form(tmp_path / "model.pth.tar", state)
    theirs = torch.load(tmp_path / "model.pth.tar", weights_only=False)["state_dict"]
    found = read_torch_file(tmp_path / "model.pth.tar")
    assert list(found.tensors) == list(state) == list(theirs) and found.beside == ("epoch",)
    for name, tensor in found.tensors.items():
        assert torch.equal(tensor, state[name]) and torch.equal(tensor, theirs[name])


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_what_would_run_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tar_form(Path("bomb.tar"), {"state_dict": {}, "args": Bomb()}, [])
    with pytest.raises(DataError, match=r"bomb\.tar: unsafe: it refers to (__builtin__\.getattr|pathlib\S*)"):
        read_tar_form(Path("bomb.tar"))
    assert not Path("exploded").exists()


def rewritten(path, name, change):
    """The same archive with one member changed."""
    with tarfile.open(path) as archive:
        members = {each.name: archive.extractfile(each).read() for each in archive.getmembers()}
    members[name] = change(members[name])
    with tarfile.open(path, "w:") as archive:
        for each, data in members.items():
            entry = tarfile.TarInfo(each)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("storages", lambda data: data[:-30]),
        ("storages", lambda data: data.replace(b"\x07\0\0\0\0\0\0\0", b"\xff\xff\xff\xff\xff\xff\xff\x7f", 1)),
        ("tensors", lambda data: data[:-8] + b"\xff\xff\xff\xff\0\0\0\0"),
        ("tensors", lambda data: data[:-8] + b"\xff" * 8),
        ("pickle", lambda data: data[:-5]),
    ],
)
def test_a_damaged_one_is_refused(tmp_path, member, change):
    write_tar_form(tmp_path / "a.tar", {"x": (one := torch.arange(6.0))}, [one])
    with pytest.raises(DataError, match=r"a\.tar: its tar form is damaged"):
        read_tar_form(rewritten(tmp_path / "a.tar", member, change))


def test_another_archive_is_none(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w:") as archive:
        archive.add(__file__, "storages")
    with pytest.raises(DataError, match="tar form is damaged"):
        read_torch_file(tmp_path / "a.tar")
