import numpy as np
import pytest
from scipy import stats

from prepose.studies.statistics.comparison import arm_figure, compare, judged_together
from prepose.studies.statistics.scores import Clusters, arm_scores, clusters_of

SUBJECTS = [f"S{i % 6}" for i in range(120)]
CLUSTERS = clusters_of(SUBJECTS)


def tables(mean, *, seeds=(0, 1, 2, 3), spread=1.0, seed=0, hard=True):
    """Per-sample errors: people differ by 20, samples by 5, both alike in every arm; trainings differ by `spread`."""
    shared = np.random.default_rng(99)
    people = 20 * shared.normal(size=6)[np.arange(120) % 6] + 5 * shared.normal(size=120)
    generator = np.random.default_rng(seed)
    return {s: (mean + hard * people + spread * generator.normal())[:, None] for s in seeds}


def made(arm, baseline, *, direction="lower", clusters=CLUSTERS, seed=0):
    scores = [arm_scores(name, each, clusters) for name, each in (("arm", arm), ("baseline", baseline))]
    return compare(
        *scores, measure="mpjpe_mm", direction=direction, clusters=clusters, generator=np.random.default_rng(seed)
    )


def test_a_clear_difference_is_seen_and_signed():
    found = made(tables(80, seed=3), tables(100, seed=4))
    assert found.verdict == "better" and found.p_value < 0.01 and found.seeds_in_favour == 4
    assert found.difference == pytest.approx(-20, abs=2) and found.per_cent == pytest.approx(-20, abs=3)
    assert -20.0 in found.interval and found.interval.high < 0 and found.bootstrap.high < 0
    assert found.minimum_detectable_effect < 20 and found.effect_size < -3
    assert made(tables(100, seed=1), tables(80, seed=2)).verdict == "worse"


def test_more_is_better_where_the_study_says_so():
    found = made(tables(100, seed=1), tables(80, seed=2), direction="higher")
    assert found.verdict == "better" and found.seeds_in_favour == 4


def test_no_difference_is_not_called_one():
    found = made(tables(80, seed=4, spread=5), tables(80, seed=5, spread=5))
    assert found.verdict == "no difference shown" and 0.0 in found.interval and found.p_value > 0.05


def test_the_figures_are_the_paired_t_tests_where_subjects_agree():
    one, other = tables(80, seed=1), tables(90, seed=2)
    found = made(one, other)
    means = [np.array([table.mean() for table in each.values()]) for each in (one, other)]
    test = stats.ttest_rel(*means)
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-6)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(test.confidence_interval()))
    pairs = means[0] - means[1]
    assert found.effect_size == pytest.approx(pairs.mean() / pairs.std(ddof=1) * 0.7236, abs=1e-3)


def test_pairing_matters():
    """Trainings of one seed that share their luck: found when paired, lost when the seeds' names are others."""
    luck = 15 * np.random.default_rng(5).normal(size=5)
    one, other = (
        {s: table + luck[s] for s, table in tables(mean, seeds=range(5), seed=mean, spread=0.5).items()}
        for mean in (80, 77)
    )
    paired = made(other, one)
    assert paired.paired and paired.verdict == "better"
    renamed = {s + 10: table for s, table in one.items()}
    loose = made(other, renamed)
    assert not loose.paired and loose.verdict == "no difference shown" and loose.seeds_in_favour is None
    assert any("unpaired" in note for note in loose.notes)
    assert loose.interval.high - loose.interval.low > 5 * (paired.interval.high - paired.interval.low)


def test_a_difference_that_depends_on_the_person_widens_the_interval():
    generator = np.random.default_rng(7)
    person = 10 * generator.normal(size=6)[np.arange(120) % 6][:, None]
    base = tables(90, seed=2)
    same = made(tables(80, seed=1), base)
    depends = made({s: table + person for s, table in tables(80, seed=1).items()}, base)
    assert depends.interval.high - depends.interval.low > 2 * (same.interval.high - same.interval.low)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_carry_no_conclusion(count):
    found = made(tables(40, seeds=range(count), seed=1), tables(100, seeds=range(count), seed=2))
    assert found.verdict == "too few seeds" and "no conclusion" in found.notes[0]
    assert (found.interval is None) == (found.p_value is None) == (found.arm.interval is None) == (count == 1)
    assert found.difference == pytest.approx(-60, abs=3)
    assert judged_together([found])[0].adjusted_verdict == "too few seeds"


