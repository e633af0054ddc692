import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fakes import fake_lsp_extended, fake_samples
from prepose.body.skeletons import COCO_17
from prepose.data.catalog import DATASETS
from prepose.data.listing import as_plain, disk_size, list_data, print_listing
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError


def shown(*asked: str, folder: Path = Path("nowhere"), width: int = 3000) -> str:
    console = Console(record=True, width=width)
    print_listing(list_data(asked, folder), console)
    return console.export_text()


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    description = StoreDescription(
        "coco", COCO_17, made_by={"command": "prepose data add coco", "images": "person chips"}
    )
    write_store(tmp_path / "data/coco", description, "train", fake_samples(5, COCO_17, generator), total=5)
    with pytest.raises(DataError):
        write_store(tmp_path / "data/coco", description, "validation", fake_samples(2, COCO_17, generator), total=1000)
    (tmp_path / "data/broken").mkdir()
    (tmp_path / "data/broken/store.json").write_text("{")
    fake_lsp_extended(tmp_path / "down loads/lspet", generator, count=3)
    return tmp_path


def row_of(text, name):
    """The lines about a dataset: its name and the indented lines below."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"{name}  "))
    end = next(i for i, line in enumerate(lines) if i > begin and not line.startswith(" "))
    return "\n".join(lines[begin:end])


@pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)
def test_every_dataset_is_listed_with_what_one_asks_before_fetching_it(entry):
    row = row_of(shown(), entry.name)
    for told in (entry.title, entry.about, entry.home, entry.licence, entry.size, *entry.layouts):
        assert told in row
    assert ("3D" if entry.has_3d else "2D") in row
    joints = f"{entry.skeleton.name} ({len(entry.skeleton)} joints)" if entry.skeleton else "your own skeleton"
    assert joints in row
    for split, count in entry.expected.items():
        assert f"{count:,} {split}" in row


@pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)
def test_one_dataset_is_told_in_full(entry):
    text = shown(entry.name)
    for told in (entry.licence, entry.citation, entry.size, *entry.layouts, *entry.tree, *entry.splits):
        assert told in text
    for joint in entry.skeleton.joints if entry.skeleton else ():
        assert joint in text
    for split, count in entry.expected.items():
        assert f"{split} {count:,}" in text
    assert f"prepose data add {entry.name} {entry.tree[0]} --out data/{entry.name}" in text
    assert "On this disk" not in text
    others = [other for other in DATASETS if f"{other}  {DATASETS[other].title}" in text]
    assert others == [entry.name]


def test_the_list_ends_with_what_is_here_and_what_to_type(folder):
    text = shown(folder=folder)
    assert "On this disk  nothing found in data/ or quickstart/" in shown()
    assert f"{folder / 'data/coco'}: coco, coco-17, " in text
    assert "train: 5 samples, pictures 128 x 96 px (person chips), complete" in text
    assert (
        "validation: 2 of 1,000 samples, pictures not looked at (person chips), interrupted; `prepose data add" in text
    )
    assert f"{folder / 'data/broken'}: cannot be read" in text and "store.json" in text
    assert "`prepose data add NAME ROOT --out STORE`" in text and "`prepose synthesize`" in text


def test_a_folder_is_looked_into_for_stores_and_for_original_files(folder):
    text = shown("data", "down loads", folder=folder, width=40)
    # Where lines break depends on the length of this folder's path.
    words = " ".join(text.split())
    assert "5 samples" in words and "looks like lsp-extended" in words
    # To be copied: a folder with a blank is quoted, and the line is not broken.
    command = f"prepose data add lsp-extended '{folder / 'down loads/lspet'}' --out data/lsp-extended"
    assert command in text
    assert "Leeds" not in text
    assert "nothing found in" in shown("down loads/lspet/images", folder=folder)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("flick", r"no dataset is named 'flick' \(did you mean 'flic'\?\); known: lsp, "),
        ("no/where", "no/where: there is no such folder, and no dataset is named 'no/where'; known: lsp, "),
    ],
)
def test_a_word_that_is_neither_is_told(tmp_path, word, line):
    with pytest.raises(DataError, match=line):
        list_data((word,), tmp_path)


def test_machines_get_the_same(folder):
    plain = json.loads(json.dumps(as_plain(list_data((), folder)), allow_nan=False))
    assert [entry["name"] for entry in plain["datasets"]] == list(DATASETS)
    for entry in plain["datasets"]:
        known = DATASETS[entry["name"]]
        assert (entry["licence"], entry["size"], entry["expected"]) == (known.licence, known.size, dict(known.expected))
        assert entry["joints"] == (list(known.skeleton.joints) if known.skeleton else None)
    stores = {Path(store["folder"]).name: store for store in plain["stores"]}
    assert set(stores) == {"coco", "broken"} and stores["broken"]["trouble"]
    train, validation = sorted(stores["coco"]["splits"], key=lambda split: split["name"])
    assert (train["samples"], train["complete"], train["picture_wh"]) == (5, True, [[128, 96]])
    assert (validation["samples"], validation["total"], validation["complete"]) == (2, 1000, False)
    assert plain["original_files"] == []
    (found,) = as_plain(list_data(("down loads",), folder))["original_files"]
    assert found["looks_like"] == "lsp-extended" and found["command"].startswith("prepose data add lsp-extended ")


def test_a_narrow_terminal_loses_no_dataset():
    text = shown(width=60)
    assert all(name.split("-")[0][:4] in text for name in DATASETS)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (12_900_000_000, "12.9 GB"), (5e15, "5e+03 TB")]
)
def test_sizes_are_for_people(count, text):
    assert disk_size(int(count)) == text
