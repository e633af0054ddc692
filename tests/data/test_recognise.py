import pytest

from prepose.data.catalog import DATASETS, add_dataset
from prepose.data.recognise import hdf5_people_of, looks_like, mat_joints_of, with_hint
from prepose.errors import DataError
from small_fakes import SMALL_FAKES


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
