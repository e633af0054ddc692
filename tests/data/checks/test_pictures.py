from dataclasses import replace
from pathlib import Path

import pytest

from planted import SIZE_PX, simple_samples
from prepose.data.checks.pictures import digest_of, digests_of, look_at
from prepose.data.dataset import dataset_of


@pytest.fixture
def dataset():
    whole, cut, gone = simple_samples(3)
    samples = [whole, replace(cut, image=cut.image[:900]), replace(gone, image=Path("nowhere/gone.jpg"))]
    return dataset_of(samples, skeleton=whole.skeleton)


def test_a_picture_is_seen_with_its_size_and_scale(dataset):
    seen = look_at(dataset, [0])[0]
    assert seen.size_wh == (SIZE_PX, SIZE_PX)
    assert seen.thumb.shape[1] == round(SIZE_PX * seen.scale)
    assert seen.digest == digest_of(dataset.image_bytes(0))
    assert seen.error == ""


def test_a_large_person_is_seen_small():
    sample = simple_samples(1)[0]
    large = replace(sample, box_xywh=sample.box_xywh * 8)
    seen = look_at(dataset_of([large], skeleton=sample.skeleton), [0])[0]
    assert seen.scale < 1
    assert seen.thumb.shape[0] == pytest.approx(SIZE_PX * seen.scale, abs=1)


def test_broken_and_missing_pictures_are_facts(dataset):
    done = []
    seen = look_at(dataset, [1, 2], progress=done.append)
    assert done == [1, 2]
    assert seen[1].thumb is None
    assert seen[1].digest
    assert "truncated" in seen[1].error
    assert seen[2].digest == b""
    assert "gone.jpg" in seen[2].error


def test_digests_leave_out_what_is_missing(dataset):
    assert sorted(digests_of(dataset, range(3))) == [0, 1]
    assert len(set(digests_of(dataset, range(3)).values())) == 2
