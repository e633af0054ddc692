"""Every interval in docs/findings.md is one that the study beside it measured."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NUMBER = r"[+−]?\d+(?:\.\d+)?"
WITH_INTERVAL = re.compile(rf"(?:\*\*)?({NUMBER})(?:\*\*)?(?: mm)? \[({NUMBER}) to ({NUMBER})\]")
ANY_INTERVAL = re.compile(rf"\[({NUMBER}) to ({NUMBER})\]")


def sections() -> Iterator[Any]:
    for text in re.split(r"^## ", (ROOT / "docs" / "findings.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if ANY_INTERVAL.search(text):
            yield pytest.param(text, id=text.splitlines()[0])


def measured(value: Any) -> Iterator[tuple[float, float, float]]:
    """Every value with its interval in a study's figures: scores of arms, and differences between two."""
    if isinstance(value, dict):
        if isinstance(value.get("interval"), dict):
            middle = value.get("difference", value.get("mean"))
            if middle is not None:
                yield middle, value["interval"]["low"], value["interval"]["high"]
        for each in value.values():
            yield from measured(each)
    elif isinstance(value, list):
        for each in value:
            yield from measured(each)


def as_read(*words: str) -> tuple[float, ...]:
    # Minus nothing is nothing.
    return tuple(float(word.replace("−", "-")) + 0.0 for word in words)


@pytest.mark.parametrize("text", list(sections()))
def test_intervals_are_those_that_were_measured(text: str) -> None:
    names = set(re.findall(r"(?:results|studies)/([a-z-]+)", text))
    assert names, "a section with intervals names its studies"
    figures = [json.loads((ROOT / "results" / name / "results.json").read_text(encoding="utf-8")) for name in names]
    there = {tuple(round(each, 1) + 0.0 for each in found) for found in measured(figures)}
    told = {as_read(*words) for words in WITH_INTERVAL.findall(text)}
    assert not told - there
    assert not {as_read(*words) for words in ANY_INTERVAL.findall(text)} - {found[1:] for found in there}


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*/results.json")), ids=lambda path: path.parent.name)
def test_no_difference_that_is_not_shown_exceeds_what_its_study_could_detect(path: Path) -> None:
    tests = [test for each in json.loads(path.read_text(encoding="utf-8"))["comparisons"] for test in each["tests"]]
    judged = [test["result"] for test in tests if test["result"] and test["result"]["minimum_detectable_effect"]]
    assert judged
    for result in judged:
        if result["adjusted_verdict"] == "no difference shown":
            assert abs(result["difference"]) < result["minimum_detectable_effect"]


def test_tests_of_the_order_are_counted_once() -> None:
    """Studies that copy trainings of another repeat its tests."""
    text = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    told = re.search(r"in any of (\d+) distinct tests in six studies \((\d+) with those", " ".join(text.split()))
    names = [
        "pretraining",
        "pretraining-longer",
        "pretraining-longest",
        "generalisation",
        "label-efficiency",
        "model-size",
    ]
    tests = [
        test
        for name in names
        for each in json.loads((ROOT / "results" / name / "results.json").read_text(encoding="utf-8"))["comparisons"]
        if (each["arm"]["training"], each["baseline"]["training"]) == ("2d-first", "mixed")
        for test in each["tests"]
    ]
    distinct = {(test["set"], *map(frozenset, (test["trials"], test["baseline_trials"]))) for test in tests}
    assert told is not None
    assert (len(distinct), len(tests)) == tuple(map(int, told.groups()))
    verdicts = [test["result"]["adjusted_verdict"] for test in tests]
    assert (verdicts.count("better"), verdicts.count("worse")) == (0, 2)


def test_the_figures_of_the_law_are_those_of_its_plan() -> None:
    text = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    section = text.split("## A law of labels and compute\n", 1)[1].split("\n## ", 1)[0]
    plan = json.loads((ROOT / "results" / "label-budget" / "plan.json").read_text(encoding="utf-8"))
    there = {
        tuple(f"{number:.{digits}f}" for number in found) for found in with_intervals(plan["laws"]) for digits in (1, 2)
    }
    told = re.findall(r"(\d+\.\d+)(?: mm)? \((\d+\.\d+)\s+to\s+(\d+\.\d+)\)", section)
    assert len(told) > 15
    assert not set(told) - there


def with_intervals(value: Any) -> Iterator[tuple[float, float, float]]:
    """Every `NAME` beside `NAME_interval`."""
    for name, each in value.items() if isinstance(value, dict) else ():
        if name.endswith("_interval") and each is not None:
            yield value[name.removesuffix("_interval")], each["low"], each["high"]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from with_intervals(each)
