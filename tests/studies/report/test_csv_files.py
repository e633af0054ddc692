import csv

import pytest

from prepose.studies.report.csv_files import TABLES, write_csv_files


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tables(crossed_found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv")
    return {path.stem: read(path) for path in write_csv_files(crossed_found, folder)}


def test_every_table_is_written(tables):
    # The study here has no search for settings.
    assert set(tables) == set(TABLES) - {"tuning"}


def test_every_figure_stands_in_the_file_with_every_digit(tables, crossed_told):
    rows = iter(tables["figures"])
    for each in crossed_told["sets"]:
        for arm, on_set in each["arms"].items():
            for measure, figure in on_set["measures"].items():
                row = next(rows)
                assert (row["set"], row["arm"], row["measure"]) == (each["name"], arm, measure)
                found = [float(row[name]) for name in ("mean", "low", "high")]
                assert found == [figure["mean"], figure["interval"]["low"], figure["interval"]["high"]]
                assert [float(value) for value in row["seed_means"].split()] == figure["seed_means"]
                assert row["trials"].split() == on_set["trials"]
                assert row["protocol"] == "true-root-depth"
    assert next(rows, None) is None


def test_comparisons_are_told_test_by_test(tables, crossed_told):
    tests = [(each, test) for each in crossed_told["comparisons"] for test in each["tests"]]
    assert len(tables["comparisons"]) == len(tests) == 18
    for row, (each, test) in zip(tables["comparisons"], tests, strict=True):
        result = test["result"]
        assert (row["statement"], row["set"], row["arm"]) == (each["statement"], test["set"], test["arm"])
        assert (row["labels-from"], row["budget"]) == tuple(test["where"].values())
        assert float(row["difference"]) == result["difference"] and row["verdict"] == result["adjusted_verdict"]
        assert row["adjusted_p_value"] == (
            "" if result["adjusted_p_value"] is None else str(result["adjusted_p_value"])
        )
        assert row["baseline_trials"].split() == test["baseline_trials"]


def test_parts_groups_curves_and_matrix_are_whole(tables, crossed_told):
    sets = crossed_told["sets"]
    arms = [arm for each in sets for arm in each["arms"].values()]
    assert len(tables["parts"]) == sum(len(arm["parts"]) + len(arm["variants"]) for arm in arms)
    assert len(tables["groups"]) == sum(len(rows) for arm in arms for rows in arm["groups"].values())
    assert len(tables["confidence"]) == sum(len(arm["confidence"]["bins"]) for arm in arms)
    seeds = [seed for arm in crossed_told["curves"] for seed in arm["seeds"]]
    assert len(tables["curves"]) == sum(len(seed["images"]) for seed in seeds) == 6 * 31
    assert float(tables["curves"][0]["validation_mpjpe_mm"]) == seeds[0]["errors"]["validation"][0]
    assert len(tables["matrix"]) == 5 * 2 * 3 and {row["at_home"] for row in tables["matrix"]} == {"True", "False"}


def test_trials_that_failed_stand_with_why(tables):
    assert len(tables["trials"]) == 33
    failed = [row for row in tables["trials"] if row["state"] == "failed"]
    assert [row["failure"] for row in failed] == ["<killed>"]


def test_a_table_that_has_no_rows_any_more_is_removed(found, crossed_found, tmp_path):
    write_csv_files(crossed_found, tmp_path)
    assert (tmp_path / "matrix.csv").exists()
    write_csv_files(found, tmp_path)
    assert not (tmp_path / "matrix.csv").exists() and (tmp_path / "figures.csv").exists()
