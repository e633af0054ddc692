import gc
import threading
import time
from dataclasses import fields, replace

import numpy as np
import pytest
import simplejpeg
import torch

from prepose.body.skeletons import LSP_14, MPII_16, PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.camera.crop import crop_of_box, transform
from prepose.data.batch import BatchMaker, Pictures, PoseBatch, Source, eighths, evaluation_batches, keep_what_fits
from prepose.data.dataset import dataset_of
from prepose.data.sample import PoseSample
from prepose.errors import DataError, SkeletonMismatch
from prepose.specs.augmentation import AUGMENTATIONS, NO_AUGMENTATION, STRONG, Augmentation

SIDE = 96


def a_sample(index, *, skeleton=PREPOSE_27, flat=False):
    """A picture in which bright discs of known colours mark the wrists and an ankle."""
    generator = np.random.default_rng(index)
    camera = camera_from_field_of_view((SIDE, SIDE), 50.0)
    joints_cam = generator.normal(size=(len(skeleton), 3)) * [350, 350, 250] + [0, 0, 3000]
    joints_img = camera.project(joints_cam)
    picture = np.full((SIDE, SIDE, 3), 20, np.uint8)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    for channel, joint in enumerate(MARKED):
        cx, cy = joints_img[skeleton.index(joint)]
        picture[..., channel] += (220 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 18)).astype(np.uint8)
    return PoseSample(
        image=simplejpeg.encode_jpeg(picture, quality=98, colorsubsampling="444"),
        skeleton=skeleton,
        box_xywh=np.array([8.0, 8, 80, 80]),
        joints_img=joints_img,
        joints_cam=np.full((len(skeleton), 3), np.nan) if flat else joints_cam,
        states=np.ones(len(skeleton), np.uint8),
        camera=None if flat else camera,
        source=f"picture {index}",
    )


MARKED = ("l_wrist", "r_wrist", "l_ankle")


def a_dataset(count=12, *, name="people", skeleton=PREPOSE_27, flat=False, start=0):
    samples = [a_sample(start + index, skeleton=skeleton, flat=flat) for index in range(count)]
    return dataset_of(samples, skeleton=skeleton, name=name, split="train")


@pytest.fixture(scope="module")
def lab():
    return a_dataset(10, name="lab")


@pytest.fixture(scope="module")
def wild():
    return a_dataset(14, name="wild", skeleton=LSP_14, flat=True, start=50)


def maker(sources, **changes):
    settings = {"batch_size": 8, "size": 64, "skeleton": MPII_16, "augmentation": STRONG, "seed": 5, "cache_mb": 0.0}
    return BatchMaker(sources, **{**settings, **changes})


def mixed(lab, wild, **changes):
    return maker([Source(lab, 0.5), Source(wild, 0.5, labels="2d")], **changes)


def assert_equal(one, other):
    for field in fields(PoseBatch):
        torch.testing.assert_close(getattr(one, field.name), getattr(other, field.name), rtol=0, atol=0)


def joined(batches):
    return PoseBatch(**{f.name: torch.cat([getattr(b, f.name) for b in batches]) for f in fields(PoseBatch)})


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_batch_keeps_the_contract(lab, wild, name):
    batch = mixed(lab, wild, augmentation=AUGMENTATIONS[name]).batch(3)
    assert batch.image.shape == (8, 3, 64, 64)
    assert batch.image.dtype == torch.uint8
    assert batch.image.is_contiguous(memory_format=torch.channels_last)
    assert batch.joints_crop.shape == (8, 16, 3)
    assert batch.joints_crop.dtype == batch.img_from_crop.dtype == torch.float32
    assert batch.source.dtype == batch.index.dtype == torch.int64
    assert len(batch) == 8
    assert (batch.joints_crop[~batch.has_2d] == 0).all()
    assert (batch.joints_crop[..., 2][~batch.has_3d] == 0).all()
    assert (batch.has_2d | ~batch.has_3d).all()
    assert (batch.joints_crop[..., 2][:, MPII_16.root_index] == 0).all()
    assert (batch.source == 0).sum() == 4
    assert batch.has_3d[batch.source == 0].any()
    assert not batch.has_3d[batch.source == 1].any()
    assert torch.isfinite(batch.joints_crop).all()


