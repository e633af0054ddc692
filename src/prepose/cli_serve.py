"""The verb `serve`: a page in the browser that shows the poses in photos and videos."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from prepose.cli_options import DETECTOR_HELP, stoppable, wait_passively

serve_app = typer.Typer()

_BOUNDS = "Bounds of uploads"


@serve_app.command()
def serve(
    network: Annotated[
        str | None,
        typer.Argument(
            help="A run folder, weights file, .pth checkpoint to import, or the name of a network that ships (default: "
            "lite0-synthetic)."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in, without a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 7860,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=DETECTOR_HELP,
        ),
    ] = None,
    score: Annotated[float, typer.Option(min=0, max=1, help="Least score of a box of --detector.")] = 0.5,
    max_mb: Annotated[
        float, typer.Option(min=0.001, max=100_000, help="Largest file, MB.", rich_help_panel=_BOUNDS)
    ] = 200,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Largest image or frame.", rich_help_panel=_BOUNDS)
    ] = 50,
    max_frames: Annotated[
        int, typer.Option(min=1, max=100_000, help="Most frames of a video.", rich_help_panel=_BOUNDS)
    ] = 300,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or mps.")] = "cpu",
) -> None:
    """Open a page for the browser: drop a photo or a video, see the pose in 3D, download it.

    Runs on this machine until Ctrl-C. Uploads stay in a private folder, which is removed at the end.
    """
    wait_passively()
    from prepose.console import say
    from prepose.predict.networks import DEFAULT
    from prepose.web.estimate import Bounds
    from prepose.web.server import Address, serve

    find = None
    if detector is not None:
        from prepose.predict.detectors import detected_by, detector_named

        find = detected_by(detector_named(detector, device), score)
    address = Address(host, port)
    if not address.is_private:
        print(
            f"prepose: --host {host}: whoever reaches this machine can use the page; it has no password",
            file=sys.stderr,
        )
    bounds = Bounds(round(max_mb * 1e6), round(max_megapixels * 1e6), max_frames)

    def started(url: str) -> None:
        say(f"the page is at {url}; Ctrl-C ends it")
        sys.stdout.flush()

    with stoppable("the page is closed and its uploads are removed"):
        serve(Path(network or DEFAULT), address, find=find, bounds=bounds, device=device, started=started)
