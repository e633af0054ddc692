from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepose.data.mixing import Mixture, epoch_order, shown_after, step_generator

shares_of_sources = st.lists(st.integers(1, 50), min_size=1, max_size=5).map(lambda n: [part / sum(n) for part in n])


def mixture(samples, shares=None, caps=None, batch_size=8, seed=0):
    count = len(samples)
    shares = [1 / count] * count if shares is None else shares
    return Mixture(
        samples, shares=shares, caps=[None] * count if caps is None else caps, batch_size=batch_size, seed=seed
    )


def picks(mix, steps, seed=0):
    found = [mix.picks(step, step_generator(seed, step)) for step in steps]
    return np.concatenate([f.source for f in found]), np.concatenate([f.index for f in found])


@given(shares=shares_of_sources, batch_size=st.integers(1, 40))
def test_counts_are_never_negative_fill_every_batch_and_stay_near_their_shares(shares, batch_size):
    mix = mixture([7] * len(shares), shares, batch_size=batch_size)
    total = np.zeros(len(shares))
    for step in range(60):
        counts = mix.counts(step)
        assert (counts >= 0).all()
        assert counts.sum() == batch_size
        total += counts
        wanted = np.array(shares) * (step + 1) * batch_size
        assert (np.abs(total - wanted) < 1 + np.arange(len(shares)) + 1e-6).all()


@pytest.mark.parametrize(
    "shares", [[0.5, 0.5], [0.3, 0.7], [0.29, 0.71], [0.1, 0.2, 0.7], [0.25, 0.25, 0.5], [0.01, 0.99]]
)
def test_shares_are_exact_over_a_hundred_batches(shares):
    mix = mixture([11] * len(shares), shares, batch_size=32)
    counts = sum(mix.counts(step) for step in range(100))
    assert counts.tolist() == [round(share * 3200) for share in shares]


def test_whole_shares_are_exact_in_every_batch():
    mix = mixture([100, 100, 100], [0.5, 0.25, 0.25], batch_size=32)
    assert {tuple(mix.counts(step).tolist()) for step in range(50)} == {(16, 8, 8)}


def test_two_sources_follow_the_floor_rule():
    mix = mixture([100, 100], [0.3, 0.7], batch_size=7)
    assert [int(mix.counts(t)[0]) for t in range(30)] == [(21 * (t + 1)) // 10 - (21 * t) // 10 for t in range(30)]


@given(
    samples=st.lists(st.integers(1, 60), min_size=1, max_size=3), batch_size=st.integers(1, 25), seed=st.integers(0, 9)
)
def test_each_sample_is_shown_exactly_once_an_epoch(samples, batch_size, seed):
    mix = mixture(samples, batch_size=batch_size, seed=seed)
    source, index = picks(mix, range(40), seed)
    for number, count in enumerate(samples):
        # Order within a batch is drawn; across batches epochs follow each other: count what whole epochs must hold.
        shown = Counter(index[source == number].tolist())
        epochs, rest = divmod(sum(shown.values()), count)
        assert set(shown) <= set(range(count))
        assert all(epochs <= shown[i] <= epochs + 1 for i in range(count))
        assert sum(shown[i] == epochs + 1 for i in range(count)) == rest


def test_epochs_differ_in_order_and_sources_differ_from_each_other():
    orders = [
        tuple(epoch_order(seed, source, epoch, samples=50, cap=None).tolist())
        for seed in (0, 1)
        for source in (0, 1)
        for epoch in (0, 1, 2)
    ]
    assert len(set(orders)) == len(orders)
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_a_cap_draws_a_fresh_subset_each_epoch_and_comes_by_every_sample():
    mix = mixture([30], caps=[10], batch_size=10)
    subsets = [frozenset(picks(mix, [step])[1].tolist()) for step in range(40)]
    assert all(len(subset) == 10 for subset in subsets), "an epoch of a capped source repeats nothing"
    assert len(set(subsets)) > 30
    assert frozenset.union(*subsets) == set(range(30)), "a cap is no 'first N'"
    assert mix.epoch_length(0) == 10
    assert mixture([30], caps=[99]).epoch_length(0) == 30


def test_a_batch_may_be_larger_than_an_epoch():
    source, index = picks(mixture([3], batch_size=8), [0])
    assert sorted(Counter(index.tolist()).values()) == [2, 3, 3]
    assert (source == 0).all()


def test_any_step_is_the_same_whenever_it_is_asked_for():
    forwards, backwards = mixture([40, 9], [0.8, 0.2]), mixture([40, 9], [0.8, 0.2])
    first = [forwards.picks(step, step_generator(0, step)) for step in range(30)]
    for step in reversed(range(30)):
        again = backwards.picks(step, step_generator(0, step))
        np.testing.assert_array_equal(again.source, first[step].source)
        np.testing.assert_array_equal(again.index, first[step].index)


def test_sources_are_mixed_within_the_batch():
    mix = mixture([1000, 1000], batch_size=64)
    halves = [picks(mix, [step])[0][:32].sum() for step in range(50)]
    assert 12 < np.mean(halves) < 20, "half of the second source's 32 samples belong to the first half of the batch"
    assert len(set(halves)) > 3


def test_streams_of_one_seed_never_meet():
    firsts = [step_generator(seed, step).random() for seed in range(4) for step in range(50)]
    assert len(set(firsts)) == len(firsts)
    # A plain SeedSequence([1, 0]) equals SeedSequence([1]): keys that end in zeros must not collide either.
    assert step_generator(1, 0).random() != np.random.default_rng(1).random()


def test_counts_grow_with_the_total_even_for_tiny_shares():
    mix = mixture([5] * 4, [0.01, 0.02, 0.03, 0.94], batch_size=1)
    counts = np.array([shown_after(total, mix.shares) for total in range(500)])
    assert (np.diff(counts, axis=0) >= 0).all()
    assert (counts.sum(axis=1) == np.arange(500)).all()


BAD = {
    "at least one source": {"samples": [], "shares": [], "caps": []},
    r"needs a sample, found \[3, 0\]": {"samples": [3, 0]},
    r"must be positive and sum to 1, found \[0.5, 0.6\]": {"samples": [3, 3], "shares": [0.5, 0.6]},
    r"must be positive and sum to 1, found \[0.0, 1.0\]": {"samples": [3, 3], "shares": [0.0, 1.0]},
    r"at least 1 sample an epoch, found \[0\]": {"samples": [3], "caps": [0]},
    "batch size must be at least 1, found 0": {"samples": [3], "batch_size": 0},
}


@pytest.mark.parametrize(("message", "arguments"), BAD.items(), ids=BAD)
def test_a_bad_mixture_says_what_is_wrong(message, arguments):
    with pytest.raises(ValueError, match=message):
        mixture(**arguments)
