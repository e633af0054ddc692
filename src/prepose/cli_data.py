"""The verbs of `prepose data`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from prepose.cli_options import AsJson, Out, Workers, stoppable

data_app = typer.Typer(
    help="Datasets: add the owners' files, look at a store, list what there is.", no_args_is_help=True
)


@data_app.command("add")
def data_add(
    name: Annotated[str, typer.Argument(help="A dataset's name; `prepose data list` shows them.")],
    root: Annotated[Path, typer.Argument(help="The folder with the owner's files.")],
    out: Out,
    split: Annotated[
        list[str] | None, typer.Option(help="A split to add; may be repeated; all of them without it.")
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take what is complete, count the rest aloud.")] = False,
    by_reference: Annotated[bool, typer.Option("--by-reference", help="Keep image paths instead of images.")] = False,
    size: Annotated[
        int | None, typer.Option(min=32, help="Keep person chips of at most so many px a side instead of images.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=1, help="With --size: a chip's side over the person's box; 2.5 without it.")
    ] = None,
    workers: Workers = 2,
) -> None:
    """Turn a dataset's files into a store of checked samples."""
    from prepose.console import say, split_progress
    from prepose.data.catalog import add_dataset
    from prepose.data.chip import DEFAULT_MARGIN, Chips

    if size is not None and by_reference:
        raise typer.BadParameter("--size and --by-reference exclude each other")
    if size is None and margin is not None:
        raise typer.BadParameter("--margin is the margin of person chips; give their --size, too")
    chips = None if size is None else Chips(size, margin or DEFAULT_MARGIN)
    with stoppable("finished shards are kept; run the same command again to go on"), split_progress() as progress:
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
        typer.Argument(help="Datasets to tell all about, or folders to look into.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets that can be read and the stores on this disk, tell all about one, or look into folders.

    Without arguments: every dataset, and stores in data/, in quickstart/ and where recipes in this folder point.
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
    store: Annotated[Path, typer.Argument(help="A dataset store.")],
    split: Annotated[str | None, typer.Option(help="Which split; without it train, or the first.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The picture to write.")] = Path("contact-sheet.png"),
    count: Annotated[int, typer.Option(min=1, help="Samples on the sheet.")] = 36,
    seed: Annotated[int, typer.Option(min=0, help="Which samples.")] = 0,
) -> None:
    """Draw a contact sheet of a store: people with their skeletons."""
    from prepose.data.sheet_file import write_contact_sheet

    print(write_contact_sheet(store, out, split=split, count=count, seed=seed))


@data_app.command("check")
def data_check(
    store: Annotated[Path, typer.Argument(help="A dataset store.")],
    split: Annotated[str | None, typer.Option(help="Which split; all of them without it.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Draw the samples that are named into this picture.")] = None,
    all_images: Annotated[bool, typer.Option("--all-images", help="Look at every picture, not at 2,000.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look for mistakes: sides, joint order, pixels, units, axes, cameras, pairing, boxes, bones, copies, files.

    Exit code 0: clean (notes may be); 1: faults were found; 2: the store cannot be used.
    """
    import json

    from prepose.console import split_progress
    from prepose.data.doctor import MOST_IMAGES, as_plain, examine_store
    from prepose.data.doctor_page import print_examinations, write_sheet

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
