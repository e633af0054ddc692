"""What a study costs beside its trials: time of the engine over the sum of trial times, shared by its places.

Workers start once a study, whatever its length, and are told apart: what remains, a trial, is what counts in a long
one. The goal is under 3 % for the study `pretraining` at CPU size: 36 trials on two places within 45 minutes, so that a
trial has 150 s. What a trial does before its first step (opening stores, counting FLOPs, building the network) is in
its time, and is told beside it.

    python benchmarks/study.py [--trials 6] [--jobs 2] [--images 960] [--json]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prepose.specs.study import Study
from prepose.studies.engines.local import Job, Resources, run_jobs
from prepose.studies.run.conduct import run_study
from prepose.studies.run.planning import RunSettings
from prepose.studies.run.trial_work import is_done

COUNTS = {"train": 64, "validation": 16, "test": 16}
CPU_SIZE_SECONDS, CPU_SIZE_TRIALS = 150.0, 36


def study_of(trials: int, images: int) -> Study:
    return Study.model_validate(
        {
            "name": "overhead",
            "question": "What does a study cost beside its trials?",
            "base": "only-3d",
            "factors": [{"name": "training", "levels": [{"name": "only-3d"}]}],
            "seeds": list(range(trials)),
            "budget": {"rule": "images", "amount": images},
            "stores": {"lab": {"world": "lab", "counts": COUNTS, "size": 64}},
            "sets": {"lab": {"store": "lab"}},
        }
    )


def started(resources: Resources) -> float:
    began = time.perf_counter()
    # A question that takes no time, but all that a trial imports.
    jobs = [Job(str(number), is_done, (Path("nowhere"), {})) for number in range(resources.at_once)]
    run_jobs(jobs, resources=resources)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--images", type=int, default=960)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds: list[float] = []

    def timed(jobs: Sequence[Job], **conditions: Any) -> Any:
        began = time.perf_counter()
        outcomes = run_jobs(jobs, **conditions)
        seconds.append(time.perf_counter() - began)
        return outcomes

    with tempfile.TemporaryDirectory() as folder:
        settings = RunSettings(jobs=options.jobs, threads=1, accelerator="cpu")
        run_study(study_of(options.trials, options.images), Path(folder) / "study", settings=settings, engine=timed)
        files = sorted((Path(folder) / "study" / "trials").glob("*/costs.json"))
        costs = [json.loads(file.read_text()) for file in files]
    trials = [each["wall_seconds"] for each in costs]
    parts = ("train_seconds", "validation_seconds", "evaluation_seconds")
    set_up = [each["wall_seconds"] - sum(each[part] for part in parts) for each in costs]
    start = started(Resources(options.jobs, 1))
    shared = sum(trials) / options.jobs
    a_trial = (seconds[0] - shared - start) * options.jobs / len(trials)
    whole = CPU_SIZE_SECONDS * CPU_SIZE_TRIALS / options.jobs
    beside = start + max(0.0, a_trial) * CPU_SIZE_TRIALS / options.jobs
    result = {
        "study_seconds": round(seconds[0], 2),
        "trial_seconds_by_places": round(shared, 2),
        "ratio": round(seconds[0] / shared, 3),
        "workers_start_seconds": round(start, 2),
        "seconds_beside_a_trial": round(a_trial, 3),
        "median_set_up_seconds_in_a_trial": round(sorted(set_up)[len(set_up) // 2], 2),
        "ratio_at_cpu_size": round(1 + beside / whole, 4),
        "goal": 1.03,
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            f"study {result['study_seconds']} s, trials by places {result['trial_seconds_by_places']} s: ratio "
            f"{result['ratio']}; starting workers took {result['workers_start_seconds']} s of it, the rest is "
            f"{result['seconds_beside_a_trial']} s a trial (set-up within a trial: "
            f"{result['median_set_up_seconds_in_a_trial']} s); with {CPU_SIZE_TRIALS} trials of "
            f"{CPU_SIZE_SECONDS:.0f} s the ratio is {result['ratio_at_cpu_size']} (goal under 1.03)"
        )


if __name__ == "__main__":
    main()
