import json

import pytest

from fakes_study import Fake, fake_study, write
from prepose.errors import DataError
from prepose.studies.analysis.analyse import labelled_stores, matrices, store_of_folder
from prepose.studies.analysis.set_scores import set_scores
from prepose.studies.results.study_results import read_study


def of(folder):
    results = read_study(folder)
    return results, matrices(results, {name: set_scores(results, name) for name in results.sets})


def test_levels_that_take_their_labels_elsewhere_make_a_matrix(crossed):
    results, found = of(crossed)
    assert {each.factor for each in found} == {"labels-from"}
    # 3 trainings x 2 budgets, but for the one that is left out: a single row is no matrix.
    assert len(found) == 5
    each = next(one for one in found if tuple(one.where.values()) == ("mixed", "whole"))
    assert (each.rows, each.columns) == (("lab-3d", "wild-3d"), ("lab", "wild", "occluded"))
    assert [[cell.at_home for cell in row] for row in each.cells] == [[True, False, False], [False, True, False]]
    means = [[cell.figure.mean for cell in row] for row in each.cells]
    assert means[0][0] < means[1][0] and means[1][1] < means[0][1]
    arm = set_scores(results, "wild").arms["mixed / lab-3d / whole"]
    assert means[0][1] == pytest.approx(arm.measures["mpjpe_mm"].seed_means.mean())


def test_one_source_of_labels_makes_none(studied):
    assert of(studied)[1] == ()


def test_unlike_protocols_do_not_stand_in_one_matrix(tmp_path):
    sets = {"lab": ("lab", "true-root-depth"), "wild": ("wild", "true-root-depth"), "lab-n": ("lab", "optimal-scale")}
    fake = Fake(sets=sets, train_stores=lambda levels: ("lab",) if levels["training"] == "only-3d" else ("wild",))
    _, found = of(fake_study(tmp_path / "study", fake))
    assert [(each.columns, each.protocol) for each in found] == [(("lab", "wild"), "true-root-depth")]


def test_stores_go_by_the_studys_names(crossed):
    results = read_study(crossed)
    assert labelled_stores(results, "mixed / wild-3d / half") == {"wild"}
    assert (
        store_of_folder(results.study, "/anywhere/lab") == store_of_folder(results.study, "/else/lab-0123abcd") == "lab"
    )


def test_a_recipe_that_cannot_be_read_is_named(own_study):
    path = next(own_study.glob("trials/*/recipe.json"))
    write(path, {"sources": 3})
    arm = next(
        t["arm"] for t in json.loads((own_study / "plan.json").read_text())["trials"] if t["id"] == path.parent.name
    )
    for trial in own_study.glob("trials/*/recipe.json"):
        write(trial, {"sources": 3})
    with pytest.raises(DataError, match=r"recipe\.json: cannot be read as a recipe"):
        labelled_stores(read_study(own_study), arm)
