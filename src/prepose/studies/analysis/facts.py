"""What a reader needs to reproduce a study's numbers: commits, machines, versions, seeds, protocols, the command."""

import shlex
from collections.abc import Sequence

from prepose.studies.analysis.study_analysis import StudyAnalysis, StudyFacts, TrialSummary
from prepose.studies.analysis.wording import counted, listed, seconds_written
from prepose.studies.tables import flops_written


def facts(found: StudyAnalysis) -> list[tuple[str, str]]:
    """Name and value of each fact."""
    study, done = found.study, found.done
    rows = [
        ("commit", listed([commit or "not from a repository" for commit in commits(found)])),
        ("machine", machines(done)),
        ("software", _software(done)),
        ("seeds", ", ".join(str(seed) for seed in study.seeds)),
        ("budget", budget_text(study)),
        ("trials", f"{len(done)} of {len(found.trials)} done"),
        ("compute", compute_text(done)),
        ("search", _search(found)),
        ("report by", f"prepose {found.prepose}"),
    ]
    return [(name, value) for name, value in rows if value]


def command(found: StudyAnalysis) -> str:
    """The command that runs the study, but for where it is written."""
    study = found.study
    if study.size is None:
        # A study from a file; what the folder keeps of it says all, its scale too.
        return "prepose study study.json --out DIR"
    scale = "" if study.budget_scale == 1 else f" --budget-scale {study.budget_scale:g}"
    seeds, size = f" --seeds {len(study.seeds)}", f" --size {shlex.quote(study.size)}"
    return f"prepose study {shlex.quote(study.name)}{size}{seeds}{scale} --out DIR"


def commits(found: StudyAnalysis) -> list[str]:
    """The commits that trials were run by."""
    return list(dict.fromkeys(trial.environment.git_commit or "" for trial in found.done))


def protocols(found: StudyAnalysis) -> list[tuple[str, str]]:
    """Each protocol with the sets that are scored by it, and its source."""
    sets: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    for each in found.sets:
        name = each.protocol.name
        sets.setdefault(name, []).append(f"{each.title} ({counted(each.num_samples, 'sample')}; {each.resampled})")
        sources[name] = each.protocol.source
    return [(name, f"{'; '.join(titles)}. {sources[name]}") for name, titles in sets.items()]


def unfinished(found: StudyAnalysis) -> list[tuple[str, str]]:
    """Each trial that is not done, and why."""
    rows = []
    for trial in found.trials:
        name = f"{trial.arm}, seed {trial.seed} ({trial.id})"
        if trial.state == "failed":
            failure = trial.failure or {}
            rows.append((name, f"{failure.get('kind', 'failed')}: {failure.get('message', 'no message')}"))
        elif trial.state == "missing":
            rows.append((name, "not run yet"))
    return rows


def _search(found: StudyAnalysis) -> str:
    tuning = found.tuning
    if tuning is None:
        return ""
    search, arm = tuning.search, tuning.arms[0]
    flops = ", ".join(
        f"{flops_written(number)} {word}"
        for number, word in ((tuning.train_flops, "training"), (tuning.validation_flops, "validation"))
    )
    return (
        f"{counted(search.trials, 'setting')} for each arm by {search.sampler}, seed {search.seed}; chosen by "
        f"{arm.metric} on {arm.store}/{arm.split}; {flops}, beside the compute of the trials"
    )


def machines(trials: Sequence[TrialSummary]) -> str:
    """The processors and GPUs that trials ran on."""
    found = []
    for trial in trials:
        where = trial.environment
        gpus = f", {listed(where.gpus)}" if where.gpus else ""
        found.append(f"{where.cpu or 'an unknown processor'}, {counted(where.cpu_count or 0, 'core')}{gpus}")
    return listed(list(dict.fromkeys(found)))


def _software(trials: Sequence[TrialSummary]) -> str:
    found = [
        f"prepose {where.prepose}, torch {where.torch}, python {where.python}"
        for where in (trial.environment for trial in trials)
        if where.prepose
    ]
    return listed(list(dict.fromkeys(found))) if found else ""


def budget_text(study: StudyFacts) -> str:
    """What every trial had to spend, in words."""
    budget, scale = study.budget, study.budget_scale
    rule, amount = budget.rule, budget.amount
    if amount is None:
        return "none: every recipe keeps its own length"
    written = flops_written(scale * amount) if rule == "flops" else f"{scale * amount:,.0f} {rule}"
    return f"equal {'training FLOPs' if rule == 'flops' else rule}, {written} per trial"


def compute_text(trials: Sequence[TrialSummary]) -> str:
    """What all finished trials took together, in words."""
    sums = {
        name: sum(float(trial.costs.get(name) or 0) for trial in trials)
        for name in ("train_flops", "validation_flops", "evaluation_flops", "train_seconds", "validation_seconds",
                     "evaluation_seconds")
    }  # fmt: skip
    flops = ", ".join(f"{flops_written(sums[f'{part}_flops'])} {word}" for part, word in _PARTS)
    seconds = sum(sums[f"{part}_seconds"] for part, _ in _PARTS)
    return f"{flops}; {seconds_written(seconds)} of device time"


_PARTS = (("train", "training"), ("validation", "validation"), ("evaluation", "test"))
