"""Which way is up: people stand and sit more often than they hang, so a flipped y axis shows over a whole split.

A single sample upside down may be a gymnast; it is told by the camera (reprojection) or, in 3D, by its sides.
"""

from math import sqrt

import numpy as np

from prepose.data.checks.finding import Finding
from prepose.data.checks.records import Records

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
