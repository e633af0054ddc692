"""Whether images, labels and cameras are of one size."""

import numpy as np

from prepose.data.checks.finding import Finding, indices_of, named
from prepose.data.checks.records import Records
from prepose.data.pairing import overflow_of
from prepose.data.sample import JointState

# How far a principal point may lie from the middle of the image, in parts of the longer side; crops move it freely
# in an image whose size is known, so that this is only for cameras whose centre lies outside.
MOST_OUTSIDE = 0.1
# Share of a sample's joints outside the image, beyond a tenth of it: a person cut off still shows most of them.
SLACK, MOST_JOINTS = 0.1, 0.6


def check_calibration(records: Records) -> list[Finding]:
    """The camera's size against the image's, joints against the lens, and joints against the image."""
    return [*_sizes(records), *_beyond_the_lens(records), *_joints_in_picture(records)]


def _sizes(records: Records) -> list[Finding]:
    seen = np.zeros((len(records), 2), int)
    for index, picture in records.pictures.items():
        seen[index] = picture.size_wh
    stated = records.camera_size_wh
    wrong = (stated > 0).all(axis=1) & (seen > 0).all(axis=1) & (stated != seen).any(axis=1)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        ratio = float(np.median(stated[wrong].prod(axis=1) / seen[wrong].prod(axis=1)))
        of = f"{stated[first, 0]} x {stated[first, 1]}", f"{seen[first, 0]} x {seen[first, 1]}"
        cause = "a wrong size in the calibration file, or images that were resized or turned"
        text = (
            f"the camera's size is not the image's in {int(wrong.sum())} samples ({named(indices_of(wrong))}): "
            f"sample {first} is calibrated for {of[0]} and its image is {of[1]}: {cause}"
        )
        return [Finding("calibration", "fault", indices_of(wrong), ratio, "of the image's area", "1", cause, text)]
    return _centre_outside(records)


def _centre_outside(records: Records) -> list[Finding]:
    """Cameras whose optical axis and all of whose joints lie beyond the stated size, where no image was looked at."""
    size = records.camera_size_wh.astype(float)
    known = (size > 0).all(axis=1) & records.has_2d.any(axis=1)
    unseen = np.array([index not in records.pictures for index in range(len(records))])
    # Who is cut off by the border has joints far beyond it that are marked as outside.
    judged = records.has_2d & (records.states != JointState.OUTSIDE)
    reach = np.where(judged[..., None], records.joints_img, -np.inf).max(axis=1)
    wrong = known & unseen & (reach > size * (1 + 5 * MOST_OUTSIDE)).any(axis=1)
    if not wrong.any():
        return []
    samples = indices_of(wrong)
    factor = float(np.median((reach / np.maximum(size, 1)).max(axis=1)[wrong]))
    cause = "a wrong size in the calibration file (such as 204 for 2048)"
    text = f"joints reach {factor:.1f} times the camera's size in {len(samples)} samples ({named(samples)}): {cause}"
    return [Finding("calibration", "fault", samples, factor, "of the size", "below 1.5", cause, text)]


def _beyond_the_lens(records: Records) -> list[Finding]:
    """Joints with a place in the image although their ray is beyond what the lens's polynomial can show.

    Other tools draw them where the polynomial, beyond its turning point, comes back into the image.
    """
    bad, furthest, limits = np.zeros(records.has_2d.shape, bool), 0.0, []
    for row, camera in enumerate(records.cameras):
        if camera is None or not np.isfinite(camera.ray_limit):
            continue
        joints = records.joints_cam[row]
        distance = np.linalg.norm(joints[:, :2], axis=1) / np.where(joints[:, 2] > 0, joints[:, 2], np.nan)
        bad[row] = (distance > camera.ray_limit) & records.has_2d[row]
        if bad[row].any():
            furthest = max(furthest, float(distance[bad[row]].max()))
            limits.append(camera.ray_limit)
    if not limits:
        return []
    samples, limit = indices_of(np.flatnonzero(bad.any(axis=1))), min(limits)
    cause = "the 2D joints were projected by the polynomial beyond where it turns back, or the coefficients are wrong"
    text = (
        f"{int(bad.sum())} joints of {len(samples)} samples ({named(samples)}) have a place in the image, but their "
        f"rays (x/z up to {furthest:.2f}) are beyond the lens, whose distortion turns back at {limit:.2f}: {cause}"
    )
    return [Finding("calibration", "fault", samples, furthest, "x/z", f"below {limit:.2f}", cause, text)]


def _joints_in_picture(records: Records) -> list[Finding]:
    bad = np.zeros(len(records), bool)
    # What is marked as outside may be there, as may what only a camera of the right size put there.
    judged = records.has_2d & (records.states != JointState.OUTSIDE)
    for index, picture in records.pictures.items():
        labelled = judged[index]
        if picture.thumb is None or not labelled.any():
            continue
        size = np.array(picture.size_wh)
        joints = records.joints_img[index][labelled]
        out = ((joints < -SLACK * size) | (joints > size * (1 + SLACK))).any(axis=1)
        bad[index] = out.mean() > MOST_JOINTS
    if not bad.any():
        return []
    samples = indices_of(bad)
    rows = np.array(samples)
    sizes = np.array([records.pictures[index].size_wh for index in samples])
    joints = np.where(judged[rows][..., None], records.joints_img[rows], np.nan)
    cause = overflow_of(joints, sizes).cause(0.0) or "the labels are of other images"
    text = f"most joints lie outside the image in {len(samples)} of {len(records)} samples ({named(samples)}): {cause}"
    expected = f"below {MOST_JOINTS} of the joints"
    return [Finding("calibration", "fault", samples, len(samples), "samples", expected, cause, text)]
