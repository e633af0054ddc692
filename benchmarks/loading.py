"""Reading a store of 300,000 samples, and decoding pictures: rates on one core, and memory.

Rates are per second of processor time, the best of several rounds, because other work on the machine only ever slows.
The ratio of a decode is against decoding the whole picture at its full size.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import simplejpeg

from prepose.body.skeletons import H36M_17, MPII_16
from prepose.camera.camera import camera_from_field_of_view
from prepose.data.batch import BatchMaker, Source
from prepose.data.picture import decode_image, decode_shrunk
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.specs.augmentation import STRONG

SAMPLES, ROUNDS = 300_000, 5


def samples() -> Iterator[PoseSample]:
    generator = np.random.default_rng(0)
    camera = camera_from_field_of_view((96, 96), 50.0)
    joints_cam = generator.normal(size=(17, 3)) * 300 + np.array([0, 0, 4000.0])
    sample = PoseSample(
        image=a_picture(96, generator),
        skeleton=H36M_17,
        box_xywh=np.array([20.0, 10, 50, 76]),
        joints_img=camera.project(joints_cam),
        joints_cam=joints_cam,
        states=np.ones(17, np.uint8),
        camera=camera,
        subject="S1",
        action="walk",
    )
    for number in range(SAMPLES):
        yield replace(sample, frame=number)


def a_picture(side: int, generator: np.random.Generator) -> bytes:
    """A JPEG with structure at many sizes."""
    picture = np.full((side, side, 3), 120, np.float32)
    for cells, contrast in ((4, 40), (16, 40), (side // 8, 12)):
        grain = generator.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC)
    return simplejpeg.encode_jpeg(np.clip(picture, 0, 255).astype(np.uint8), quality=90, colorsubsampling="420")


def rate(work: Callable[[], int]) -> float:
    """Things done a second of processor time, the best of several rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        done = work()
        best = max(best, done / (time.process_time() - start))
    return best


def megabytes_private() -> float:
    """Memory of this process that is not a shared page of a file."""
    status = Path("/proc/self/status")
    if not status.exists():  # not on Linux: the peak, file pages included
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1e3


def measure_store(folder: Path) -> None:
    start = time.process_time()
    write_store(folder, StoreDescription("bench", H36M_17), "train", samples(), total=SAMPLES)
    print(f"write {SAMPLES:,} samples: {SAMPLES / (time.process_time() - start):,.0f} samples/s")
    measure_opening(folder)
    before, start = megabytes_private(), time.perf_counter()
    dataset = open_store(folder, "train")
    first = dataset[SAMPLES // 2]
    print(f"open and read one sample: {time.perf_counter() - start:.2f} s (goal: under 2)")
    assert first.frame == SAMPLES // 2
    places = np.random.default_rng(1).integers(0, SAMPLES, 4096)
    batches = places.reshape(-1, 32)

    def rows() -> int:
        for place in places.tolist():
            _ = dataset[place]
        return len(places)

    def images() -> int:
        for place in places.tolist():
            dataset.image_bytes(place)
        return len(places)

    def columns() -> int:
        for batch in batches:
            for name in ("joints_img", "joints_cam", "box_xywh", "camera_K"):
                dataset.array(name, batch)
        return len(places)

    print(f"random rows: {rate(rows):,.0f} /s (goal: 8,000)")
    print(f"random pictures' bytes: {rate(images):,.0f} /s")
    print(f"four columns of random batches of 32: {rate(columns):,.0f} samples/s")
    print(f"memory held by all that: {megabytes_private() - before:.0f} MB")
    start = time.process_time()
    size = dataset.array("joints_cam").nbytes
    print(f"a whole column ({size / 1e6:.0f} MB): {time.process_time() - start:.2f} s")


def measure_opening(folder: Path) -> None:
    """What validating every shard costs when a store is opened."""

    def trusting() -> int:
        for shard in sorted(folder.glob("train/*.arrow")):
            with pa.memory_map(str(shard)) as source, pa.ipc.open_stream(source) as reader:
                reader.read_next_batch()
        return SAMPLES

    def validating() -> int:
        return len(open_store(folder, "train"))

    slow, fast = rate(validating), rate(trusting)
    print(
        f"open and validate a store: {1e7 / slow:.1f} ms per 10,000 samples, {fast / slow:.0f} times as long as "
        "without validation"
    )


def measure_batches(folder: Path) -> None:
    """From nothing to the first batch, as a training begins, and what many batches leave in memory."""
    before, start, start_wall = megabytes_private(), time.process_time(), time.perf_counter()
    dataset = open_store(folder, "train")
    maker = BatchMaker(
        [Source(dataset)], batch_size=32, size=64, skeleton=MPII_16, augmentation=STRONG, seed=0, cache_mb=0
    )
    maker.batch(0)
    spent, wall = time.process_time() - start, time.perf_counter() - start_wall
    print(f"first batch of {SAMPLES:,} samples: {spent:.2f} s of processor time, {wall:.2f} s in all (goal: under 2)")
    held = [megabytes_private() - before]
    for last in (100, 400):
        for step in range(last - 100, last):
            maker.batch(step)
        held.append(megabytes_private() - before)
    per_sample = 1e6 * held[0] / SAMPLES
    print(
        f"memory held after 1, 100 and 400 batches: {held[0]:.0f}, {held[1]:.0f} and {held[2]:.0f} MB, which is "
        f"{per_sample:.0f} bytes of labels a sample and no pictures (the store: {store_megabytes(folder):.0f} MB)"
    )


def store_megabytes(folder: Path) -> float:
    """What a store takes on the disk."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def measure_decoding() -> None:
    generator = np.random.default_rng(0)
    for side in (96, 256, 384, 1000):
        data = a_picture(side, generator)
        repeats = max(10, 2_000_000 // side**2)
        whole = rate(lambda data=data, repeats=repeats: sum(decode_image(data) is not None for _ in range(repeats)))
        line = f"decode {side:4d} px ({len(data) / 1e3:4.0f} kB): {whole:6,.0f} /s"
        for shrink in (2.0, 4.0):
            small = rate(
                lambda data=data, shrink=shrink, repeats=repeats: sum(
                    decode_shrunk(data, shrink) is not None for _ in range(repeats)
                )
            )
            line += f"; at 1/{shrink:.0f} {small:6,.0f} /s ({small / whole:.1f} x)"
        print(line)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure_store(Path(folder) / "store")
        measure_batches(Path(folder) / "store")
    measure_decoding()
