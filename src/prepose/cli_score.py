"""The verbs about protocols and about predictions of any system: `score`, `lift`, `protocols`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from prepose.cli_options import AsJson
from prepose.errors import DataError

score_app = typer.Typer()

_READING = "How to read the predictions, where they do not say it"
Form = Annotated[
    str | None,
    typer.Option(help="npz, npy, jsonl, csv, coco, mmpose or openpose.", rich_help_panel=_READING),
]
OfSkeleton = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Skeleton of the joints (`prepose skeletons`), or the joints in their order with commas between.",
        rich_help_panel=_READING,
    ),
]
UnitOf3D = Annotated[str | None, typer.Option(help="Unit of the 3D joints: mm, cm or m.", rich_help_panel=_READING)]
FrameOf3D = Annotated[
    str | None,
    typer.Option(
        help="Frame of the 3D joints: cam, root (relative to the root) or world (of the store's cameras).",
        rich_help_panel=_READING,
    ),
]
SizeOf3D = Annotated[
    str | None,
    typer.Option(
        help="Size of the poses: own (as predicted, in mm), or image (by the system's own 2D joints and the protocol's "
        "scale rule, as a network's).",
        rich_help_panel=_READING,
    ),
]


@score_app.command()
def score(
    predictions: Annotated[
        Path, typer.Argument(help="Predictions: npz, npy, JSON lines, CSV, COCO results, or a folder of JSON files.")
    ],
    data: Annotated[Path, typer.Option(help="Dataset store.")],
    split: Annotated[str | None, typer.Option(help="Split of the store; default: the protocol's.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Evaluation protocol (`prepose protocols`); default: the first that fits.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to keep the evaluation in, for `prepose compare`.")] = None,
    system: Annotated[str | None, typer.Option(help="What made the predictions; default: the file's name.")] = None,
    form: Form = None,
    skeleton: OfSkeleton = None,
    unit: UnitOf3D = None,
    frame: FrameOf3D = None,
    size: SizeOf3D = None,
    as_json: AsJson = False,
) -> None:
    """Score the predictions of any system on a store, as `evaluate` scores a network."""
    import json

    from prepose.console import say
    from prepose.metrics.evaluation_tables import as_plain, print_evaluation
    from prepose.predict.evaluations import keep_evaluation
    from prepose.predict.other_systems.score_file import Reading, score_predictions

    reading = Reading(form=form, skeleton=skeleton, unit=unit, frame=frame, size=size)
    result = score_predictions(predictions, data, protocol=protocol, split=split, reading=reading, system=system)
    if as_json:
        print(json.dumps(as_plain(result), indent=1, allow_nan=False))
    else:
        print_evaluation(result)
    sys.stdout.flush()
    if out is not None:
        say(f"kept in {keep_evaluation(result, predictions, out=out)}", file=sys.stderr if as_json else None)


@score_app.command()
def lift(
    store: Annotated[Path, typer.Argument(help="Store with 2D labels.")],
    out: Annotated[Path, typer.Option(help="Store to write.")],
    network: Annotated[
        Path | None, typer.Option(help="Whose poses become labels: a run, a weights file or a network that ships.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Instead of a network: predictions of any system, in a form that `prepose score` reads."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the store.")] = "train",
    joint_mm: Annotated[
        float, typer.Option(help="A joint may lie this far from its 2D label, mm at the person.")
    ] = 150.0,
    person_mm: Annotated[
        float, typer.Option(help="Half of a person's joints must lie no further than this from their labels, mm.")
    ] = 90.0,
    confidence: Annotated[float, typer.Option(help="Least confidence of a joint.")] = 0.0,
    unit: UnitOf3D = None,
) -> None:
    """Give the people of a 2D dataset 3D pseudo-labels: predicted poses, where they agree with the 2D labels."""
    from prepose.console import counted_progress, say
    from prepose.predict.pseudo_labels import LiftRules, lift_store

    rules = LiftRules(joint_mm=joint_mm, person_mm=person_mm, confidence=confidence)
    with counted_progress("samples") as show:
        done = lift_store(
            store, out, network=network, predictions=predictions, split=split, rules=rules, unit=unit, progress=show
        )
    say(f"{done.folder}: {done.samples:,} samples in split {done.split}, 3D pseudo-labels by {done.by}")
    say(f"  {done.people:,} people and {done.joints:,} of {done.labelled:,} labelled joints have 3D labels")
    say(f"  predictions lie {done.residual_mm:.0f} mm from the 2D labels (median of the people, at the person)")
    for note in done.notes:
        say(f"  {note}")


@score_app.command()
def protocols(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="A protocol to print in full; or `diff A B`: in what two of them differ."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="With diff: what each difference is worth on these predictions, or on a saved evaluation."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="With --predictions: dataset store.")] = None,
    split: Annotated[str | None, typer.Option(help="With --predictions: split of the store.")] = None,
    form: Form = None,
    skeleton: OfSkeleton = None,
    unit: UnitOf3D = None,
    frame: FrameOf3D = None,
    size: SizeOf3D = None,
    as_json: AsJson = False,
) -> None:
    """List the evaluation protocols, print one in full with its source, or say in what two differ."""
    from prepose.metrics.protocols import print_protocol, print_protocols

    words = names or []
    is_diff = words[:1] == ["diff"]
    if not is_diff and (predictions or data or split or form or skeleton or unit or frame or size or as_json):
        raise DataError("options of `prepose protocols` need two protocols: prepose protocols diff A B")
    if not words:
        print_protocols()
    elif not is_diff and len(words) == 1:
        print_protocol(words[0])
    elif is_diff and len(words) == 3:
        from prepose.predict.other_systems.score_file import Reading

        reading = Reading(form=form, skeleton=skeleton, unit=unit, frame=frame, size=size)
        _diff(words[1], words[2], predictions, data, split, reading, as_json=as_json)
    else:
        raise DataError(f"prepose protocols {' '.join(words)}: expected no name, one name, or diff A B")


def _diff(
    first: str,
    second: str,
    predictions: Path | None,
    data: Path | None,
    split: str | None,
    reading: object,
    *,
    as_json: bool,
) -> None:
    import json
    from dataclasses import asdict

    from prepose.metrics.protocol_diff import differences, print_differences
    from prepose.metrics.protocols import get_protocol

    one, other = get_protocol(first), get_protocol(second)
    if (predictions is None) != (data is None):
        raise DataError("--predictions and --data belong together; give both")
    found = differences(one, other)
    if predictions is None or data is None:
        if as_json:
            print(json.dumps({"first": first, "second": second, "differences": [asdict(each) for each in found]}))
        else:
            print_differences(one, other, found)
        return
    from prepose.data.store import open_store
    from prepose.predict.evaluations import own_split
    from prepose.predict.other_systems.protocol_worth import print_worth, protocols_apart, ready
    from prepose.predict.other_systems.score_file import Reading

    dataset = open_store(data, split or own_split(data, (one, other)))
    how = reading if isinstance(reading, Reading) else None
    worth = protocols_apart(one, other, ready(predictions, dataset, reading=how))
    if as_json:
        print(json.dumps(worth.to_json(), indent=1, allow_nan=False))
    else:
        print_differences(one, other, found)
        print_worth(worth)
