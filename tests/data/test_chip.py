from dataclasses import replace

import cv2
import numpy as np
import pytest
import simplejpeg

from fakes import fake_samples
from prepose.body.skeletons import H36M_17, MPII_16
from prepose.camera.camera import Camera
from prepose.camera.crop import transform, transform_box
from prepose.data import chip as module
from prepose.data.augment import draw_view
from prepose.data.batch import BatchMaker, Source, evaluation_batches
from prepose.data.chip import DEFAULT_MARGIN, Chips, chip_of, embed, reach
from prepose.data.columns import pack
from prepose.data.dataset import dataset_of
from prepose.data.picture import decode_image, image_size
from prepose.data.sample import PoseSample
from prepose.errors import DataError, PoseError
from prepose.specs.augmentation import AUGMENTATIONS, STRONG, Augmentation

WIDTH, HEIGHT = 900, 700
CAMERA = Camera(
    K=np.array([[1100.0, 0, 440.3], [0, 1105, 351.8], [0, 0, 1]]),
    size_wh=(WIDTH, HEIGHT),
    distortion=np.array([-0.21, 0.24, -0.001, 0.002, -0.05]),
    name="lens",
)
# Person's boxes: in the middle, at a corner, larger than the picture, small, partly outside.
BOXES = [(300, 150, 180, 400), (2, 5, 120, 90), (-50, -30, 1000, 800), (500, 300, 31, 40), (850, 500, 200, 300)]


