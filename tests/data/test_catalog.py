import pickle
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fake_layouts import tables_of_fakes
from fakes import fake_lsp, fake_lsp_extended
from fakes_coco import fake_coco
from fakes_custom import fake_custom
from prepose.camera.crop import transform
from prepose.data import catalog
from prepose.data import chip as chip_module
from prepose.data.catalog import DATASETS, add_dataset, get_dataset
from prepose.data.chip import Chips
from prepose.data.picture import image_size
from prepose.data.store import describe_store, open_store
from prepose.errors import DataError
from prepose.files import LOCK, locked

FAKES = {name: fake for module in tables_of_fakes() for name, fake in module.FAKES.items()}


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(8)


@pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)
def test_every_entry_is_filled_in(entry):
    assert DATASETS[entry.name] is entry
    for text in (entry.title, entry.about, entry.licence, entry.citation):
        assert text.strip() == text != ""
    assert entry.home.startswith("https://") or entry.skeleton is None
    assert entry.layouts
    assert set(entry.expected) <= set(entry.splits)
    assert 1 <= entry.default_splits <= len(entry.splits)
    assert entry.name in FAKES, "each dataset needs a fake in its authors' format"


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_added_end_to_end(tmp_path, generator, name):
    true_img = FAKES[name](tmp_path / "root", generator)
    seen = []
    added = add_dataset(
        name, tmp_path / "root", tmp_path / "out", progress=lambda split, done, total: seen.append((split, done, total))
    )
    entry = get_dataset(name)
    summary = describe_store(tmp_path / "out")
    usual = entry.splits_at(tmp_path / "root") if entry.splits_at else entry.splits[: entry.default_splits]
    assert [part.split for part in added] == list(usual)
    assert sum(part.samples for part in added) == len(true_img)
    assert seen[-1] == (added[-1].split, added[-1].samples, added[-1].samples)
    for part in added:
        dataset = open_store(tmp_path / "out", part.split)
        assert (dataset.name, len(dataset)) == (name, part.samples)
        assert entry.skeleton in (dataset.skeleton, None)
        assert (dataset.licence, dataset.citation) == (entry.licence, entry.citation)
        assert isinstance(dataset[0].image, bytes)
        assert summary.splits[part.split].made_by["command"] == f"prepose data add {name}"
        assert part.expected == entry.expected.get(part.split)
        assert part.resumed_from == 0


@pytest.mark.parametrize("name", DATASETS)
def test_what_an_adapter_finds_travels_to_another_process(tmp_path, generator, name):
    FAKES[name](tmp_path, generator, count=12)
    found = get_dataset(name).adapter(tmp_path, get_dataset(name).splits[0], partial=False)
    again = pickle.loads(pickle.dumps(found))
    assert [one.source for one in again.samples(2, 5)] == [one.source for one in found.samples(2, 5)]


def test_images_may_stay_where_they_are(tmp_path, generator):
    fake_lsp_extended(tmp_path / "root", generator, count=10)
    add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out", splits=["all"], by_reference=True)
    dataset = open_store(tmp_path / "out", "all")
    assert dataset[3].image == tmp_path / "root" / "images" / "im00004.jpg"
    assert dataset.image_bytes(3) == (tmp_path / "root" / "images" / "im00004.jpg").read_bytes()
    assert describe_store(tmp_path / "out").splits["all"].made_by["images"] == "by reference"


def test_an_interrupted_addition_goes_on(tmp_path, generator, monkeypatch):
    fake_lsp_extended(tmp_path / "root", generator, count=40)
    real, reads = chip_module.read_image_bytes, []

    def dies(path):
        reads.append(path)
        if len(reads) == 34:  # in the second split
            raise KeyboardInterrupt
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(chip_module, "read_image_bytes", dies)
        with pytest.raises(KeyboardInterrupt):
            add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out")
    added = add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out")
    assert [(part.split, part.samples, part.resumed_from) for part in added] == [
        ("train", 32, 32),
        ("validation", 4, 0),
        ("test", 4, 0),
    ]
    add_dataset("lsp-extended", tmp_path / "root", tmp_path / "straight")
    for split in ("train", "validation"):
        one, two = (tmp_path / folder / split / "shard-00000.arrow" for folder in ("out", "straight"))
        assert one.read_bytes() == two.read_bytes()
    with pytest.raises(DataError, match=r"out: holds lsp-extended \(train, validation, test\) already"):
        add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out")


