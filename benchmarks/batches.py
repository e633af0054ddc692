"""Samples a second from encoded pictures to training batches, on one core: whole and by stage.

Three cases: stored 96 px chips to 64 px crops (the quickstart), stored 384 px chips to 256 px, and whole frames of
1000 x 1000 px to 256 px. Beside each stands the naive way: OpenCV decodes the whole picture and warps the plain crop
out of it, without augmentation and targets. Rates are samples per second of processor time, the best of several rounds,
because other work on the machine only ever slows; the last line is wall time with worker threads.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.camera.crop import crop_of_box
from prepose.data.augment import draw, make_views
from prepose.data.batch import BatchMaker, Source
from prepose.data.dataset import PoseDataset, dataset_of
from prepose.data.picture import decode_to_read
from prepose.data.sample import PoseSample
from prepose.data.target import image_targets, lift
from prepose.data.view import apply_view
from prepose.specs.augmentation import AUGMENTATIONS, STRONG, Augmentation

BATCH, ROUNDS, SECONDS = 32, 4, 0.2


class Case(NamedTuple):
    """Pictures of a size, the person's box in them, and the crop that is wanted."""

    picture: int
    box: int
    crop: int
    samples: int
    goal: int


CASES = (Case(96, 75, 64, 512, 4000), Case(384, 300, 256, 96, 1000), Case(1000, 480, 256, 64, 350))


def a_picture(side: int, generator: np.random.Generator) -> bytes:
    """A JPEG with structure at many sizes: 4 kB at 96 px, 150 kB at 1000 px."""
    picture = np.full((side, side, 3), 120, np.float32)
    for cells, contrast in ((4, 40), (16, 40), (side // 8, 12)):
        grain = generator.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC)
    return simplejpeg.encode_jpeg(np.clip(picture, 0, 255).astype(np.uint8), quality=90, colorsubsampling="420")


def a_dataset(case: Case) -> PoseDataset:
    """Labelled people in such pictures."""
    generator = np.random.default_rng(0)
    camera = camera_from_field_of_view((case.picture, case.picture), 50.0)
    corner = (case.picture - case.box) / 2
    samples = []
    for _ in range(case.samples):
        joints_cam = generator.normal(size=(27, 3)) * 300 + np.array([0, 0, 3000.0])
        samples.append(
            PoseSample(
                image=a_picture(case.picture, generator),
                skeleton=PREPOSE_27,
                box_xywh=np.array([corner, corner, case.box, case.box]),
                joints_img=camera.project(joints_cam),
                joints_cam=joints_cam,
                states=np.ones(27, np.uint8),
                camera=camera,
            )
        )
    return dataset_of(samples, skeleton=PREPOSE_27)


def best_rate(work: Callable[[int], object], per_call: int) -> float:
    """Samples per second of processor time, of the best round."""
    best = 0.0
    for _ in range(ROUNDS):
        calls, start = 0, time.process_time()
        while time.process_time() - start < SECONDS:
            work(calls)
            calls += 1
        best = max(best, per_call * calls / (time.process_time() - start))
    return best


def a_maker(dataset: PoseDataset, case: Case, augmentation: Augmentation, cache_mb: float) -> BatchMaker:
    """Batches of one source; a cache is filled before it is measured."""
    maker = BatchMaker(
        [Source(dataset)],
        batch_size=BATCH,
        size=case.crop,
        skeleton=MPII_16,
        augmentation=augmentation,
        seed=0,
        cache_mb=cache_mb,
    )
    if cache_mb:
        for step in range(3 * math.ceil(case.samples / BATCH)):
            maker.batch(step)
    return maker


def decode_whole(data: bytes) -> np.ndarray:
    """A picture by OpenCV, at its full size."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def naive_rate(dataset: PoseDataset, case: Case) -> float:
    """Crops a second by a full decode and one warp, and nothing else."""
    matrices = [crop_of_box(box, case.crop).crop_from_img[:2] for box in dataset.array("box_xywh")]

    def crop(call: int) -> object:
        index = call % len(dataset)
        image = decode_whole(dataset.image_bytes(index))
        return cv2.warpAffine(image, matrices[index], (case.crop, case.crop))

    return best_rate(crop, 1)


def print_stages(dataset: PoseDataset, case: Case) -> None:
    """What a sample's time goes into under the strong preset, whole pictures decoded."""
    data = dataset.image_bytes(0)
    image = decode_to_read(data, 1.0)[0].copy()
    boxes, targets = dataset.array("box_xywh")[:BATCH], image_targets(dataset, MPII_16)[:BATCH]
    generator = np.random.default_rng(0)
    draws = draw(BATCH, generator)
    views = make_views(boxes, draws, STRONG, case.crop)
    crops = [view.crop for view in views]
    stages = {
        "fetch": best_rate(lambda _: dataset.image_bytes(0), 1),
        "decode": best_rate(lambda _: decode_to_read(data, 1.0), 1),
        "draw": best_rate(lambda _: make_views(boxes, draw(BATCH, generator), STRONG, case.crop), BATCH),
        "crop": best_rate(lambda _: [crop.read(image) for crop in crops], BATCH),
        "crop + colour, blur, noise, patches": best_rate(lambda _: [apply_view(image, v) for v in views], BATCH),
        "lift joints": best_rate(lambda _: lift(targets, crops, MPII_16), BATCH),
    }
    print("    us a sample: " + ", ".join(f"{name} {1e6 / rate:.0f}" for name, rate in stages.items()))


def print_threads(dataset: PoseDataset, case: Case) -> None:
    """Wall-clock rates of the stream."""
    maker = a_maker(dataset, case, STRONG, 0.0)
    steps = 4000 * 64**2 // (case.crop**2 * BATCH) + 2
    rates = []
    for workers in (0, 1, 2):
        start = time.perf_counter()
        for _ in maker.stream(0, steps, workers=workers):
            pass
        rates.append(f"{workers}: {BATCH * steps / (time.perf_counter() - start):.0f}")
    print("    strong, wall time, samples/s by worker threads  " + ", ".join(rates))


def main() -> None:
    """Measure every case."""
    cv2.setNumThreads(1)
    for case in CASES:
        dataset = a_dataset(case)
        size = np.mean([len(dataset.image_bytes(index)) for index in range(len(dataset))])
        naive = naive_rate(dataset, case)
        what = f"{case.picture} px JPEG ({size / 1000:.0f} kB) -> {case.crop} px, batch {BATCH}"
        print(f"{what}, goal {case.goal}/s, naive {naive:.0f}/s")
        for name, augmentation in AUGMENTATIONS.items():
            rates = {
                source: best_rate(a_maker(dataset, case, augmentation, cache_mb).batch, BATCH)
                for source, cache_mb in (("from files", 0.0), ("from memory", 4000.0))
            }
            said = (f"{source} {rate:.0f}/s ({rate / naive:.1f} x)" for source, rate in rates.items())
            print(f"    {name:10s}" + ", ".join(said))
        print_stages(dataset, case)
        print_threads(dataset, case)


if __name__ == "__main__":
    main()
