"""The doctor: every check on every split of a store, as findings with numbers.

A *fault* would make training or scoring wrong; a *note* is worth knowing (single slips of an annotator, labels that are
no projections). A store is clean where no split has a fault. The findings are printed, and the
samples they are about drawn as a contact sheet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from prepose.data.checks.bones import check_bones
from prepose.data.checks.boxes import check_boxes
from prepose.data.checks.calibration import check_calibration
from prepose.data.checks.copies import check_copies, overlap_by_name
from prepose.data.checks.finding import Finding
from prepose.data.checks.numbers import check_files, check_numbers
from prepose.data.checks.order import check_order
from prepose.data.checks.pairing import check_pairing
from prepose.data.checks.records import Records, digests_of, look_at, read_records
from prepose.data.checks.reprojection import check_reprojection, check_upright
from prepose.data.checks.sides import check_sides
from prepose.data.contact_sheet import write_sheet_of
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError, printable

CHECKS: Mapping[str, Callable[[Records], list[Finding]]] = MappingProxyType(
    {
        "files": check_files,
        "numbers": check_numbers,
        "order": check_order,
        "sides": check_sides,
        "upright": check_upright,
        "bones": check_bones,
        "reprojection": check_reprojection,
        "calibration": check_calibration,
        "boxes": check_boxes,
        "pairing": check_pairing,
        "copies": check_copies,
    }
)
# Images looked at in each split, spread evenly over it, without `every_image`.
MOST_IMAGES = 2000
# Comparing bytes is ten times cheaper than looking, and copies hide in what is left out.
HASHED_PER_IMAGE = 10

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Examination:
    """What was found in one split.

    Attributes:
        split: Its name.
        samples: Its samples; the labels of all of them were checked.
        images: How many of their images were looked at.
        findings: What is not as it should be, faults first.
    """

    split: str
    samples: int
    images: int
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Whether there is no fault; notes may be."""
        return all(finding.severity != "fault" for finding in self.findings)


def examine(
    dataset: PoseDataset,
    *,
    most_images: int | None = MOST_IMAGES,
    digests: Mapping[int, bytes] | None = None,
    others: Mapping[bytes, str] | None = None,
    progress: Progress | None = None,
) -> Examination:
    """All checks on one dataset.

    Args:
        dataset: What to look at.
        most_images: How many images to look at, spread evenly; None for all.
        digests: Sample -> digest of its image, where they are known already.
        others: Digest of each image of the other splits -> its split, to find what they share.
        progress: Called with (split, images looked at, images to look at).
    """
    chosen = images_to_see(len(dataset), most_images)
    show = None if progress is None else lambda done: progress(dataset.split, done, len(chosen))
    pictures = look_at(dataset, chosen.tolist(), progress=show)
    known = _digests(dataset, most_images) if digests is None else digests
    records = read_records(dataset, pictures=pictures, digests=dict(known), others=dict(others or {}))
    found = [finding for check in CHECKS.values() for finding in check(records)] if len(dataset) else []
    found.sort(key=lambda finding: finding.severity != "fault")
    return Examination(dataset.split, len(dataset), len(chosen), tuple(found))


def examine_store(
    folder: Path,
    *,
    split: str | None = None,
    most_images: int | None = MOST_IMAGES,
    progress: Progress | None = None,
) -> tuple[Examination, ...]:
    """All checks on the splits of a store.

    Args:
        folder: The store.
        split: One split; None for all. Images shared with the store's other splits are looked for either way.
        most_images: How many images of each split to look at; None for all.
        progress: Called with (split, images looked at, images to look at).

    Raises:
        DataError: there is no store, a split is missing, interrupted or damaged, or the store is empty.
    """
    splits = store_splits(folder)
    if not splits:
        raise DataError(f"{folder}: holds no split yet; add or synthesize one")
    if split is not None:
        open_store(folder, split)  # a wrong name is told before any work is done
    datasets = {name: open_store(folder, name) for name in splits}
    digests = {name: _digests(dataset, most_images) for name, dataset in datasets.items()}
    return tuple(
        examine(
            datasets[name],
            most_images=most_images,
            digests=digests[name],
            others=_of_other_splits(name, digests),
            progress=progress,
        )
        for name in (splits if split is None else (split,))
    )


