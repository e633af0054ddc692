"""The command line: verbs only, each importing what it needs when it runs, so that `--help` stays instant."""

import io
import os
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn, cast

import typer

from prepose import __version__
from prepose.cli_data import data_app
from prepose.cli_detector import detector_app
from prepose.cli_networks import networks_app
from prepose.cli_options import AsJson, Device, Out, Workers, say_if_imported, stoppable
from prepose.cli_predict import predict_app
from prepose.cli_score import score_app
from prepose.cli_serve import serve_app
from prepose.cli_study import study_app
from prepose.errors import DataError, RecipeError, explained, one_line
from prepose.worker import terminated_as_if_interrupted

app = typer.Typer(
    name="prepose",
    help="2D pre-training for 3D human pose estimation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(study_app)
app.add_typer(score_app)
app.add_typer(predict_app)
app.add_typer(networks_app)
app.add_typer(serve_app)
app.add_typer(detector_app)

# Exit codes: 0 done, 1 done with findings or failed trials, 2 refused, and
INTERRUPTED, AT_FAULT = 130, 70  # as shells say it of Ctrl-C, and sysexits.h of a fault in a program
# What a verb says that was stopped and keeps nothing of its work.
NOTHING = "what was not finished is not kept"

# Typer shows one kind of misuse in public, BadParameter; its parent is what every misuse of a verb or option raises.
_MISUSE = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def main() -> None:
    """Run the command line; what a user, his files or his machine cause ends in one line and exit code 2."""
    settle_process()
    _refuse_empty(sys.argv[1:])
    interrupted: Callable[[], bool] = bool  # no, until signals are watched
    try:
        with terminated_as_if_interrupted() as interrupted:
            # Typer's own way with a mistyped option takes six lines.
            sys.exit(app(standalone_mode=False) or 0)
    except _MISUSE as error:
        _misused(error)
    except Exception as error:
        line = explained(error)
        if line is not None:
            _fail(line)
        # An import that was interrupted half-way fails in any way.
        if interrupted():
            print(f"prepose: stopped; {NOTHING}", file=sys.stderr)
            sys.exit(INTERRUPTED)
        _at_fault(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _refuse_empty(words: Sequence[str]) -> None:
    """No argument means anything empty: it comes from a variable that is not set, and would mean this folder."""
    for before, word in zip(("", *words), words, strict=False):
        if not word.strip() or re.fullmatch(r"--[a-z-]+=\s*", word):
            name = word.partition("=")[0].strip() or (before if before.startswith("-") else "")
            _fail(f"{name or 'an argument'}: is empty; give it a value, or leave it out")


def settle_process() -> None:
    """Let nothing but prepose's own lines reach the terminal, and let every text be printed somehow."""
    # Read when cv2 is imported, here and in worker processes; what they say of a broken image, our line says better.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names that are not UTF-8, and terminals that are not.
            stream.reconfigure(errors="backslashreplace")


def _at_fault(error: Exception) -> NoReturn:
    """The last handler: nothing that a user did, as far as prepose can tell."""
    trace = "".join(traceback.format_exception(error))
    what = one_line(f"{type(error).__name__}: {error}", 300)
    try:
        handle, path = tempfile.mkstemp(prefix="prepose-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"prepose {__version__}, {' '.join(sys.argv)}\n{trace}")
    except OSError:
        print(trace, file=sys.stderr)
        path = "the lines above"
    if isinstance(error, OSError):
        _fail(f"the system refused something ({what}); where is in {path}")
    print(
        f"prepose: this is a fault of prepose and not of what you gave it ({what}); please report it with the "
        f"traceback, which is in {path}",
        file=sys.stderr,
    )
    sys.exit(AT_FAULT)


def _misused(error: Exception) -> None:
    misuse = cast("typer.BadParameter", error)
    if type(error).__name__ == "NoArgsIsHelpError":
        # A bare `prepose` or `prepose data`: the help, which is this error's message, is the answer.
        misuse.show()
        sys.exit(misuse.exit_code)
    verb = misuse.ctx.command_path if misuse.ctx else "prepose"
    message = misuse.format_message().rstrip(".").replace("Input should be", "expected")
    _fail(f"{message}; `{verb} --help` shows what there is")


def _fail(line: str) -> NoReturn:
    print(f"prepose: {one_line(line)}", file=sys.stderr)
    sys.exit(2)


@app.command()
def quickstart(
    out: Out = Path("quickstart"),
    quick: Annotated[bool, typer.Option("--quick", help="One seed, fewer images: about a third of the time.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Three seeds, many more images: hours on a laptop.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings in parallel.")] = 2,
) -> None:
    """Render synthetic people, train a network in three ways at equal compute, and write a page that compares them."""
    from prepose.console import PlainConsole, say
    from prepose.studies.quickstart.conduct import run_quickstart

    if quick and full:
        raise typer.BadParameter("--quick and --full exclude each other")
    size = "quick" if quick else "full" if full else "standard"
    with stoppable("what is finished is kept; rerun the command to resume"):
        page = run_quickstart(out, size, jobs=jobs, console=PlainConsole())
    say(f"open {page}")


@app.command()
def synthesize(
    world: Annotated[str, typer.Argument(help="Kind of scenes: wild, lab, occluded or everyday.")],
    out: Out,
    count: Annotated[
        list[str] | None, typer.Option("--count", metavar="SPLIT=N", help="Number of samples in a split; repeatable.")
    ] = None,
    size: Annotated[int, typer.Option(help="Image width and height, px.")] = 128,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Random seed.")] = 0,
    workers: Workers = 2,
    motion: Annotated[
        list[Path] | None, typer.Option(help="BVH motion file for half of the poses; repeatable.")
    ] = None,
    joint_names: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="JSON table of the rig's joint names, for --motion (docs/worlds.md); repeatable."
        ),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option(
            help="Real backgrounds for most samples: a folder of images without people, or a store, of which what "
            "surrounds the people is taken."
        ),
    ] = None,
) -> None:
    """Render synthetic people with exact ground truth into a dataset store."""
    from prepose.console import counted_progress, say
    from prepose.synthetic.synthesize import synthesize as draw

    counts = _counts(count or ["train=1000", "validation=100", "test=200"])
    again = "finished shards are kept; rerun the command to resume"
    with stoppable(again), counted_progress(f"people of the {world} world") as show:
        draw(
            world,
            out=out,
            counts=counts,
            size=size,
            seed=seed,
            workers=workers,
            motion=motion or (),
            joint_names=joint_names or (),
            backgrounds=backgrounds,
            progress=show,
        )
    say(f"{out}: " + ", ".join(f"{number:,} {split}" for split, number in counts.items()))


def _counts(texts: list[str]) -> dict[str, int]:
    counts = {}
    for text in texts:
        split, _, number = text.partition("=")
        if not split or not re.fullmatch(r"0*[1-9][0-9]{0,8}", number):
            raise RecipeError(
                f"--count {text}: expected SPLIT=N with N at least 1 and below 10^9, such as --count train=1000"
            )
        if split in counts:
            raise RecipeError(f"--count {text}: split {split!r} has a number already, {counts[split]}; give it once")
        counts[split] = int(number)
    return counts


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe; it is printed as JSON.")] = None,
) -> None:
    """List the recipes that ship, with what each costs; or print one, ready to edit."""
    from prepose.specs.builtin_recipes import recipe_named
    from prepose.specs.listing import print_recipes, ready_to_edit

    if name is None:
        print_recipes()
    else:
        print(ready_to_edit(recipe_named(name)))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe (`prepose recipes`), or a JSON file.")],
    out: Out,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field of the recipe, such as finetune.samples=9e4; repeatable.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --out.")] = False,
    shrink: Annotated[bool, typer.Option("--shrink", help="Train two steps per stage, to try a recipe out.")] = False,
    accelerator: Annotated[str, typer.Option(help="Device type: auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, max=64, help="Devices per node.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, max=65536, help="Number of nodes.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, max=256, help="Threads that prepare batches.")] = None,
) -> None:
    """Train a network with a recipe."""
    from prepose.specs.builtin_recipes import recipe_named
    from prepose.specs.overrides import override
    from prepose.specs.overrides import shrink as shrunk

    if accelerator not in ("auto", "cpu", "cuda", "mps"):
        raise RecipeError(f"--accelerator {accelerator}: expected auto, cpu, cuda or mps")
    chosen = override(recipe_named(recipe), changes or [])
    # Only now, as these take torch, which takes seconds.
    from prepose.console import PlainConsole
    from prepose.recipes.run import saved_so_far
    from prepose.recipes.train import Machine, run_recipe

    machine = Machine(accelerator=accelerator, devices=devices, nodes=nodes, threads=threads, workers=workers)
    with stoppable(lambda: saved_so_far(out)):
        run_recipe(shrunk(chosen) if shrink else chosen, out, resume=resume, machine=machine, console=PlainConsole())


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder, weights file, .pth checkpoint to import, or hf:OWNER/NAME.")],
    data: Annotated[Path, typer.Option(help="Dataset store.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: the protocol's.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Evaluation protocol (`prepose protocols`); default: the dataset's.")
    ] = None,
    device: Device = "cpu",
    out: Annotated[
        Path | None, typer.Option(help="Folder to keep the evaluation in; default: the run's, if it is one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a network on a store: overall, by joint, by action and by occlusion."""
    import json

    from prepose.console import counted_progress
    from prepose.metrics.evaluation_tables import as_plain, print_evaluation
    from prepose.predict.scoring import keep_evaluation, score_run

    with stoppable(NOTHING), counted_progress("samples") as show:
        result = score_run(run, data, split=split, protocol=protocol, device=device, progress=show)
    say_if_imported(run)
    if as_json:
        print(json.dumps(as_plain(result), indent=1, allow_nan=False))
    else:
        print_evaluation(result)
    # Only now: the numbers are out, whatever becomes of the file.
    sys.stdout.flush()
    keep_evaluation(result, run, out=out)


@app.command()
def calibrate(
    network: Annotated[Path, typer.Argument(help="Run folder or weights file; its weights file gets the calibration.")],
    data: Annotated[Path, typer.Option(help="Dataset store that the network did not learn from.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: validation.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a copy of the weights file instead.")] = None,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or mps.")] = "cpu",
) -> None:
    """Measure on labelled images what error each confidence stands for; `predict` then writes expected errors.

    They hold for images like those: `evaluate --protocol mean-person` on other data compares expected and measured.
    """
    from prepose.console import PlainConsole, counted_progress, say
    from prepose.predict.calibrate import calibrate as measure
    from prepose.predict.calibrate import table_of_curves

    with stoppable(NOTHING), counted_progress("samples") as show:
        done = measure(network, data, split=split, out=out, device=device, progress=show)
    PlainConsole().print(table_of_curves(done.calibration))
    if done.replaced is not None:
        say(f"replaced the calibration on {done.replaced}")
    if not done.calibration.mm:
        say("in the image alone: the store has no 3D labels with cameras that a mean person's size could be judged by")
    if done.left_out:
        say(f"without an expected error, as too few are labelled: {', '.join(done.left_out)}")
    say(f"{done.path}: calibrated on {done.calibration}")


@app.command()
def export(
    network: Annotated[
        Path,
        typer.Argument(help="Run folder, weights file, .pth checkpoint to import, or a person detector (onnx alone)."),
    ],
    out: Annotated[Path, typer.Option(help="File to write.")],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="onnx (for ONNX Runtime and `prepose predict`; needs the extra `onnx`), int8 (ONNX of 8 bits, the "
            "fastest on a CPU), fp16 (ONNX of 16 bits, for GPUs), pt2 (torch.export), or half (a weights file of "
            "prepose at half the size).",
        ),
    ] = "onnx",
    flip_test: Annotated[bool, typer.Option(help="Predict the mirror image too.")] = True,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE",
            help="Images to calibrate int8 and to measure int8 and fp16 on (default: synthetic people).",
        ),
    ] = None,
) -> None:
    """Export a network for use elsewhere, pixel statistics, decoding and flip test inside, and check it."""
    from prepose.console import say
    from prepose.files import output_file
    from prepose.models.checkpoint import load_weights
    from prepose.models.export import export_detector
    from prepose.predict.detectors import detector_weights
    from prepose.predict.networks import find_weights
    from prepose.predict.reduced_precision import export_any

    with stoppable(NOTHING), output_file(out):
        if (detector := detector_weights(network)) is not None:
            if format_name != "onnx" or calibrate is not None:
                raise DataError(
                    f"{network}: is a person detector, which is exported as onnx alone, without --calibrate"
                )
            say(export_detector(detector, out))
            return
        net = load_weights(find_weights(network))
        say(export_any(net, out, format_name, flip_test=flip_test, calibrate=calibrate))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


@app.command()
def skeletons(
    source: Annotated[str | None, typer.Argument(help="Skeleton to convert from.")] = None,
    target: Annotated[str | None, typer.Argument(help="Skeleton to convert to.")] = None,
) -> None:
    """List the skeletons, or show how each joint of TARGET is derived from SOURCE."""
    from prepose.body import skeleton_tables

    if source is None:
        skeleton_tables.print_skeletons()
    else:
        skeleton_tables.print_joint_maps(source, target)
