from dataclasses import replace

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data import embed as module
from prepose.data.chip import Chips, chip_of
from prepose.data.columns import pack
from prepose.data.embed import embed
from prepose.errors import DataError, PoseError


@pytest.fixture
def samples(tmp_path):
    """40 samples, every other one with its picture in a file."""
    made = fake_samples(40, MPII_16, np.random.default_rng(5))
    for index in range(0, 40, 2):
        path = tmp_path / f"{index}.jpg"
        path.write_bytes(made[index].image)
        made[index] = replace(made[index], image=path)
    return made


def packed(samples):
    return pack(list(samples), len(MPII_16)).serialize().to_pybytes()


def test_pictures_come_inside_and_whole(samples):
    for before, after in zip(samples, embed(samples), strict=True):
        assert after.image == (before.image if isinstance(before.image, bytes) else before.image.read_bytes())
        assert after.source == before.source


def test_chips_are_cut(samples):
    chips = Chips(40, 1.5)
    assert packed(embed(samples, chips=chips)) == packed(chip_of(sample, chips) for sample in samples)


@pytest.mark.parametrize("chips", [None, Chips(40)])
def test_many_processes_give_the_same_in_the_same_order(samples, chips):
    assert packed(embed(samples, chips=chips, workers=2)) == packed(embed(samples, chips=chips))


@pytest.mark.parametrize("chips", [None, Chips(40)])
def test_the_first_broken_picture_is_told_by_any_number_of_processes(samples, chips):
    for index in (20, 34):
        samples[index].image.write_bytes(samples[index].image.read_bytes()[:300])

    def found():
        yield from samples[:37]
        raise DataError("the labels end in the middle")

    for workers in (1, 2):
        with pytest.raises(DataError, match=r"/20\.jpg: is a truncated or damaged JPEG"):
            list(embed(found(), chips=chips, workers=workers))
    samples[20].image.unlink()
    with pytest.raises(DataError, match=r"/20\.jpg: the image cannot be read \(No such file"):
        list(embed(samples, chips=chips))


def test_an_error_of_the_labels_comes_after_what_was_found(samples):
    def found():
        yield from samples[:18]
        raise DataError("the labels end in the middle")

    taken = []
    with pytest.raises(DataError, match="the labels end in the middle"):
        for sample in embed(found(), workers=2):
            taken.append(sample)  # noqa: PERF402 - what came before the error
    assert len(taken) == 18


def test_a_process_that_dies_is_told_in_one_line(samples, monkeypatch):
    def broken(*_, **__):
        raise module.BrokenProcessPool
        yield

    monkeypatch.setattr(module, "map_in_order", broken)
    with pytest.raises(PoseError, match=r"a process that reads pictures died.*run the command again.*fewer workers"):
        list(embed(samples, workers=2))


def test_little_is_held_at_a_time():
    """The labels are taken only a little ahead of what is written."""
    made, taken = fake_samples(8, MPII_16, np.random.default_rng(1)), []

    def found():
        for number in range(2000):
            taken.append(number)
            yield made[number % 8]

    stream = embed(found(), workers=2)
    for _ in range(100):
        next(stream)
    stream.close()
    assert len(taken) < 100 + 10 * module._TASK
