import json
from dataclasses import replace

import pytest

from fakes_study import Fake, fake_study
from prepose.studies.analysis.across import across_tasks, compared_factors
from prepose.studies.analysis.analyse import analyse
from prepose.studies.results.study_results import read_study


def test_tasks_are_sets_at_the_levels_that_are_not_compared(crossed_found):
    across = crossed_found.across
    by = compared_factors(crossed_found)
    others = [each for each in crossed_found.study.factors if each.name not in by and len(each.levels) > 1]
    assert across is not None and across.factors == tuple(by) and others
    assert {name.split(" · ")[0] for name in across.tasks} <= set(crossed_found.titles.values())
    assert all(each.interval is None or each.iqm in each.interval for each in across.methods)


def test_pretraining_that_helps_on_one_set_is_more_probable_to_help(found):
    """`two_arms`: better in the wild, alike in the lab."""
    (better,) = found.across.improvements
    assert (better.arm, better.baseline) == ("pretrained", "only-3d") and better.probability > 0.6
    iqm = {each.name: each.iqm for each in found.across.methods}
    assert iqm["pretrained"] < iqm["only-3d"]


def test_one_set_or_a_set_scored_twice_is_one_task(found):
    one = replace(found, sets=found.sets[:1])
    assert across_tasks(one) is None
    again = replace(found.sets[0], name="again", title="again")
    twice = across_tasks(replace(found, sets=(*found.sets, again)))
    assert twice.tasks == found.across.tasks and "scored otherwise" in twice.left_out[0]


def test_one_seed_has_no_band(tmp_path):
    across = analyse(read_study(fake_study(tmp_path / "study", Fake(seeds=(5,))))).across
    assert across is not None and all(each.interval is None for each in across.methods)


@pytest.mark.parametrize("missing", ["found", "crossed_found"])
def test_levels_of_compute_are_drawn_only_where_there_are_some(missing, request):
    found = request.getfixturevalue(missing)
    assert bool(found.across.efficiency) == (found.study.budget_factor is not None)


def with_labels(found, *changes):
    """The study, whose budgets are so many changes in turn instead."""
    factor = found.study.budget_factor
    definition = json.loads(json.dumps(found.study.definition))
    for each in definition["factors"]:
        if each["name"] == factor:
            for level, own in zip(each["levels"], changes, strict=False):
                level |= {"budget": 1.0, "stores": {}, "parts": {}, "changes": own}
    return factor, replace(found, study=replace(found.study, definition=definition, budget_factor=None))


def test_errors_are_drawn_along_the_number_of_labels_where_that_alone_is_varied(crossed_found):
    factor, labels = with_labels(crossed_found, ["sources.lab.keep=0.1"], ["sources.lab.keep=0.5"])
    found = across_tasks(labels).labels
    count = labels.study.definition["stores"]["lab"]["counts"]["train"]
    assert (found.factor, found.what) == (factor, "samples of lab with 3D labels")
    assert {point.amount for point in found.points} == {round(0.1 * count), round(0.5 * count)}
    assert {point.method for point in found.points} == {each.name for each in labels.across.methods}
    # The same scores as along compute, whose levels these were.
    iqm = {(each.method, each.level): each.iqm for each in crossed_found.across.efficiency}
    assert {(each.method, each.level): each.iqm for each in found.points} == iqm
    assert across_tasks(labels).methods == crossed_found.across.methods


@pytest.mark.parametrize(
    "changes",
    [
        (["sources.lab.keep=0.1"], ["sources.wild.keep=0.5"]),
        (["sources.lab.keep=0.1"], ["sources.lab.keep=0.5", "batch_size=8"]),
        (["sources.lab.cap=10"], ["sources.lab.cap=20"]),
    ],
)
def test_a_factor_that_varies_something_else_is_no_number_of_labels(crossed_found, changes):
    assert across_tasks(with_labels(crossed_found, *changes)[1]).labels is None
