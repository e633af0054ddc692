"""How often the intervals of a study hold the truth, by simulation, and what a comparison costs.

`python benchmarks/intervals.py [STUDIES]` prints the tables of docs/statistics.md.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np

from fakes_statistics import SOURCES, Source, crossing_curves, drawn_curves, drawn_pair
from prepose.studies.statistics.bootstrap import percentile_interval, resampled_means
from prepose.studies.statistics.comparison import compare
from prepose.studies.statistics.compute_ratio import compute_ratio
from prepose.studies.statistics.crossing import crossing
from prepose.studies.statistics.interval import t_interval
from prepose.studies.statistics.scores import arm_scores, clusters_of
from prepose.studies.statistics.uncertainty import difference_uncertainty

SEEDS = (3, 5, 10)
RESAMPLES = 400


def covered(source: Source, num_seeds: int, *, paired: bool, studies: int) -> tuple[float, float]:
    """Share of studies whose t interval, and whose percentile interval, hold the true difference of 0."""
    generator = np.random.default_rng([num_seeds, studies])
    hits = np.zeros(2)
    for _ in range(studies):
        arm, baseline = drawn_pair(source, num_seeds, generator)
        difference = float(arm.seed_means.mean() - baseline.seed_means.mean())
        draws = resampled_means([arm, baseline], paired=paired, resamples=RESAMPLES, generator=generator)
        intervals = (
            t_interval(difference, difference_uncertainty(arm, baseline, paired=paired)),
            percentile_interval(draws[0] - draws[1]),
        )
        hits += [0.0 in interval for interval in intervals]
    return tuple(hits / studies)


def differences(studies: int) -> None:
    print("| what differs | " + " | ".join(f"{n} seeds: t | bootstrap" for n in SEEDS) + " |")
    print("|---|" + "---|---|" * len(SEEDS))
    rows = [(name, source, True) for name, source in SOURCES.items()]
    rows.append(("trainings and 7 subjects alike, seeds unpaired", SOURCES["trainings and 7 subjects alike"], False))
    for name, source, paired in rows:
        cells = [covered(source, n, paired=paired, studies=studies) for n in SEEDS]
        print(f"| {name} | " + " | ".join(f"{t:.1%} | {boot:.1%}" for t, boot in cells) + " |", flush=True)


def curves(studies: int) -> None:
    print("\n| interval | " + " | ".join(f"{n} seeds" for n in SEEDS) + " |")
    print("|---|" + "---|" * len(SEEDS))
    rows: dict[str, list[str]] = {"ratio at the end": [], "geometric mean of the ratio": [], "crossing": []}
    for num_seeds in SEEDS:
        hits = np.zeros(3)
        for study in range(studies):
            generator = np.random.default_rng([num_seeds, study])
            ratio = compute_ratio(*drawn_curves(3.0, num_seeds, generator), generator=generator)
            crossed = crossing(*crossing_curves(num_seeds, generator))
            found = (ratio.at_end.interval, ratio.geometric_mean_interval, crossed.interval)
            hits += [each is not None and truth in each for each, truth in zip(found, (3.0, 3.0, 1e4), strict=True)]
        for row, share in zip(rows.values(), hits / studies, strict=True):
            row.append(f"{share:.1%}")
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(row) + " |")


def cost() -> None:
    generator = np.random.default_rng(0)
    for samples, subjects in ((20_000, 7), (20_000, 1), (20_000, 3_000)):
        clusters = clusters_of([f"S{i % subjects}" for i in range(samples)])
        tables = [{seed: generator.normal(80, 20, (samples, 16)) for seed in range(10)} for _ in range(2)]
        times = []
        for _ in range(3):
            start = time.process_time()
            arm, baseline = (arm_scores(name, each, clusters) for name, each in zip("ab", tables, strict=True))
            summed = time.process_time()
            compare(arm, baseline, measure="x", direction="lower", clusters=clusters, generator=generator)
            times.append((summed - start, time.process_time() - summed))
        sums, compared = np.array(times).min(axis=0)
        print(f"10 seeds x {samples} samples x 16 joints x 2 arms, {clusters.text}: sums {sums * 1e3:.0f} ms, ", end="")
        print(f"2,000 resamples and t interval {compared * 1e3:.0f} ms (CPU time, best of 3)")


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    print(f"{studies} studies a cell; share of 95 % intervals that hold the truth\n")
    differences(studies)
    curves(studies)
    print()
    cost()


if __name__ == "__main__":
    main()