def test_seeds_without_a_partner_are_left_out_and_named():
    found = made(tables(80, seeds=(0, 1, 2, 3)), tables(90, seeds=(1, 2, 3, 8)))
    assert found.arm.seeds == found.baseline.seeds == (1, 2, 3)
    assert "seeds [0] of arm have no partner and are left out" in found.notes
    assert "seeds [8] of baseline have no partner and are left out" in found.notes


def test_notes_say_what_the_interval_is_about():
    alone = clusters_of([""] * 120)
    assert any("blocks of neighbours" in note for note in made(tables(80), tables(81, seed=4), clusters=alone).notes)
    two = clusters_of([f"S{i % 2}" for i in range(120)])
    assert any("2 subjects: too few" in note for note in made(tables(80), tables(81, seed=4), clusters=two).notes)
    missing = tables(80)
    missing[1] = np.where(np.arange(120)[:, None] < 5, np.nan, missing[1])
    assert any("not all trainings" in note for note in made(missing, tables(81, seed=4)).notes)
    assert made(tables(80), tables(81, seed=4)).notes == ()


def test_the_same_generator_gives_the_same_result():
    arguments = tables(80), tables(81, seed=4)
    assert made(*arguments) == made(*arguments)
    assert made(*arguments).bootstrap != made(*arguments, seed=1).bootstrap
    assert made(*arguments).interval == made(*arguments, seed=1).interval, "the t interval draws nothing"


def test_other_clusters_than_those_summed_by_are_refused():
    scores = arm_scores("a", tables(80), CLUSTERS)
    other = Clusters(np.arange(120), 120, "subjects", "120 subjects")
    with pytest.raises(ValueError, match="summed by the clusters given"):
        compare(scores, scores, measure="x", direction="lower", clusters=other, generator=np.random.default_rng(0))


def test_several_comparisons_are_corrected_together():
    base = tables(90, seed=2, spread=2)
    found = [made(tables(mean, seed=mean, spread=2), base) for mean in (60, 84, 85, 90)]
    few = made(tables(40, seeds=(0, 1)), tables(90, seeds=(0, 1)))
    judged = judged_together([*found, few])
    p_values = np.array([each.p_value for each in found])
    adjusted = np.array([each.adjusted_p_value for each in judged[:4]])
    assert (adjusted >= p_values).all() and adjusted.min() == pytest.approx(4 * p_values.min())
    assert judged[0].adjusted_verdict == "better"
    assert judged[4].adjusted_p_value is None and judged[4].adjusted_verdict == "too few seeds"
    lost = [each for each in judged[:4] if each.verdict == "better" and each.adjusted_verdict != "better"]
    assert lost, "a borderline difference does not survive among four"


def test_no_difference_that_is_not_shown_exceeds_what_is_detectable():
    """The detectable effect is that of the verdict's own level: one uncorrected test would promise more."""
    base = tables(90, seed=2, spread=2)
    found = [made(tables(mean, seed=10 + k, spread=2), base) for k, mean in enumerate([60, 84, 85, 86, 87, 88, 90, 90])]
    judged = judged_together(found)
    verdicts = [each.adjusted_verdict for each in judged]
    assert {"better", "no difference shown"} <= set(verdicts)
    for alone, each in zip(found, judged, strict=True):
        assert each.level < alone.level == pytest.approx(0.05)
        assert each.minimum_detectable_effect > alone.minimum_detectable_effect
        if each.adjusted_verdict == "no difference shown":
            assert abs(each.difference) < each.minimum_detectable_effect
    lost = [a for a, b in zip(found, judged, strict=True) if b.adjusted_verdict != a.verdict]
    assert any(abs(a.difference) > a.minimum_detectable_effect for a in lost), "the case that the level is for"


def test_identical_arms_do_not_differ():
    same = tables(80)
    found = made(same, same)
    assert found.verdict == "no difference shown" and found.p_value == 1 and found.effect_size is None
    assert found.difference == 0 and found.minimum_detectable_effect is None
    assert "both gave the same predictions in every seed" in found.notes[0]
    assert not any("same predictions" in note for note in made(same, tables(80, seed=1)).notes)


def test_an_arm_by_itself():
    figure = arm_figure(arm_scores("a", tables(80, seed=3), CLUSTERS))
    assert figure.mean in figure.interval and figure.deviation == pytest.approx(np.std(figure.seed_means, ddof=1))
    assert figure.interval.high - figure.interval.low > 20, "six people who differ by 20"
