"""From the original files to scores, for every dataset in every layout and split; `every_dataset.py` prints a table."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("every_dataset", "scored")

from every_dataset import CLEAN, LAYOUTS, add, check, evaluate, summary, train  # noqa: E402
from prepose.data.adapters.h36m import LAYOUTS as H36M_LAYOUTS  # noqa: E402
from prepose.data.catalog import DATASETS  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs/data.md"


@pytest.fixture(scope="module")
def page():
    """The table of docs/data.md: (dataset, layout) -> its other cells."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in PAGE.read_text().splitlines()]
    return {(row[0], row[1]): row[2:] for row in rows if len(row) == 6 and row[0] in DATASETS}


# Human3.6M and MPI-INF-3DHP have many splits and protocols.
LONG = ("h36m", "mpi-inf-3dhp")
CASES = [pytest.param(each, id=str(each), marks=[pytest.mark.slow] * (each.dataset in LONG)) for each in LAYOUTS]


@pytest.mark.parametrize("layout", CASES)
def test_a_dataset_goes_from_its_original_files_to_scores(layout, page, tmp_path):
    added = add(layout, tmp_path)
    check(added)
    trained = train(added, tmp_path / "run")
    found = [", ".join(layout.splits), CLEAN, trained, summary(evaluate(added))]
    assert page[layout.dataset, layout.name] == found, "docs/data.md; run: python tests/every_dataset.py"


def test_nothing_is_left_out(page):
    assert set(page) == {(layout.dataset, layout.name) for layout in LAYOUTS}, "run: python tests/every_dataset.py"
    names = {layout.name for layout in LAYOUTS if layout.dataset == "h36m"}
    assert {name.replace("ECCV 2018 challenge", "challenge, csv") for name in H36M_LAYOUTS} <= names
    for entry in DATASETS.values():
        tried = {split for layout in LAYOUTS if layout.dataset == entry.name for split in layout.splits}
        # Which splits there are in a user's own labels is up to them.
        assert tried == set(entry.splits) or (entry.splits_at is not None and len(tried) > 1)
