"""The command line: verbs only. Each imports what it needs when it runs, so that `prepose --help` stays instant."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from prepose.errors import PoseError

app = typer.Typer(
    name="prepose",
    help="2D pre-training for 3D human pose estimation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="Datasets: add the owners' files, look at a store, list what there is.", no_args_is_help=True
)
app.add_typer(data_app, name="data")

Out = Annotated[Path, typer.Option("--out", help="Folder to write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes.")]


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    try:
        app()
    except PoseError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(f"the disk is full ({error.filename or 'while writing'}); free some space and run the same command again")


def _fail(line: str) -> None:
    print(f"prepose: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(2)


@app.command()
def version() -> None:
    """Print the version."""
    from prepose import __version__

    print(__version__)


@app.command()
def skeletons(
    source: Annotated[str | None, typer.Argument(help="Skeleton the joints come in.")] = None,
    target: Annotated[str | None, typer.Argument(help="Skeleton they are wanted in.")] = None,
) -> None:
    """Print every skeleton, or how each joint of TARGET follows from SOURCE."""
    from prepose.body import skeleton_tables

    if source is None:
        skeleton_tables.print_skeletons()
    else:
        skeleton_tables.print_joint_maps(source, target)
