"""What the doctor finds: each mistake planted into sound samples, in all of them and in a few; and its false alarms.

`python benchmarks/doctor.py [SAMPLES [DRAWS]]` prints the first table of docs/doctor.md, of the synthetic worlds.
`python benchmarks/doctor.py [SAMPLES [DRAWS]] --store STORE --split SPLIT` prints the same for a store of one's own:
what is found in it as it is, and the mistakes planted into all, half and 5 % of SAMPLES of its samples (0: of all).
`--only WORDS` restricts either to the mistakes whose name has these words, `--check NAME` (several times for several)
to those that this check reports: a change of one check is measured without decoding an image again.

`python benchmarks/doctor.py --store STORE --split SPLIT --pieces 20 60` examines the store in pieces of so many
consecutive samples, and prints how many have a fault or a note: its false alarms on small sets.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from dataclasses import replace

import numpy as np

from planted import FAULTS, FAULTS_2D, SIZE_PX, Fault, contaminated, labels_2d, sound_samples
from prepose.data.checks.finding import Finding
from prepose.data.checks.records import digests_of, look_at, read_records
from prepose.data.dataset import dataset_of
from prepose.data.doctor import CHECKS, MOST_IMAGES, examine, images_to_see
from prepose.data.sample import PoseSample
from prepose.data.store import open_store

SEEING = {"files", "calibration", "boxes", "pairing"}


def findings_of(samples: list[PoseSample], checks: tuple[str, ...]) -> list[Finding]:
    """What some of the checks find; the pictures are looked at only where one of them needs it."""
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    seen = images_to_see(len(samples), MOST_IMAGES).tolist() if SEEING & set(checks) else []
    digests = digests_of(dataset, range(len(samples))) if "copies" in checks else {}
    records = read_records(dataset, pictures=look_at(dataset, seen), digests=digests)
    return [finding for check in checks for finding in CHECKS[check](records)]


def outcome(samples: list[PoseSample], rows: np.ndarray, checks: tuple[str, ...]) -> tuple[bool, float, str]:
    """Whether a right check reports a fault, the share of the bad samples it names, and the cause it gives."""
    right = [finding for finding in findings_of(samples, checks) if finding.severity == "fault"]
    named = {sample for finding in right for sample in (finding.samples or range(len(samples)))}
    return bool(right), float(np.isin(rows, list(named)).mean()), right[0].cause if right else "-"


def cell(samples: list[PoseSample], fault: Fault, draws: int) -> tuple[str, list[tuple[int, int]], str]:
    """The entry of the table, (found, tried) in all samples and in 5 %, and the cause given where all are bad."""
    whole = outcome(*contaminated(samples, fault, 1.0, 0), fault.checks)
    some = [outcome(*contaminated(samples, fault, 0.05, seed), fault.checks) for seed in range(draws)]
    hits = [(int(whole[0]), 1), (sum(hit for hit, _, _ in some), draws)]
    named = float(np.mean([share for _, share, _ in some]))
    return f"{'yes' if whole[0] else 'NO'}, {hits[1][0]}/{draws} ({named:.0%})", hits, whole[2]


def mistakes(sets: dict[str, list[PoseSample]], draws: int, faults: dict[str, Fault]) -> None:
    """The table of planted mistakes, and its sums."""
    print(f"| mistake | {' | '.join(sets)} | cause given (all samples bad, first set) |")
    print(f"|---|{'---|' * len(sets)}---|")
    hits: list[list[tuple[int, int]]] = [[], []]
    for name, fault in faults.items():
        cells, causes = [], []
        for labels, samples in sets.items():
            if labels.endswith("2D") and name not in FAULTS_2D:
                cells.append("")
                continue
            text, found, cause = cell(samples, fault, draws)
            cells.append(text)
            causes.append(cause)
            for total, one in zip(hits, found, strict=True):
                total.append(one)
        print(f"| {name} | {' | '.join(cells)} | {causes[0]} |", flush=True)
    for title, found in zip(("all samples bad", "5 % bad"), hits, strict=True):
        hit, tried = (sum(column) for column in zip(*found, strict=True))
        print(f"\n{title}: found {hit} of {tried} ({hit / tried:.1%})")


def chosen(only: str, checks: list[str]) -> dict[str, Fault]:
    """The mistakes that are asked for."""
    return {
        name: fault
        for name, fault in FAULTS.items()
        if only in name and (not checks or set(checks) & set(fault.checks))
    }


def in_pieces(folder: Path, split: str, lengths: list[int]) -> None:
    """How many pieces of consecutive samples have a finding, for each length, and what the faults are."""
    dataset = open_store(folder, split)
    for length in lengths:
        found: list[tuple[int, Finding]] = []
        starts = range(0, len(dataset) - length + 1, length)
        for start in starts:
            findings = examine(dataset.select(np.arange(start, start + length))).findings
            found += [(start, finding) for finding in findings]
        counts = {kind: len({start for start, each in found if each.severity == kind}) for kind in ("fault", "note")}
        told = f"{counts['fault']} with a fault, {counts['note']} with a note"
        print(f"{dataset.name}/{split}: {len(starts)} pieces of {length} samples: {told}", flush=True)
        for start, each in found:
            if each.severity == "fault":
                print(f"- from sample {start}: {each.check}: {each.text}", flush=True)


def of_the_store(folder: Path, split: str, count: int, draws: int, faults: dict[str, Fault]) -> None:
    """What is found in a store as it is, and the mistakes that are planted into it."""
    dataset = open_store(folder, split)
    findings = examine(dataset).findings
    print(f"{dataset.name}/{split}: {len(dataset)} samples; as they are:\n")
    for finding in findings:
        print(f"- {finding.severity} {finding.check}: {finding.text}")
    rows = images_to_see(len(dataset), count or None).tolist()
    samples = [replace(dataset[row], image=dataset.image_bytes(row)) for row in rows]
    in_3d = all(sample.camera is not None and sample.has_3d for sample in samples)
    print(f"\n| mistake in {len(samples)} samples | all | 50 % | 5 % ({draws} draws, share of the bad ones named) |")
    print("|---|---|---|---|")
    for name, fault in faults.items():
        if not in_3d and name not in FAULTS_2D:
            continue
        try:
            whole, half = (outcome(*contaminated(samples, fault, share, 0), fault.checks)[0] for share in (1.0, 0.5))
            few = [outcome(*contaminated(samples, fault, 0.05, seed), fault.checks) for seed in range(draws)]
        except ValueError as error:  # a mistake that this skeleton cannot have
            print(f"| {name} | {error} | | |", flush=True)
            continue
        told = f"{sum(hit for hit, _, _ in few)}/{draws} ({np.mean([share for _, share, _ in few]):.0%})"
        print(f"| {name} | {'yes' if whole else 'NO'} | {'yes' if half else 'NO'} | {told} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=150)
    parser.add_argument("draws", type=int, nargs="?", default=3)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--only", default="")
    parser.add_argument("--check", action="append", default=[], choices=tuple(CHECKS))
    parser.add_argument("--pieces", type=int, nargs="+")
    asked = parser.parse_args()
    count, draws, faults = asked.count, asked.draws, chosen(asked.only, asked.check)
    if asked.store and asked.pieces:
        in_pieces(asked.store, asked.split, asked.pieces)
        return
    if asked.store:
        of_the_store(asked.store, asked.split, count, draws, faults)
        return
    whole = {world: list(sound_samples(world, count)) for world in ("lab", "wild", "occluded")}
    sets = {f"{world} 3D": samples for world, samples in whole.items()}
    sets |= {f"{world} 2D": labels_2d(samples) for world, samples in whole.items()}
    print(f"{count} samples a set of {SIZE_PX} px; cells: all bad, 5 % bad in {draws} draws (samples named)\n")
    mistakes({name: samples for name, samples in sets.items() if "occluded" not in name}, draws, faults)
    print("\n| clean set | faults | notes |\n|---|---|---|")
    for name, samples in sets.items():
        findings = examine(dataset_of(samples, skeleton=samples[0].skeleton)).findings
        severities = [finding.severity for finding in findings]
        print(f"| {name} | {severities.count('fault')} | {severities.count('note')} |")


if __name__ == "__main__":
    main()
