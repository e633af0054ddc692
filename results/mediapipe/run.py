"""Everything in this folder: MediaPipe beside the networks that ship, on three stores of real people.

    python results/mediapipe/run.py DATA OUT --mediapipe mp/bin/python

DATA holds the stores `mupots`, `room` and `lspet` (README.md here says how they are added). MediaPipe runs in an
environment of its own, whose Python is named. OUT keeps images, predictions and evaluations; predictions that are
there are taken as they are. Writes the JSON files and table.csv beside this script and prints the rows of README.md.
"""

import argparse
import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

import prepose

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NETWORKS = {
    "lite0-photos": ROOT / "results/networks/lite0-photos.safetensors",
    "lite0-synthetic": ROOT / "src/prepose/networks/lite0-synthetic.safetensors",
}
# Store, split and how MediaPipe is run on it.
SETS = {
    "mupots": ("test", []),
    "room": ("validation", []),
    "lspet": ("test", ["--also-whole"]),
}
# File, store, protocol and what else of MediaPipe is compared.
TABLES = (
    ("mupots-3d", "mupots", "limbs-10-pa-mpjpe", ["whole-frames", "size-by-image"]),
    ("mupots-2d", "mupots", "limbs-10-pck-box-10", ["whole-frames"]),
    ("room-3d", "room", "limbs-10-pa-mpjpe", ["size-by-image"]),
    ("room-2d", "room", "limbs-10-pck-box-10", []),
    ("lspet-2d", "lspet", "limbs-10-pck-box-10", []),
)
OVER = {"overall": "all people", "shared": "joints that both predict"}


def jobs(store, split, folder):
    """Write the images of a store's split and what MediaPipe is asked: each person's box, and each whole image."""
    dataset = prepose.open_store(store, split)
    joints = dataset.array("joints_img")[..., :2]
    low, high = np.nanmin(joints, axis=1), np.nanmax(joints, axis=1)
    people, images = [], {}
    for index, source in enumerate(dataset.texts("source")):
        path = folder / source.rpartition(": ")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dataset.image_bytes(index))
        # Boxes count from the corner of the first pixel, joints from its centre.
        box = [*(low[index] + 0.5).tolist(), *(high[index] - low[index]).tolist()]
        people.append({"image": str(path), "box": box})
        images[str(path)] = {"image": str(path), "box": None}
    return {"boxes": people, "whole-frames": list(images.values())}


def predict(python, store, out):
    """MediaPipe's predictions of a store as files for `prepose score`."""
    split, options = SETS[store.name]
    folder = out / store.name
    written = jobs(store, split, folder / "images")
    for name in ("boxes", "whole-frames")[: 2 if store.name == "mupots" else 1]:
        if not (predictions := folder / f"{name}.npz").exists():
            asked = folder / f"{name}.json"
            asked.write_text(json.dumps(written[name]))
            subprocess.run([python, HERE / "mediapipe_poses.py", asked, predictions, *options], check=True)


def compared(store, protocol, others, out):
    """A comparison of `lite0-photos` with `lite0-synthetic` and MediaPipe."""
    folder, split = out / store.name, SETS[store.name][0]
    runs = []
    for name, weights in NETWORKS.items():
        kept = folder / name
        kept.mkdir(exist_ok=True)
        shutil.copy(weights, kept / "weights.safetensors")
        prepose.evaluate(kept, store, split=split, protocol=protocol)
        runs.append(kept)
    for name in ("", *others):
        kept = folder / f"mediapipe{'-' if name else ''}{name}"
        prepose.score(
            folder / ("whole-frames.npz" if name == "whole-frames" else "boxes.npz"),
            store, split=split, protocol=protocol, out=kept, size="image" if name == "size-by-image" else None,
        )  # fmt: skip
        runs.append(kept)
    return prepose.compare(runs, store, split=split, protocol=protocol)


def rows(name, found):
    """The rows of table.csv: every measure over all joints of all people, or of those whom both found."""
    for each in found.differences:
        if each.kind in OVER:
            numbers = (
                each.mean,
                each.baseline_mean,
                each.difference,
                each.interval.low,
                each.interval.high,
                each.p_value,
            )
            value, baseline_value, difference, low, high, p_value = (round(number, 6) for number in numbers)
            yield {
                "set": name, "protocol": found.protocol, "samples": found.num_samples, "over": OVER[each.kind],
                "measure": each.measure, "network": each.network, "value": value, "baseline": found.baseline,
                "baseline_value": baseline_value, "difference": difference, "low": low, "high": high, "p": p_value,
            }  # fmt: skip


def main():
    """Predict, score, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mediapipe", required=True, help="Python of the environment with MediaPipe")
    options = parser.parse_args()
    for name in SETS:
        predict(options.mediapipe, options.data / name, options.out)
    table = []
    for name, store, protocol, others in TABLES:
        found = compared(options.data / store, protocol, others, options.out)
        (HERE / f"{name}.json").write_text(json.dumps(found.to_json(), indent=2) + "\n")
        table += rows(name, found)
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    for row in table:
        if row["measure"] in ("pa_mpjpe_mm", "mpjpe_mm", "pck2d_box"):
            print(*row.values(), sep=" | ")


if __name__ == "__main__":
    main()
