"""What several verbs of the command line share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="Folder to write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes.")]


@contextmanager
def stoppable(how_to_go_on: str) -> Iterator[None]:
    """Ctrl-C ends with one line that says how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt as error:
        print(f"prepose: {error}" if str(error) else f"prepose: stopped; {how_to_go_on}", file=sys.stderr)
        raise typer.Exit(130) from error


def say_if_imported(run: Path) -> None:
    """Say on the error stream that the weights of a verb were a checkpoint of another code base."""
    from prepose.models.legacy_file import is_legacy_file

    if is_legacy_file(run):
        print(f"prepose: {run}: imported as a checkpoint of the reference code base", file=sys.stderr)
