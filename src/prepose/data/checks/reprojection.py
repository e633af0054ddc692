"""Whether the camera maps the 3D joints onto the 2D ones, by how many px it misses, and why; and which way is up.

People stand and sit more often than they hang, so that a flipped y axis shows over a whole split. A single sample
upside down may be a gymnast; it is told by the camera or, in 3D, by its sides.
"""

from math import sqrt

import numpy as np

from prepose.data.checks.causes import CAUSES, UNEXPLAINED, Views, project_rows, residual_of
from prepose.data.checks.finding import Finding, indices_of, named
from prepose.data.checks.records import Records

# A label that is the projection of a 3D joint is that to rounding: single precision, two decimals in a text file.
EXACT_PX = 0.3
# Labels that were clicked beside a motion capture scatter about the projection by up to this share of the pose.
CLICKED_SHARE = 0.03
# Clicks scatter at random: a shift and a scale take little of it away.
LEAST_SCATTER = 0.5
MOST_SCATTERED = 5
# A camera that no mistake explains and that misses by less than this share of the pose (median) is inexact, not wrong:
# pinholes fitted to MuPoTS-3D's labels miss by 0.7 %, a focal length that is 5 % long by more than 1 %.
INEXACT_SHARE = 0.01
# A mistake is explained by a cause that leaves at most this share of the residual.
MENDED = 0.15
# Causes are tried on so many of the samples that disagree.
MOST_TRIED = 400


def check_reprojection(records: Records) -> list[Finding]:
    """Compare the labelled image joints with the projected camera joints; name the mistake that explains a gap."""
    return [*_compared(records), *_derived(records)]


def _derived(records: Records) -> list[Finding]:
    """2D joints that are projections agree with their camera whatever it is."""
    if records.projected is None:
        return []
    count = int(records.projected.sum())
    text = (
        f"the 2D joints of {count} of {len(records)} samples are no labels but the projected 3D joints: they say "
        f"nothing of whether the camera is right, and there is nothing to check it by (look at `prepose data show`)"
    )
    cause = "the dataset has no 2D labels of its own"
    samples = () if records.projected.all() else indices_of(records.projected)
    return [Finding("reprojection", "note", samples, count, "samples", "2D labels", cause, text)]


def _compared(records: Records) -> list[Finding]:
    comparable = (records.has_2d & records.has_3d).sum(axis=1) > 1
    rows = np.flatnonzero(comparable & np.array([camera is not None for camera in records.cameras]))
    if len(rows) == 0:
        return []
    views = Views(records.joints_img[rows], project_rows(records, rows, records.joints_cam[rows]))
    residual = residual_of(views)
    off = residual > EXACT_PX
    if not off.any():
        return []
    causes = _causes(records, rows[off], residual[off])
    scatter = _scatter_of(views, residual, records.extent[rows])
    # Without a cause, a label is wrong only where it is far beyond the scatter of the set's labels.
    slips = (causes == UNEXPLAINED) & (residual[off] <= max(EXACT_PX, MOST_SCATTERED * scatter))
    findings = [_scattered(scatter)] if scatter > EXACT_PX and slips.any() else []
    for cause in sorted(set(causes[~slips].tolist())):
        chosen = (causes == cause) & ~slips
        findings.append(_finding(records, rows[off][chosen], residual[off][chosen], cause))
    return findings


def _scatter_of(views: Views, residual: np.ndarray, extent: np.ndarray) -> float:
    """The typical distance of labels that were clicked beside the projections, px; 0 where they were not clicked.

    Clicks are near and at random: a shift and a scale would take nothing of their distance away.
    """
    typical = float(np.median(residual))
    if not typical < CLICKED_SHARE * float(np.nanmedian(extent)):
        return 0.0
    return typical if float(np.median(residual_of(_rectified(views)))) > LEAST_SCATTER * typical else 0.0


def _rectified(views: Views) -> Views:
    """The labels without the shift and scale, along each axis of each sample, that bring them nearest."""
    both = np.isfinite(views.labelled) & np.isfinite(views.projected)
    count = np.maximum(both.sum(axis=1, keepdims=True), 1)
    x, y = (np.where(both, joints, 0.0) for joints in views)
    x_mean, y_mean = x.sum(axis=1, keepdims=True) / count, y.sum(axis=1, keepdims=True) / count
    x_apart, y_apart = np.where(both, x - x_mean, 0), np.where(both, y - y_mean, 0)
    scale = (x_apart * y_apart).sum(axis=1, keepdims=True) / np.maximum((x_apart**2).sum(axis=1, keepdims=True), 1e-9)
    return Views((views.labelled - x_mean) * scale + y_mean, views.projected)


