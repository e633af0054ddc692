"""What a store keeps of the samples that an adapter found: their whole pictures, checked, or person chips.

Reading, cutting and encoding can be shared among processes; the samples come in the same order, and are the same,
for any number of them.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2

from prepose.data.chip import Chips, chip_of
from prepose.data.picture import read_image_bytes
from prepose.data.sample import PoseSample
from prepose.errors import PoseError
from prepose.worker import map_in_order

# Samples handed to a process at once: passing them is cheap beside their pictures, and few are held at any time.
_TASK = 16


def embed(samples: Iterable[PoseSample], *, chips: Chips | None = None, workers: int = 1) -> Iterator[PoseSample]:
    """The samples with their pictures inside, in the same order.

    Args:
        samples: Samples with pictures by path or inside.
        chips: How to cut person chips; None keeps the pictures as they are.
        workers: Processes.

    Raises:
        DataError: a picture is missing or broken, or a box is none.
        PoseError: a worker process died.
    """
    if workers == 1:
        yield from _embedded(samples, chips)
        return
    work = partial(_embed_task, chips)
    try:
        for batch in map_in_order(work, _batches(samples), workers=workers, set_up=_set_up):
            yield from batch
    except BrokenProcessPool as error:
        raise PoseError(
            "a process that reads pictures died (out of memory?); finished samples are safe: run the command again to "
            "go on, with fewer workers"
        ) from error


def _batches(samples: Iterable[PoseSample]) -> Iterator[list[PoseSample]]:
    batch: list[PoseSample] = []
    try:
        for sample in samples:
            batch.append(sample)
            if len(batch) == _TASK:
                yield batch
                batch = []
    except Exception:
        # What was found before the error may hold an earlier one.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _set_up() -> None:
    cv2.setNumThreads(1)


def _embed_task(chips: Chips | None, samples: list[PoseSample]) -> list[PoseSample]:
    return list(_embedded(samples, chips))


def _embedded(samples: Iterable[PoseSample], chips: Chips | None) -> Iterator[PoseSample]:
    for sample in samples:
        if chips is not None:
            yield chip_of(sample, chips)
        elif isinstance(sample.image, Path):
            yield replace(sample, image=read_image_bytes(sample.image))
        else:
            yield sample
