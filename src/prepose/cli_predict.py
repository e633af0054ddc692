"""The verb `predict`: images and videos in, poses out."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prepose.cli_options import DETECTOR_HELP, Device, Out, say_if_imported, stoppable, wait_passively
from prepose.errors import DataError, one_line, shortened

if TYPE_CHECKING:
    from prepose.arrays import BoxXywh
    from prepose.predict.files import Outcome
    from prepose.predict.frames import Source
    from prepose.predict.people import Finder

predict_app = typer.Typer()

_PEOPLE, _CAMERA, _RESULTS = "Who is in the image", "Camera (one of them)", "Results"


@predict_app.command()
def predict(
    out: Out,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images, animations (GIF, WebP), videos, folders of them, or patterns. The first may be a network: a "
            "run folder, weights file, exported .onnx model, .pth checkpoint to import, hf:OWNER/NAME, or the name of "
            "one that ships (default: lite0-synthetic).",
        ),
    ] = None,
    webcam: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Take a camera of this machine in place of inputs, from 0; Ctrl-C ends."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="End --webcam after this time.")] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H", help="Box of a person, px, for a single input; repeatable.", rich_help_panel=_PEOPLE
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Boxes of all inputs: CSV or JSON rows (image, frame, box, person), or COCO detections.",
            rich_help_panel=_PEOPLE,
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=DETECTOR_HELP,
            rich_help_panel=_PEOPLE,
        ),
    ] = None,
    score: Annotated[
        float,
        typer.Option(min=0, max=1, help="Least score of a box of --detector, or of --boxes.", rich_help_panel=_PEOPLE),
    ] = 0.5,
    whole_image: Annotated[
        bool,
        typer.Option("--whole-image", help="Each image is one person who fills it (default).", rich_help_panel=_PEOPLE),
    ] = False,
    smooth: Annotated[
        bool,
        typer.Option("--smooth", help="Smooth videos over time (One Euro filter).", rich_help_panel=_PEOPLE),
    ] = False,
    focal: Annotated[
        float | None, typer.Option(metavar="PX", help="Focal length, px.", rich_help_panel=_CAMERA)
    ] = None,
    fov: Annotated[
        float | None,
        typer.Option(metavar="DEG", help="Angle that the longer side spans, degrees.", rich_help_panel=_CAMERA),
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file with K, size_wh and distortion.", rich_help_panel=_CAMERA),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Convert the joints to this skeleton (`prepose skeletons`).", rich_help_panel=_RESULTS
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Mark joints of less confidence.", rich_help_panel=_RESULTS)
    ] = 0.0,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="csv|npz",
            help="Write this beside poses.jsonl; repeatable.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            metavar="bvh,trc,c3d,gltf,coco",
            help="Write the poses in these formats of other tools; repeatable.",
            rich_help_panel=_RESULTS,
        ),
    ] = None,
    angles: Annotated[
        bool,
        typer.Option("--angles", help="Write joint angles, degrees, as angles.csv.", rich_help_panel=_RESULTS),
    ] = False,
    draw: Annotated[
        bool,
        typer.Option("--draw/--no-draw", help="Draw the poses on the images and videos.", rich_help_panel=_RESULTS),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results that exist.", rich_help_panel=_RESULTS)
    ] = False,
    device: Device = "cpu",
) -> None:
    """Estimate everybody's 3D pose in images and videos.

    Writes poses.jsonl (a line for each person of each frame) and each input with the poses drawn on it.

    Exit code 0: done; 1: some inputs were damaged or skipped; 2: error.
    """
    from prepose.console import counted_progress
    from prepose.predict.camera_choice import camera_choice
    from prepose.predict.frames import find_inputs
    from prepose.predict.networks import DEFAULT, network_and_inputs

    wait_passively()
    words = inputs or []
    if not words and webcam is None:
        raise typer.BadParameter("there is no image to predict; name one or more images, videos or folders")
    _check_webcam(words, webcam, seconds)
    run, files = network_and_inputs(words) if webcam is None else (Path(words[0] if words else DEFAULT), [])
    if len(files) == len(words):
        _warn(f"network: {run}, which ships with prepose; another one may be named before the inputs")
    paths = find_inputs(files) if webcam is None else [Path(f"webcam{webcam}")]
    exports = _exports(export or (), skeleton, angles=angles)
    camera_of = camera_choice(focal_px=focal, fov_deg=fov, file=camera)
    finder = _finder(_Asked(box, boxes, detector, whole_image, score, device), paths)
    # Only now, as these take torch, which takes seconds.
    from prepose.predict.files import Output, predict_files
    from prepose.predict.frames import webcam as open_webcam
    from prepose.predict.stream import Settings

    output = Output(out, tuple(formats or ()), skeleton, draw, overwrite, exports)
    sources: Sequence[Path | Source] = paths
    settings = Settings(finder, camera_of, smooth=smooth, threshold=threshold)
    if webcam is not None:
        # A camera does not wait for a batch.
        sources, settings = [open_webcam(webcam, seconds=seconds)], replace(settings, batch_size=1)
    kept = "the poses so far are in poses.jsonl; rerun with --overwrite to begin again"
    with stoppable(kept), counted_progress("poses", unit="frames") as show:
        outcome = predict_files(run, sources, output, settings, device=device, progress=show)
    _report(outcome, len(paths), run)


def _check_webcam(words: Sequence[str], webcam: int | None, seconds: float | None) -> None:
    if webcam is None and seconds is not None:
        raise DataError("--seconds says when --webcam ends; give both, or leave it out")
    if webcam is not None and len(words) > 1:
        raise DataError(f"--webcam {webcam} takes the place of inputs; leave out {shortened(', '.join(words[1:]))}")


def _exports(names: Sequence[str], skeleton: str | None, *, angles: bool) -> Callable[[Path, bool], list[Path]] | None:
    """What writes a folder's poses in other formats; None where none is asked for. Refuses what cannot be written."""
    formats = [each.strip() for name in names for each in name.split(",")]
    if not formats and not angles:
        return None
    from prepose.body.skeletons import get_skeleton
    from prepose.predict.exports.export import check_formats, export_sequences
    from prepose.predict.pose_files import read_poses

    check_formats(formats, None if skeleton is None else get_skeleton(skeleton))

    def write(folder: Path, overwrite: bool) -> list[Path]:
        try:
            made = export_sequences(read_poses(folder), folder, formats, angles=angles, overwrite=overwrite)
        except DataError as error:
            raise DataError(f"{error}; the poses are in {folder}") from error
        for note in made.notes:
            _warn(note)
        return made.files

    return write


