"""The verbs that bring networks in and out: `import-checkpoint` and `push`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

networks_app = typer.Typer()


@networks_app.command("import-checkpoint")
def import_checkpoint(
    file: Annotated[
        Path,
        typer.Argument(help="Checkpoint (.pth, .pth.tar, .pt, .bin, .safetensors), or folder saved by transformers."),
    ],
    out: Annotated[Path, typer.Option(help="Weights file to write (.safetensors), or a folder for it.")],
    skeleton: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Skeleton of its heat maps (default: mpii-16, or coco-17 where there are 17)."
        ),
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the crops that it was trained on, px.")] = 256,
    pixels: Annotated[
        str | None,
        typer.Option(
            metavar="bgr-256|bgr-255|rgb-255", help="How its input was made, where not as its code base does."
        ),
    ] = None,
    readout: Annotated[
        Literal["argmax", "argmax-cell"],
        typer.Option(help="How heat maps are read: refined below the cell, or by whole cells as published."),
    ] = "argmax",
) -> None:
    """Convert a checkpoint of another code base to a weights file; nothing in it is executed.

    Reads the published code of arXiv 2604.22830, SimpleBaseline, torchvision's and transformers' ResNets.
    """
    from prepose.console import say
    from prepose.models.checkpoint import import_checkpoint as convert
    from prepose.models.weights_file import file_of

    say(convert(file, out, skeleton=skeleton, size=size, pixels=pixels, readout=readout))
    say(file_of(out))


@networks_app.command()
def push(
    network: Annotated[str, typer.Argument(help="Run folder, weights file, or the name of a network that ships.")],
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Repository on the Hugging Face hub.")],
    to_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the repository into this folder instead, to look at it.")
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="JSON file of a saved evaluation of these weights, beside those in the run's folder; repeatable.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="Licence of the weights, as the hub spells it: cc-by-4.0 ..."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    terms_read: Annotated[
        bool,
        typer.Option(
            "--terms-read",
            help="You have read the terms of research-only or unrecorded data behind the weights, and they allow it.",
        ),
    ] = False,
) -> None:
    """Share a network on the Hugging Face hub: weights, model card, recipe and scores.

    Others use it as hf:OWNER/NAME. The token is huggingface_hub's own (`hf auth login`, or HF_TOKEN).
    """
    import sys

    from prepose.console import say
    from prepose.hub.push import push as upload
    from prepose.hub.push import write_to_folder
    from prepose.hub.repository import repository_of

    shared = repository_of(Path(network), name, evaluations=evaluation or (), licence=licence)
    for note in shared.notes:
        say(f"prepose: {note}", file=sys.stderr)
    if to_folder is None:
        say(upload(shared, private=private, terms_read=terms_read))
        return
    if shared.terms is not None:
        say(f"prepose: {shared.terms}", file=sys.stderr)
    for path in write_to_folder(shared, to_folder):
        say(path)