def _scattered(typical: float) -> Finding:
    text = f"the 2D labels scatter about the projected 3D labels by {typical:.2f} px (median), without a shift"
    cause = "the 2D labels were made by hand or by a detector, not by projection"
    return Finding("reprojection", "note", (), typical, "px", f"below {EXACT_PX} px", cause, text)


def _causes(records: Records, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """For each sample that is off the first of `CAUSES` that explains it, else `UNEXPLAINED`."""
    tried = np.unique(np.linspace(0, len(rows) - 1, min(MOST_TRIED, len(rows))).astype(int))
    # What remains must be little of the residual, or nothing: 15 % of a person's height is no explanation.
    small = np.minimum(
        np.nan_to_num(MENDED * residual[tried], posinf=np.inf), CLICKED_SHARE * records.extent[rows[tried]]
    )
    goal = np.maximum(EXACT_PX / 2, small)
    causes = np.full(len(rows), UNEXPLAINED, object)
    for name, cause in CAUSES.items():
        left = tried[causes[tried] == UNEXPLAINED]
        if len(left) == 0:
            break
        mended = residual_of(cause(records, rows[left])) <= goal[causes[tried] == UNEXPLAINED]
        causes[left[mended]] = name
    # Samples that were not tried are counted with the commonest cause.
    names, counts = np.unique(causes[tried].astype(str), return_counts=True)
    causes[np.setdiff1d(np.arange(len(rows)), tried)] = names[counts.argmax()]
    return causes


def _finding(records: Records, rows: np.ndarray, residual: np.ndarray, cause: str) -> Finding:
    samples = indices_of(rows)
    finite = residual[np.isfinite(residual)]
    miss = float(np.median(finite)) if len(finite) else float("inf")
    share = float(np.median(residual / np.maximum(np.nan_to_num(records.extent[rows]), 1e-9)))
    if cause == UNEXPLAINED and share < INEXACT_SHARE:
        text = (
            f"the camera misses the 2D labels by {miss:.2f} px (median; {share:.1%} of the person) in {len(samples)} "
            f"of {len(records)} samples ({named(samples)}): camera or labels are exact to that alone"
        )
        cause = "a camera that was fitted or calibrated roughly, or 2D labels of their own"
        return Finding("reprojection", "note", samples, miss, "px", f"below {EXACT_PX} px", cause, text)
    if "same number of pixels" in cause:
        cause = f"{cause}: {_offset(records, rows)}"
    text = (
        f"the camera misses the 2D labels by {miss:.2f} px (median) in {len(samples)} of {len(records)} samples "
        f"({named(samples)}): {cause}"
    )
    return Finding("reprojection", "fault", samples, miss, "px", f"below {EXACT_PX} px", cause, text)


def _offset(records: Records, rows: np.ndarray) -> str:
    apart = records.joints_img[rows] - project_rows(records, rows, records.joints_cam[rows])
    x, y = np.nanmedian(apart.reshape(-1, 2), axis=0).tolist()
    one_based = " (1-based pixels, as MATLAB counts)" if max(abs(x - 1), abs(y - 1)) < 0.3 else ""
    return f"({x:+.2f}, {y:+.2f}) px{one_based}"


LEAST_JUDGED = 20
LEAST_UPRIGHT = 0.5
SURE = 4.0  # standard errors
UPPER = ("head_top", "head", "nose", "neck", "thorax", "upper_neck")


def check_upright(records: Records) -> list[Finding]:
    """The share of samples whose head is above their hips, in the image and in the camera's frame (y down)."""
    findings = []
    for what, joints in (("2D", records.joints_img), ("3D", records.joints_cam)):
        head = records.of(joints, *UPPER)
        hips = (records.of(joints, "l_hip") + records.of(joints, "r_hip")) / 2
        rise = (hips - head)[:, 1]
        rise = rise[np.isfinite(rise)]
        if len(rise) < LEAST_JUDGED:
            continue
        share = float((rise > 0).mean())
        if share + SURE * 0.5 / sqrt(len(rise)) < LEAST_UPRIGHT:
            cause = f"the y axis of the {what} labels points up; images and cameras here have y down"
            text = (
                f"in only {share:.0%} of {len(rise)} samples the head is above the hips in the {what} labels: {cause}"
            )
            findings.append(Finding("upright", "fault", (), share, "of samples", f"above {LEAST_UPRIGHT}", cause, text))
    return findings
