import copy
from dataclasses import replace

import pytest

from prepose.specs.study import Budget
from prepose.studies.analysis.facts import command, commits, facts, protocols, unfinished
from prepose.studies.analysis.study_analysis import analysis_from


def test_facts_lead_back_to_code_machine_and_software(found):
    rows = dict(facts(found))
    assert rows["commit"] == "0123456789abcdef0123456789abcdef01234567"
    assert rows["machine"] == "A processor, 2 cores"
    assert rows["software"] == "prepose 0.1.0, torch 2.13.0+cpu, python 3.11.7"
    assert rows["trials"] == "6 of 6 done" and rows["seeds"] == "0, 1, 2"
    assert rows["compute"] == "6 TFLOP training, 600 GFLOP validation, 120 GFLOP test; 11 min 12 s of device time"


def test_unlike_machines_and_commits_are_all_named(found, told):
    mixed = copy.deepcopy(told)
    mixed["trials"][0]["environment"] |= {"git_commit": None, "cpu": "Another", "gpus": ["A card"]}
    mixed = analysis_from(mixed)
    rows = dict(facts(mixed))
    assert rows["commit"] == "not from a repository and 0123456789abcdef0123456789abcdef01234567"
    assert rows["machine"] == "Another, 2 cores, A card and A processor, 2 cores"
    assert len(commits(mixed)) == 2 and len(commits(found)) == 1


@pytest.mark.parametrize(
    ("budget", "scale", "text"),
    [
        ({"rule": "flops", "amount": 1e12}, 0.5, "equal training FLOPs, 500 GFLOP per trial"),
        ({"rule": "images", "amount": 20_000.0}, 1.0, "equal images, 20,000 images per trial"),
        ({"rule": "none", "amount": None}, 1.0, "none: every recipe keeps its own length"),
    ],
)
def test_the_budget_is_told_as_it_was_spent(found, budget, scale, text):
    other = replace(found, study=replace(found.study, budget=Budget(**budget), budget_scale=scale))
    assert dict(facts(other))["budget"] == text


def test_the_command_runs_the_study_again(found):
    assert command(found) == "prepose study fake --size cpu --seeds 3 --out DIR"
    other = replace(found, study=replace(found.study, name="a b.json", budget_scale=0.25, seeds=(0, 1)))
    assert command(other) == "prepose study 'a b.json' --size cpu --seeds 2 --budget-scale 0.25 --out DIR"
    from_file = replace(found, study=replace(found.study, size=None))
    assert command(from_file) == "prepose study study.json --out DIR"


def test_protocols_name_their_sets_and_source(found):
    ((name, text),) = protocols(found)
    assert name == "true-root-depth" and text.startswith("lab test (48 samples; 8 subjects); wild test (48 samples;")
    assert found.sets[0].protocol.source in text


def test_trials_that_are_not_done_say_why(crossed_found, found):
    assert unfinished(found) == []
    rows = unfinished(crossed_found)
    assert [why for _, why in rows] == ["not run yet", "out of memory: <killed>"]
    assert all("seed 2 (" in name for name, _ in rows)