def _of_other_splits(name: str, digests: Mapping[str, Mapping[int, bytes]]) -> dict[bytes, str]:
    """Digest of each image of the other splits -> its split; of several, one that should not have it."""
    others = sorted((other for other in digests if other != name), key=lambda other: not overlap_by_name(name, other))
    return {digest: other for other in others for digest in digests[other].values()}


def images_to_see(count: int, most: int | None) -> np.ndarray:
    """Indices spread evenly over `count` samples, at most `most`."""
    if most is None or count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(int))


def as_plain(examinations: tuple[Examination, ...]) -> dict[str, Any]:
    """The findings as JSON values; a number that is not finite becomes null."""
    splits = {
        each.split: {
            "is_clean": each.is_clean,
            "samples": each.samples,
            "images": each.images,
            "findings": [_plain(finding) for finding in each.findings],
        }
        for each in examinations
    }
    return {"is_clean": all(each.is_clean for each in examinations), "splits": splits}


def _plain(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {"figure": float(finding.figure) if np.isfinite(finding.figure) else None}


def _digests(dataset: PoseDataset, most_images: int | None) -> dict[int, bytes]:
    most = None if most_images is None else most_images * HASHED_PER_IMAGE
    return digests_of(dataset, images_to_see(len(dataset), most).tolist())


STYLES = {"fault": "bold red", "note": "yellow"}
MOST_SHOWN = 36


def print_examinations(examinations: Sequence[Examination], console: Console | None = None) -> None:
    """For each split a line that says whether it is clean, and what was found."""
    console = console or Console()
    for each in examinations:
        faults = sum(finding.severity == "fault" for finding in each.findings)
        verdict = "clean" if each.is_clean else f"{faults} fault{'s' if faults != 1 else ''}"
        notes = len(each.findings) - faults
        also = f", {notes} note{'s' if notes != 1 else ''}" if notes else ""
        seen = f"{each.samples:,} samples, {each.images:,} of their images looked at"
        console.print(f"[bold]{escape(printable(each.split))}[/]: {verdict}{also} ({seen})", highlight=False)
        for finding in each.findings:
            console.print(f"  [{STYLES[finding.severity]}]{finding.severity}[/] {finding.check}: ", end="")
            console.print(printable(finding.text), markup=False, highlight=False)
    if any(each.images < each.samples for each in examinations):
        console.print(f"At most {MOST_IMAGES:,} images of a split were looked at; --all-images looks at every one.")


def write_sheet(store: Path, out: Path, examinations: Sequence[Examination]) -> Path:
    """A contact sheet of the samples that the findings of the first unclean split name; of any where none is named.

    Raises:
        DataError: `out` names no image, or an image that should be on the sheet is broken.
    """
    worst = next((each for each in examinations if not each.is_clean), examinations[0])
    broken = {sample for finding in worst.findings if finding.check == "files" for sample in finding.samples}
    named = [finding.samples for finding in worst.findings if finding.check != "files"]
    # One of each finding in turn, so that a frequent one does not fill the sheet.
    turns = [samples[turn] for turn in range(MOST_SHOWN) for samples in named if turn < len(samples)]
    chosen = [sample for sample in dict.fromkeys(turns) if sample not in broken]
    sound = [sample for sample in range(worst.samples) if sample not in broken]
    spread = np.unique(np.linspace(0, len(sound) - 1, min(MOST_SHOWN, len(sound))).astype(int))
    indices = chosen[:MOST_SHOWN] or [sound[place] for place in spread]
    # A sample may be named by several checks, and is shown with all of them.
    titles = {
        index: ", ".join(dict.fromkeys(finding.check for finding in worst.findings if index in finding.samples))
        for index in indices
    }
    return write_sheet_of(open_store(store, worst.split).select(sorted(indices)), out, titles=titles)
