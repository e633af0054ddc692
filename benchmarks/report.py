"""How long a study of 200 trials takes to report, the first time and again; the goal is under 10 s.

`python benchmarks/report.py [SAMPLES]` makes up 40 arms x 5 seeds on three test sets of SAMPLES (240) people each.
Processor time is printed beside wall time, because a machine that does other work shows in the second alone.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fakes_study import PROTOCOL, Fake, fake_study
from prepose.studies.report.write import write_study_report

WORLDS = ("lab", "wild", "occluded")
TRAININGS = tuple(f"t{i}" for i in range(8))


def claim(training: str) -> dict[str, object]:
    """One arm against the first, at every share of labels."""
    sides = {"arm": {"training": training}, "baseline": {"training": TRAININGS[0]}}
    return {"statement": f"{training} beats {TRAININGS[0]}", **sides, "sets": list(WORLDS), "metric": "mpjpe_mm"}


def main() -> None:
    """Make the study, report it twice, print the times."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 240
    fake = Fake(
        factors={"training": dict.fromkeys(TRAININGS, 1.0), "labels": {f"l{i}": 1.0 for i in range(5)}},
        sets={name: (name, PROTOCOL) for name in WORLDS},
        comparisons=tuple(claim(training) for training in TRAININGS[1:]),
        seeds=tuple(range(5)),
        samples=samples,
        people=12,
    )
    with tempfile.TemporaryDirectory() as place:
        folder = fake_study(Path(place) / "study", fake)
        print(f"200 trials, 3 test sets of {samples} samples, 105 planned tests")
        for what in ("first report (evaluations are reduced)", "the report again"):
            wall, processor = time.perf_counter(), time.process_time()
            page = write_study_report(folder)
            seconds = time.perf_counter() - wall, time.process_time() - processor
            print(f"{what:<40} {seconds[0]:5.1f} s wall, {seconds[1]:5.1f} s of one core")
        print(f"report.html {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
