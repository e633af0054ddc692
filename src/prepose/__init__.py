"""prepose: 2D pre-training for 3D human pose estimation.

The names below are public; everything else may change. Importing prepose takes no torch.

The packages, in the order the data walk through them: `body` (skeletons), `camera` (projection, crops), `data`
(samples, stores, batches), `synthetic` (people with exact ground truth), `losses`, `models`, `metrics`, `predict`,
`recipes` (training), `studies` (questions and reports), `hub` (sharing networks). ARCHITECTURE.md holds the map,
docs/conventions.md the units and frames.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prepose.api import (
        add_dataset,
        angles,
        compare,
        evaluate,
        import_checkpoint,
        lift,
        load,
        open_store,
        push,
        read_poses,
        recipe,
        score,
        synthesize,
        train,
    )
    from prepose.api_studies import StudyReport, plan_labels, read_study, run_study
    from prepose.errors import DataError, PoseError, RecipeError

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "PoseError",
    "RecipeError",
    "StudyReport",
    "__version__",
    "add_dataset",
    "angles",
    "compare",
    "evaluate",
    "import_checkpoint",
    "lift",
    "load",
    "open_store",
    "plan_labels",
    "push",
    "read_poses",
    "read_study",
    "recipe",
    "run_study",
    "score",
    "synthesize",
    "train",
]


def __getattr__(name: str) -> Any:
    # Modules are imported when a name is asked for: `import prepose` stays instant.
    if name not in __all__:
        raise AttributeError(f"module 'prepose' has no attribute {name!r}")
    from prepose import api, api_studies, errors

    home = errors if name.endswith("Error") else api_studies if hasattr(api_studies, name) else api
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
