"""Predictions of any system on a store, scored as `prepose evaluate` scores networks, kept where `compare` looks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from prepose.body.skeleton import Provenance, joint_map
from prepose.data.dataset import PoseDataset
from prepose.data.store import describe_store, open_store, store_splits
from prepose.errors import DataError, shortened, unknown_name
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import Protocol, get_protocol, protocols_for
from prepose.predict.evaluations import own_split
from prepose.predict.other_systems.forms import read_predictions
from prepose.predict.other_systems.frames import Placed, placed
from prepose.predict.other_systems.judge import SIZE_TEXTS, Size, judge, refusal, unfit
from prepose.predict.other_systems.matching import Matched, image_names, match
from prepose.predict.other_systems.predictions import FRAMES, UNITS, Predictions, predictions_of


@dataclass(frozen=True)
class Reading:
    """How predictions are to be read, where their file does not say it or says it wrongly.

    Attributes:
        form: A key of `forms.FORMS`; None to tell it from the content.
        skeleton: A skeleton's name, or the joints in their order with commas between.
        unit: mm, cm or m.
        frame: cam, root or world.
        size: own or image (see `judge`); None for own where the unit is one of length, else image.
    """

    form: str | None = None
    skeleton: str | None = None
    unit: str | None = None
    frame: str | None = None
    size: str | None = None

    def __post_init__(self) -> None:
        for name, known in (("unit", tuple(UNITS)), ("frame", FRAMES), ("size", get_args(Size))):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise DataError(f"--{name}: {unknown_name(name, value, known)}")


@dataclass(frozen=True, eq=False)
class Readied:
    """Predictions that are matched to a dataset and along its cameras' axes, ready for any protocol.

    Attributes:
        predictions: As their file has them.
        dataset: The samples.
        matched: Whose they are.
        placed: Their 3D joints, mm.
        size: What gives poses their size.
        digest: Of the file.
        facts: What to say of them.
    """

    predictions: Predictions
    dataset: PoseDataset
    matched: Matched
    placed: Placed
    size: Size
    digest: str
    facts: Mapping[str, str]

    def judged(self, protocol: Protocol, **facts: str) -> Evaluation:
        """Their evaluation by a protocol."""
        return judge(
            self.predictions,
            self.matched.rows,
            self.placed.joints,
            self.dataset,
            replace(protocol, split=self.dataset.split),
            size=self.size,
            weights=self.digest,
            facts={**self._facts_in(protocol), **facts},
        )

    def _facts_in(self, protocol: Protocol) -> dict[str, str]:
        """Without those of 3D joints where the image alone is scored."""
        of_3d = ("unit", "frame", "size") if protocol.scale == "image" else ()
        return {name: text for name, text in self.facts.items() if name not in of_3d}

    def unfit(self, protocol: Protocol) -> str | None:
        """Why they cannot be scored by a protocol; None if they can."""
        return unfit(self.predictions, protocol, self.dataset, size=self.size, has_3d=self.placed.joints is not None)


def score_predictions(
    predictions: Path | Mapping[str, Any],
    store: Path,
    *,
    protocol: str | None = None,
    split: str | None = None,
    reading: Reading | None = None,
    system: str | None = None,
) -> Evaluation:
    """Score predictions of any system on a split of a store.

    Args:
        predictions: A file in one of the forms of `forms.FORMS`, or arrays by name.
        store: The dataset.
        protocol: A name of `metrics.protocols.PROTOCOLS`; None for the first that fits dataset and predictions.
        split: Which split; None for the protocol's own, or the store's only one.
        reading: How to read them, where they do not say it.
        system: What to call what made them; None for the file's name.

    Raises:
        DataError: they cannot be read, matched or scored; the message says why and what would do.
    """
    asked = None if protocol is None else get_protocol(protocol)
    own = protocols_for(describe_store(store).description.name)
    rows = own if asked is None else (asked,)
    dataset = open_store(store, split or own_split(store, (*rows, *own)))
    readied = ready_predictions(predictions, dataset, reading=reading, system=system, store=store)
    if asked is not None:
        return readied.judged(asked, protocol_is="asked for")
    first = None
    for row in rows:
        reason = readied.unfit(row)
        if reason is None:
            choice = f"the default of {dataset.name} for joints of {readied.predictions.skeleton.name}"
            return readied.judged(row, protocol_is=choice if first is None else f"{choice} ({first})")
        first = first or reason
    has_3d = readied.placed.joints is not None
    raise DataError(refusal(f"{first}", readied.predictions, dataset, size=readied.size, has_3d=has_3d))


def ready_predictions(
    predictions: Path | Mapping[str, Any],
    dataset: PoseDataset,
    *,
    reading: Reading | None = None,
    system: str | None = None,
    store: Path | None = None,
) -> Readied:
    """Read, match and place predictions; see `score_predictions`."""
    reading = reading or Reading()
    if isinstance(predictions, Path):
        read = read_predictions(predictions, form=reading.form, skeleton=reading.skeleton)
        name = system or predictions.stem
    else:
        read, name = predictions_of(predictions, "predictions", skeleton=reading.skeleton), system or "predictions"
    _check_joints(read, dataset)
    try:
        matched = match(read, dataset)
    except DataError as error:
        raise _with_other_splits(error, read, dataset, store) from error
    found = placed(read, matched.rows, dataset, unit=reading.unit, frame=reading.frame)
    size = _size(read, found, reading.size)
    facts = {"system": name, "joints": read.skeleton.name, "matched": f"matched {matched.how}"}
    facts |= {"unmatched": matched.unmatched} if matched.unmatched else {}
    facts |= dict(found.facts)
    facts |= {"size": SIZE_TEXTS[size]} if found.joints is not None else {}
    facts |= {"read": "; ".join(read.notes)} if read.notes else {}
    return Readied(read, dataset, matched, found, size, _digest(read), facts)


def _check_joints(read: Predictions, dataset: PoseDataset) -> None:
    """Check that there are joints, and that one of them is one of the labels', before people are told apart by them."""
    columns = {"3D joints": read.joints_3d, "2D joints": read.joints_img}
    for name, joints in columns.items():
        if joints is not None and not np.isfinite(joints).all(axis=-1).any():
            raise DataError(
                f"{read.where}: none of its {len(read)} predictions has a single joint among its {name}: all are NaN "
                "or infinite; leave the column out, or predict again"
            )
    if not (joint_map(read.skeleton, dataset.skeleton).provenance != Provenance.MISSING).any():
        theirs, ours = (shortened(", ".join(each.joints)) for each in (read.skeleton, dataset.skeleton))
        raise DataError(
            f"{read.where}: none of its joints ({theirs}) is one of {dataset.name}'s ({ours}), so that nothing can be "
            "scored; name them by --skeleton"
        )


def _size(read: Predictions, found: Placed, asked: str | None) -> Size:
    if found.joints is None:
        return "own"
    if asked == "image" or (asked is None and not found.metric):
        if read.joints_img is None:
            raise DataError(
                f"{read.where}: {found.facts['unit']}, and without 2D joints the image gives them no size; state --unit"
            )
        return "image"
    if not found.metric:
        raise DataError(f"{read.where}: {found.facts['unit']}, so that they have no size of their own; state --unit")
    return "own"


def _digest(read: Predictions) -> str:
    digest = hashlib.sha256(read.skeleton.name.encode())
    for array in (read.joints_3d, read.joints_img, read.confidence):
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _with_other_splits(error: DataError, read: Predictions, dataset: PoseDataset, store: Path | None) -> DataError:
    """The error, with the splits of the store that do have the images."""
    if store is None or read.images is None or "none of its" not in str(error):
        return error
    stems = {Path(image).stem for image in read.images}
    having = [
        split
        for split in store_splits(store)
        if split != dataset.split
        and stems & {Path(name).stem for name in image_names(open_store(store, split)) if name}
    ]
    return DataError(f"{error}; images of these names are in --split {', '.join(having)}") if having else error
