"""What several verbs of the command line share."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from prepose.errors import one_line

Out = Annotated[Path, typer.Option("--out", help="Output folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Device = Annotated[str, typer.Option("--device", help="Device: cpu, cuda or mps.")]
DETECTOR_HELP = (
    "Find the people: lite0-people, which ships, weights of `prepose train-detector`, or the folder or hub name of a "
    "`transformers` object-detection model."
)
Workers = Annotated[int, typer.Option("--workers", min=1, help="Worker processes.")]


@contextmanager
def stoppable(how_to_resume: str | Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends with one line that says how to resume, and exit code 130.

    Args:
        how_to_resume: What is kept and what to do; a function where that is only known once it has stopped.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        how = how_to_resume if isinstance(how_to_resume, str) else how_to_resume()
        print(f"prepose: {one_line(error if str(error) else f'stopped; {how}')}", file=sys.stderr)
        raise typer.Exit(130) from error


def wait_passively() -> None:
    """Let idle threads of OpenMP sleep instead of spin; to be called before torch is imported, which reads it once.

    Beside another busy process a thread that spins keeps the one that it waits for from its core, and an image takes
    ten times as long (`benchmarks/busy_core.py`). What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def say_if_imported(run: Path) -> None:
    """Say on the error stream that the weights of a verb were a checkpoint of another code base."""
    from prepose.models.export_facts import is_exported

    if is_exported(run):
        return
    from prepose.models.legacy_file import is_legacy_file

    if is_legacy_file(run):
        print(f"prepose: {run}: imported as a checkpoint of another code base", file=sys.stderr)
