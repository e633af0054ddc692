"""Bones against people's: the unit of the 3D labels, impossible lengths, and a subject whose bones change."""

from collections.abc import Sequence

import numpy as np

from prepose.data.checks.finding import Finding, Severity, indices_of, named, soft_severity
from prepose.data.checks.human import LIMBS, human_bones, length_ratios, limbs_of, other_side
from prepose.data.checks.records import Records

# Limbs over the average adult's: from a small child to the tallest, with each dataset's own idea of a joint.
LEAST_SCALE, MOST_SCALE = 0.45, 1.6
UNITS = {"metres": 1e-3, "decimetres": 1e-2, "centimetres": 0.1, "inches": 1 / 25.4, "micrometres": 1e3}
# One bone against the same bone in the rest of the set, both over the person's own scale.
ODD_BONE = 1.3
# A bone's median over the set against the average adult's; datasets agree on limbs, less on spine, head and feet.
ODD_LIMB, ODD_OTHER = 1.75, 2.5
# Left against right, medians over the set: people are even to a few per cent in their limbs; where neck and shoulders
# meet is each dataset's idea, and turns with the arms. A capture's typical error comes on top, as it is the same in
# frames that are alike, but not more of it: a misplaced joint makes the bones beyond it look as if they were noisy.
UNEVEN_LIMB, UNEVEN_OTHER = 1.1, 1.2
MOST_ON_TOP = 0.05
# A rigid bone of one subject stays within this of its median (regressed skeletons move a little).
CHANGING = 0.08
LEAST_OF_SUBJECT = 5
# With so many samples a set's typical change is known.
LEAST_TO_TELL = 100
# Where no skeleton of fixed lengths was fitted to a recording, every frame's limbs are a little off. Median over the
# samples of the limb that is most so: 3 % in MuPoTS-3D (up to 16 %), 12 % in Pose2Sim's demonstration (up to 39 %), and
# nothing in recordings with a fitted skeleton. So much a capture explains; what is beyond is an error all the same.
CAPTURED = 0.01
# Below that, and above what rounding leaves of a fitted skeleton, a few calm frames of a capture (0.2 to 1 % in pieces
# of 20 samples of MuPoTS-3D) cannot be told from a regressed skeleton: their outliers are judged as a capture's.
FITTED = 0.001
CAPTURED_CHANGE, CAPTURED_TIMES, CAPTURED_ODD = 0.25, 4.0, 1.7


def check_bones(records: Records) -> list[Finding]:
    """Unit, human range, and constancy within each subject, of the bones of the 3D labels."""
    limbs = length_ratios(records.joints_cam, records.skeleton, limbs_of(records.skeleton))
    judged = np.isfinite(limbs).sum(axis=1) >= 2
    if not judged.any():
        return []
    scale = np.full(len(records), np.nan)
    scale[judged] = np.nanmedian(limbs[judged], axis=1)
    wrong_unit = judged & ((scale < LEAST_SCALE) | (scale > MOST_SCALE))
    findings = _units(scale, wrong_unit)
    change = _changes(limbs, records.subject)
    typical = _typical(change, limbs, limbs_of(records.skeleton))
    odd = _odd_bones(records, scale, judged, typical)
    findings += odd
    known = {sample for finding in odd for sample in finding.samples} | set(indices_of(wrong_unit))
    change[sorted(known)] = np.nan
    return findings + _changing(change, typical)


def _units(scale: np.ndarray, wrong: np.ndarray) -> list[Finding]:
    findings = []
    size = np.where(wrong, scale, np.nan)
    units = {
        name: wrong & (size > LEAST_SCALE * factor) & (size < MOST_SCALE * factor) for name, factor in UNITS.items()
    }
    # Inches lie within the range of centimetres and dwarfs: only the nearest unit counts.
    nearest = np.array([np.abs(np.log(np.maximum(size, 1e-12) / factor)) for factor in UNITS.values()]).argmin(axis=0)
    for number, (name, mask) in enumerate(units.items()):
        rows = mask & (nearest == number)
        wrong = wrong & ~rows
        if rows.any():
            findings.append(_size_finding(scale, rows, f"the 3D labels are in {name}, not in mm"))
    if wrong.any():
        findings.append(_size_finding(scale, wrong, "an unknown unit, or joints in another order"))
    return findings


def _size_finding(scale: np.ndarray, rows: np.ndarray, cause: str) -> Finding:
    samples = indices_of(rows)
    factor = float(np.median(scale[rows]))
    expected = f"{LEAST_SCALE} to {MOST_SCALE} times an adult's"
    text = (
        f"arms and legs are {factor:.3g} times as long as an adult's in {len(samples)} of {len(rows)} samples "
        f"({named(samples)}): {cause}"
    )
    return Finding("bones", "fault", samples, factor, "adult's limbs", expected, cause, text)


