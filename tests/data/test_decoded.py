import numpy as np
import pytest
import simplejpeg

from prepose.body.skeletons import LSP_14
from prepose.data.dataset import dataset_of
from prepose.data.decoded import Pictures, eighths, keep_what_fits
from prepose.data.sample import PoseSample
from prepose.errors import DataError


def a_dataset(count=5, side=160, broken=()):
    generator = np.random.default_rng(0)
    samples = []
    for index in range(count):
        picture = generator.integers(0, 255, (side // 16, side // 16, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
        data = simplejpeg.encode_jpeg(picture, quality=95)
        samples.append(
            PoseSample(
                image=data[: len(data) // 2] if index in broken else data,
                skeleton=LSP_14,
                box_xywh=np.array([0.0, 0, side, side]),
                joints_img=np.full((14, 2), 5.0),
                joints_cam=np.full((14, 3), np.nan),
                states=np.zeros(14, np.uint8),
                source=f"im{index:04d}.jpg",
            )
        )
    return dataset_of(samples, skeleton=LSP_14, name="lsp", split="train")


@pytest.mark.parametrize(
    ("shrink", "expected"), [(0.5, 8), (1.0, 8), (1.9, 8), (2.0, 4), (2.6, 4), (2.7, 3), (4.0, 2), (8.0, 1), (50.0, 1)]
)
def test_the_decoded_size_is_never_smaller_than_allowed_nor_a_slow_one(shrink, expected):
    assert eighths(shrink) == expected
    assert shrink > 8 or 8 / eighths(shrink) <= max(shrink, 1)


@pytest.mark.parametrize(("shrink", "side"), [(1.0, 160), (1.99, 160), (2.0, 80), (4.5, 40)])
def test_a_picture_comes_at_the_size_allowed_and_says_its_scale(shrink, side):
    image, scale = Pictures(a_dataset()).decode(0, shrink)
    assert image.shape == (side, side, 4)
    assert scale == side / 160


def test_kept_pictures_are_the_same_pixels_at_every_size(monkeypatch):
    plain, keeping = Pictures(a_dataset()), Pictures(a_dataset())
    keeping.keep(10.0)
    asked = [(index, shrink) for _ in range(2) for index in range(5) for shrink in (1.0, 2.0, 4.0)]
    for index, shrink in asked:
        (one, scale), (other, kept_scale) = plain.decode(index, shrink), keeping.decode(index, shrink)
        np.testing.assert_array_equal(one[..., :3], other[..., :3])
        assert scale == kept_scale
    decoded = []
    monkeypatch.setattr("prepose.data.decoded.decode_to_read", lambda *_: decoded.append(1))
    for index, shrink in asked:
        keeping.decode(index, shrink)
    assert decoded == [], "all of them came from memory"


def test_no_more_is_kept_than_asked_for(monkeypatch):
    pictures = Pictures(a_dataset())
    one = 160 * 160 * 3 / 1e6
    assert pictures.megabytes() == pytest.approx(5 * one)
    pictures.keep(2.5 * one)
    calls = []
    real = __import__("prepose.data.decoded", fromlist=["x"]).decode_to_read
    monkeypatch.setattr("prepose.data.decoded.decode_to_read", lambda *a: (calls.append(a), real(*a))[1])
    for _ in range(3):
        for index in range(5):
            pictures.decode(index, 1.0)
    assert len(calls) == 5 + 3 + 3, "two fit; the others are decoded anew"


def test_the_smallest_datasets_are_kept_first():
    small, large = Pictures(a_dataset(side=32)), Pictures(a_dataset(side=160))
    keep_what_fits([large, small], megabytes=0.1)
    for pictures in (small, large):
        pictures.decode(0, 1.0)
        again = pictures.decode(0, 1.0)[0] is pictures.decode(0, 1.0)[0]
        assert again == (pictures is small)


def test_a_broken_picture_names_dataset_sample_and_source():
    pictures = Pictures(a_dataset(broken={3}))
    pictures.decode(2, 1.0)
    for shrink in (1.0, 4.0):
        with pytest.raises(
            DataError, match=r"^lsp/train sample 3 \(im0003.jpg\): picture: is a truncated or damaged JPEG"
        ):
            pictures.decode(3, shrink)
