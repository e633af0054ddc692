"""How often the intervals of a label law hold the truth, by simulation of studies whose law is known.

`python benchmarks/label_law.py [STUDIES]` prints the table of docs/studies.md.
"""

import sys

import numpy as np
from jaxtyping import Float

from prepose.studies.statistics.interval import Interval
from prepose.studies.statistics.label_law import Law, LawLevel, fit_law

# The levels of the studies that ship: N2, N3, TFLOP.
POOLED = [(6000, n3, 5.6) for n3 in (30, 90, 300, 900, 3000)]
POOLED += [(n2, 3000, 11.2) for n2 in (60, 180, 600, 1800, 6000)] + [(6000, 3000, f) for f in (2.8, 45, 180)]
ONLY_N3 = [(n3,) for n3 in (30, 90, 300, 900, 3000)]
# About what is fitted to them, mm, on the wild set and in the lab.
DESIGNS = {
    "N2, N3 and F, 13 levels": (POOLED, Law(np.array(120.0), np.array([15.0, 8.0, 40.0]), np.array([0.35, 0.3, 0.3]),
                                            np.array([6000.0, 3000.0, 180.0]))),
    "N3 alone, 5 levels": (ONLY_N3, Law(np.array(155.0), np.array([4.0]), np.array([0.4]), np.array([3000.0]))),
}  # fmt: skip
NOISE_MM, RESAMPLES, SEEDS = 4.0, 200, (3, 5, 10)
# What is asked: 1,000 more labels of each kind, and twice the compute.
HAVE, NEXT = np.array([3000.0, 600.0, 11.2]), np.array([1000.0, 1000.0, 11.2])


def drawn(
    places: Float[np.ndarray, "L V"], law: Law, seeds: int, off_law: float, generator: np.random.Generator
) -> list[LawLevel]:
    """A study whose trainings spread by `NOISE_MM`, and whose levels are off the law by as much as is asked for."""
    errors = [float(law.error_at(place)) + off_law * generator.standard_normal() for place in places]
    noise = NOISE_MM * generator.standard_normal((len(places), seeds))
    return [LawLevel(place, error + each) for place, error, each in zip(places, errors, noise, strict=True)]


def held(design: str, seeds: int, off_law: float, studies: int) -> Float[np.ndarray, "4"]:
    """Shares of intervals that hold the truth: the error now, the gains, E, and the exponents."""
    rows, law = DESIGNS[design]
    places = np.array(rows, dtype=float)
    here = HAVE if places.shape[1] == 3 else HAVE[1:2]
    more = NEXT if places.shape[1] == 3 else NEXT[1:2]
    generator = np.random.default_rng([seeds, studies, round(10 * off_law)])
    hits = np.zeros(4)
    for _ in range(studies):
        levels = drawn(places, law, seeds, off_law, generator)
        fitted = fit_law(levels, generator=generator, resamples=RESAMPLES)
        steps = [here + np.eye(len(here))[i] * more for i in range(len(here))]
        gains = [float(law.error_at(here) - law.error_at(step)) in fitted.gain(here, step)[1] for step in steps]
        draws = fitted.resampled
        exponents = [_holds(draws.exponents[:, i], law.exponents[i]) for i in range(len(here))]
        now = float(law.error_at(here)) in fitted.error_at(here)[1]
        hits += [now, np.mean(gains), _holds(draws.floor, law.floor), np.mean(exponents)]
    return hits / studies


def _holds(draws: Float[np.ndarray, "R"], truth: Float[np.ndarray, ""]) -> bool:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(truth) in Interval(float(low), float(high))


def told_from_constant(seeds: int, studies: int) -> float:
    """How often five levels of a constant error are taken for a law."""
    generator = np.random.default_rng([seeds, studies])
    flat = Law(np.array(155.0), np.array([0.0]), np.array([0.4]), np.array([3000.0]))
    places = np.array(ONLY_N3, dtype=float)
    fits = (
        fit_law(drawn(places, flat, seeds, 0.0, generator), generator=generator, resamples=RESAMPLES)
        for _ in range(studies)
    )
    return sum(fitted.shown[0] for fitted in fits) / studies


def main(studies: int) -> None:
    print("| what varies | levels off the law by | seeds | error now | gain | E | exponents |")
    print("|---|---|---|---|---|---|---|")
    for design in DESIGNS:
        for off_law in (0.0, 4.0):
            for seeds in SEEDS:
                shares = held(design, seeds, off_law, studies)
                print(
                    f"| {design} | {off_law:g} mm | {seeds} | " + " | ".join(f"{x:.0%}" for x in shares) + " |",
                    flush=True,
                )
    wrong = " ".join(f"{told_from_constant(seeds, studies):.1%} ({seeds} seeds)" for seeds in SEEDS)
    print(f"\nA constant taken for a law: {wrong}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
