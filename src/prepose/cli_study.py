"""The verbs about studies."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prepose.cli_options import AsJson, Out, stoppable
from prepose.errors import RecipeError

if TYPE_CHECKING:
    from prepose.studies.run.conduct import StudyEnd

study_app = typer.Typer()

MOST_SEEDS, MOST_THREADS, MOST_JOBS, MOST_GPUS = 1000, 1024, 10_000, 1024


@study_app.command()
def study(
    name: Annotated[str, typer.Argument(help="Name of a study (`prepose studies`), or a JSON file.")],
    out: Out,
    size: Annotated[str | None, typer.Option(help="Size of a study that ships: cpu or gpu.")] = None,
    engine: Annotated[
        str, typer.Option(help="Where trials run: local (this machine) or ray (a Ray cluster).")
    ] = "local",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=MOST_JOBS, help="Trials in parallel; default: one per core or GPU.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print trials, FLOPs, memory and time without running them.")
    ] = False,
    budget_scale: Annotated[float, typer.Option(help="Multiply the study's budget.")] = 1.0,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=MOST_SEEDS, help="Number of seeds, instead of the study's.")
    ] = None,
    stores: Annotated[Path | None, typer.Option(help="Folder for synthetic stores that several studies share.")] = None,
    trials_of: Annotated[
        list[Path] | None, typer.Option(help="Copy finished trials from this study folder; repeatable.")
    ] = None,
    extend: Annotated[
        bool, typer.Option("--extend", help="Accept a changed definition; keep finished trials.")
    ] = False,
    accelerator: Annotated[str, typer.Option(help="Device type: auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, max=MOST_THREADS, help="CPU threads per trial.")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs per trial; less than 1: shared.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run all unfinished trials of a study and write its report; rerun to resume.

    Exit code 0: all trials finished; 1: some trials failed; 2: error.
    """
    import json

    from prepose.specs.builtin_studies import STUDIES
    from prepose.specs.reading import MOST_TIMES, study_named, with_seeds
    from prepose.studies.engines.choice import engine_named

    if accelerator not in ("auto", "cpu", "cuda"):
        raise RecipeError(f"--accelerator {accelerator}: expected auto, cpu or cuda")
    if not 0 < budget_scale <= MOST_TIMES:
        raise RecipeError(f"--budget-scale {budget_scale}: expected more than 0 and at most {MOST_TIMES:,}")
    if gpus is not None and not 0 < gpus <= MOST_GPUS:
        raise RecipeError(f"--gpus {gpus}: expected more than 0 and at most {MOST_GPUS}; for none, leave it out")
    chosen = study_named(name, studies=STUDIES, size=size)
    if seeds is not None:
        chosen = with_seeds(chosen, seeds)
    run = engine_named(engine)
    # Only now, as these take torch, which takes seconds.
    from prepose.console import PlainConsole
    from prepose.studies.run.conduct import run_study
    from prepose.studies.run.dry_run import forecast, print_forecast
    from prepose.studies.run.planning import RunSettings

    settings = RunSettings(
        jobs=jobs,
        threads=threads,
        accelerator=accelerator,
        gpus=gpus,
        stores=stores,
        trials_of=tuple(trials_of or ()),
        budget_scale=budget_scale,
        size=size or ("cpu" if name in STUDIES else None),
        extend=extend,
        cluster=engine == "ray",
    )
    if dry_run:
        found = forecast(chosen, out, settings=settings, engine=run)
        if as_json:
            print(json.dumps(found.as_json(), indent=1))
        else:
            print_forecast(found)
        return
    with stoppable("what is finished is kept; rerun the command to resume"):
        end = run_study(chosen, out, settings=settings, engine=run, console=PlainConsole())
    _print_end(end)


def _print_end(end: "StudyEnd") -> None:
    """How it ended and where the report is; exit code 1 where trials failed."""
    from prepose.console import say
    from prepose.studies.report.write import write_study_report

    say(f"{end.folder}: {end.done} trials done" + (f", {len(end.failures)} failed" if end.failures else ""))
    for title, failure in end.failures.items():
        say(f"  {title}: {failure.message}")
    if end.done:
        say(f"open {write_study_report(end.folder, stores=end.stores)}")
    if end.failures:
        raise typer.Exit(1)