def _report(outcome: "Outcome", count: int, run: Path) -> None:
    from prepose.console import say

    for path in outcome.files:
        say(path)
    say_if_imported(run)
    if outcome.untrained:
        _warn(f"the network's {', '.join(outcome.untrained)} is untrained: only joints in the image mean anything")
    if outcome.conversion:
        _warn(outcome.conversion)
    if outcome.empty:
        shown = shortened(", ".join(map(str, outcome.empty)), 300)
        _warn(f"nobody in {len(outcome.empty):,} of {count:,} inputs: {shown}")
    if outcome.problems:
        _warn(f"{len(outcome.problems):,} of {count:,} inputs could not be used, or not wholly:")
        print("\n".join(f"  {one_line(each)}" for each in outcome.problems), file=sys.stderr)
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Asked:
    """What was said of who is in an image."""

    box: Sequence[str] | None
    boxes: Path | None
    detector: str | None
    whole_image: bool
    score: float
    device: str

    def __post_init__(self) -> None:
        ways = {
            "--box": self.box,
            "--boxes": self.boxes,
            "--detector": self.detector,
            "--whole-image": self.whole_image,
        }
        chosen = [way for way, given in ways.items() if given]
        if len(chosen) > 1:
            raise DataError(f"{' and '.join(chosen)} each say who is in an image; give one of them")


def _finder(asked: _Asked, paths: Sequence[Path]) -> "Finder":
    if asked.box:
        return _of_one_input(asked.box, paths)
    if asked.boxes:
        return _of_file(asked.boxes, paths, asked.score)
    if asked.detector:
        return _of_detector(asked.detector, asked.score, asked.device)
    from prepose.predict.people import whole_image

    if not asked.whole_image:
        _warn(
            "each image is taken for one person who fills it; --box, --boxes or --detector lite0-people say otherwise"
        )
    return whole_image


def _warn(text: str) -> None:
    print(f"prepose: {one_line(text)}", file=sys.stderr)


def _of_one_input(texts: Sequence[str], paths: Sequence[Path]) -> "Finder":
    from prepose.predict.people import given_boxes

    boxes = [_box(text) for text in texts]
    if len(paths) > 1:
        raise DataError(
            f"--box says where a person is in one input, but there are {len(paths)}; give each its own by --boxes FILE"
        )
    return given_boxes(boxes)


def _of_file(file: Path, paths: Sequence[Path], score: float) -> "Finder":
    from prepose.predict.boxes_file import read_boxes

    boxes = read_boxes(file, paths, least_score=score)
    for note in boxes.notes:
        _warn(note)
    return boxes


def _of_detector(name: str, score: float, device: str) -> "Finder":
    from prepose.predict.detectors import detected_by, detector_named

    return detected_by(detector_named(name, device), score)


def _box(text: str) -> "BoxXywh":
    import numpy as np

    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise DataError(
            f"--box {shortened(text)}: expected four numbers X,Y,W,H in px, such as --box 120,40,300,600"
        ) from error
    return np.array([x, y, width, height])
