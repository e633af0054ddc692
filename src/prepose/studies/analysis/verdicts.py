"""What the planned comparisons came to, in sentences: figures, interval and verdict, from the numbers alone."""

from collections.abc import Mapping, Sequence
from typing import Literal

from prepose.studies.analysis.planned import PlannedResult, PlannedTest
from prepose.studies.analysis.wording import counted, difference, figure, interval, listed, measure, p_value
from prepose.studies.statistics.comparison import Comparison
from prepose.studies.statistics.interval import FEWEST_SEEDS, plain

Outcome = Literal[
    "holds", "holds in part", "the opposite holds", "the opposite holds in part", "depends on where", "not shown",
    "no conclusion", "not run",
]  # fmt: skip


def outcome_of(result: PlannedResult) -> Outcome:
    """What a planned comparison came to over all its tests, after the correction for several."""
    made = [test.result for test in result.tests if test.result is not None]
    if not made:
        return "not run"
    judged = [each for each in made if each.adjusted_verdict != "too few seeds"]
    if not judged:
        return "no conclusion"
    better, worse = (sum(each.adjusted_verdict == verdict for each in judged) for verdict in ("better", "worse"))
    if better and worse:
        return "depends on where"
    if better:
        return "holds" if better == len(result.tests) else "holds in part"
    if worse:
        return "the opposite holds" if worse == len(result.tests) else "the opposite holds in part"
    return "not shown"


def answer(result: PlannedResult, titles: Mapping[str, str]) -> str:
    """The answer to a planned comparison: one plain sentence for each verdict that its tests came to.

    Figures, intervals and what was too small to detect are in the `sentence` of each test.

    Args:
        result: The comparison.
        titles: set -> what the reader calls it.
    """
    groups: dict[str, list[PlannedTest]] = {}
    for test in result.tests:
        groups.setdefault(_verdict(test), []).append(test)
    parts = [
        f"{opening}{_share_of(result, groups[verdict], titles)}{_extent(groups[verdict])}."
        for verdict, opening in _OPENINGS.items()
        if verdict in groups
    ]
    return " ".join(parts) or "The study has no pair of arms to compare."


_OPENINGS = {
    "better": "Better",
    "worse": "Worse",
    "no difference shown": "No difference shown",
    "too few seeds": f"No conclusion (fewer than {FEWEST_SEEDS} seeds)",
    "not run": "Not run",
}


def _verdict(test: PlannedTest) -> str:
    return "not run" if test.result is None else test.result.adjusted_verdict or test.result.verdict


def _share_of(result: PlannedResult, tests: Sequence[PlannedTest], titles: Mapping[str, str]) -> str:
    """How many of the tests, and on which sets."""
    sets = dict.fromkeys(test.set_name for test in tests)
    named = []
    for name in sets:
        found, asked = (sum(test.set_name == name for test in those) for those in (tests, result.tests))
        title = titles.get(name, name)
        named.append(title if found == asked else f"{title} {found} of {asked}")
    count = "" if len(result.tests) == 1 else f" in {len(tests)} of {len(result.tests)} tests"
    if len(tests) == len(result.tests):
        count = "" if len(tests) == 1 else f" in all {len(tests)} tests"
    return f"{count} ({', '.join(named)})"


def _extent(tests: Sequence[PlannedTest]) -> str:
    made = [test.result for test in tests if test.result is not None]
    if not made:
        return f": {'; '.join(dict.fromkeys(test.reason for test in tests))}"
    if all(found.arm.seed_means == found.baseline.seed_means for found in made):
        return ": the same in every seed"
    lowest, highest = (pick(found.difference for found in made) for pick in (min, max))
    name = made[0].measure
    title = measure(name).title
    if difference(lowest, name) == difference(highest, name):
        return f": {title} {difference(lowest, name)}"
    unit = measure(name).difference_unit
    return f": {title} {interval({'low': lowest, 'high': highest}, name, plus=True)} {unit}".rstrip()


def place(test: PlannedTest, titles: Mapping[str, str]) -> str:
    """Where a test was made: the set, and the levels of the factors that vary beside it."""
    where = f" ({', '.join(test.where.values())})" if test.where else ""
    return f"{titles.get(test.set_name, test.set_name)}{where}"


def _evidence(found: Comparison) -> str:
    ends = interval(None if found.interval is None else plain(found.interval), found.measure, plus=True)
    parts = [
        f"{figure(found.arm.mean, found.measure, unit=False)} against {figure(found.baseline.mean, found.measure)}"
    ]
    if found.arm.seed_means == found.baseline.seed_means:
        return ", ".join([*parts, "the same in every seed"])
    if ends:
        parts.append(f"95 % interval {ends}")
    if found.adjusted_verdict == "no difference shown" and found.minimum_detectable_effect is not None:
        least = difference(found.minimum_detectable_effect, found.measure).lstrip("+")
        parts.append(f"minimum detectable effect {least}")
    return ", ".join(parts)


def sentence(test: PlannedTest, titles: Mapping[str, str]) -> str:
    """One test in one sentence."""
    where = place(test, titles)
    found = test.result
    if found is None:
        return f"{where}: not run, because {test.reason}."
    verdict = {
        "better": "better",
        "worse": "worse",
        "no difference shown": "no difference shown",
        "too few seeds": f"no conclusion, {counted(len(found.arm.seeds), 'seed')}",
    }[found.adjusted_verdict or found.verdict]
    corrected = ""
    if found.adjusted_p_value is not None:
        corrected = f"; {p_value(found.adjusted_p_value)} after Holm's correction"
    return (
        f"{where}: {test.arm} {difference(found.difference, found.measure)} against {test.baseline} "
        f"({_evidence(found)}{corrected}): {verdict}."
    )


def caution(seeds: int, unfinished: Sequence[str]) -> list[str]:
    """What the figures of the whole study cannot carry; empty where there is nothing to warn of.

    Args:
        seeds: Seeds of the arm that has the fewest.
        unfinished: Names of arms that lack trials.
    """
    lines = []
    if seeds < FEWEST_SEEDS:
        lines.append(
            f"Fewer than {FEWEST_SEEDS} seeds ({seeds}) carry no statistical conclusion: the figures say what these "
            "trainings measured, not what another training would."
        )
    if unfinished:
        shown = listed(list(unfinished[:4])) + (f" and {len(unfinished) - 4} more" if len(unfinished) > 4 else "")
        lines.append(f"Not all trials are finished: {shown}. Their figures rest on fewer seeds, or are missing.")
    return lines