@study_app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study or of the quickstart.")],
    stores: Annotated[
        Path | None, typer.Option(help="Folder of the study's stores, where they are not in the study's folder.")
    ] = None,
) -> None:
    """Regenerate the report of a study or of the quickstart from its trials.

    Stores outside the study's folder are not opened without --stores; the images that its page already has are kept.
    """
    from prepose.console import say
    from prepose.studies.quickstart.report import write_report_of

    say(f"open {write_report_of(folder, stores_in=stores)}")


@study_app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Runs, weights files or saved evaluations; the first is the baseline.")
    ],
    data: Annotated[Path, typer.Option(help="Dataset store.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: the protocol's.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Evaluation protocol (`prepose protocols`); default: the dataset's.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Also write the comparison as a web page to this file.")] = None,
    device: Annotated[str, typer.Option(help="Device for runs that are not evaluated yet: cpu, cuda or mps.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Compare networks on the same samples: differences with intervals, by joint, action and occlusion."""
    import json

    from prepose.console import counted_progress, say
    from prepose.studies.compare import compare_runs, print_comparison, write_comparison_page

    with counted_progress("samples") as show:
        found = compare_runs(runs, data, split=split, protocol=protocol, device=device, progress=show)
    if as_json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        print_comparison(found)
    if page is not None:
        say(f"open {write_comparison_page(found, page)}", file=sys.stderr if as_json else sys.stdout)


@study_app.command()
def angles(
    network: Annotated[
        Path, typer.Argument(help="Run folder, weights file, or saved evaluation (.json), which needs no --data.")
    ],
    out: Out,
    data: Annotated[Path | None, typer.Option(help="Dataset store with 3D ground truth.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the store; default: the protocol's.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Evaluation protocol (`prepose protocols`); default: the dataset's.")
    ] = None,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or mps.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure joint angles against ground truth: bias, limits of agreement (Bland-Altman), ICC(2,1) and RMSE."""
    import json

    from prepose.console import counted_progress, say
    from prepose.studies.angle_report import print_angles, write_angle_report
    from prepose.studies.angles import measure_network

    with counted_progress("samples") as show:
        found = measure_network(network, data, split=split, protocol=protocol, device=device, progress=show)
    page = write_angle_report(found, out)
    if as_json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        print_angles(found)
        say(f"open {page}")


@study_app.command()
def studies(
    name: Annotated[str | None, typer.Argument(help="Study to print as JSON.")] = None,
    size: Annotated[str | None, typer.Option(help="Size: cpu or gpu.")] = None,
) -> None:
    """List the studies that ship, with question, trials and cost; or print one as JSON, ready to edit."""
    from prepose.specs.builtin_studies import STUDIES
    from prepose.specs.listing import print_studies, ready_to_edit
    from prepose.specs.reading import study_named

    if name is None:
        print_studies(size=size)
    else:
        print(ready_to_edit(study_named(name, studies=STUDIES, size=size)))


@study_app.command()
def plan(
    studies: Annotated[
        list[Path], typer.Argument(help="Folders of finished studies; levels of all are fitted together.")
    ],
    have_2d: Annotated[int | None, typer.Option(help="Number of samples with 2D labels alone.")] = None,
    have_3d: Annotated[int | None, typer.Option(help="Number of samples with 3D labels.")] = None,
    budget: Annotated[float | None, typer.Option(help="Training FLOPs, such as 1.1e13.")] = None,
    next_labels: Annotated[int, typer.Option("--next", help="Number of further labels of either kind.")] = 1000,
    set_name: Annotated[str | None, typer.Option("--set", help="Evaluation set; default: all that they share.")] = None,
    training: Annotated[str | None, typer.Option(help="Way of training, such as 2d-first; default: all.")] = None,
    measure: Annotated[str, typer.Option(help="Error: mpjpe_mm, pa_mpjpe_mm, n_mpjpe_mm or error_px.")] = "mpjpe_mm",
    as_json: AsJson = False,
) -> None:
    """Fit how the error falls with labels and compute, and say what the next labels are expected to bring."""
    import json

    from prepose.studies.analysis.study_analysis import to_json
    from prepose.studies.label_budget import Asked, plan_labels
    from prepose.studies.label_budget_text import print_label_plan

    found = plan_labels(studies, Asked(have_2d, have_3d, budget, next_labels, set_name, training, measure))
    if as_json:
        print(json.dumps(to_json(found), indent=1, allow_nan=False))
    else:
        print_label_plan(found)
