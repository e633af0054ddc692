"""Whether the box is about the person: it holds the joints that are in the image, and is not much larger."""

import numpy as np

from prepose.camera.crop import corners_of_box, is_inside
from prepose.data.checks.finding import Finding, Severity, indices_of, named, soft_severity
from prepose.data.checks.records import Records
from prepose.data.sample import JointState

# Part of a box's longer side by which hands and feet may stick out.
SLACK = 0.15
MOST_OUTSIDE = 0.25
# A box's longer side over the pose's: a person's outline reaches beyond the joints, a corner taken for a size further.
MOST_LARGER = 3.0
LEAST_JOINTS = 6


def check_boxes(records: Records) -> list[Finding]:
    """Joints outside their box, and boxes far larger than their pose."""
    start, end = corners_of_box(records.box_xywh[:, None].astype(float))
    side = records.box_xywh[:, None, 2:].max(axis=2, keepdims=True)
    # What lies outside the image is outside of the boxes that are cut off there.
    counts = records.has_2d & (records.states != JointState.OUTSIDE) & _inside_picture(records)
    low, high = start - SLACK * side, end + SLACK * side
    outside = counts & ((records.joints_img < low) | (records.joints_img > high)).any(axis=2)
    judged = (counts.sum(axis=1) >= LEAST_JOINTS) & np.isfinite(records.box_xywh).all(axis=1)
    share = outside.sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    missed = judged & (share > MOST_OUTSIDE)
    findings = []
    if missed.any():
        cause = "the box is another person's, centre and corner were confused, or box and joints are of another size"
        findings.append(_finding(missed, judged, share, "of the joints outside", f"below {MOST_OUTSIDE}", cause))
    joints = np.where(counts[..., None], records.joints_img, np.nan)
    joints[~judged] = 0
    span = (np.nanmax(joints, axis=1) - np.nanmin(joints, axis=1)).max(axis=1)
    larger = np.where(judged & ~missed, side[:, 0, 0] / np.maximum(span, 1.0), 1.0)
    # Of someone whose legs are not labelled the box may hold much that the joints do not.
    upper, lower = (_any_of(records, counts, names) for names in (("shoulder", "elbow"), ("knee", "ankle")))
    large = judged & upper & lower & (larger > MOST_LARGER)
    if large.any():
        cause = "the box's second corner was taken for its size, or it holds several people"
        findings.append(_finding(large, judged, larger, "times the pose", f"below {MOST_LARGER}", cause))
    return findings


def _any_of(records: Records, counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(N,) whether one of the named joints counts."""
    columns = [number for number, joint in enumerate(records.skeleton.joints) if joint[2:] in names]
    return np.asarray(counts[:, columns].any(axis=1))


def _inside_picture(records: Records) -> np.ndarray:
    """(N, J) whether a joint lies in the image, as far as its size is known."""
    sizes = records.camera_size_wh.astype(float)
    for index, picture in records.pictures.items():
        if picture.thumb is not None:
            sizes[index] = picture.size_wh
    return is_inside(records.joints_img, np.where(sizes > 0, sizes, np.inf)[:, None])


def _finding(bad: np.ndarray, judged: np.ndarray, figures: np.ndarray, unit: str, expected: str, cause: str) -> Finding:
    samples = indices_of(bad)
    severity: Severity = soft_severity(len(samples), int(judged.sum()))
    figure = float(np.median(figures[bad]))
    text = (
        f"the box does not fit the joints in {len(samples)} of {int(judged.sum())} samples ({named(samples)}): {cause}"
    )
    return Finding("boxes", severity, samples, figure, unit, expected, cause, text)
