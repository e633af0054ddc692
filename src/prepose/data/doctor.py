"""The doctor: every check on every split of a store, as findings with numbers.

A *fault* would make training or scoring wrong; a *note* is worth knowing (single slips of an annotator, labels that are
no projections). A store is clean where no split has a fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from prepose.data.checks.bones import check_bones
from prepose.data.checks.boxes import check_boxes
from prepose.data.checks.calibration import check_calibration
from prepose.data.checks.copies import check_copies, overlap_by_name
from prepose.data.checks.files import check_files
from prepose.data.checks.finding import Finding
from prepose.data.checks.numbers import check_numbers
from prepose.data.checks.order import check_order
from prepose.data.checks.pairing import check_pairing
from prepose.data.checks.pictures import digests_of, look_at
from prepose.data.checks.records import Records, read_records
from prepose.data.checks.reprojection import check_reprojection
from prepose.data.checks.sides import check_sides
from prepose.data.checks.upright import check_upright
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError

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
