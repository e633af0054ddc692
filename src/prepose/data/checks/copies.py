"""The same image or the same label twice, within a split and between splits."""

from collections import defaultdict

import numpy as np

from prepose.data.checks.finding import Finding, Severity, indices_of, named, soft_severity
from prepose.data.checks.records import Records

# Joints this near, over the size of the pose, are one label; two people's never are.
SAME_PLACE = 0.01


def check_copies(records: Records) -> list[Finding]:
    """Repeated samples, one label under several images, and images that another split has, too.

    Several people may share an image; one person may not be in it twice.
    """
    return [*_repeated(records), *_one_label_many_pictures(records), *_in_other_split(records)]


def _repeated(records: Records) -> list[Finding]:
    groups = _groups(records.digests)
    again = sorted({copy for group in groups for copy in _same_person(records, group)})
    if not again:
        return []
    samples = indices_of(np.array(again))
    cause = "records or files were added twice, or images overwrote each other"
    text = (
        f"{len(samples)} samples repeat the image and person of another, of {len(records.digests)} compared "
        f"({named(samples)}): {cause}"
    )
    severity = soft_severity(len(samples), len(records.digests))
    return [Finding("copies", severity, samples, len(samples), "samples", "0 samples", cause, text)]


def _same_person(records: Records, group: list[int]) -> list[int]:
    """The members of a group of one image that show an earlier member's person."""
    return [
        index
        for place, index in enumerate(group)
        if any(
            _same_label(records, index, earlier) or _same_subject(records, index, earlier) for earlier in group[:place]
        )
    ]


def _same_subject(records: Records, one: int, other: int) -> bool:
    return bool(records.subject[one]) and records.subject[one] == records.subject[other]


def _same_label(records: Records, one: int, other: int) -> bool:
    """Whether the joints (the boxes, without common joints) are in the same places."""
    both = records.has_2d[one] & records.has_2d[other]
    if not both.any():
        return bool(np.allclose(records.box_xywh[one], records.box_xywh[other]))
    apart = np.linalg.norm(records.joints_img[one] - records.joints_img[other], axis=1)[both]
    return bool(np.median(apart) <= SAME_PLACE * np.nan_to_num(records.extent[one]))


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
    cause = "labels were repeated to fill a gap, or images and labels were paired wrongly"
    text = f"{len(samples)} samples have another sample's 2D joints under a different image ({named(samples)}): {cause}"
    return [Finding("copies", "fault", samples, len(samples), "samples", "0 samples", cause, text)]


def _in_other_split(records: Records) -> list[Finding]:
    shared = {index: records.others[digest] for index, digest in records.digests.items() if digest in records.others}
    findings = []
    for split in sorted(set(shared.values())):
        samples = indices_of(np.array(sorted(index for index, other in shared.items() if other == split)))
        own = overlap_by_name(records.split, split)
        cause = "the splits overlap: what is trained on would be scored"
        if own:
            cause = "by their names both are selections of the same people; train on one, and score on neither"
        text = f"{len(samples)} images are in split {split}, too ({named(samples)}): {cause}"
        severity: Severity = "note" if own else "fault"
        findings.append(Finding("copies", severity, samples, len(samples), "images", "0 images", cause, text))
    return findings


def overlap_by_name(one: str, other: str) -> bool:
    """Whether two splits are meant to overlap: `train` and `train-all`, or `all` and any."""
    return "all" in (one, other) or one.partition("-")[0] == other.partition("-")[0]


def _groups(keys: dict[int, bytes]) -> list[list[int]]:
    """Samples of one key, where there are several."""
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for index in sorted(keys):
        by_key[keys[index]].append(index)
    return [group for group in by_key.values() if len(group) > 1]
