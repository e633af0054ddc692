"""What the planned comparisons came to, in sentences: numbers, interval and verdict."""

from collections.abc import Mapping, Sequence

from prepose.studies.analysis.study_analysis import Outcome, PlannedTest
from prepose.studies.analysis.wording import counted, difference, figure, interval, listed, measure, p_value
from prepose.studies.statistics.comparison import Comparison
from prepose.studies.statistics.interval import FEWEST_SEEDS, Interval


def outcome_of(tests: Sequence[PlannedTest]) -> Outcome:
    """What a planned comparison came to over all its tests, after the correction for several."""
    made = [test.result for test in tests if test.result is not None]
    if not made:
        return "not run"
    judged = [each for each in made if each.adjusted_verdict != "too few seeds"]
    if not judged:
        return "no conclusion"
    better, worse = (sum(each.adjusted_verdict == verdict for each in judged) for verdict in ("better", "worse"))
    if better and worse:
        return "depends on where"
    if better:
        return "holds" if better == len(tests) else "holds in part"
    if worse:
        return "the opposite holds" if worse == len(tests) else "the opposite holds in part"
    return "not shown"


def answer(tests: Sequence[PlannedTest], titles: Mapping[str, str]) -> str:
    """The answer to a planned comparison: one plain sentence for each verdict that its tests came to.

    Numbers, intervals and what was too small to detect are in the `sentence` of each test.

    Args:
        tests: Those of the comparison.
        titles: set -> what the reader calls it.
    """
    groups: dict[str, list[PlannedTest]] = {}
    for test in tests:
        groups.setdefault(_verdict(test), []).append(test)
    parts = [
        f"{opening}{_share_of(groups[verdict], tests, titles)}{_extent(groups[verdict])}."
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


def _share_of(tests: Sequence[PlannedTest], planned: Sequence[PlannedTest], titles: Mapping[str, str]) -> str:
    """How many of the tests, and on which sets."""
    sets = dict.fromkeys(test.set for test in tests)
    named = []
    for name in sets:
        found, asked = (sum(test.set == name for test in those) for those in (tests, planned))
        title = titles.get(name, name)
        named.append(title if found == asked else f"{title} {found} of {asked}")
    count = "" if len(planned) == 1 else f" in {len(tests)} of {len(planned)} tests"
    if len(tests) == len(planned):
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
    return f": {title} {interval(Interval(lowest, highest), name, plus=True)} {unit}".rstrip()


def _evidence(found: Comparison) -> str:
    ends = interval(found.interval, found.measure, plus=True)
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


def sentence(test: PlannedTest) -> str:
    """One test in one sentence."""
    found = test.result
    if found is None:
        return f"{test.place}: not run, because {test.reason}."
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
        f"{test.place}: {test.arm} {difference(found.difference, found.measure)} against {test.baseline} "
        f"({_evidence(found)}{corrected}): {verdict}."
    )


def caution(seeds: int, unfinished: Sequence[str]) -> list[str]:
    """What the numbers of the whole study cannot carry; empty where there is nothing to warn of.

    Args:
        seeds: Seeds of the arm that has the fewest.
        unfinished: Names of arms that lack trials.
    """
    lines = []
    if seeds < FEWEST_SEEDS:
        lines.append(
            f"Fewer than {FEWEST_SEEDS} seeds ({seeds}) carry no statistical conclusion: the numbers say what these "
            "trainings measured, not what another training would."
        )
    if unfinished:
        shown = listed(list(unfinished[:4])) + (f" and {len(unfinished) - 4} more" if len(unfinished) > 4 else "")
        lines.append(f"Not all trials are finished: {shown}. Their numbers rest on fewer seeds, or are missing.")
    return lines
