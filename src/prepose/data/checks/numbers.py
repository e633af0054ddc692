"""Numbers that are no measurement (infinite, half missing, placeholders), and images missing, broken or blank."""

import numpy as np

from prepose.data.checks.finding import Finding, indices_of, named
from prepose.data.checks.records import Records

# What labellers write where they mean "not labelled".
PLACEHOLDERS = (-1.0, 0.0, 1.0)
# One joint may lie in the image's corner; two labelled joints of one person do not share it.
LEAST_PILED = 2


def check_numbers(records: Records) -> list[Finding]:
    """NaN and infinity where a number must be, half a point, placeholders, samples and joints without any label."""
    findings = [*_not_finite(records), *_half_points(records), *_placeholders(records), *_cameras(records)]
    return [*findings, *_nothing_labelled(records)]


def _not_finite(records: Records) -> list[Finding]:
    finite_box = np.asarray(np.isfinite(records.box_xywh).all(axis=1))
    wrong: dict[str, np.ndarray] = {f"{name} holds infinite numbers": rows for name, rows in records.infinite.items()}
    wrong["box_xywh is not finite"] = ~finite_box
    wrong["the box has no area"] = finite_box & (records.box_xywh[:, 2:].min(axis=1) <= 0)
    return [_finding(rows, what, "finite numbers and sides above 0") for what, rows in wrong.items() if rows.any()]


def _half_points(records: Records) -> list[Finding]:
    findings = []
    for name, joints in (("joints_img", records.joints_img), ("joints_cam", records.joints_cam)):
        missing = np.isnan(joints)
        count = missing.sum(axis=2)
        half = ((count > 0) & (count < joints.shape[2])).sum(axis=1)
        bad = (half > 0) & ~records.infinite.get(name, np.False_)
        if bad.any():
            findings.append(_finding(bad, f"a joint of {name} has some coordinates and lacks others", "all or none"))
    return findings


def _placeholders(records: Records) -> list[Finding]:
    piled = np.zeros(len(records), bool)
    for value in PLACEHOLDERS:
        piled |= (records.joints_img == value).all(axis=2).sum(axis=1) >= LEAST_PILED
    # A root at the origin is a root-relative pose; a second joint there was never measured.
    piled |= (records.joints_cam == 0).all(axis=2).sum(axis=1) >= LEAST_PILED
    if not piled.any():
        return []
    what = "several joints lie at the origin or another placeholder; where a joint is not labelled it must be NaN"
    return [_finding(piled, what, "NaN", cause="the label file's mark for a missing joint was read as a place")]


def _cameras(records: Records) -> list[Finding]:
    bad = np.array([camera is None for camera in records.cameras]) & (records.camera_size_wh[:, 0] > 0)
    if not bad.any():
        return []
    what = "the camera's K, rotation or distortion are not a camera's (NaN, focal length <= 0, or no rotation)"
    return [_finding(bad, what, "a rotation matrix and positive focal lengths", cause="a broken calibration file")]


def _nothing_labelled(records: Records) -> list[Finding]:
    findings = []
    empty = (records.has_2d | records.has_3d).sum(axis=1) == 0
    if empty.any():
        findings.append(_finding(empty, "no joint is labelled", "at least one labelled joint"))
    labelled = np.asarray((records.has_2d | records.has_3d).any(axis=0))
    if len(records) and labelled.any() and not labelled.all():
        absent = [name for name, there in zip(records.skeleton.joints, labelled, strict=True) if not there]
        text = f"{', '.join(absent)}: labelled in no sample"
        cause = "the dataset does not have the joint, or it was read from the wrong column"
        findings.append(Finding("numbers", "note", (), len(absent), "joints", "0 joints", cause, text))
    return findings


def _finding(bad: np.ndarray, what: str, expected: str, *, cause: str = "a broken record or a wrong column") -> Finding:
    samples = indices_of(bad)
    text = f"{what}, in {len(samples)} of {len(bad)} samples ({named(samples)}); expected {expected}"
    return Finding("numbers", "fault", samples, len(samples), "samples", expected, cause, text)


# Grey levels between the darkest and the lightest pixel of something photographed.
LEAST_CONTRAST = 8


def check_files(records: Records) -> list[Finding]:
    """Images that cannot be read, and images of one colour."""
    missing = [index for index, picture in records.pictures.items() if not picture.digest]
    broken = [index for index, picture in records.pictures.items() if picture.digest and picture.thumb is None]
    blank = [
        index
        for index, picture in records.pictures.items()
        if picture.thumb is not None and np.ptp(picture.thumb) < LEAST_CONTRAST
    ]
    findings = []
    causes = {
        "missing": (missing, "the files were moved or never unpacked; put them back or add the dataset again"),
        "broken": (broken, "a truncated download or a damaged disk; fetch them again"),
        "of a single colour": (blank, "a decoder that failed quietly, or frames of a video that were never there"),
    }
    for what, (found, cause) in causes.items():
        if found:
            samples = indices_of(np.array(sorted(found)))
            error = records.pictures[samples[0]].error
            text = f"{len(samples)} of {len(records.pictures)} images are {what} ({named(samples)}): {cause}"
            text += f"; first: {error}" if error else ""
            findings.append(Finding("files", "fault", samples, len(samples), "images", "0 images", cause, text))
    return findings
