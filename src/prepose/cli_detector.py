"""The verb `train-detector`: a person detector from drawn people, backgrounds and labelled photographs."""

from pathlib import Path
from typing import Annotated

import typer

from prepose.cli_options import Out, Workers, stoppable

detector_app = typer.Typer()


@detector_app.command("train-detector")
def train_detector(
    out: Out,
    backgrounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Folder of images without people, or a store, whose surroundings of people are taken; repeatable.",
        ),
    ] = None,
    photographs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STORE",
            help="Store of images with a labelled person each; nothing is learnt from the rest of them; repeatable.",
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=16, help="Number of scenes to learn from.")] = 60_000,
    people: Annotated[int, typer.Option(min=1, help="Number of scenes with synthetic people to render.")] = 6_000,
    size: Annotated[int, typer.Option(help="Width and height of the scenes, px.")] = 192,
    rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    start: Annotated[
        Path | None, typer.Option(metavar="WEIGHTS", help="Detector to start from (default: ImageNet weights).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Random seed.")] = 0,
    workers: Workers = 2,
) -> None:
    """Train a person detector for `prepose predict --detector WEIGHTS`.

    Renders synthetic people, which are kept in the output folder, and learns from scenes that it makes of them, of the
    backgrounds and of the photographs.
    """
    from prepose.console import PlainConsole, say, shown_progress
    from prepose.recipes.detector import DetectorRecipe
    from prepose.recipes.detector import train_detector as train

    recipe = DetectorRecipe(images=images, cutouts=people, size=size, rate=rate, seed=seed)
    kept = "what is finished is kept; rerun the command to begin the training again"
    with stoppable(kept), shown_progress(PlainConsole(stderr=True), unit="images") as progress:
        weights = train(
            out,
            recipe,
            backgrounds=backgrounds or (),
            photographs=photographs or (),
            start=start,
            workers=workers,
            progress=lambda what, done, total, facts: progress.move(what, done, total, facts=facts),
        )
    say(weights)
