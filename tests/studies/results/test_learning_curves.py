import numpy as np
import pytest

from prepose.errors import DataError
from prepose.studies.results.learning_curves import learning_curve

LOG = """step,samples,stage,loss,train_flops,train_seconds,validation_mpjpe_mm,validation_error_px,watched_wild_mpjpe_mm
1,10,pretrain,1,100,2,,,
2,20,pretrain,1,200,4,300,9,400
3,30,finetune,1,500,6,,,
4,40,finetune,1,800,8,200,5,
"""


def test_validations_are_read_with_what_they_had_cost(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    curve = learning_curve(tmp_path, {})
    assert curve.images.tolist() == [20, 40] and curve.seconds.tolist() == [4, 8]
    assert curve.flops.tolist() == curve.counted_flops.tolist() == [200, 800]
    assert list(curve.errors) == ["validation", "wild"]
    assert curve.errors["validation"].tolist() == [300, 200]
    np.testing.assert_array_equal(curve.errors["wild"], [400, np.nan])


def test_a_shared_stage_counts_by_its_part(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    # 200 of pre-training by half, 600 of fine-tuning in full.
    assert learning_curve(tmp_path, {"pretrain": 2}).counted_flops.tolist() == [100, 700]


def test_a_run_without_a_log_or_validation_has_no_points(tmp_path):
    assert len(learning_curve(tmp_path, {}).images) == 0
    (tmp_path / "log.csv").write_text("".join(LOG.splitlines(keepends=True)[:2]))
    curve = learning_curve(tmp_path, {})
    assert len(curve.images) == 0 and curve.errors == {}


def test_a_log_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "log.csv").write_text("step,stage\n1,a\n")
    with pytest.raises(DataError, match="has no column 'samples'"):
        learning_curve(tmp_path, {})
    (tmp_path / "log.csv").write_text(LOG.replace("800", "many"))
    with pytest.raises(DataError, match=r"log\.csv: is damaged"):
        learning_curve(tmp_path, {})
