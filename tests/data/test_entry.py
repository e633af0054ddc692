import dataclasses
from types import MappingProxyType

import pytest

from prepose.body.skeletons import LSP_14
from prepose.data.adapters.lsp import lsp
from prepose.data.entry import Adapter, CatalogEntry


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