def test_the_picture_and_the_joints_tell_the_same_in_every_view(lab):
    """Turned, mirrored or resized: the disc that marks the left wrist lies where the left wrist is said to be."""
    moved = Augmentation(scale=0.2, shift=0.05, rotation_deg=40, rotation_probability=0.9, flip_probability=0.5)
    batch = joined([maker([Source(lab)], augmentation=moved).batch(step) for step in range(12)])
    flips = torch.linalg.det(batch.img_from_crop[:, :2, :2]) < 0
    assert 20 < flips.sum() < 76
    y, x = np.mgrid[0:64, 0:64]
    checked = 0
    for row in range(len(batch)):
        for channel, joint in enumerate(MARKED):
            shown = {"l": "r", "r": "l"}[joint[0]] + joint[1:] if flips[row] else joint
            place = MPII_16.index(shown)
            at = batch.joints_crop[row, place, :2].numpy()
            if not batch.has_2d[row, place] or min(*at, *(63 - at)) < 10:
                continue
            weight = np.clip(batch.image[row, channel].numpy().astype(float) - 40, 0, None)
            near = weight * ((x - at[0]) ** 2 + (y - at[1]) ** 2 < 80)
            found = np.array([(near * v).sum() / near.sum() for v in (x, y)])
            np.testing.assert_allclose(found, at, atol=0.35)
            checked += 1
    assert checked > 100


def test_img_from_crop_takes_the_joints_home(lab):
    batch = maker([Source(lab)]).batch(0)
    flips = torch.linalg.det(batch.img_from_crop[:, :2, :2]) < 0
    for row in range(8):
        sample = lab[int(batch.index[row])]
        home = transform(
            batch.img_from_crop[row].numpy().astype(float), batch.joints_crop[row, :, :2].numpy().astype(float)
        )
        for place, joint in enumerate(MPII_16.joints):
            if batch.has_2d[row, place]:
                name = MPII_16.joints[MPII_16.mirror[place]] if flips[row] else joint
                np.testing.assert_allclose(home[place], sample.joints_img[PREPOSE_27.index(name)], atol=2e-3)


def test_a_batch_is_a_function_of_seed_and_step(lab, wild):
    one, other = mixed(lab, wild), mixed(lab, wild)
    forwards = [one.batch(step) for step in range(6)]
    for step in (4, 0, 5, 2):
        assert_equal(other.batch(step), forwards[step])
    assert not torch.equal(forwards[0].image, forwards[1].image)
    assert not torch.equal(mixed(lab, wild, seed=6).batch(0).image, forwards[0].image)


def test_keeping_pictures_in_memory_changes_no_batch(lab, wild):
    plain, keeping = mixed(lab, wild, size=24), mixed(lab, wild, size=24, cache_mb=100.0)
    for step in range(8):
        assert_equal(plain.batch(step), keeping.batch(step))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same_batches(lab, wild, workers):
    expected = list(mixed(lab, wild).stream(3, 20))
    found = list(mixed(lab, wild, cache_mb=100.0).stream(3, 20, workers=workers))
    assert len(found) == len(expected) == 17
    for one, other in zip(found, expected, strict=True):
        assert_equal(one, other)