@pytest.mark.parametrize("name", ["coco", "h36m", "lsp", "occlusion-person"])
def test_chips_are_the_same_bytes_for_any_number_of_processes_and_lead_back(tmp_path, generator, name):
    FAKES[name](tmp_path / "root", generator, count=24)
    split = "train"
    for folder, workers in (("one", 1), ("two", 2)):
        add_dataset(name, tmp_path / "root", tmp_path / folder, splits=[split], chips=Chips(40, 1.4), workers=workers)
    add_dataset(name, tmp_path / "root", tmp_path / "full", splits=[split])
    for file in ("store.json", f"{split}/split.json", f"{split}/shard-00000.arrow"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    chips, full = (open_store(tmp_path / folder, split) for folder in ("one", "full"))
    made_by = describe_store(tmp_path / "one").splits[split].made_by
    assert (made_by["images"], made_by["size"], made_by["margin"]) == ("person chips", 40, 1.4)
    for chip, sample in zip(chips, full, strict=True):
        assert max(image_size(chip.image)) <= 40
        np.testing.assert_allclose(transform(chip.full_from_img, chip.joints_img), sample.joints_img, atol=1e-3)
        if sample.camera is not None:
            assert chip.camera.size_wh == image_size(chip.image)
            known = ~np.isnan(sample.joints_cam).any(axis=1)
            projected = chip.camera.project(sample.joints_cam[known].astype(float))
            back = transform(chip.full_from_img, projected)
            np.testing.assert_allclose(back, sample.camera.project(sample.joints_cam[known].astype(float)), atol=1e-6)


@pytest.mark.parametrize("renamed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 20))
def test_killed_at_any_write_an_addition_ends_the_same(tmp_path, generator, monkeypatch, number, renamed):
    fake_lsp_extended(tmp_path / "root", generator, count=20)
    monkeypatch.setattr(catalog, "write_store", partial(catalog.write_store, shard_size=6))
    real, writes = Path.replace, []

    def dies(aside, path):
        writes.append(path.name)
        if len(writes) == number and not renamed:
            raise KeyboardInterrupt
        real(aside, path)
        if len(writes) == number:
            raise KeyboardInterrupt

    def add(out):
        return add_dataset("lsp-extended", tmp_path / "root", tmp_path / out)

    add("straight")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            add("out")
    if not (number == 19 and renamed):  # that was the last
        added = add("out")
        assert [(part.split, part.samples) for part in added] == [("train", 16), ("validation", 2), ("test", 2)]
    files = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "straight") for path in (tmp_path / "straight").rglob("*.*"))
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes()
    assert [len(open_store(tmp_path / "out", split)) for split in ("train", "validation", "test")] == [16, 2, 2]
    with pytest.raises(DataError, match="already"):
        add("out")


KILLED = """
import functools, os, signal, sys
from pathlib import Path
from prepose.data import catalog
from prepose.data.chip import Chips

if __name__ == "__main__":
    catalog.write_store = functools.partial(catalog.write_store, shard_size=20)
    kill = lambda split, done, total: done == 53 and os.kill(os.getpid(), signal.SIGKILL)
    root, out = map(Path, sys.argv[1:])
    catalog.add_dataset("lsp-extended", root, out, splits=["all"], chips=Chips(48), workers=2, progress=kill)
"""


