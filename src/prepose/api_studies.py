"""The Python front door's part about studies: `run_study`, `read_study` and `plan_labels` of `import prepose`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prepose.errors import DataError, unknown_name
from prepose.files import StrPath, user_path

if TYPE_CHECKING:
    import pandas as pd

    from prepose.specs.study import Study
    from prepose.studies.analysis.study_analysis import StudyAnalysis
    from prepose.studies.label_budget import LabelPlan


@dataclass(frozen=True)
class StudyReport:
    """What a study came to.

    Attributes:
        folder: The study's folder.
        results: Every number with its interval and trials; its fields are the keys of `results.json`.
    """

    folder: Path
    results: "StudyAnalysis"

    @property
    def answers(self) -> Mapping[str, str]:
        """Each planned comparison's statement -> what it came to."""
        return {each.statement: f"{each.outcome}. {each.answer}" for each in self.results.comparisons}

    def to_dataframe(self, table: str = "figures") -> "pd.DataFrame":
        """One of the tables under `tables/`: figures, comparisons, compute, matrix, parts, groups ...; needs pandas.

        Raises:
            DataError: there is no such table.
        """
        import pandas as pd

        from prepose.studies.report.csv_files import TABLES

        if table not in TABLES:
            raise DataError(unknown_name("table", table, TABLES))
        return pd.DataFrame(TABLES[table](self.results))

    def __repr__(self) -> str:
        """Short, however large the study."""
        done, compared = len(self.results.done), len(self.results.comparisons)
        return f"StudyReport({str(self.folder)!r}, {done} trials, {compared} comparisons)"


def run_study(
    study: "Study | StrPath",
    out: StrPath,
    *,
    seeds: int | None = None,
    budget_scale: float = 1.0,
    jobs: int | None = None,
    quiet: bool = False,
) -> StudyReport:
    """Run every trial of a study that is not done yet; run again, it resumes.

    Args:
        study: A study, the name of one that ships, or a JSON file.
        out: The study's folder.
        seeds: This many seeds instead of the study's.
        budget_scale: This many times the study's budget.
        jobs: Trials in parallel; None for one for each core or GPU.
        quiet: Whether nothing is printed.

    Raises:
        RecipeError: the study cannot be run as it is; DataError: no trial could be finished, or a folder is of no use.
    """
    import io

    from rich.console import Console

    from prepose.specs.builtin_studies import STUDIES
    from prepose.specs.reading import study_named, with_seeds
    from prepose.studies.engines.choice import engine_named
    from prepose.studies.run.conduct import run_study as run
    from prepose.studies.run.planning import RunSettings

    named = isinstance(study, str | os.PathLike)
    chosen = study_named(os.fspath(study), studies=STUDIES) if isinstance(study, str | os.PathLike) else study
    if seeds is not None:
        chosen = with_seeds(chosen, seeds)
    size = "cpu" if named and study in STUDIES else None
    console = Console(file=io.StringIO()) if quiet else Console()
    settings = RunSettings(jobs=jobs, budget_scale=budget_scale, size=size)
    end = run(chosen, user_path(out), settings=settings, engine=engine_named("local"), console=console)
    return read_study(end.folder)


def read_study(folder: StrPath) -> StudyReport:
    """What a study came to, as far as its trials are done.

    Args:
        folder: What `prepose study` or `prepose.run_study` wrote, or a published copy of it without its trials.

    Raises:
        DataError: the folder holds no study, nothing is finished, or a file is damaged.
    """
    from prepose.studies.report.write import analysis_of

    path = user_path(folder)
    return StudyReport(path, analysis_of(path))


def plan_labels(  # noqa: PLR0913 - the options of `prepose plan`
    studies: Sequence[StrPath],
    *,
    have_2d: int | None = None,
    have_3d: int | None = None,
    budget: float | None = None,
    next_labels: int = 1000,
    set_name: str | None = None,
    training: str | None = None,
    measure: str = "mpjpe_mm",
) -> "LabelPlan":
    """What the next labels are expected to bring, by the law that finished studies show.

    Args:
        studies: Folders of finished studies; the levels of all are fitted together.
        have_2d: Number of samples with 2D labels alone; None where the studies do not vary it.
        have_3d: Likewise with 3D labels.
        budget: Training FLOPs.
        next_labels: How many more of either kind.
        set_name: The evaluation set; None for all that the studies share.
        training: The way of training, such as `2d-first`; None for all.
        measure: `mpjpe_mm`, `pa_mpjpe_mm`, `n_mpjpe_mm` or `error_px`.

    Raises:
        RecipeError: a number is missing or of no use, or no law says anything of what was asked.
        DataError: a folder holds no finished study, or the studies are not comparable.
    """
    from prepose.studies.label_budget import Asked, plan_labels

    asked = Asked(have_2d, have_3d, budget, next_labels, set_name, training, measure)
    return plan_labels([user_path(study) for study in studies], asked)
