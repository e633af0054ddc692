"""Coverage of the intervals of limits of agreement, RMSE and ICC(2,1); tabled in docs/statistics.md.

`python benchmarks/agreement.py 1000`: subjects with biases of their own (standard deviation 4), 10 samples of each
(standard deviation 3), a reference with standard deviation 20.
"""

import sys

import numpy as np

from prepose.studies.statistics.agreement import LIMITS_Z, agreement
from prepose.studies.statistics.scores import clusters_of

BIAS, BETWEEN, WITHIN, RANGE, EACH = 2.0, 4.0, 3.0, 20.0, 10


def coverage(subjects: int, repeats: int) -> list[float]:
    """Share of the intervals that hold the true bias, lower and upper limit, RMSE and ICC."""
    generator = np.random.default_rng(subjects)
    clusters = clusters_of(tuple(f"S{i // EACH}" for i in range(subjects * EACH)))
    spread = BETWEEN**2 + WITHIN**2
    limits = [BIAS + sign * LIMITS_Z * spread**0.5 for sign in (-1, 1)]
    icc = 2 * RANGE**2 / (2 * RANGE**2 + spread + BIAS**2)
    true, hits = [BIAS, *limits, (BIAS**2 + spread) ** 0.5, icc], np.zeros(5)
    for _ in range(repeats):
        reference = generator.normal(50, RANGE, subjects * EACH)
        apart = BIAS + np.repeat(generator.normal(0, BETWEEN, subjects), EACH)
        found = agreement(reference + apart + generator.normal(0, WITHIN, subjects * EACH), reference, clusters)
        assert found is not None
        ends = [each.interval for each in (found.bias, found.lower, found.upper, found.rmse, found.icc)]
        hits += [end is not None and value in end for value, end in zip(true, ends, strict=True)]
    return (hits / repeats).tolist()


if __name__ == "__main__":
    print("| subjects | bias | lower limit | upper limit | RMSE | ICC(2,1) |\n|---|---|---|---|---|---|")
    for count in (2, 3, 5, 12, 40):
        shares = coverage(count, int(sys.argv[1]))
        print(f"| {count} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
