"""What the safe reader of pickles costs beside Python's own, and what Python's own does with hostile files.

Each hostile file is given to `pickle.Unpickler` in a process of its own, with `find_class` refusing every name: what it
costs is done by its instructions alone, while no code of ours runs that could stop them.

    python benchmarks/pickles.py
"""

import io
import pickle
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path

import numpy as np

from prepose.data.unpickle import read_pickle

ROUNDS, PEOPLE, MEMORY, SECONDS = 2, 14_000, 8 * 2**30, 120


def _colliding(count: int) -> bytes:
    """A dict whose keys, tuples of 64-bit integers, all have one hash."""
    numbers = [b"\x8a\x09" + (step * (2**61 - 1)).to_bytes(9, "little", signed=True) for step in range(-4, 5)]
    keys = islice(product(numbers, repeat=5), count)
    return b"}(" + b"".join(b"(" + b"".join(key) + b"tN" for key in keys) + b"u."


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a memo index of 2^28": lambda: b"]r" + struct.pack("<I", 2**28) + b".",
    "five million empty sets": lambda: b"](" + b"\x8f" * 5_000_000 + b"e.",
    "a tuple doubled 26 times, as a key": lambda: b"})" + b"2\x86" * 26 + b"Ns.",
    "a tuple doubled 28 times, as a key": lambda: b"})" + b"2\x86" * 28 + b"Ns.",
    "4,000 keys of one hash": lambda: _colliding(4_000),
    "8,000 keys of one hash": lambda: _colliding(8_000),
}


class NoNames(pickle.Unpickler):
    """Python's own reader without any name."""

    def find_class(self, module_name: str, global_name: str) -> object:
        """Refuse the name."""
        raise pickle.UnpicklingError(f"{module_name}.{global_name}")


def _suffer(name: str) -> None:
    data = HOSTILE[name]()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    # Bound, so that freeing the value is not timed.
    value = NoNames(io.BytesIO(data)).load()
    seconds, held = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"  {name:36} {len(data):>9,} bytes: {seconds:6.2f} s, {held / 2**20:5.2f} GiB, {type(value).__name__}")


def _labels() -> list[dict]:
    """Labels as the field keeps them: a dict for each person, with small arrays."""
    generator = np.random.default_rng(0)
    return [
        {
            "image": f"s_{person % 11:02d}_act_{person % 15:02d}_{person:06d}.jpg",
            "joints_3d": generator.normal(size=(17, 3)),
            "joints_vis": np.ones((17, 3)),
            "center": generator.normal(size=2),
            "scale": np.float64(1.5),
            "subject": person % 11,
            "camera_id": person % 4,
            "box": [1.0 * person, 2.5, 3.5, 4.5],
        }
        for person in range(PEOPLE)
    ]


def _best(read: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        read()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print both."""
    if len(sys.argv) > 1:
        _suffer(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.pkl"
        path.write_bytes(pickle.dumps(_labels(), 2))
        ours = _best(lambda: read_pickle(path))
        own = _best(lambda: pickle.loads(path.read_bytes()))  # noqa: S301 - written above
        size = path.stat().st_size / 1e6
        print(f"{size:.0f} MB of labels: {ours:.2f} s, Python's own {own:.2f} s, ratio {ours / own:.1f}", flush=True)
    print("hostile files in Python's own reader:", flush=True)
    for name in HOSTILE:
        subprocess.run([sys.executable, __file__, name], check=False)


if __name__ == "__main__":
    main()