def test_a_stream_goes_on_where_it_was_left(lab, wild):
    whole = list(mixed(lab, wild).stream(0, 9, workers=2))
    rest = list(mixed(lab, wild).stream(5, 9, workers=2))
    for one, other in zip(rest, whole[5:], strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("world", [2, 4])
def test_the_ranks_share_the_batch_of_one_process(lab, wild, world):
    whole = mixed(lab, wild).batch(2)
    parts = [mixed(lab, wild, rank=rank, world=world).batch(2) for rank in range(world)]
    assert {len(part) for part in parts} == {8 // world}
    assert_equal(joined(parts), whole)


def test_an_epoch_shows_every_sample_once(lab):
    made = maker([Source(lab)], batch_size=5)
    assert made.epoch_length(0) == 10
    seen = torch.cat([made.batch(step).index for step in range(2)])
    assert sorted(seen.tolist()) == list(range(10))


def test_caps_and_shares_reach_the_mixture(lab, wild):
    made = maker([Source(lab, 0.25, cap=4), Source(wild, 0.75, labels="2d")])
    assert made.counts(0) == [2, 6]
    assert [made.epoch_length(source) for source in (0, 1)] == [4, 14]
    shown = torch.cat([b.index[b.source == 0] for b in made.stream(0, 2)])
    assert len(set(shown.tolist())) == 4


def test_2d_labels_hide_depth_and_nothing_else(lab):
    with_depth, without = maker([Source(lab)]).batch(1), maker([Source(lab, labels="2d")]).batch(1)
    assert with_depth.has_3d.any()
    assert not without.has_3d.any()
    assert (without.joints_crop[..., 2] == 0).all()
    torch.testing.assert_close(with_depth.joints_crop[..., :2], without.joints_crop[..., :2], rtol=0, atol=0)
    assert torch.equal(with_depth.image, without.image)


def test_depth_counts_crop_pixels(lab):
    """Close up, the same person's depth range grows as their width does."""
    near, far = (next(iter(evaluation_batches(lab, size=size, skeleton=MPII_16, batch_size=10))) for size in (128, 64))
    both = near.has_3d & far.has_3d
    torch.testing.assert_close(near.joints_crop[..., 2][both], 2 * far.joints_crop[..., 2][both])


def no_threads_left():
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not [t for t in threading.enumerate() if t.name.startswith("prepose-batches")]:
            return True
        time.sleep(0.01)
    return False


def test_leaving_a_stream_early_ends_its_threads(lab):
    for _ in maker([Source(lab)]).stream(0, 10_000, workers=3):
        break
    gc.collect()
    assert no_threads_left()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_ends_the_threads_and_passes_on(lab, interruption):
    def interrupted():
        stream = maker([Source(lab)]).stream(0, 10_000, workers=2)
        try:
            for step, _ in enumerate(stream):
                if step == 3:
                    raise interruption
        finally:
            stream.close()

    with pytest.raises(interruption):
        interrupted()
    assert no_threads_left()


def test_a_slow_reader_does_not_pile_up_batches(lab, monkeypatch):
    made = maker([Source(lab)])
    asked = []
    real = made.batch
    monkeypatch.setattr(made, "batch", lambda step: (asked.append(step), real(step))[1])
    stream = made.stream(0, 1000, workers=2)
    next(stream)
    time.sleep(0.2)
    assert len(asked) <= 5
    stream.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_picture_surfaces_as_its_own_error(workers):
    samples = [a_sample(index) for index in range(6)]
    samples[4] = replace(samples[4], image=samples[4].image[:500])
    dataset = dataset_of(samples, skeleton=PREPOSE_27, name="lab", split="train")
    message = r"^lab/train sample 4 \(picture 4\): picture: is a truncated or damaged JPEG"
    with pytest.raises(DataError, match=message):
        list(maker([Source(dataset)], batch_size=6).stream(0, 30, workers=workers))
    assert no_threads_left()
    with pytest.raises(DataError, match=message):
        list(evaluation_batches(dataset, size=64, skeleton=MPII_16, batch_size=4, workers=workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_shows_every_sample_once_in_order_and_plainly(lab, workers):
    batches = list(evaluation_batches(lab, size=64, skeleton=MPII_16, batch_size=4, workers=workers))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    whole = joined(batches)
    assert whole.index.tolist() == list(range(10))
    assert (whole.source == 0).all()
    expected = crop_of_box(lab[0].box_xywh, 64)
    np.testing.assert_allclose(whole.img_from_crop[0].numpy(), expected.img_from_crop, rtol=1e-6)
    picture = simplejpeg.decode_jpeg(lab[0].image)
    np.testing.assert_array_equal(whole.image[0].permute(1, 2, 0).numpy(), expected.read(picture))


def test_training_without_augmentation_shows_what_evaluation_does(lab):
    trained = maker([Source(lab)], augmentation=NO_AUGMENTATION, batch_size=10).batch(0)
    evaluated = next(iter(evaluation_batches(lab, size=64, skeleton=MPII_16, batch_size=10)))
    order = trained.index
    for name in ("image", "joints_crop", "has_2d", "has_3d", "img_from_crop"):
        assert torch.equal(getattr(trained, name), getattr(evaluated, name)[order]), name


def test_to_moves_every_part(lab):
    batch = maker([Source(lab)]).batch(0).to("meta")
    assert {getattr(batch, field.name).device.type for field in fields(PoseBatch)} == {"meta"}


BAD_ARGUMENTS = {
    "multiple of world": {"batch_size": 8, "world": 3},
    "rank below world": {"rank": 2, "world": 2},
    "batch size must be at least 1": {"batch_size": 0},
}


@pytest.mark.parametrize(("message", "arguments"), BAD_ARGUMENTS.items(), ids=BAD_ARGUMENTS)
def test_bad_arguments_are_value_errors(lab, message, arguments):
    with pytest.raises(ValueError, match=message):
        maker([Source(lab)], **arguments)
    with pytest.raises(ValueError, match="workers must be 0 or more, found -1"):
        maker([Source(lab)]).stream(0, 2, workers=-1)


def test_shares_must_fill_the_batch(lab, wild):
    with pytest.raises(ValueError, match=r"sum to 1, found \[0.5, 0.4\]"):
        maker([Source(lab, 0.5), Source(wild, 0.4, labels="2d")])


def test_a_source_that_cannot_give_what_is_asked_says_so(lab, wild):
    with pytest.raises(DataError, match=r'^wild/train is asked for 3D labels, but none of its 14 .* with labels "2d"$'):
        maker([Source(wild)])
    with pytest.raises(SkeletonMismatch, match=r"lab/train is asked for 3D .* lsp-14 has no root"):
        maker([Source(lab)], skeleton=LSP_14)
    with pytest.raises(DataError, match=r"^lab/train: has no sample"):
        maker([Source(lab.select([]))])
    unlabelled = [replace(a_sample(0), joints_img=np.full((27, 2), np.nan))]
    for labels in ("2d", "3d"):
        with pytest.raises(DataError, match=r"^memory/all: none of its 1 samples has a joint with a place in the pict"):
            maker([Source(dataset_of(unlabelled, skeleton=PREPOSE_27), labels=labels)], batch_size=1)


@pytest.mark.parametrize("box", [[0, 0, np.nan, 10], [0, 0, 0, 10], [0, 0, 10, -1]], ids=str)
def test_an_unusable_box_is_found_before_training(box):
    samples = [a_sample(0), replace(a_sample(1), box_xywh=np.array(box, float))]
    dataset = dataset_of(samples, skeleton=PREPOSE_27, name="lab", split="train")
    message = (
        r"^lab/train: 1 of 2 samples have no usable box, the first is sample 1 with x, y, width, height \[0.0, 0.0"
    )
    with pytest.raises(DataError, match=message):
        maker([Source(dataset)])
    with pytest.raises(DataError, match=message):
        evaluation_batches(dataset, size=64, skeleton=MPII_16, batch_size=1)


def test_boxes_can_be_taken_larger_or_smaller(lab):
    plain, larger = (maker([Source(lab, box_scale=factor)], augmentation=NO_AUGMENTATION) for factor in (1.0, 1.5))
    one, other = plain.batch(0), larger.batch(0)
    torch.testing.assert_close(other.img_from_crop[:, 0, 0], 1.5 * one.img_from_crop[:, 0, 0])
    middle = torch.tensor([31.5, 31.5, 1.0])
    torch.testing.assert_close(other.img_from_crop @ middle, one.img_from_crop @ middle)


def pictures_of(count=5, side=160, broken=()):
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
    image, scale = Pictures(pictures_of()).decode(0, shrink)
    assert image.shape == (side, side, 4)
    assert scale == side / 160


def test_kept_pictures_are_the_same_pixels_at_every_size(monkeypatch):
    plain, keeping = Pictures(pictures_of()), Pictures(pictures_of())
    keeping.keep(10.0)
    asked = [(index, shrink) for _ in range(2) for index in range(5) for shrink in (1.0, 2.0, 4.0)]
    for index, shrink in asked:
        (one, scale), (other, kept_scale) = plain.decode(index, shrink), keeping.decode(index, shrink)
        np.testing.assert_array_equal(one[..., :3], other[..., :3])
        assert scale == kept_scale
    decoded = []
    monkeypatch.setattr("prepose.data.batch.decode_to_read", lambda *_: decoded.append(1))
    for index, shrink in asked:
        keeping.decode(index, shrink)
    assert decoded == [], "all of them came from memory"


def test_no_more_is_kept_than_asked_for(monkeypatch):
    pictures = Pictures(pictures_of())
    one = 160 * 160 * 3 / 1e6
    assert pictures.megabytes() == pytest.approx(5 * one)
    pictures.keep(2.5 * one)
    calls = []
    real = __import__("prepose.data.batch", fromlist=["x"]).decode_to_read
    monkeypatch.setattr("prepose.data.batch.decode_to_read", lambda *a: (calls.append(a), real(*a))[1])
    for _ in range(3):
        for index in range(5):
            pictures.decode(index, 1.0)
    assert len(calls) == 5 + 3 + 3, "two fit; the others are decoded anew"


def test_the_smallest_datasets_are_kept_first():
    small, large = Pictures(pictures_of(side=32)), Pictures(pictures_of(side=160))
    keep_what_fits([large, small], megabytes=0.1)
    for pictures in (small, large):
        pictures.decode(0, 1.0)
        again = pictures.decode(0, 1.0)[0] is pictures.decode(0, 1.0)[0]
        assert again == (pictures is small)


def test_a_broken_picture_names_dataset_sample_and_source():
    pictures = Pictures(pictures_of(broken={3}))
    pictures.decode(2, 1.0)
    for shrink in (1.0, 4.0):
        with pytest.raises(
            DataError, match=r"^lsp/train sample 3 \(im0003.jpg\): picture: is a truncated or damaged JPEG"
        ):
            pictures.decode(3, shrink)
