"""The verbs of `prepose data`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from prepose.cli_options import AsJson, Out, Workers, stoppable

data_app = typer.Typer(help="Datasets: add original files, list, show and check stores.", no_args_is_help=True)


@data_app.command("add")
def data_add(
    name: Annotated[str, typer.Argument(help="Name of a dataset or label format (`prepose data list`).")],
    root: Annotated[Path, typer.Argument(help="Folder with the original files, or a label file.")],
    out: Out,
    split: Annotated[list[str] | None, typer.Option(help="Split to add; repeatable; default: all.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Skip incomplete samples and report how many.")] = False,
    by_reference: Annotated[bool, typer.Option("--by-reference", help="Store image paths instead of images.")] = False,
    size: Annotated[
        int | None,
        typer.Option(
            min=32, help="Store crops around each person, at most this many px wide and high, instead of whole images."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(min=1, max=100, help="With --size: side of the crop relative to the person's box; default 2.5."),
    ] = None,
    workers: Workers = 2,
) -> None:
    """Convert a dataset's original files to a store."""
    from prepose.console import say, split_progress
    from prepose.data.catalog import add_dataset
    from prepose.data.chip import DEFAULT_MARGIN, Chips

    if size is not None and by_reference:
        raise typer.BadParameter("--size and --by-reference exclude each other")
    if size is None and margin is not None:
        raise typer.BadParameter("--margin is the margin of person chips; give their --size, too")
    chips = None if size is None else Chips(size, margin or DEFAULT_MARGIN)
    with stoppable("finished shards are kept; rerun the command to resume"), split_progress() as progress:
        added = add_dataset(
            name,
            root,
            out,
            splits=split or (),
            partial=partial,
            by_reference=by_reference,
            chips=chips,
            workers=workers,
            progress=progress,
        )
    for part in added:
        of = f" of {part.expected:,}" if part.expected else ""
        say(f"{out}: {part.samples:,}{of} samples in split {part.split}")
        for note in part.notes:
            say(f"  {note}")


@data_app.command("list")
def data_list(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Names of datasets to describe, or folders to search.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List readable datasets and local stores, describe one dataset, or search folders.

    Without arguments: every dataset, and the stores in data/, in quickstart/ and named by recipes in this folder.
    """
    import json

    from prepose.data.listing import as_plain, list_data, print_listing

    listing = list_data(what or (), Path())
    if as_json:
        print(json.dumps(as_plain(listing), indent=1, ensure_ascii=False))
    else:
        print_listing(listing)


@data_app.command("show")
def data_show(
    store: Annotated[Path, typer.Argument(help="Dataset store.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: train, or the first.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Image file to write.")] = Path("contact-sheet.png"),
    count: Annotated[int, typer.Option(min=1, help="Number of samples shown.")] = 36,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the selection.")] = 0,
) -> None:
    """Draw a contact sheet: people of a store with their skeletons."""
    from prepose.data.contact_sheet import write_contact_sheet

    print(write_contact_sheet(store, out, split=split, count=count, seed=seed))


@data_app.command("check")
def data_check(
    store: Annotated[Path, typer.Argument(help="Dataset store.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: all.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Draw the reported samples into this image file.")] = None,
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Check every image instead of 2,000 per split.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a store for mistakes: left/right, joint order, pixels, units, axes, cameras, pairing, boxes, duplicates.

    Exit code 0: no faults (notes are possible); 1: faults found; 2: error.
    """
    import json

    from prepose.console import split_progress
    from prepose.data.doctor import MOST_IMAGES, as_plain, examine_store, print_examinations, write_sheet

    most = None if all_images else MOST_IMAGES
    with split_progress() as progress:
        examinations = examine_store(store, split=split, most_images=most, progress=progress)
    if as_json:
        print(json.dumps(as_plain(examinations), indent=1, allow_nan=False))
    else:
        print_examinations(examinations)
    if sheet is not None:
        print(write_sheet(store, sheet, examinations), file=sys.stderr if as_json else sys.stdout)
    if not all(each.is_clean for each in examinations):
        raise typer.Exit(1)
