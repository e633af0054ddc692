import numpy as np
import pytest

from fakes_study import Fake, fake_study
from prepose.studies.analysis.set_scores import set_scores
from prepose.studies.analysis.worth import budget_curves, budget_factor, sentence, training_curves, worths
from prepose.studies.results.learning_curves import learning_curve
from prepose.studies.results.study_results import read_study


def found(folder):
    results = read_study(folder)
    sets = {name: set_scores(results, name) for name in results.sets}
    shared = {arm.name: arm.shared_by for arm in results.arms}
    curves = {trial.id: learning_curve(trial.folder, shared[trial.arm]) for trial in results.done}
    return results, sets, curves


def power_law(levels, set_name, seed):
    """An arm that needs exactly half the compute: the fakes' logs fall as FLOPs to the power of -0.3 (validation)."""
    return (60.0 + seed) * (2.0**-0.3 if levels["training"] == "pretrained" else 1.0)


def test_a_ratio_known_by_construction_is_found_along_training(tmp_path):
    results, sets, curves = found(fake_study(tmp_path / "study", Fake(error=power_law)))
    both = {each.error_of: each for each in worths(results, sets, curves)}
    assert set(both) == {"validation", "wild"} and all(each.along == "training" for each in both.values())
    assert both["validation"].ratio.at_end.ratio == pytest.approx(2.0, rel=1e-3)
    assert both["validation"].ratio.at_end.interval is not None
    # The watched error falls as the power of -0.2.
    assert both["wild"].ratio.at_end.ratio == pytest.approx(2.0**1.5, rel=1e-3)
    assert sentence(both["validation"]).startswith(
        "pretrained is worth 2.00 times the compute of only-3d at 91.5 mm (95"
    )
    assert both["validation"].crossing.order == "ahead throughout"


def test_budgets_are_read_where_the_study_varies_them(crossed):
    results, sets, curves = found(crossed)
    assert budget_factor(results.study).name == "budget"
    each = worths(results, sets, curves)
    # 2 comparisons, 3 sets, the world where the arm has two budgets.
    assert len(each) == 6 and {one.along for one in each} == {"budgets"} and {one.basis for one in each} == {"counted"}
    assert {one.where["labels-from"] for one in each} == {"lab-3d"}
    assert all("budget" not in one.where for one in each)


def of_each_budget(levels, set_name, seed):
    """A larger budget ends at a lower error, one that pre-training reaches with half of it (cf. `power_law`)."""
    return power_law(levels, set_name, seed) * {"quarter": 0.25, "half": 0.5, "whole": 1.0}[levels["budget"]] ** -0.3


def of_budgets(arm, baseline):
    factors = {
        "training": {"only-3d": 1.0, "pretrained": 1.0},
        "budget": {"quarter": 0.25, "half": 0.5, "whole": 1.0},
    }
    claim = {
        "statement": "2D pre-training pays",
        "arm": {"training": "pretrained", "budget": arm},
        "baseline": {"training": "only-3d", "budget": baseline},
        "sets": ["lab"],
        "metric": "mpjpe_mm",
    }
    return Fake(factors=factors, comparisons=(claim,), error=of_each_budget)


def test_a_comparison_at_one_budget_is_read_along_all_of_them(tmp_path):
    results, sets, curves = found(fake_study(tmp_path / "study", of_budgets("whole", "whole")))
    (each,) = worths(results, sets, curves)
    assert (each.along, each.error_of, each.arm, each.baseline) == ("budgets", "lab", "pretrained", "only-3d")
    # The noise of each arm is drawn anew; 1 without a difference.
    assert each.ratio.at_end.ratio == pytest.approx(2.0, abs=0.25)
    low, high = each.crossing.range_flops
    assert high / low == pytest.approx(4.0)


def test_a_comparison_of_unlike_budgets_is_read_along_training(tmp_path):
    results, sets, curves = found(fake_study(tmp_path / "study", of_budgets("half", "whole")))
    assert {each.along for each in worths(results, sets, curves)} == {"training"}


def test_a_budget_curve_is_made_of_the_trainings_ends(crossed):
    results, sets, _ = found(crossed)
    arms = [arm for arm in results.arms if arm.name.startswith("2d-first / lab-3d")]
    curves = budget_curves("2d-first", arms, sets["wild"], "mpjpe_mm")
    sums = [sets["wild"].arms[arm.name].measures["mpjpe_mm"] for arm in arms]
    for seed, curve in curves.curves.items():
        np.testing.assert_allclose(curve.flops, [arm.counted_flops for arm in arms])
        np.testing.assert_allclose(curve.errors, [each.seed_means[each.seeds.index(seed)] for each in sums])
    shares = budget_curves("2d-first", arms, sets["wild"], "pck3d_150")
    assert 0 < shares.curves[0].errors[0] < 1
    assert budget_curves("2d-first", arms[:1], sets["wild"], "mpjpe_mm") is None


def test_a_shared_stage_is_counted_both_ways_along_training(tmp_path):
    fake = Fake(error=power_law, shared_by={"pretrained": {"pretrain": 3}})
    results, sets, curves = found(fake_study(tmp_path / "study", fake))
    both = {each.basis: each for each in worths(results, sets, curves) if each.error_of == "validation"}
    assert set(both) == {"full", "counted"}
    assert both["full"].ratio.at_end.ratio == pytest.approx(2.0, rel=1e-3)
    # Half of the training is pre-training, of which two thirds are others': all points move left by a third of it all.
    assert both["counted"].ratio.at_end.ratio > 2.5
    counted = training_curves(results, "pretrained", curves, error_of="validation", basis="counted")
    assert counted.curves[0].flops[-1] == pytest.approx(1e12 * (1 / 6 + 1 / 2))


def test_two_seeds_give_no_interval(tmp_path):
    results, sets, curves = found(fake_study(tmp_path / "study", Fake(error=power_law, seeds=(0, 1))))
    each = worths(results, sets, curves)[0]
    assert each.ratio.at_end.interval is None and "(too few seeds for an interval)" in sentence(each)


def test_runs_without_validations_have_no_ratio(own_study):
    for path in own_study.glob("trials/*/log.csv"):
        path.unlink()
    assert worths(*found(own_study)) == ()