def a_picture(generator, width=WIDTH, height=HEIGHT):
    """Structure of many sizes, none so fine that resampling it twice would blur it."""
    picture = np.full((height, width, 3), 120, np.float32)
    for cells, colours in ((5, 3), (20, 1), (50, 1)):
        grain = np.repeat(generator.normal(0, 22, (cells, cells, colours)), 3 // colours, axis=2).astype(np.float32)
        picture += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def a_sample(box=BOXES[0], seed=0, quality=97):
    generator = np.random.default_rng(seed)
    # Joints in the box, at the depth that a person of that size has.
    inside = np.array(box[:2]) + generator.uniform(0, 1, (17, 2)) * box[2:]
    depth = 1.7e3 * CAMERA.focal / max(box[2:]) + generator.normal(0, 200, 17)
    joints_cam = CAMERA.back_project(inside, depth)
    joints_cam[3] = np.nan
    return PoseSample(
        image=simplejpeg.encode_jpeg(a_picture(generator), quality=quality, colorsubsampling="444"),
        skeleton=H36M_17,
        box_xywh=np.array(box, float),
        joints_img=CAMERA.project(joints_cam),
        joints_cam=joints_cam,
        states=np.ones(17, np.uint8),
        camera=CAMERA,
        head_box_xywh=np.array([box[0] + 4.5, box[1], box[2] / 4, box[3] / 5]),
        source=f"record {seed}",
    )


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("chips", [Chips(64), Chips(200, 1.3), Chips(384), Chips(2000)], ids=str)
def test_everything_in_px_moves_by_one_matrix_and_leads_back(box, chips):
    sample = a_sample(box)
    chip = chip_of(sample, chips)
    width, height = image_size(chip.image)
    assert max(width, height) <= min(chips.size, max(WIDTH, HEIGHT))
    assert chip.camera.size_wh == (width, height)
    np.testing.assert_allclose(chip.camera.project(sample.joints_cam), chip.joints_img, atol=1e-9)
    np.testing.assert_array_equal(chip.camera.distortion, CAMERA.distortion)
    np.testing.assert_array_equal(chip.joints_cam, sample.joints_cam)
    np.testing.assert_allclose(transform(chip.full_from_img, chip.joints_img), sample.joints_img, atol=1e-9)
    for name in ("box_xywh", "head_box_xywh"):
        np.testing.assert_allclose(
            transform_box(chip.full_from_img, getattr(chip, name)), getattr(sample, name), atol=1e-9
        )
    scale = chip.full_from_img[0, 0]
    assert scale == chip.full_from_img[1, 1] >= 1
    assert (scale > 1) == (chips.margin * max(box[2:]) > chips.size)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("chips", [Chips(96), Chips(150, 2.5), Chips(420)], ids=str)
def test_a_chip_shows_what_the_photograph_shows_there(box, chips):
    sample = a_sample(box)
    chip = chip_of(sample, chips)
    pixels, photograph = decode_image(chip.image), decode_image(sample.image)
    scale = 1 / chip.full_from_img[0, 0]
    # Each pixel of the chip is the mean of the photograph about the place that the matrix names.
    blurred = cv2.GaussianBlur(photograph, (0, 0), max(0.01, 0.29 / scale)) if scale < 1 else photograph
    grid = np.stack(np.meshgrid(np.arange(pixels.shape[1]), np.arange(pixels.shape[0])), axis=-1).reshape(-1, 2)
    places = transform(chip.full_from_img, grid.astype(float)).astype(np.float32)
    expected = cv2.remap(
        blurred,
        places[:, 0].reshape(pixels.shape[:2]),
        places[:, 1].reshape(pixels.shape[:2]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    apart = np.abs(expected.astype(float) - pixels)
    assert apart.mean() < 3
    moved = np.abs(np.roll(expected.astype(float), 1, axis=1) - pixels)
    assert moved.mean() > 1.5 * apart.mean(), "the pictures could not tell a shift by one pixel"


def test_a_small_chip_is_cut_and_not_resampled():
    sample = a_sample((400, 300, 60, 80))
    chip = chip_of(sample, Chips(256))
    left, top = chip.full_from_img[:2, 2].astype(int)
    assert chip.full_from_img[0, 0] == 1 and image_size(chip.image) == (200, 200)
    part = decode_image(sample.image)[top : top + 200, left : left + 200]
    assert np.abs(part.astype(float) - decode_image(chip.image)).mean() < 1.5


def test_a_picture_that_is_all_person_is_kept_byte_by_byte():
    sample = a_sample((50, 20, 800, 660))
    kept = chip_of(sample, Chips(2400))
    assert kept.image == sample.image
    np.testing.assert_array_equal(kept.full_from_img, np.eye(3))
    np.testing.assert_array_equal(kept.joints_img, sample.joints_img)
    assert kept.camera is sample.camera


def test_shrinking_does_not_alias():
    stripes = np.zeros((700, 900, 3), np.uint8)
    stripes[::2] = 255
    data = cv2.imencode(".png", stripes)[1].tobytes()
    for size in (97, 150, 250, 390):
        chip = chip_of(replace(a_sample((300, 200, 160, 250)), image=data), Chips(size))
        middle = decode_image(chip.image)[8:-8, 8:-8]
        assert middle.std() < 30 and middle.mean() == pytest.approx(127.5, abs=4), size


def test_a_box_beside_the_picture_leaves_a_chip_that_says_where_it_is():
    chip = chip_of(replace(a_sample(), box_xywh=np.array([2000.0, 2000, 100, 100])), Chips(128))
    assert image_size(chip.image) == (1, 1)
    np.testing.assert_allclose(transform_box(chip.full_from_img, chip.box_xywh), [2000, 2000, 100, 100])


@pytest.mark.parametrize("broken", [(np.nan, 0, 10, 10), (0, 0, 0, 10)])
def test_without_a_box_there_is_no_chip(broken):
    with pytest.raises(DataError, match="record 0: has no box to cut a person chip by"):
        chip_of(replace(a_sample(), box_xywh=np.array(broken, float)), Chips(128))


def test_the_default_margin_holds_every_view_of_every_preset():
    assert max(reach(augmentation) for augmentation in AUGMENTATIONS.values()) <= DEFAULT_MARGIN


@pytest.mark.parametrize(
    "augmentation",
    [*AUGMENTATIONS.values(), Augmentation(rotation_deg=10, rotation_probability=1, shift=0.2, scale=0.5)],
)
def test_reach_is_never_exceeded_and_nearly_attained(augmentation):
    generator, box = np.random.default_rng(0), np.array([100.0, 200, 50, 80])
    middle, furthest = np.array([100 + 24.5, 200 + 39.5]), 0.0
    for _ in range(800):
        crop = draw_view(box, augmentation, size=64, generator=generator).crop
        corners = transform(crop.img_from_crop, np.array([[-0.5, -0.5], [63.5, -0.5], [-0.5, 63.5], [63.5, 63.5]]))
        furthest = max(furthest, np.abs(corners - middle).max())
    bound = reach(augmentation) * 80 / 2
    assert 0.85 * bound < furthest <= bound + 1e-9


def inner(image):
    """Without the outermost pixels, which mix with what is beyond a picture's edge."""
    return np.moveaxis(image.numpy(), 1, -1).astype(float)


@pytest.mark.parametrize("augmentation", [STRONG, AUGMENTATIONS["none"]], ids=["strong", "none"])
def test_training_sees_the_same_from_chips_as_from_photographs(augmentation):
    samples = [a_sample(box, seed) for seed, box in enumerate([*BOXES, (200, 100, 300, 500), (600, 50, 90, 260)])]
    full = dataset_of(samples, skeleton=H36M_17)
    chips = dataset_of([chip_of(sample, Chips(512)) for sample in samples], skeleton=H36M_17)
    one, two = (
        BatchMaker([Source(dataset)], batch_size=7, size=96, skeleton=H36M_17, augmentation=augmentation, seed=3)
        for dataset in (full, chips)
    )
    for step in range(8):
        there, here = one.batch(step), two.batch(step)
        np.testing.assert_array_equal(there.index, here.index)
        both = there.has_2d.numpy() & here.has_2d.numpy()
        at_edge = (there.has_2d != here.has_2d).numpy().mean()
        assert both.any() and at_edge < 0.02
        np.testing.assert_allclose(there.joints_crop.numpy()[both], here.joints_crop.numpy()[both], atol=0.01)
        depth = (there.has_3d & here.has_3d).numpy()
        np.testing.assert_allclose(there.joints_crop.numpy()[depth], here.joints_crop.numpy()[depth], atol=0.01)
        full_from_img = chips.array("full_from_img", here.index.numpy())
        np.testing.assert_allclose(full_from_img @ here.img_from_crop.numpy(), there.img_from_crop.numpy(), atol=1e-2)
        apart = np.abs(inner(there.image) - inner(here.image))
        assert apart.mean() < 2.5 and np.percentile(apart, 99) < 25


def test_evaluation_sees_the_same_from_chips_as_from_photographs():
    samples = [a_sample(box, seed) for seed, box in enumerate(BOXES)]
    full = dataset_of(samples, skeleton=H36M_17)
    chips = dataset_of([chip_of(sample, Chips(320, 1.5)) for sample in samples], skeleton=H36M_17)
    there, here = (
        next(evaluation_batches(dataset, size=128, skeleton=H36M_17, batch_size=5)) for dataset in (full, chips)
    )
    np.testing.assert_array_equal(there.has_3d, here.has_3d)
    np.testing.assert_allclose(there.joints_crop, here.joints_crop, atol=0.01)
    assert np.abs(inner(there.image) - inner(here.image)).mean() < 2.5


def test_a_chip_of_a_chip_still_leads_to_the_photograph():
    sample = a_sample()
    chip = chip_of(chip_of(sample, Chips(500)), Chips(120, 1.5))
    np.testing.assert_allclose(transform(chip.full_from_img, chip.joints_img), sample.joints_img, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 31}, "at least 32 px, found size=31"),
        ({"size": 64, "margin": 0.9}, r"margin is at least 1.0.*0.9"),
        ({"size": 64, "margin": 1e30}, r"at most 100, found 1e\+30"),
        ({"size": 64, "margin": float("nan")}, r"margin is at least 1.0.*nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Chips(**settings)


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
