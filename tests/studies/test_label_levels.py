"""Tests for the levels of labels and compute that finished studies have; the committed results are the studies."""

from pathlib import Path

import pytest

from prepose.errors import DataError
from prepose.specs.reading import study_from
from prepose.studies.label_levels import ReadStudy, common_sets, ways_of_training
from prepose.studies.report.write import analysis_of

RESULTS = Path(__file__).parents[2] / "results"


def read(name, **changes):
    found = analysis_of(RESULTS / name)
    return ReadStudy(RESULTS / name, study_from({**found.study.definition, **changes}, name), found)


@pytest.fixture(scope="module")
def labels():
    return read("label-efficiency")


@pytest.fixture(scope="module")
def data():
    return read("pretraining-data")


def ways(*studies):
    return {way.name: way for way in ways_of_training(studies, "lab", "mpjpe_mm")}


def test_arms_that_differ_in_labels_alone_are_levels_of_one_training(labels):
    found = ways(labels)
    assert set(found) == {"2d-first", "mixed", "only-3d"}
    assert [level.labels_3d for level in found["mixed"].levels] == [30, 90, 300, 900, 3000]
    assert {level.labels_2d for level in found["mixed"].levels} == {6000}
    assert {level.labels_2d for level in found["only-3d"].levels} == {0}
    assert len({level.flops for level in found["2d-first"].levels}) == 1
    assert all(len(level.errors) == 5 for level in found["2d-first"].levels)
    assert found["only-3d"].stages == "3D of lab (100%)"


def test_levels_of_several_studies_go_together_and_a_shared_training_counts_once(labels, data):
    first = ways(labels, data)["2d-first"]
    assert [level.labels_2d for level in first.levels if level.labels_3d == 3000] == [60, 180, 600, 1800, 6000, 6000]
    # The same 3D data alone, and 2D data of other people, are other ways of training.
    assert len(ways(labels, data)["lab-2d"].levels) == 1
    twice = ways(labels, labels)["2d-first"]
    assert [len(level.errors) for level in twice.levels] == [5] * 5


def test_only_sets_of_the_same_samples_are_put_together(labels, data):
    assert common_sets([labels, data], None) == ["lab", "wild", "occluded"]
    stores = {**data.found.study.definition["stores"]}
    stores["lab"] = {**stores["lab"], "seed": 7}
    other = read("pretraining-data", stores=stores)
    assert common_sets([labels, other], None) == ["wild", "occluded"]
    with pytest.raises(DataError, match="do not measure lab alike"):
        common_sets([labels, other], "lab")
    with pytest.raises(DataError, match=r"no evaluation set is named 'wlid' \(did you mean 'wild'"):
        common_sets([labels], "wlid")


def test_a_store_whose_size_nobody_knows_is_named(labels, tmp_path):
    stores = {**labels.found.study.definition["stores"], "wild": {"path": str(tmp_path / "gone")}}
    with pytest.raises(DataError, match=r"how many labels store 'wild' has .*gone"):
        ways(read("label-efficiency", stores=stores))


def test_a_measure_that_was_not_scored_is_refused(labels):
    with pytest.raises(DataError, match="no arm has n_mm"):
        ways_of_training([labels], "lab", "n_mm")
