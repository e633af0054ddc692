"""Which samples of which dataset make up the batch of a step: exact shares, exact epochs, and no state but the step.

Counts come from the step number alone, samples from one permutation for each (seed, source, epoch). So a run resumes
from its step number, and every process of a distributed run knows the whole batch and takes its own slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from jaxtyping import Int

# First words of the spawn keys: streams that must never meet.
_STEP_STREAM, _EPOCH_STREAM = 0, 1


@dataclass(frozen=True, eq=False)
class Picks:
    """The samples of a batch, in its order."""

    source: Int[np.ndarray, "B"]
    index: Int[np.ndarray, "B"]

    def rows(self, selection: slice) -> "Picks":
        """Some of the samples."""
        return Picks(self.source[selection], self.index[selection])


def step_generator(seed: int, step: int) -> np.random.Generator:
    """The generator of everything that is drawn for one step."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STEP_STREAM, step)))


def epoch_order(seed: int, source: int, epoch: int, *, samples: int, cap: int | None) -> Int[np.ndarray, "E"]:
    """The order in which a source shows its samples in one epoch: all of them once, or `cap` drawn anew each epoch."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_EPOCH_STREAM, source, epoch)))
    return generator.permutation(samples)[:cap]


def shown_after(total: int, shares: Sequence[Fraction]) -> Int[np.ndarray, "S"]:
    """How many samples of each source are among the first `total`.

    The first source gets floor(share * total), the next its share of what is left, and so on. Each count grows with
    `total` (so no batch ever owes a sample), they sum to `total`, and each is within 1 + (its place) of its share, and
    exactly its share where all shares of `total` are whole.
    """
    counts, left, share_left = [], total, Fraction(1)
    for share in shares[:-1]:
        taken = int(left * share / share_left) if share_left else 0
        counts.append(taken)
        left -= taken
        share_left -= share
    return np.array([*counts, left], np.int64)


class Mixture:
    """The rule that names the samples of each step.

    Args:
        samples: Number of samples in each source.
        shares: Part of each batch that each source has; they sum to 1.
        caps: At most so many samples of the source an epoch, drawn anew each epoch; None for all.
        batch_size: Samples a step, over all processes.
        seed: Of the whole run.
    """

    def __init__(
        self,
        samples: Sequence[int],
        *,
        shares: Sequence[float],
        caps: Sequence[int | None],
        batch_size: int,
        seed: int,
    ) -> None:
        _check(samples, shares, caps, batch_size)
        self.samples = tuple(samples)
        # 0.29 * 100 is 28.999999999999996: fractions keep the shares what they were written as.
        self.shares = tuple(Fraction(share).limit_denominator(1_000_000) for share in shares)
        self.caps = tuple(caps)
        self.batch_size = batch_size
        self.seed = seed
        # Two epochs a source can meet in one batch; threads may work at neighbouring batches.
        self._order = lru_cache(maxsize=4 * len(self.samples))(self._epoch_order)

    def epoch_length(self, source: int) -> int:
        """Samples of a source until its next epoch begins."""
        cap = self.caps[source]
        return self.samples[source] if cap is None else min(cap, self.samples[source])

    def counts(self, step: int) -> Int[np.ndarray, "S"]:
        """How many samples of each source are in the batch of a step; they sum to the batch size."""
        first = step * self.batch_size
        return shown_after(first + self.batch_size, self.shares) - shown_after(first, self.shares)

    def picks(self, step: int, generator: np.random.Generator) -> Picks:
        """The samples of a step in an order drawn from `generator`, so that slices of the batch are mixed alike."""
        first = shown_after(step * self.batch_size, self.shares)
        counts = self.counts(step)
        index = np.concatenate([self._walk(s, int(first[s]), int(counts[s])) for s in range(len(counts))])
        order = generator.permutation(self.batch_size)
        return Picks(np.repeat(np.arange(len(counts)), counts)[order], index[order])

    def _walk(self, source: int, first: int, count: int) -> Int[np.ndarray, "C"]:
        """The samples numbered first .. first + count - 1 of a source's endless walk through its epochs."""
        length = self.epoch_length(source)
        walked = [np.empty(0, np.int64)]
        while count > 0:
            epoch, at = divmod(first, length)
            part = self._order(source, epoch)[at : at + count]
            walked.append(part)
            first, count = first + len(part), count - len(part)
        return np.concatenate(walked)

    def _epoch_order(self, source: int, epoch: int) -> Int[np.ndarray, "E"]:
        return epoch_order(self.seed, source, epoch, samples=self.samples[source], cap=self.caps[source])


def _check(samples: Sequence[int], shares: Sequence[float], caps: Sequence[int | None], batch_size: int) -> None:
    if not samples:
        raise ValueError("a mixture needs at least one source")
    if min(samples) < 1:
        raise ValueError(f"every source of a mixture needs a sample, found {list(samples)} samples")
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"the shares of a mixture must be positive and sum to 1, found {list(shares)}")
    if any(cap is not None and cap < 1 for cap in caps):
        raise ValueError(f"a cap must be at least 1 sample an epoch, found {list(caps)}")
    if batch_size < 1:
        raise ValueError(f"the batch size must be at least 1, found {batch_size}")