def _odd_bones(records: Records, scale: np.ndarray, judged: np.ndarray, typical: float) -> list[Finding]:
    """Bones far from the same bone in the set, and bones of the whole set far from people's."""
    bones, most_odd = human_bones(records.skeleton), CAPTURED_ODD if typical > CAPTURED else ODD_BONE
    ratios = length_ratios(records.joints_cam, records.skeleton, bones) / scale[:, None]
    ratios = np.maximum(ratios, 1e-9)  # two joints in one place, as some sets have pelvis and spine
    ratios[~judged] = np.nan
    some = np.isfinite(ratios).any(axis=0)
    usual = np.full(len(bones), np.nan)
    usual[some] = np.nanmedian(ratios[:, some], axis=0)
    findings = []
    most = np.array([ODD_LIMB if bone in LIMBS else ODD_OTHER for bone in bones])
    for number in np.flatnonzero(np.abs(np.log(usual)) > np.log(most)).tolist():
        bone = " to ".join(bones[number])
        text = f"the bone {bone} is {usual[number]:.2f} times as long as a human's (median of the split)"
        cause = "joints in another order, or a joint that is defined otherwise than its name says"
        findings.append(
            Finding(
                "bones",
                "fault",
                (),
                float(usual[number]),
                "human's",
                f"1/{most[number]} to {most[number]}",
                cause,
                text,
            )
        )
    findings += _uneven(bones, usual, typical)
    off = np.abs(np.log(ratios / usual)) > np.log(most_odd)
    rows = np.nan_to_num(off).astype(bool).any(axis=1)
    if rows.any():
        samples = indices_of(rows)
        worst = float(np.nanmax(np.exp(np.abs(np.log((ratios / usual)[rows])))))
        which = sorted({" to ".join(bones[number]) for number in np.argwhere(off)[:, 1].tolist()})
        cause = "a joint is misplaced, or its 3D place was reconstructed wrongly"
        text = (
            f"bones are up to {worst:.2f} times off the rest of the split in {len(samples)} of {len(records)} samples "
            f"({named(samples)}): {', '.join(which[:4])}{', ...' if len(which) > 4 else ''}"
        )
        findings.append(Finding("bones", "fault", samples, worst, "times", f"below {most_odd}", cause, text))
    return findings


def _uneven(bones: tuple[tuple[str, str], ...], usual: np.ndarray, typical: float) -> list[Finding]:
    """Bones that are longer on one side of the body than on the other, over the whole split."""
    ratio = usual / usual[other_side(bones)]
    most = np.array([UNEVEN_LIMB if bone in LIMBS else UNEVEN_OTHER for bone in bones])
    on_top = min(typical, MOST_ON_TOP)
    findings = []
    for number in np.flatnonzero(ratio > most).tolist():
        bone, within = " to ".join(bones[number]), ratio[number] <= most[number] + on_top
        cause = (
            f"captured without a skeleton of fixed bone lengths (typically {typical:.1%})"
            if within
            else "a joint of one side is misplaced in every sample"
        )
        text = (
            f"the bone {bone} is {ratio[number]:.2f} times as long as on the other side (medians of the split): {cause}"
        )
        severity: Severity = "note" if within else "fault"
        expected = f"below {most[number] + on_top:.2f}"
        findings.append(Finding("bones", severity, (), float(ratio[number]), "the other side's", expected, cause, text))
    return findings


def _typical(change: np.ndarray, limbs: np.ndarray, bones: tuple[tuple[str, str], ...]) -> float:
    """How much a capture's limbs typically are off, as a share: the median over samples of the limb that is most so."""
    if not np.isfinite(change).any():
        # Nobody is seen often enough (or named): left against right tells, as it is the same in every sample otherwise.
        sides = np.log(np.maximum(limbs, 1e-9) / np.maximum(limbs[:, other_side(bones)], 1e-9))
        sides = sides[np.isfinite(sides).all(axis=1)]
        if len(sides) < LEAST_OF_SUBJECT:
            return 0.0
        change = np.abs(sides - np.median(sides, axis=0)).max(axis=1)
    return float(np.median(change[np.isfinite(change)]))


def _changes(limbs: np.ndarray, subjects: Sequence[str]) -> np.ndarray:
    """(N,) change of the limb that differs most from the subject's other samples, as a share; NaN where unknown."""
    change, names = np.full(len(limbs), np.nan), np.array(subjects)
    for subject in np.unique(names).tolist():
        rows = np.flatnonzero((names == subject) & np.isfinite(limbs).all(axis=1))
        if subject and len(rows) >= LEAST_OF_SUBJECT:
            change[rows] = np.abs(limbs[rows] / np.median(limbs[rows], axis=0) - 1).max(axis=1)
    return change


def _changing(change: np.ndarray, typical: float) -> list[Finding]:
    """Samples in which an arm's or leg's bone is not as long as in the subject's other samples."""
    change = np.nan_to_num(change)
    calm = FITTED < typical <= CAPTURED and len(change) < LEAST_TO_TELL
    allowed = CHANGING if typical <= CAPTURED and not calm else max(CAPTURED_CHANGE, CAPTURED_TIMES * typical)
    beyond, within = change > allowed, (change > CHANGING) & (change <= allowed)
    findings = []
    if beyond.any():
        # A capture's single outliers are its own; a fitted skeleton has none.
        severity = "fault" if typical <= CAPTURED and not calm else soft_severity(int(beyond.sum()), len(change))
        cause = "the sample is of someone else, or a joint is misplaced"
        findings.append(_change_finding(change, beyond, severity, allowed, cause))
    if within.any():
        cause = (
            f"captured without a skeleton of fixed bone lengths (typically {typical:.1%}); no fault below {allowed:.0%}"
        )
        findings.append(_change_finding(change, within, "note", CHANGING, cause))
    return findings


def _change_finding(change: np.ndarray, rows: np.ndarray, severity: Severity, most: float, cause: str) -> Finding:
    samples, worst = indices_of(rows), float(change[rows].max())
    text = (
        f"a subject's arms and legs change their length by up to {worst:.0%} in {len(samples)} of {len(change)} "
        f"samples ({named(samples)}): {cause}"
    )
    return Finding("bones", severity, samples, worst, "of the bone", f"below {most:.2f}", cause, text)
