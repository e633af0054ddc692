"""Whether the joints are in the skeleton's order: in a wrong one, bones run across the body."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from jaxtyping import Float

from prepose.body.skeleton import Skeleton, joint_map, mirror_name
from prepose.body.skeletons import SKELETONS
from prepose.data.checks.finding import Finding, Severity, indices_of, named, soft_severity
from prepose.data.checks.human import PLACES, human_bones, length_ratios, other_side
from prepose.data.checks.records import Records

# Disorder is the mean squared log of bone lengths over the pose's own scale. No posture reaches these: in the image a
# bone may point at the camera, in 3D it keeps its length.
MOST_DISORDER = {"2D": 0.35, "3D": 0.1}
# With less than that, an order that a whole file may have must explain it.
SUSPICIOUS = {"2D": 0.12, "3D": 0.06}
# The disorder of nine poses in ten, and how far beyond it a pose is none.
ORDINARY_PERCENTILE, FAR = 90, 4.0
# Another order is believed where it leaves at most this share of the disorder.
MENDED = 0.25
LEAST_BONES = 6
# Sound 2D labels of hard poses have 1 % of contorted ones (LSP-Extended): 2 of 93 are nothing, where exact 3D has none.
LEAST_POSES = {"2D": 4, "3D": 2}
# So many samples tell how a whole split is ordered.
MOST_TRIED = 1000
# Over a whole split a bone has its usual share of the body, and left and right are alike.
LEAST_FOR_SPLIT = 20
ODD_BONE, ODD_PAIR = 1.75, 1.2
SURE = 3.0  # standard errors
# In images of varied poses and views a bone's length has this spread (of its log). Where it is less, as in a few frames
# of one person, the poses are alike, and left and right may differ in all of them.
VARIED = 0.3
# With so little of it, they are one pose seen from one side, which may show anything.
ALIKE = 0.05
# Neighbouring samples that may be frames of one video; frames that are nearly equal count as a hundredth of a sample.
MOST_LAG, MOST_RELATED = 4, 0.98
# Unrelated samples correlate by chance, too, within so many standard errors.
BY_CHANCE = 2.0
# A bone that shows less than this share points at the camera: how much less, and of which side, says nothing. What is
# left of it is up to the other share, as people move.
LEAST_SHOWN, LEAST_LEFT = 0.7, 0.3
SLIPPED = "single slips of an annotator, or contorted poses"
UNKNOWN = "no known order: joints are misplaced, permuted, or of several people"

Order = Callable[[np.ndarray], np.ndarray]


def check_order(records: Records) -> list[Finding]:
    """Bones against each other, in every pose and over the split; another order that mends them is named."""
    for what, joints in (("3D", records.joints_cam), ("2D", records.joints_img)):
        findings = _poses(records.skeleton, joints, what)
        if not any(finding.severity == "fault" for finding in findings):
            findings += _split(records.skeleton, joints, what)
        if findings:
            return findings
    return []


def _poses(skeleton: Skeleton, joints: np.ndarray, what: str) -> list[Finding]:
    """Poses whose bones do not fit each other, by the order that would mend them."""
    disorder = disorder_of(joints, skeleton)
    judged = int(np.isfinite(disorder).sum())
    if judged == 0:
        return []
    rows = np.flatnonzero(np.nan_to_num(disorder) > SUSPICIOUS[what])
    tried = np.unique(np.linspace(0, len(rows) - 1, min(MOST_TRIED, len(rows))).astype(int)) if len(rows) else rows
    causes = np.full(len(rows), "", object)
    most = _most(disorder, what)
    causes[tried] = _causes(skeleton, joints[rows[tried]], disorder[rows[tried]], most)
    if len(tried) < len(rows):
        names, counts = np.unique(causes[tried].astype(str), return_counts=True)
        causes[np.setdiff1d(np.arange(len(rows)), tried)] = names[counts.argmax()]
    total = int((causes != "").sum())
    if total == 0:
        return []
    if _severity(total, judged, what) == "note":
        causes[causes != ""] = SLIPPED
    names, counts = np.unique(causes[causes != ""].astype(str), return_counts=True)
    common = [name for name, count in zip(names, counts, strict=True) if _severity(int(count), judged, what) == "fault"]
    # Many causes of a few poses each are no causes.
    causes[(causes != "") & ~np.isin(causes.astype(str), [*common, SLIPPED])] = UNKNOWN
    return [
        _finding(rows[causes == cause], disorder, judged, what, cause)
        for cause in sorted(set(causes[causes != ""].tolist()))
    ]


def _severity(found: int, judged: int, what: str) -> Severity:
    return "fault" if found > judged / 2 else soft_severity(found, judged, least=LEAST_POSES[what])


def _most(disorder: np.ndarray, what: str) -> float:
    """The disorder that no order explains away: tame poses let a lower one be told."""
    ordinary = float(np.nanpercentile(disorder, ORDINARY_PERCENTILE))
    return float(np.clip(FAR * ordinary, SUSPICIOUS[what] * 1.75, MOST_DISORDER[what]))


def _causes(skeleton: Skeleton, joints: np.ndarray, disorder: np.ndarray, most: float) -> np.ndarray:
    """For each pose the order that mends it, `UNKNOWN` where it cannot be a pose, else nothing."""
    causes = np.where(disorder > most, UNKNOWN, "").astype(object)
    best = np.where(causes == UNKNOWN, MENDED * disorder, -1.0)
    for name, order in exchanges(skeleton).items():
        left = np.nan_to_num(disorder_of(order(joints), skeleton), nan=np.inf)
        better = left < best
        causes[better], best[better] = name, left[better]
    best = np.full(len(joints), np.inf)
    for name, order in file_orders(skeleton).items():
        left = np.nan_to_num(disorder_of(order(joints), skeleton), nan=np.inf)
        better = (left < MENDED * disorder) & (left < best)
        causes[better], best[better] = name, left[better]
    return causes


def _finding(rows: np.ndarray, disorder: np.ndarray, judged: int, what: str, cause: str) -> Finding:
    samples = indices_of(rows)
    severity: Severity = "note" if cause == SLIPPED else "fault"
    figure = float(np.median(disorder[rows]))
    expected = f"below {SUSPICIOUS[what]}"
    text = (
        f"the {what} bones do not fit each other (disorder {figure:.2f}, expected {expected}) in {len(samples)} of "
        f"{judged} samples ({named(samples)}): {cause}"
    )
    return Finding("order", severity, samples, figure, "mean squared log of length", expected, cause, text)


def _split(skeleton: Skeleton, joints: np.ndarray, what: str) -> list[Finding]:
    """Bones whose median over the split is no human's, or another than on the body's other side.

    In the image a bone that points at the camera is short. Where everybody is filmed from one side it is so in every
    sample: the medians are odd only where an adult shows them from no direction.
    """
    bones = human_bones(skeleton)
    if not bones:
        return []
    ratios = length_ratios(joints, skeleton, bones)
    ratios = ratios[np.isfinite(ratios).sum(axis=1) >= min(LEAST_BONES, len(bones))]
    if len(ratios) < LEAST_FOR_SPLIT:
        return []
    ratios = ratios / np.maximum(np.nanmedian(ratios, axis=1, keepdims=True), 1e-9)
    count = np.isfinite(ratios).sum(axis=0)
    there = count >= LEAST_FOR_SPLIT
    if not there.any():
        return []
    logs = np.log(np.maximum(ratios[:, there], 1e-9))
    usual, error, spread = (np.zeros(len(bones)) for _ in range(3))
    usual[there] = np.nanmedian(logs, axis=0)
    # A median is as sure as its bone's lengths are many and alike (in the image every bone is foreshortened at times).
    spread[there] = 1.48 * np.nanmedian(np.abs(logs - usual[there]), axis=0)
    # Frames of a video say little more than one of them.
    count = np.maximum(count * _independent_share(logs), 1.0)
    error[there] = 1.25 * spread[there] / np.sqrt(count[there])
    other = other_side(bones)
    least = VARIED if joints.shape[2] == 2 else 0.0
    pair_error = np.sqrt(2) * np.maximum(np.maximum(error, error[other]), 1.25 * least / np.sqrt(count))
    views = np.zeros((1, len(bones))) if joints.shape[2] == 3 else _views(bones)
    single = np.where(there, usual - views, 0.0)
    # What points at the camera may show anything less.
    single = np.where(views < np.log(LEAST_SHOWN), single, np.abs(single)) - SURE * error
    apart = np.where(there & there[other], np.abs(usual - usual[other] - views + views[:, other]), 0.0)
    # Of a bone that points at the camera nobody can say how much longer it is than its pair.
    apart[(views < np.log(LEAST_SHOWN)) | (views[:, other] < np.log(LEAST_SHOWN))] = 0.0
    alike = (spread < ALIKE) & (least > 0)
    single[:, alike], apart[:, alike | alike[other]] = 0.0, 0.0
    off = np.maximum(single / np.log(ODD_BONE), (apart - SURE * pair_error) / np.log(ODD_PAIR))
    off = off[off.max(axis=1).argmin()]
    worst = int(off.argmax())
    if off[worst] <= 1:
        return []
    bone, figure = " to ".join(bones[worst]), float(np.exp(usual[worst]))
    expected = f"1/{ODD_BONE} to {ODD_BONE} of a human's, and within {ODD_PAIR} times the other side"
    text = (
        f"over the split the {what} bone {bone} is {figure:.2f} times a human's share of the body "
        f"({np.exp(usual[other[worst]]):.2f} on the other side); expected {expected}: {UNKNOWN}"
    )
    return [Finding("order", "fault", (), figure, "human's share", expected, UNKNOWN, text)]


def _independent_share(logs: Float[np.ndarray, "N E"]) -> float:
    """How many independent samples say as much as the split's, as a share of them: 1 for unrelated photos.

    Of an autoregressive series that is (1 - r) / (1 + r), where r is the correlation of neighbours. Several people in
    a video may alternate, so that the next frame of the same one is a few samples away.
    """
    apart = logs - np.nanmedian(logs, axis=0)
    related = 0.0
    for lag in range(1, min(MOST_LAG, len(apart) - 1) + 1):
        first, second = apart[:-lag], apart[lag:]
        both = np.isfinite(first) & np.isfinite(second)
        first, second = np.where(both, first, 0.0), np.where(both, second, 0.0)
        power = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
        r = float(np.median((first * second).sum(axis=0) / np.maximum(power, 1e-12)))
        related = max(related, r)
    related = min(related, MOST_RELATED) if related > BY_CHANCE / np.sqrt(len(apart)) else 0.0
    return (1 - related) / (1 + related)


def _views(bones: tuple[tuple[str, str], ...]) -> Float[np.ndarray, "V E"]:
    """Log of the share that a standing adult shows of each bone: from everywhere together, then from one side each."""
    start, end = (np.stack([PLACES[bone[side]] for bone in bones]) for side in (0, 1))
    across, forward, up = (end - start).T
    angles = np.radians(np.arange(0, 180, 15))[:, None]
    shown = np.hypot(across * np.cos(angles) + forward * np.sin(angles), up) / np.linalg.norm(end - start, axis=1)
    shown = np.log(np.maximum(shown / np.median(shown, axis=1, keepdims=True), LEAST_LEFT))
    return np.concatenate([np.zeros((1, len(bones))), shown])


def disorder_of(joints: Float[np.ndarray, "N J D"], skeleton: Skeleton) -> Float[np.ndarray, "N"]:
    """How much bones are longer than the pose's scale allows; NaN where too few bones are labelled.

    In the image only bones that are too long count (a short one points at the camera); in 3D both.
    """
    ratios = length_ratios(joints, skeleton, human_bones(skeleton))
    known = np.isfinite(ratios)
    enough = known.sum(axis=1) >= min(LEAST_BONES, ratios.shape[1])
    out = np.full(len(joints), np.nan)
    if not enough.any() or ratios.shape[1] == 0:
        return out
    ratios = ratios[enough]
    scale = np.nanmedian(ratios, axis=1, keepdims=True)
    logs = np.log(np.maximum(ratios, 1e-9) / np.maximum(scale, 1e-9))
    logs = np.maximum(logs, 0) if joints.shape[2] == 2 else np.clip(logs, -3, 3)
    out[enough] = np.nanmean(logs**2, axis=1)
    return out


@cache
def file_orders(skeleton: Skeleton) -> Mapping[str, Order]:
    """What a whole file may hold instead: name of the mistake -> joints put right."""
    orders: dict[str, Order] = {}
    for step in (1, -1, 2, -2):
        side = "later" if step > 0 else "earlier"
        orders[f"joints off by {abs(step)}: each is stored {abs(step)} place(s) {side}"] = _rolled(-step)
    orders["joints in reversed order"] = lambda joints: joints[:, ::-1]
    for other in SKELETONS.values():
        if len(other) == len(skeleton) and other.joints != skeleton.joints:
            orders[f"joints in the order of {other.name}, stored as {skeleton.name}"] = joint_map(other, skeleton).apply
    return orders


@cache
def exchanges(skeleton: Skeleton) -> Mapping[str, Order]:
    """Two joints in each other's place: name of the mistake -> joints put right."""
    orders: dict[str, Order] = {}
    for joint in skeleton.joints:
        if joint.startswith("r_"):
            orders[f"left and right {joint[2:]} alone are exchanged"] = _exchanged(skeleton, joint, mirror_name(joint))
    for a, b in skeleton.bones:
        orders[f"{a} and {b} are exchanged"] = _exchanged(skeleton, a, b)
    return orders


def _rolled(step: int) -> Order:
    return lambda joints: np.roll(joints, step, axis=1)


def _exchanged(skeleton: Skeleton, a: str, b: str) -> Order:
    order = np.arange(len(skeleton))
    order[[skeleton.index(a), skeleton.index(b)]] = skeleton.index(b), skeleton.index(a)
    return lambda joints: joints[:, order]
