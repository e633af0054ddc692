from dataclasses import replace

import numpy as np
import pytest

from fakes_study import PROTOCOL, Fake, fake_evaluation
from prepose.metrics.calibration import calibration_in_image
from prepose.models.heads import CONFIDENCE_RADIUS as RADIUS_OF_THE_READ_OUT
from prepose.studies.results.confidence import CONFIDENCE_RADIUS, FIGURES, ConfidenceBin, bins_together, calibration_of

EVALUATIONS = [
    fake_evaluation("lab", PROTOCOL, Fake(), noise=40, generator=np.random.default_rng(seed), dataset="lab")
    for seed in (0, 1)
]


def test_the_radius_is_the_read_outs():
    assert CONFIDENCE_RADIUS == RADIUS_OF_THE_READ_OUT


def test_a_calibration_is_the_metrics_own():
    found = calibration_of(EVALUATIONS[0])
    assert found == calibration_in_image(EVALUATIONS[0], CONFIDENCE_RADIUS).to_json()
    assert found is not None and set(FIGURES) <= set(found)
    assert found["rank_correlation"] < -0.5, "the fake's confidence falls with its error"


def test_a_network_without_confidence_has_no_calibration():
    assert calibration_of(replace(EVALUATIONS[0], confidence=np.full((48, 16), np.nan, np.float32))) is None


def test_seeds_together_weigh_every_joint_alike():
    found = [calibration_of(each) for each in EVALUATIONS]
    bins = bins_together(found)
    assert len(bins) == 10 and sum(each.num_joints for each in bins) == sum(each["num_joints"] for each in found)
    pairs = [(each.confidence, each.errors_px) for each in EVALUATIONS]
    known = [~np.isnan(wrong) for _, wrong in pairs]
    for name, side in (("confidence", 0), ("error", 1)):
        joints = np.concatenate([pair[side][mask] for pair, mask in zip(pairs, known, strict=True)])
        total = sum(getattr(each, name) * each.num_joints for each in bins) / len(joints)
        assert total == pytest.approx(joints.mean(), rel=1e-5)


def test_a_seed_with_fewer_bins_ends_sooner():
    def seed(*bins):
        names = ("num_joints", "confidence", "error", "share_well_placed")
        return {"bins": [dict(zip(names, (count, mean, mean, mean), strict=True)) for count, mean in bins]}

    assert bins_together([seed((3, 1.0), (1, 2.0)), seed((1, 5.0))]) == (
        ConfidenceBin(4, 2.0, 2.0, 2.0),
        ConfidenceBin(1, 2.0, 2.0, 2.0),
    )
