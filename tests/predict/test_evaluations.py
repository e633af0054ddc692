import numpy as np
import pytest

from fakes import fake_samples
from fakes_evaluation import drawn_evaluation
from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.predict.evaluations import keep_evaluation, own_split


def test_an_evaluation_is_kept_with_a_run_or_in_a_folder_that_is_named(tmp_path):
    evaluation = drawn_evaluation(num_samples=3)
    assert keep_evaluation(evaluation, tmp_path / "weights.safetensors") is None
    kept = keep_evaluation(evaluation, tmp_path / "weights.safetensors", out=tmp_path / "scored")
    assert kept == tmp_path / "scored" / "evaluations" / "lab-test-true-root-depth.json" and kept.is_file()
    (tmp_path / "recipe.json").write_text("{}")
    assert keep_evaluation(evaluation, tmp_path).parent == tmp_path / "evaluations"


def test_the_split_is_the_protocols_or_the_only_one(tmp_path):
    rows = (get_protocol("true-root-depth"),)
    for name, splits in (("one", ["train"]), ("two", ["train", "test"]), ("none", ["train", "validation"])):
        for split in splits:
            samples = fake_samples(2, MPII_16, np.random.default_rng(0))
            write_store(tmp_path / name, StoreDescription("lab", MPII_16), split, samples, total=2)
    assert (own_split(tmp_path / "one", rows), own_split(tmp_path / "two", rows)) == ("train", "test")
    with pytest.raises(DataError, match="has no split 'test'; name one of train, validation by --split"):
        own_split(tmp_path / "none", rows)
