"""Images a second on one core, for each world and size, and which part of a sample takes how much of it.

CPU time of this process; the median and the best of several rounds, because other processes share the machine's caches.
Run: python benchmarks/synthesis.py [--samples 64] [--rounds 5]
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from prepose.synthetic import people, worlds
from prepose.synthetic.surfaces import MATERIALS, draw_surface

SIZES = (96, 128)
# Part -> the names under which the modules call it; what is called inside another part is not counted twice.
PARTS = {
    "figure": [(worlds, "person")],
    "pose": [(worlds, "draw_pose")],
    "skin": [(people, "skin")],
    "scene": [(worlds, "draw_scene"), (worlds, "draw_occluders"), (worlds, "draw_seat")],
    "camera": [(worlds, "draw_viewpoint"), (worlds, "draw_square")],
    "tracer": [(worlds, "build_tracer")],
    "render": [(worlds, "render")],
    "states": [(worlds, "joint_states")],
    "sensor": [(worlds, "expose"), (worlds, "encode")],
}


def timed(function: Callable, spent: dict[str, float], part: str) -> Callable:
    def call(*args, **options):
        start = time.process_time()
        try:
            return function(*args, **options)
        finally:
            spent[part] += time.process_time() - start

    return call


@contextmanager
def watched(spent: dict[str, float]) -> Iterator[None]:
    patches = [
        patch.object(module, name, timed(getattr(module, name), spent, part))
        for part, places in PARTS.items()
        for module, name in places
    ]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def measure(world: worlds.World, size: int, samples: int, rounds: int) -> tuple[list[float], dict[str, float]]:
    """Seconds a sample of each round, and the share of each part over all of them."""
    spent = dict.fromkeys(PARTS, 0.0)
    seconds = []
    for kind, generator in ((kind, np.random.default_rng(0)) for kind in MATERIALS):
        for _ in range(100):  # patterns are woven once a process
            draw_surface(kind, generator)
    worlds.draw_sample(world, "train", 1, 0, size)
    people.person.cache_clear()
    with watched(spent):
        for number in range(rounds):
            first, start = number * samples, time.process_time()
            for index in range(first, first + samples):
                worlds.draw_sample(world, "train", 0, index, size)
            seconds.append((time.process_time() - start) / samples)
    whole = sum(seconds) * samples
    shares = {part: took / whole for part, took in spent.items()}
    return seconds, shares | {"rest": 1 - sum(shares.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{platform.machine()}, load {os.getloadavg()[0]:.1f}, python {platform.python_version()}")
    for name, world in worlds.WORLDS.items():
        for size in SIZES:
            seconds, shares = measure(world, size, arguments.samples, arguments.rounds)
            middle, best = statistics.median(seconds), min(seconds)
            split = "  ".join(f"{part} {1e3 * share * middle:.1f}" for part, share in shares.items())
            print(f"{name:9s}{size:4d} px  {1 / middle:5.1f} images/s (best {1 / best:5.1f})  ms: {split}")


if __name__ == "__main__":
    main()
