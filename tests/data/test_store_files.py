import errno
import json
from pathlib import Path

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import LSP_14
from prepose.data import store_files
from prepose.data.columns import read_block
from prepose.data.store import StoreDescription, finished_samples, open_store, verify_store, write_store
from prepose.errors import DataError

DESCRIPTION = StoreDescription("fake", LSP_14)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_store(tmp_path / "s", DESCRIPTION, "train", fake_samples(5, LSP_14, np.random.default_rng(0)), shard_size=2)
    return tmp_path / "s"


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_shard_is_found_on_opening(folder, keep):
    shard = folder / "train" / "shard-00001.arrow"
    data = shard.read_bytes()
    shard.write_bytes(data[:keep])
    with pytest.raises(DataError, match=rf"shard-00001\.arrow: the shard is {len(data[:keep])} bytes long instead of"):
        open_store(folder, "train")


def test_a_missing_shard_is_found_on_opening(folder):
    (folder / "train" / "shard-00002.arrow").unlink()
    with pytest.raises(DataError, match=r"shard-00002\.arrow: the shard is missing"):
        open_store(folder, "train")


def test_garbage_of_the_right_size_is_found_on_opening(folder):
    shard = folder / "train" / "shard-00000.arrow"
    shard.write_bytes(b"x" * shard.stat().st_size)
    with pytest.raises(DataError, match=r"shard-00000\.arrow: not a readable Arrow file"):
        open_store(folder, "train")


def test_a_broken_shard_stops_resuming(folder):
    record = folder / "train" / "split.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"complete": False}))
    assert finished_samples(folder, "train", DESCRIPTION) == 5
    (folder / "train" / "shard-00001.arrow").write_bytes(b"short")
    with pytest.raises(DataError, match="is 5 bytes long instead of"):
        finished_samples(folder, "train", DESCRIPTION)


@pytest.mark.parametrize("name", ["store.json", "train/split.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is damaged"), ('{"format', "is damaged"), ("[]", "is damaged .holds list")],
)
def test_a_damaged_record_is_named(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=rf"{name}: {message}"):
        open_store(folder, "train")


@pytest.mark.parametrize(("name", "field"), [("store.json", "skeleton"), ("train/split.json", "made_by")])
def test_a_record_with_a_missing_field_is_named(folder, name, field):
    content = json.loads((folder / name).read_text())
    del content[field]
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"{name}: is damaged \({field}: Field required\)"):
        open_store(folder, "train")


@pytest.mark.parametrize(
    ("joints", "message"),
    [(LSP_14.joints[::-1], "is not the one this version knows"), (LSP_14.joints[1:], "store.json is damaged")],
)
def test_a_skeleton_that_is_not_what_its_name_says_is_refused(folder, joints, message):
    content = json.loads((folder / "store.json").read_text())
    content["skeleton"]["joints"] = joints
    (folder / "store.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        open_store(folder, "train")


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path, monkeypatch):
    real, written = store_files.write_block, []

    def full(file, batch):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(file)
        real(file, batch)

    monkeypatch.setattr(store_files, "write_block", full)
    people = fake_samples(5, LSP_14, np.random.default_rng(0))
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\); what was finished is safe"):
        write_store(tmp_path, DESCRIPTION, "train", people, shard_size=2)
    assert finished_samples(tmp_path, "train", DESCRIPTION) == 2


@pytest.mark.parametrize("name", ["../other/train/shard-00000.arrow", "/etc/passwd", "a\0b", "", "link.arrow"])
def test_a_shard_outside_of_its_split_is_never_opened(folder, tmp_path, name):
    write_store(tmp_path / "other", DESCRIPTION, "train", fake_samples(2, LSP_14, np.random.default_rng(0)))
    (folder / "train" / "link.arrow").symlink_to(tmp_path / "other" / "train" / "shard-00000.arrow")
    record = folder / "train" / "split.json"
    content = json.loads(record.read_text())
    content["shards"][0] |= {
        "file": name,
        "bytes": (tmp_path / "other" / "train" / "shard-00000.arrow").stat().st_size,
    }
    record.write_text(json.dumps(content))
    for read in (open_store, verify_store):
        with pytest.raises(DataError, match="names '"):
            read(folder, "train")


def test_nothing_is_written_through_a_link(folder, tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (folder / "validation").mkdir()
    for name in (".shard-00000.arrow.partial", ".split.json.partial"):
        (folder / "validation" / name).symlink_to(tmp_path / "precious")
    (folder / "test").symlink_to(tmp_path / "elsewhere")
    people = fake_samples(5, LSP_14, np.random.default_rng(0))
    with pytest.raises(DataError, match="is a link"):
        write_store(folder, DESCRIPTION, "test", people)
    write_store(folder, DESCRIPTION, "validation", people)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("row", [0, 1])
def test_a_number_that_no_sample_may_have_is_named_on_opening(folder, row):
    shard = folder / "train" / "shard-00001.arrow"
    block = read_block(shard, len(LSP_14))
    data, box = bytearray(shard.read_bytes()), block.numbers["box_xywh"]
    at = data.index(box.tobytes()) + 16 * row
    data[at : at + 4] = np.float32(np.nan).tobytes()
    shard.write_bytes(data)
    with pytest.raises(DataError, match=rf"shard-00001\.arrow: sample {row} has an invalid box_xywh"):
        open_store(folder, "train")
