"""What a reviewer asks of a study, answered from its own record; what the record does not say is said to be unknown.

Source: the items on experiments of the machine learning reproducibility checklist (Pineau et al., "Improving
Reproducibility in Machine Learning Research", Journal of Machine Learning Research 22, 2021) and of the NeurIPS paper
checklist; the budget of tuning: Dodge et al., "Show Your Work: Improved Reporting of Experimental Results", EMNLP 2019.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prepose.specs.ledger import Ledger
from prepose.studies.analysis.facts import budget_text, commits, compute_text, machines, unfinished
from prepose.studies.analysis.study_analysis import ChecklistItem, DataTerms, StudyAnalysis
from prepose.studies.analysis.wording import counted, difference, figure, measure
from prepose.studies.tables import flops_written

# What `prepose synthesize` writes into the stores of its worlds without real backgrounds; those of a study have none.
WORLD_LICENCE = "CC0-1.0"
UNKNOWN = "unknown"
_MOST_NAMED = 8


def data_terms(found: StudyAnalysis, ledger: Ledger | None) -> tuple[DataTerms, ...]:
    """The stores of a study with their terms, and other data that its trainings learnt from.

    Args:
        found: The analysis.
        ledger: What the trials' ledgers say; None where they are not there.
    """
    stores: Mapping[str, Any] = found.study.definition.get("stores", {})
    terms = {} if ledger is None else {each.dataset: each.licence for each in ledger.datasets}
    rows, named = [], set()
    for name, spec in stores.items():
        world = spec.get("world")
        # The ledger goes by the name of the dataset, which a store from a folder may share.
        dataset = world or name
        named.add(dataset)
        licence, source = terms.get(dataset), "the trials' ledger"
        if not licence and world:
            licence, source = WORLD_LICENCE, "synthetic people, rendered by prepose"
        elif not licence:
            source = "no ledger names it" if ledger is not None else "the trials' ledgers are not here"
        rows.append(DataTerms(name, _use(found, name), licence or None, source))
    for dataset, licence in terms.items():
        if dataset not in named:
            rows.append(DataTerms(dataset, "training", licence or None, "the trials' ledger"))
    weights = () if ledger is None else ledger.pretrained
    untold = "the ledger names them without terms"
    return (*rows, *(DataTerms(name, "pretrained weights", None, untold) for name in weights))


def _use(found: StudyAnalysis, store: str) -> str:
    splits = dict.fromkeys(each.split for each in found.sets if each.store == store)
    spec = found.study.definition["stores"][store]
    counts = ", ".join(f"{count:,} {split}" for split, count in (spec.get("counts") or {}).items())
    tests = f"tests: {', '.join(splits)}" if splits else "no test set"
    return f"{tests} (samples: {counts})" if counts else tests


def checklist(found: StudyAnalysis) -> tuple[ChecklistItem, ...]:
    """A reviewer's questions and the study's answers, in the order of the sources."""
    return (
        *_tuning(found),
        _selection(found),
        _validation(found),
        *_trials(found),
        *_costs(found),
        *_data(found),
        *_power(found),
    )


def _tuning(found: StudyAnalysis) -> Iterator[ChecklistItem]:
    study = found.study
    varied = "; ".join(f"{each.name}: {', '.join(each.levels)}" for each in study.factors)
    yield ChecklistItem("What was varied", varied)
    yield ChecklistItem("Tuning inside the study: ranges and budget", *_search(found))
    text = f"{UNKNOWN}: how the settings of the recipes were found, for which arm and with how many trainings, is not "
    yield ChecklistItem("Tuning before the study", f"{text}recorded", known=False)
    yield ChecklistItem("Training budget of each arm", f"{budget_text(study)}; {_spread_of_flops(found)}")


def _search(found: StudyAnalysis) -> tuple[str, bool]:
    if found.tuning is None:
        if found.study.definition.get("search"):
            return f"{UNKNOWN}: a search was planned, and what it came to is not here", False
        return "none: each arm has one setting, that of its recipe (study.json)", True
    search = found.tuning.search
    ranges = ", ".join(f"{name} {spread.written}" for name, spread in search.parameters.items())
    settings = counted(search.trials, "setting")
    flops = flops_written(found.tuning.train_flops)
    return f"the same for every arm: {settings} of {ranges}, by {search.sampler}; {flops} of training in all", True


def _spread_of_flops(found: StudyAnalysis) -> str:
    flops = [arm.train_flops for arm in found.arms]
    low, high = flops_written(min(flops)), flops_written(max(flops))
    return f"planned {low} in every arm" if low == high else f"planned {low} to {high} (table of costs)"


def _selection(found: StudyAnalysis) -> ChecklistItem:
    base = found.study.definition.get("base")
    rule = base.get("validation") if isinstance(base, dict) else None
    if not rule:
        return ChecklistItem("Selection of the weights", f"{UNKNOWN}: the base recipe is named, not given", known=False)
    shown = measure(rule["metric"])
    text = (
        f"the weights with the best validation {shown.title} on {rule['store']}/{rule['split']}, every "
        f"{rule['every']:,} samples; only these are measured on the test sets. A level or a stage may change the rule "
        "(study.json)"
    )
    return ChecklistItem("Selection of the weights", text)


def _validation(found: StudyAnalysis) -> ChecklistItem:
    item = "Validation beside test"
    if any("validation" in seed.errors for arm in found.curves for seed in arm.seeds):
        return ChecklistItem(item, "in the table below; its curves under Error during training")
    return ChecklistItem(item, f"{UNKNOWN}: no validation was logged", known=False)


def _trials(found: StudyAnalysis) -> Iterator[ChecklistItem]:
    seeds = ", ".join(str(seed) for seed in found.study.seeds)
    yield ChecklistItem("Seeds", f"{len(found.study.seeds)} for every arm: {seeds}; numbers are means over them")
    missing = unfinished(found)
    named = "; ".join(f"{name}: {why}" for name, why in missing[:_MOST_NAMED])
    more = f"; and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    done = f"{len(found.done)} of {len(found.trials)} planned trials are in the numbers"
    yield ChecklistItem("Runs left out, and why", f"{done}; left out: {named}{more}" if missing else f"none: {done}")
    absent = found.study.definition.get("left_out") or ()
    if absent:
        combinations = "; ".join(" / ".join(levels.values()) for levels in absent)
        yield ChecklistItem("Combinations left out by plan", combinations)
    known = [commit for commit in commits(found) if commit]
    text = ", ".join(commit[:12] for commit in known)
    yield ChecklistItem("Code", f"commit {text}" if known else f"{UNKNOWN}: no commit was recorded", known=bool(known))


def _costs(found: StudyAnalysis) -> Iterator[ChecklistItem]:
    beyond = "runs before the study and failed attempts are not in it"
    yield ChecklistItem("Compute", f"{compute_text(found.done)}; {beyond}")
    joules = [trial.costs.get("energy_joules") for trial in found.done]
    measured = [value for value in joules if value is not None]
    if measured:
        text = f"{sum(measured) / 3.6e6:.3g} kWh over {len(measured)} of {len(joules)} trials"
        yield ChecklistItem("Energy", text, known=len(measured) == len(joules))
    else:
        text = f"{UNKNOWN}: no trial recorded it"
        yield ChecklistItem("Energy", text, known=False)
    cpus = all(trial.environment.cpu for trial in found.done)
    yield ChecklistItem("Hardware", machines(found.done), known=cpus)


def _data(found: StudyAnalysis) -> Iterator[ChecklistItem]:
    unknown = [each.store for each in found.data if each.licence is None]
    told = "; ".join(f"{each.store}: {each.licence or UNKNOWN}" for each in found.data)
    yield ChecklistItem("Licences of the data", told or UNKNOWN, known=bool(found.data) and not unknown)
    subjects = "; ".join(
        f"{each.title}: {counted(each.num_samples, 'sample')}, {each.resampled}" for each in found.sets
    )
    yield ChecklistItem("Test sets", subjects)


def _power(found: StudyAnalysis) -> Iterator[ChecklistItem]:
    yield ChecklistItem(
        "Uncertainty",
        "95 % t intervals over trainings and test subjects; verdicts corrected for all planned comparisons (Holm)",
    )
    for each in found.comparisons:
        least = [test.result.minimum_detectable_effect for test in each.tests if test.result]
        known = sorted(value for value in least if value is not None)
        item = f"Minimum detectable effect: {each.statement}"
        if known:
            ends = [difference(value, each.metric).lstrip("+") for value in (known[0], known[-1])]
            text = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}, by test"
            without = f"; {len(each.tests) - len(known)} without" if len(known) < len(each.tests) else ""
            yield ChecklistItem(item, f"{text} of {measure(each.metric).title} (80 % power){without}")
        else:
            yield ChecklistItem(item, f"{UNKNOWN}: no test has the seeds to tell", known=False)
    if not found.comparisons:
        yield ChecklistItem("Minimum detectable effect", "no comparison was planned", known=False)


def validation_beside_test(found: StudyAnalysis) -> list[tuple[str, str, list[str]]]:
    """Arm, its lowest validation error (mean over seeds), and its headline number on every test set, as text."""
    rows = []
    for curves in found.curves:
        best = []
        for seed in curves.seeds:
            values = [value for value in seed.errors.get("validation", ()) if value is not None]
            if values:
                best.append(min(values))
        validation = f"{sum(best) / len(best):.1f} mm" if best else UNKNOWN
        tests = []
        for each in found.sets:
            row = each.figure(curves.arm, each.headline)
            tests.append(figure(None if row is None else row.mean, each.headline))
        rows.append((curves.arm, validation, tests))
    return rows
