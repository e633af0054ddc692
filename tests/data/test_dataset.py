import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16, SKELETONS
from prepose.data.columns import number_columns
from prepose.data.dataset import dataset_of
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_sample_comes_back_as_it_went_in(skeleton, generator):
    samples = fake_samples(5, skeleton, generator)
    dataset = dataset_of(samples, skeleton=skeleton)
    for before, after in zip(samples, dataset, strict=True):
        for name in ("joints_img", "joints_cam", "box_xywh", "head_box_xywh"):
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-6)
        np.testing.assert_array_equal(after.states, before.states)
        for name in ("image", "skeleton", "subject", "action", "frame", "source", "details"):
            assert getattr(after, name) == getattr(before, name)
        assert (after.camera is None) == (before.camera is None)
        if before.camera is not None:
            for name in ("K", "rotation", "translation", "distortion"):
                np.testing.assert_array_equal(getattr(after.camera, name), getattr(before.camera, name))
            assert after.camera.size_wh == before.camera.size_wh
            assert after.camera.name == before.camera.name


def test_columns_agree_with_samples(generator):
    dataset = dataset_of(fake_samples(9, MPII_16, generator), skeleton=MPII_16).select([8, 1, 1, 4])
    for name, (shape, dtype) in number_columns(16).items():
        column = dataset.array(name)
        assert column.shape == (4, *shape)
        assert column.dtype == dtype
        assert column.flags.writeable
        np.testing.assert_array_equal(dataset.array(name, [2, 0]), column[[2, 0]])
    np.testing.assert_array_equal(dataset.array("joints_img"), np.stack([sample.joints_img for sample in dataset]))
    np.testing.assert_array_equal(dataset.array("frame"), [8, 1, 1, 4])
    assert dataset.texts("source") == ["fake 8", "fake 1", "fake 1", "fake 4"]
    assert dataset.texts("action", [-1]) == ["walk"]
    assert np.isnan(dataset.array("camera_K", [1])).all()
    assert (dataset.array("camera_size_wh") == [[128, 96], [0, 0], [0, 0], [128, 96]]).all()


def test_selections_compose(generator):
    dataset = dataset_of(fake_samples(10, MPII_16, generator), skeleton=MPII_16)
    first, second = generator.permutation(10)[:7], np.array([6, 0, 3])
    np.testing.assert_array_equal(dataset.select(first).select(second).rows, dataset.select(first[second]).rows)
    assert dataset.select([-1])[0].frame == 9
    assert len(dataset.select([])) == 0
    assert dataset.select([]).array("joints_cam").shape == (0, 16, 3)


def test_a_dataset_in_memory_survives_pickling(generator):
    dataset = dataset_of(fake_samples(6, MPII_16, generator), skeleton=MPII_16).select([5, 2])
    again = pickle.loads(pickle.dumps(dataset))
    assert [sample.frame for sample in again] == [5, 2]
    assert again.image_bytes(0) == dataset.image_bytes(0)


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_outside_is_refused(generator, index):
    dataset = dataset_of(fake_samples(3, MPII_16, generator), skeleton=MPII_16)
    with pytest.raises(IndexError, match=f"sample {index} of memory/all, which has 3"):
        dataset[index]
    with pytest.raises(IndexError):
        dataset.array("frame", [index])


def test_a_column_that_is_not_there_is_named(generator):
    dataset = dataset_of(fake_samples(3, MPII_16, generator), skeleton=MPII_16)
    with pytest.raises(ValueError, match="no numeric column is named 'joints'; there are joints_img"):
        dataset.array("joints")
    with pytest.raises(ValueError, match="no text column is named 'frame'; there are subject"):
        dataset.texts("frame")


def test_an_image_by_path_is_read_when_asked_for(tmp_path, generator):
    (tmp_path / "one.jpg").write_bytes(b"a picture")
    one, two = fake_samples(2, MPII_16, generator)
    images = [tmp_path / "one.jpg", tmp_path / "gone.jpg"]
    samples = [replace(sample, image=path) for sample, path in zip((one, two), images, strict=True)]
    dataset = dataset_of(samples, skeleton=MPII_16)
    assert dataset[0].image == tmp_path / "one.jpg"
    assert dataset.image_bytes(0) == b"a picture"
    with pytest.raises(
        DataError, match=r"gone\.jpg: the image of sample 1 of memory/all cannot be read \(No such file"
    ):
        dataset.image_bytes(1)


def test_a_relative_path_starts_from_the_datasets_folder(tmp_path, generator):
    (tmp_path / "one.jpg").write_bytes(b"a picture")
    sample = replace(fake_samples(1, MPII_16, generator)[0], image=Path("one.jpg"))
    dataset = replace(dataset_of([sample], skeleton=MPII_16), folder=tmp_path)
    assert dataset.image_bytes(0) == b"a picture"
    assert dataset[0].image == tmp_path / "one.jpg"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_an_image_that_is_no_file_is_not_waited_for(generator, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    one, two, three = fake_samples(3, MPII_16, generator)
    paths = ("pipe.jpg", "folder.jpg", "a\0b.jpg")
    samples = [replace(one, image=tmp_path / path) for one, path in zip((one, two, three), paths, strict=True)]
    dataset = dataset_of(samples, skeleton=MPII_16)
    for index in range(3):
        with pytest.raises(DataError, match=f"the image of sample {index} of memory/all cannot be read"):
            dataset.image_bytes(index)
