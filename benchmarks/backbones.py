"""What each backbone costs: parameters, FLOPs, and images/s in training and inference on one core, fp32 against bf16.

Parameters and FLOPs are the backbone's alone. A training step is the whole network with the light decoder: forward,
backward, AdamW, channels last, random weights. Times are CPU time of this process (other work on the machine takes
none of it, though it slows caches), the best of several; the ratio is bf16's images/s over fp32's.

    python benchmarks/backbones.py [NAME ...] [--size 128] [--batch 16] [--steps 3] [--json FILE]

With --json the rows are merged into FILE, from which the documentation's table of backbones is made.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from prepose.models.backbones import BACKBONES
from prepose.models.flops import flop_counter
from prepose.models.pose_net import build_pose_net
from prepose.specs.model import ModelSpec

SIZES = (128, 256)
QUICK = ("small-0.7m", "resnet-18", "efficientnet-lite0")


def cost(name: str) -> dict[str, float]:
    """Millions of parameters of a backbone, and GFLOP of its forward pass at each of `SIZES`."""
    with torch.device("meta"):
        net = BACKBONES[name]().eval()
    found = {"parameters_m": round(sum(p.numel() for p in net.parameters()) / 1e6, 2)}
    for size in SIZES:
        with flop_counter() as counter, torch.no_grad():
            net(torch.zeros(1, 3, size, size, device="meta"))
        found[f"gflop_{size}"] = round(counter.get_total_flops() / 1e9, 2)
    return found


def speed(name: str, *, size: int, batch: int, steps: int, bfloat16: bool) -> dict[str, float]:
    """Images per CPU second in training and in inference."""
    net = build_pose_net(ModelSpec(backbone=name, decoder="light", size=size)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    draw = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (batch, 3, size, size), generator=draw, dtype=torch.uint8)
    image = image.contiguous(memory_format=torch.channels_last)

    def train() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            output = net(image)
        (output.joints_crop.square().mean() + output.heatmaps.square().mean()).backward()
        optimiser.step()
        optimiser.zero_grad()

    def infer() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            net(image)

    training = batch / best(train, steps)
    net.eval()
    return {"training": round(training, 1), "inference": round(batch / best(infer, steps), 1)}


def best(work: Callable[[], None], rounds: int) -> float:
    """CPU seconds of the fastest round, after one that warms up."""
    found = math.inf
    for _ in range(rounds + 1):
        began = time.process_time()
        work()
        found = min(found, time.process_time() - began)
    return found


def processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=QUICK)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, dict] = {}
    print(f"{options.size} px, batch {options.batch}, one thread; images per CPU second, training / inference")
    for name in options.names:
        found = {
            form: speed(name, size=options.size, batch=options.batch, steps=options.steps, bfloat16=form == "bf16")
            for form in ("fp32", "bf16")
        }
        ratios = {key: round(found["bf16"][key] / found["fp32"][key], 2) for key in ("training", "inference")}
        rows[name] = {**cost(name), **found, "ratio": ratios}
        print(
            f"  {name}: fp32 {found['fp32']['training']} / {found['fp32']['inference']}, bf16 "
            f"{found['bf16']['training']} / {found['bf16']['inference']}; ratio bf16 / fp32 {ratios['training']} / "
            f"{ratios['inference']}",
            flush=True,
        )
        if options.json:
            _merge(options.json, rows, options)


def _merge(path: Path, rows: dict[str, dict], options: argparse.Namespace) -> None:
    kept = json.loads(path.read_text())["backbones"] if path.is_file() else {}
    machine = f"{processor()}, one thread, torch {torch.__version__}"
    how = f"{options.size} px, batch {options.batch}, best of {options.steps} steps, CPU time of the process"
    data = {"machine": machine, "how": how, "backbones": {**kept, **rows}}
    path.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
