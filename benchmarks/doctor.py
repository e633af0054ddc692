"""What the doctor finds: each mistake planted into sound samples, in all of them and in 5 %; and its false alarms.

`python benchmarks/doctor.py [SAMPLES [DRAWS]]` prints the table of docs/doctor.md.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np

from planted import FAULTS, FAULTS_2D, SIZE_PX, Fault, contaminated, labels_2d, sound_samples
from prepose.data.dataset import dataset_of
from prepose.data.doctor import examine
from prepose.data.sample import PoseSample


def outcome(samples: list[PoseSample], rows: np.ndarray, checks: tuple[str, ...]) -> tuple[bool, float, str]:
    """Whether a right check reports a fault, the share of the bad samples it names, and the cause it gives."""
    findings = examine(dataset_of(samples, skeleton=samples[0].skeleton)).findings
    right = [finding for finding in findings if finding.check in checks and finding.severity == "fault"]
    named = {sample for finding in right for sample in (finding.samples or range(len(samples)))}
    return bool(right), float(np.isin(rows, list(named)).mean()), right[0].cause if right else "-"


def cell(samples: list[PoseSample], fault: Fault, draws: int) -> tuple[str, list[tuple[int, int]], str]:
    """The entry of the table, (found, tried) in all samples and in 5 %, and the cause given where all are bad."""
    whole = outcome(*contaminated(samples, fault, 1.0, 0), fault.checks)
    some = [outcome(*contaminated(samples, fault, 0.05, seed), fault.checks) for seed in range(draws)]
    hits = [(int(whole[0]), 1), (sum(hit for hit, _, _ in some), draws)]
    named = float(np.mean([share for _, share, _ in some]))
    return f"{'yes' if whole[0] else 'NO'}, {hits[1][0]}/{draws} ({named:.0%})", hits, whole[2]


def mistakes(sets: dict[str, list[PoseSample]], draws: int) -> None:
    """The table of planted mistakes, and its sums."""
    print(f"| mistake | {' | '.join(sets)} | cause given (all samples bad, first set) |")
    print(f"|---|{'---|' * len(sets)}---|")
    hits: list[list[tuple[int, int]]] = [[], []]
    for name, fault in FAULTS.items():
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


def main() -> None:
    count, draws = (int(text) for text in (*sys.argv[1:3], *("150", "3")[len(sys.argv) - 1 :]))
    whole = {world: list(sound_samples(world, count)) for world in ("lab", "wild", "occluded")}
    sets = {f"{world} 3D": samples for world, samples in whole.items()}
    sets |= {f"{world} 2D": labels_2d(samples) for world, samples in whole.items()}
    print(f"{count} samples a set of {SIZE_PX} px; cells: all bad, 5 % bad in {draws} draws (samples named)\n")
    mistakes({name: samples for name, samples in sets.items() if "occluded" not in name}, draws)
    print("\n| clean set | faults | notes |\n|---|---|---|")
    for name, samples in sets.items():
        findings = examine(dataset_of(samples, skeleton=samples[0].skeleton)).findings
        severities = [finding.severity for finding in findings]
        print(f"| {name} | {severities.count('fault')} | {severities.count('note')} |")


if __name__ == "__main__":
    main()
