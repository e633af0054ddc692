"""Small studies for tests: two arms, two worlds, a few steps."""

from typing import Any

from prepose.specs.study import Study
from prepose.studies.engines.local import Outcome, failure_of

COUNTS = {"train": 16, "validation": 8, "test": 8}


def small_study(**changes: Any) -> Study:
    """Two arms and two seeds; a trial is a second or two of work."""
    content: dict[str, Any] = {
        "name": "small",
        "question": "Do 2D labels help?",
        "base": "pretrain-finetune",
        "changes": ["batch_size=4", "log_every=8", "precision=fp32"],
        "factors": [
            {
                "name": "training",
                "levels": [{"name": "pretrained"}, {"name": "only-3d", "recipe": "only-3d"}],
            }
        ],
        "seeds": [0, 1],
        "budget": {"rule": "images", "amount": 80},
        "stores": {
            "wild": {"world": "wild", "counts": COUNTS, "size": 64},
            "lab": {"world": "lab", "counts": COUNTS, "size": 64},
        },
        "sets": {"lab": {"store": "lab"}, "wild": {"store": "wild"}},
        "comparisons": [
            {
                "statement": "2D pre-training lowers the error",
                "arm": {"training": "pretrained"},
                "baseline": {"training": "only-3d"},
                "sets": ["lab"],
            }
        ],
    }
    return Study.model_validate(content | changes)


def at_once(jobs: Any, *, resources: Any, tick: Any, on_done: Any) -> dict[str, Outcome]:
    """An engine that does every job here and now."""
    outcomes = {}
    for job in jobs:
        tick([job.name])
        try:
            outcomes[job.name] = Outcome(job.work(*job.arguments))
        except Exception as error:  # as a worker does
            outcomes[job.name] = Outcome(failure=failure_of(error))
        on_done(job.name, outcomes[job.name])
    return outcomes
