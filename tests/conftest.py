"""Settings for every test: one thread a process, nothing from a network, no test on a clock."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from prepose.data.adapters import lsp

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

# A busy machine fails nothing, and the same command twice draws the same inputs; `--hypothesis-profile=default` draws
# others.
settings.register_profile("prepose", deadline=None, derandomize=True)
settings.load_profile("prepose")


@pytest.fixture(autouse=True, scope="session")
def _blocks_as_small_as_the_fakes() -> Iterator[None]:
    """LSP-Extended holds out blocks of 50 images; the fakes have fewer, so each image is a block of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lsp, "BLOCK", 1)
        yield