def test_killed_in_the_middle_chips_go_on_and_end_the_same(tmp_path, generator, monkeypatch):
    fake_lsp_extended(tmp_path / "root", generator, count=90)
    (tmp_path / "add.py").write_text(KILLED)
    command = [sys.executable, tmp_path / "add.py", tmp_path / "root", tmp_path / "out"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
    other = Chips(64)
    message = r'interrupted after 40 samples of \{"size": 48\}, not of \{"size": 64\}; run the first command again'
    with pytest.raises(DataError, match=message):
        add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out", splits=["all"], chips=other)
    monkeypatch.setattr(catalog, "write_store", partial(catalog.write_store, shard_size=20))
    for out in ("out", "straight"):
        add_dataset("lsp-extended", tmp_path / "root", tmp_path / out, splits=["all"], chips=Chips(48))
    files = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes()
    with pytest.raises(DataError, match=r'complete already, with 90 samples of \{"size": 48\}, not of \{"size": 64\}'):
        add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out", splits=["all"], chips=other)


def test_options_that_exclude_each_other_are_refused(tmp_path):
    with pytest.raises(ValueError, match="person chips or references to the whole images, not both"):
        add_dataset("lsp", tmp_path, tmp_path / "out", by_reference=True, chips=Chips(64))
    with pytest.raises(ValueError, match="workers must be at least 1, found 0"):
        add_dataset("lsp", tmp_path, tmp_path / "out", workers=0)


def test_a_broken_image_stops_the_addition_and_is_named(tmp_path, generator):
    fake_lsp_extended(tmp_path / "root", generator, count=10)
    image = tmp_path / "root" / "images" / "im00007.jpg"
    image.write_bytes(image.read_bytes()[:900])
    with pytest.raises(DataError, match=r"im00007\.jpg: is a truncated or damaged JPEG"):
        add_dataset("lsp-extended", tmp_path / "root", tmp_path / "out", splits=["all"])
    with pytest.raises(DataError, match="'all' was interrupted after 0 of 10 samples"):
        open_store(tmp_path / "out", "all")


@pytest.mark.parametrize(
    ("name", "near"), [("lsp_extended", "lsp-extended"), ("LSP", "lsp"), ("lspextended", "lsp-extended")]
)
def test_a_near_miss_is_suggested(name, near):
    with pytest.raises(
        DataError, match=rf"no dataset is named '{name}' \(did you mean '{near}'\?\); known: lsp, lsp-extended"
    ):
        get_dataset(name)


def test_a_name_far_off_gets_the_list_alone():
    with pytest.raises(DataError, match="no dataset is named 'imagenet'; known: lsp"):
        get_dataset("imagenet")


def test_a_split_or_folder_that_is_not_there_is_named(tmp_path, generator):
    with pytest.raises(DataError, match=r"nowhere: there is no such folder; unpack Leeds Sports Pose there \(https"):
        add_dataset("lsp", tmp_path / "nowhere", tmp_path / "out")
    fake_lsp(tmp_path / "root", generator, count=3)
    with pytest.raises(DataError, match="lsp has no split 'val'; it has train, test"):
        add_dataset("lsp", tmp_path / "root", tmp_path / "out", splits=["train", "val"])
    assert not (tmp_path / "out").exists()


def test_another_dataset_does_not_enter_a_store(tmp_path, generator):
    fake_lsp(tmp_path / "lsp", generator, count=3)
    fake_lsp_extended(tmp_path / "extended", generator, count=3)
    add_dataset("lsp", tmp_path / "lsp", tmp_path / "out", splits=["train"])
    with pytest.raises(DataError, match="holds another dataset, 'lsp'"):
        add_dataset("lsp-extended", tmp_path / "extended", tmp_path / "out", splits=["all"])


def test_a_split_that_is_not_there_is_left_out_if_partial_and_else_refused_before_anything_is_written(
    tmp_path, generator
):
    fake_coco(tmp_path / "root", generator)
    (tmp_path / "root" / "annotations" / "person_keypoints_val2017.json").unlink()
    with pytest.raises(DataError, match=r"no key-points of that split; .*; or pass --partial to add train alone"):
        add_dataset("coco", tmp_path / "root", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="no key-points of that split"):
        add_dataset("coco", tmp_path / "root", tmp_path / "out", splits=["train", "validation"], partial=True)
    assert not (tmp_path / "out").exists()
    (added,) = add_dataset("coco", tmp_path / "root", tmp_path / "out", partial=True)
    assert added.split == "train"
    assert added.notes[0].startswith("split validation is not there and is left out (")


def test_a_dataset_of_which_no_split_is_there_is_refused_also_if_partial(tmp_path):
    with pytest.raises(DataError, match="no key-points of that split"):
        add_dataset("coco", tmp_path, tmp_path / "out", partial=True)


def test_two_commands_do_not_write_one_store(tmp_path, generator):
    fake_custom(tmp_path / "root", generator)
    with (
        locked(tmp_path / "store" / LOCK, "x"),
        pytest.raises(DataError, match=r"another process \(\d+ on .*is writing the store"),
    ):
        add_dataset("custom", tmp_path / "root", tmp_path / "store")
    add_dataset("custom", tmp_path / "root", tmp_path / "store")
    assert not (tmp_path / "store" / LOCK).exists()
