import json
from dataclasses import replace

from fakes_study import Fake, fake_study
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.specs.search import ArmTuning, Search, SearchRange, TriedSetting, Tuning
from prepose.studies.analysis.analyse import analyse, completed
from prepose.studies.analysis.checklist import checklist, data_terms
from prepose.studies.analysis.study_analysis import analysis_from, to_json
from prepose.studies.results.study_results import read_study


def answers(found):
    return {each.item: each for each in checklist(found)}


def test_a_reviewer_finds_seeds_runs_and_detectable_effects(found):
    asked = answers(found)
    assert asked["Seeds"].answer.startswith("3 for every arm: 0, 1, 2")
    assert asked["Runs left out, and why"].answer.startswith("none: 6 of 6")
    assert not asked["Tuning before the study"].known and "unknown" in asked["Tuning before the study"].answer
    least = [test.result.minimum_detectable_effect for each in found.comparisons for test in each.tests]
    text = asked[f"Minimum detectable effect: {found.comparisons[0].statement}"].answer
    assert f"{min(least):.1f}" in text and f"{max(least):.1f}" in text


def test_what_failed_is_named_and_what_is_not_known_is_said_to_be(found):
    lost = replace(found.trials[0], state="failed", failure={"kind": "DataError", "message": "the store is gone"})
    asked = answers(replace(found, trials=(lost, *found.trials[1:])))
    assert "the store is gone" in asked["Runs left out, and why"].answer
    costs = {**found.trials[0].costs, "energy_joules": 7.2e6}
    some = answers(replace(found, trials=(replace(found.trials[0], costs=costs), *found.trials[1:])))["Energy"]
    assert "2 kWh over" in some.answer
    none = [replace(each, costs={**each.costs, "energy_joules": None}) for each in found.trials]
    assert not answers(replace(found, trials=tuple(none)))["Energy"].known


def test_terms_are_those_of_the_ledger_and_else_unknown(found):
    named = next(iter(found.study.definition["stores"]))
    definition = {**found.study.definition, "stores": {named: {"path": "/data/x"}, "mine": {"path": "/data/mine"}}}
    bare = replace(found, study=replace(found.study, definition=definition))
    learnt = [
        TrainedOn(dataset=name, split="train", samples=9, labels="2d", licence="research only")
        for name in (named, "lsp")
    ]
    terms = {each.store: each for each in data_terms(bare, Ledger(datasets=tuple(learnt), pretrained=("imagenet",)))}
    assert terms[named].licence == terms["lsp"].licence == "research only"
    assert terms["mine"].licence is terms["imagenet"].licence is None
    assert all(each.licence is None for each in data_terms(bare, None))


def test_the_trials_ledgers_are_read(tmp_path):
    folder = fake_study(tmp_path / "study", Fake(seeds=(0,)))
    trial = next((folder / "trials").iterdir())
    ledger = Ledger(datasets=(TrainedOn(dataset="coco", split="train", samples=9, labels="2d", licence="CC BY 4.0"),))
    (trial / "ledger.json").write_text(ledger.model_dump_json())
    assert {each.store: each.licence for each in analyse(read_study(folder)).data}["coco"] == "CC BY 4.0"


def test_results_of_an_earlier_version_are_completed(found):
    values = json.loads(json.dumps(to_json(found)))
    for name in ("data", "across", "checklist"):
        del values[name]
    earlier = analysis_from(values)
    assert earlier.checklist == () and completed(earlier).across == found.across


def test_a_search_gives_its_ranges_and_budget_and_a_lost_one_is_unknown(found):
    item = "Tuning inside the study: ranges and budget"
    search = Search(parameters={"*.learning_rate": SearchRange(low=1e-3, high=1e-1, log=True)}, trials=3)
    tried = TriedSetting(
        number=0, values={"*.learning_rate": 0.01}, changes=("*.learning_rate=0.01",), trials=("t",), scores=(200.0,),
        train_flops=1e12, validation_flops=1e10,
    )  # fmt: skip
    arm = ArmTuning(
        arm="a", metric="mpjpe_mm", store="lab", split="validation", chosen=0, at_edge=(), settings=(tried,) * 3
    )
    told = answers(replace(found, tuning=Tuning(search=search, arms=(arm,))))[item]
    assert told.known and "3 settings of *.learning_rate 0.001 to 0.1 (log)" in told.answer
    assert "3 TFLOP of training" in told.answer
    assert answers(found)[item].answer.startswith("none")
    definition = {**found.study.definition, "search": search.model_dump(mode="json")}
    assert not answers(replace(found, study=replace(found.study, definition=definition)))[item].known
