import pytest
from rich.console import Console

from prepose.data.catalog import DATASETS
from prepose.data.listing import print_datasets


@pytest.fixture(scope="module")
def text():
    console = Console(record=True, width=3000)  # no cell is wrapped
    print_datasets(console)
    return console.export_text()


def row_of(text, name):
    """The lines about a dataset: its name and the indented lines below."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"{name}  "))
    end = next(i for i, line in enumerate(lines) if i > begin and not line.startswith(" "))
    return "\n".join(lines[begin:end])


@pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)
def test_every_dataset_is_listed_with_what_one_asks_before_fetching_it(text, entry):
    row = row_of(text, entry.name)
    for told in (entry.title, entry.about, entry.home, entry.licence, *entry.layouts):
        assert told in row
    assert ("3D" if entry.has_3d else "2D") in row
    assert (entry.skeleton.name if entry.skeleton else "your own") in row
    for split, count in entry.expected.items():
        assert f"{count:,} {split}" in row


def test_the_list_ends_with_what_to_type(text):
    assert "`prepose data add NAME ROOT --out STORE`" in text and "`prepose synthesize`" in text


def test_a_narrow_terminal_loses_no_dataset():
    console = Console(record=True, width=60)
    print_datasets(console)
    shown = console.export_text()
    assert all(name.split("-")[0][:4] in shown for name in DATASETS)
