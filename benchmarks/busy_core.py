"""What a busy core costs `prepose predict`: one image with torch, by number of threads and by how idle ones wait.

`python benchmarks/busy_core.py [IMAGES]` prints, for each setting, the median time of one image (lite0-synthetic, flip
test, from pixels to poses) while the cores are free and while another process keeps one of them busy, and their ratio.
Two cores are used, whatever the machine has; others should have nothing to do.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

SETTINGS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "2 threads, OMP_WAIT_POLICY=PASSIVE": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "2 threads, GOMP_SPINCOUNT=0": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "0"},
    "2 threads, GOMP_SPINCOUNT=10000": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "10000"},
}
OURS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
MEASURED = """
import sys, time
import numpy as np
from prepose.predict.networks import find_weights
from prepose.predict.predictor import Predictor
from pathlib import Path
predictor = Predictor.load(find_weights(Path("lite0-synthetic")))
image = np.random.default_rng(0).integers(0, 256, (480, 320, 3), np.uint8)
times = []
for _ in range(int(sys.argv[1]) + 3):
    start = time.perf_counter()
    predictor.predict(image)
    times.append(time.perf_counter() - start)
print(np.median(times[3:]))
"""


def seconds(images: int, settings: Mapping[str, str]) -> float:
    """The median time of one image in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | settings
    command = [sys.executable, "-c", MEASURED, str(images)]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))
    print("| setting | cores free, ms | one core busy, ms | ratio |\n|---|---|---|---|")
    for name, settings in SETTINGS.items():
        free = seconds(images, settings)
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as spinning:
            try:
                busy = seconds(images, settings)
            finally:
                spinning.kill()
        print(f"| {name} | {1000 * free:.0f} | {1000 * busy:.0f} | {busy / free:.1f} |", flush=True)


if __name__ == "__main__":
    main()
