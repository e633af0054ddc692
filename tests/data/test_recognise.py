import numpy as np
import pytest

from fakes import fake_lsp, fake_lsp_extended
from fakes_coco import fake_coco
from fakes_custom import fake_custom
from fakes_flic import fake_flic, fake_flic_full
from fakes_mpii import fake_mpii
from prepose.data.catalog import DATASETS, add_dataset
from prepose.data.recognise import looks_like, with_hint
from prepose.errors import DataError

FAKES = {
    "lsp": lambda root, generator: fake_lsp(root, generator, count=4),
    "lsp-extended": lambda root, generator: fake_lsp_extended(root, generator, count=4),
    "mpii": fake_mpii,
    "flic": fake_flic,
    "flic-full": fake_flic_full,
    "coco": fake_coco,
    "custom": fake_custom,
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roots")
    for name, fake in FAKES.items():
        fake(folder / name, np.random.default_rng(3))
    return folder


@pytest.mark.parametrize("name", FAKES)
def test_each_dataset_looks_like_itself_alone(roots, name):
    likely = looks_like(roots / name, DATASETS.values())
    assert list(likely) == [name]
    assert likely[name].is_relative_to(roots / name)


@pytest.mark.parametrize("name", FAKES)
@pytest.mark.parametrize("wrong", FAKES)
def test_files_of_another_dataset_are_recognised(roots, tmp_path, name, wrong):
    if name != wrong:
        with pytest.raises(DataError, match=rf"looks like {name}, not {wrong}|add it as {name}"):
            add_dataset(wrong, roots / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_nothing_looks_like_nothing(tmp_path):
    assert looks_like(tmp_path, DATASETS.values()) == {}
    assert looks_like(tmp_path / "none", DATASETS.values()) == {}
    error = DataError("broken")
    assert with_hint(error, "lsp", tmp_path, DATASETS.values()) is error


def test_a_broken_file_of_the_right_dataset_gets_no_hint(roots):
    error = DataError("broken")
    assert with_hint(error, "mpii", roots / "mpii", DATASETS.values()) is error
