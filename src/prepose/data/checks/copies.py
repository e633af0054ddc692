"""The same picture or the same label twice, within a split and between splits."""

from collections import defaultdict

import numpy as np

from prepose.data.checks.finding import Finding, indices_of, named
from prepose.data.checks.records import Records

# Boxes of two people in one picture overlap less (intersection over union) than two boxes of one person.
SAME_PERSON = 0.85


def check_copies(records: Records) -> list[Finding]:
    """Repeated samples, one label under several pictures, and pictures that another split has, too.

    Several people may share a picture; one person may not be in it twice.
    """
    return [*_repeated(records), *_one_label_many_pictures(records), *_in_other_split(records)]


def _repeated(records: Records) -> list[Finding]:
    groups = _groups(records.digests)
    again = sorted({copy for group in groups for copy in _same_person(records, group)})
    if not again:
        return []
    samples = indices_of(np.array(again))
    cause = "records or files were added twice, or pictures overwrote each other"
    text = (
        f"{len(samples)} samples repeat the picture and person of another, of {len(records.digests)} compared "
        f"({named(samples)}): {cause}"
    )
    return [Finding("copies", "fault", samples, len(samples), "samples", "0 samples", cause, text)]


def _same_person(records: Records, group: list[int]) -> list[int]:
    """The members of a group of one picture that show an earlier member's person."""
    again = []
    for place, index in enumerate(group):
        boxes = records.box_xywh[group[:place]]
        if place and (_overlap(records.box_xywh[index], boxes) > SAME_PERSON).any():
            again.append(index)
    return again


def _one_label_many_pictures(records: Records) -> list[Finding]:
    keys = {
        index: records.joints_img[index].tobytes() for index in range(len(records)) if records.has_2d[index].sum() > 2
    }
    found = []
    for group in _groups(keys):
        seen = [records.digests[index] for index in group if index in records.digests]
        if len(set(seen)) > 1:
            found += group[1:]
    if not found:
        return []
    samples = indices_of(np.array(sorted(found)))
    cause = "labels were repeated to fill a gap, or pictures and labels were paired wrongly"
    text = (
        f"{len(samples)} samples have another sample's 2D joints under a different picture ({named(samples)}): {cause}"
    )
    return [Finding("copies", "fault", samples, len(samples), "samples", "0 samples", cause, text)]


def _in_other_split(records: Records) -> list[Finding]:
    shared = {index: records.others[digest] for index, digest in records.digests.items() if digest in records.others}
    findings = []
    for split in sorted(set(shared.values())):
        samples = indices_of(np.array(sorted(index for index, other in shared.items() if other == split)))
        cause = "the splits overlap: what is trained on would be scored"
        text = f"{len(samples)} pictures are in split {split}, too ({named(samples)}): {cause}"
        findings.append(Finding("copies", "fault", samples, len(samples), "pictures", "0 pictures", cause, text))
    return findings


def _groups(keys: dict[int, bytes]) -> list[list[int]]:
    """Samples of one key, where there are several."""
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for index in sorted(keys):
        by_key[keys[index]].append(index)
    return [group for group in by_key.values() if len(group) > 1]


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (xywh) with others."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (box[2:].prod() + boxes[:, 2:].prod(axis=1) - shared)
