"""One photo from file to pose: decode, crop, network and lifting, by torch and ONNX Runtime, float32, int8 and fp16.

    python benchmarks/latency.py [NETWORK ...] [--no-flip-test] [--rounds 20] [--size 640x480] [--threads 1 2]

Without networks, all that ship with prepose or lie in results/networks. The photo is a JPEG of smooth noise with one
person's box. One thread: CPU time of this process (other work on the machine takes none of it, though it slows
caches), the median of the rounds. More threads: the fastest round by the clock, as CPU time says nothing of it. The
ratio is torch's time over that of the row, the runners taking turns round by round.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from prepose.camera.crop import crop_of_box
from prepose.data.picture import encode_jpeg, read_photograph
from prepose.models.checkpoint import load_weights
from prepose.models.export import quiet, to_onnx, with_facts
from prepose.predict.crop_network import CropNetwork
from prepose.predict.networks import find_weights, shipped_networks
from prepose.predict.onnx_network import load_onnx_network
from prepose.predict.predictor import Predictor
from prepose.predict.reduced_precision import REDUCED
from prepose.predict.torch_network import torch_network

RESULTS = Path(__file__).parents[1] / "results" / "networks"
PARTS = ("decode", "crop", "network", "lift and the rest")


@dataclass(frozen=True)
class Asked:
    """How to measure."""

    threads: int
    rounds: int
    flip_test: bool


def smooth_noise(width: int, height: int, generator: np.random.Generator) -> np.ndarray:
    coarse = generator.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def runners(weights: Path, folder: Path, *, flip_test: bool) -> dict[str, Callable[[int], CropNetwork]]:
    """How a network is run -> what makes it ready for so many threads."""
    net = load_weights(weights)
    generator = np.random.default_rng(0)
    crops = np.stack([smooth_noise(net.spec.size, net.spec.size, generator) for _ in range(8)]).transpose(0, 3, 1, 2)
    model, facts = to_onnx(net, flip_test=flip_test)
    # Noise calibrates as well as people do where only the time counts.
    with quiet():
        models = {f"onnxruntime {name}": make(deepcopy(model), crops) for name, (_, make) in REDUCED.items()}
    found: dict[str, Callable[[int], CropNetwork]] = {"torch float32": lambda _: torch_network(net)}
    for name, each in {"onnxruntime float32": model, **models}.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(with_facts(each, facts))
        found[name] = lambda threads, path=path: load_onnx_network(path, threads=threads)
    return found


def parts(predictor: Predictor, photo: Path, box: np.ndarray, clock: Callable[[], float]) -> list[float]:
    """Seconds of each of `PARTS`, and of `predict` as a whole."""
    times = [clock()]
    pixels = read_photograph(photo)
    times.append(clock())
    crop = crop_of_box(box, predictor.net.spec.size).read(pixels)
    times.append(clock())
    predictor.net.run(crop[None].transpose(0, 3, 1, 2), predictor.flip_test)
    times.append(clock())
    predictor.predict(photo, [box])
    whole = clock() - times[-1]
    known = [float(each) for each in np.diff(times)]
    return [*known, whole - sum(known), whole]


def measure(
    weights: Path, run_by: dict[str, Callable[[int], CropNetwork]], photo: Path, box: np.ndarray, asked: Asked
) -> None:
    """Print the table of a network for a number of threads."""
    threads = asked.threads
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    ready = {name: Predictor(make(threads), flip_test=asked.flip_test) for name, make in run_by.items()}
    found = {name: [] for name in ready}
    for _ in range(asked.rounds + 2):
        for name, predictor in ready.items():
            found[name].append(parts(predictor, photo, box, clock))
    reduce = np.median if threads == 1 else np.min
    kind = "CPU time" if threads == 1 else "by the clock"
    print(f"\n{weights.stem}, {threads} thread{'s' if threads > 1 else ''} ({kind}), flip test {asked.flip_test}")
    print(f"| run by | {' | '.join(f'{part}, ms' for part in PARTS)} | in all, ms | photos/s | ratio |")
    print(f"|---{'|---' * (len(PARTS) + 3)}|")
    milliseconds = {name: 1000 * reduce(rows[2:], axis=0) for name, rows in found.items()}
    for name, each in milliseconds.items():
        ratio = milliseconds["torch float32"][-1] / each[-1]
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in each)} | {1000 / each[-1]:.0f} | {ratio:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", type=Path, metavar="NETWORK")
    parser.add_argument("--no-flip-test", dest="flip_test", action="store_false")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--size", default="640x480", metavar="WxH")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    networks = asked.networks or [*shipped_networks().values(), *sorted(RESULTS.glob("*.safetensors"))]
    width, height = map(int, asked.size.split("x"))
    box = np.array([width * 0.3, height * 0.1, width * 0.25, height * 0.8])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(f"a JPEG of {width} x {height} px, a box of {box[2]:.0f} x {box[3]:.0f} px; {cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        photo.write_bytes(encode_jpeg(smooth_noise(width, height, np.random.default_rng(1))))
        for network in networks:
            weights = find_weights(network)
            run_by = runners(weights, Path(folder), flip_test=asked.flip_test)
            for threads in asked.threads:
                if threads > cores:
                    print(f"\n{network.stem}: {threads} threads left out, as this process may use {cores} cores")
                    continue
                measure(weights, run_by, photo, box, Asked(threads, asked.rounds, asked.flip_test))


if __name__ == "__main__":
    main()
