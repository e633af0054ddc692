import dataclasses
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prepose.body.skeletons import LSP_14
from prepose.data.adapters.lsp import lsp
from prepose.data.catalog import DATASETS, add_dataset
from prepose.data.entry import (
    LEAST_BOX_SIDE,
    Adapter,
    CatalogEntry,
    box_of_joints,
    hdf5_people_of,
    looks_like,
    mat_joints_of,
    with_hint,
)
from prepose.errors import DataError
from small_fakes import SMALL_FAKES


def test_an_adapter_is_a_function_of_that_form():
    assert isinstance(lsp, Adapter)
    assert not isinstance("lsp", Adapter)


def test_an_entry_is_frozen_and_reads_a_folder_unless_it_says_otherwise():
    entry = CatalogEntry(
        "x",
        "X",
        "about",
        False,
        LSP_14,
        "l",
        "c",
        "https://x",
        "3 images",
        ("a",),
        ("x/",),
        MappingProxyType({}),
        ("train",),
        1,
        lsp,
        ("*.x",),
    )
    assert not entry.root_may_be_file
    assert entry.tell_tale is None
    assert entry.splits_at is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "y"


PLACES = arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.floats(-3000, 3000))


@given(PLACES, st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_box_contains_every_labelled_joint_with_room(joints, margin, random):
    joints = joints.copy()
    for row in range(1, len(joints)):
        if random.random() < 0.3:
            joints[row, row % 2] = np.nan
    box = box_of_joints(joints, margin)
    known = joints[~np.isnan(joints).any(axis=1)]
    low, high = box[:2] - 0.5, box[:2] + box[2:] - 0.5
    room = margin * np.ptp(known, axis=0).max() - 1e-6
    assert (low <= known.min(axis=0) - room).all()
    assert (high >= known.max(axis=0) + room).all()
    assert (box[2:] >= LEAST_BOX_SIDE).all()
    np.testing.assert_allclose((low + high) / 2, (known.min(axis=0) + known.max(axis=0)) / 2, atol=1e-6)


def test_no_labelled_joint_is_an_error():
    with pytest.raises(ValueError, match="at least one labelled joint"):
        box_of_joints(np.full((14, 2), np.nan))


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roots")
    return {str(fake): fake.write_into(folder / str(fake)) for fake in SMALL_FAKES}


def test_every_dataset_has_a_small_fake():
    assert {fake.dataset for fake in SMALL_FAKES} == set(DATASETS)


@pytest.mark.parametrize("fake", SMALL_FAKES, ids=str)
def test_each_dataset_looks_like_itself_alone(roots, fake):
    root = roots[str(fake)]
    likely = looks_like(root, DATASETS.values())
    assert list(likely) == [fake.dataset]
    assert likely[fake.dataset].is_relative_to(root) and likely[fake.dataset].exists()


FIRST_LAYOUTS = {fake.dataset: fake for fake in reversed(SMALL_FAKES)}
# COCO itself is in COCO's form, and can be added as either.
ALSO = {("coco", "coco-style")}
PAIRS = [
    (fake, wrong)
    for fake in FIRST_LAYOUTS.values()
    for wrong in DATASETS
    if wrong != fake.dataset and (fake.dataset, wrong) not in ALSO
]
PAIRS += [(fake, "lsp-extended") for fake in SMALL_FAKES if fake not in FIRST_LAYOUTS.values()]


@pytest.mark.parametrize(("fake", "wrong"), PAIRS, ids=str)
def test_files_of_another_dataset_are_recognised(roots, tmp_path, fake, wrong):
    with pytest.raises(DataError, match=rf"looks like {fake.dataset}, not {wrong}|add it as {fake.dataset}"):
        add_dataset(wrong, roots[str(fake)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_looks_like_nothing(tmp_path):
    assert looks_like(tmp_path, DATASETS.values()) == {}
    assert looks_like(tmp_path / "none", DATASETS.values()) == {}
    error = DataError("broken")
    assert with_hint(error, "lsp", tmp_path, DATASETS.values()) is error


def test_damaged_files_look_like_nothing(tmp_path):
    (tmp_path / "annot").mkdir()
    for name in ("annot/train.h5", "annot/train.json", "joints.mat", "some.npz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 or something else")
    assert looks_like(tmp_path, DATASETS.values()) == {}
    assert hdf5_people_of(tmp_path, ["annot/train.h5", "annot/valid.h5"], 16) is None
    assert mat_joints_of(tmp_path / "joints.mat", (3, 14)) is None


def test_a_broken_file_of_the_right_dataset_gets_no_hint(roots):
    error = DataError("broken")
    assert with_hint(error, "mpii", roots["mpii-json"], DATASETS.values()) is error
