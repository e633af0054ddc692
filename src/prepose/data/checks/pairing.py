"""Whether labels belong to their images: a body's colours differ from those beside it, where the labels say it is.

The labels of other samples, laid over the same image, say what the figure is by chance. One sample says little: in 4 to
6 % of sound real photos some other label fits clearly better. What tells exchanged images from clutter is how *badly*
their own label fits (worse than four in five drawn labels: 1 in 300 sound photos, 1 in 5 exchanged ones), and whether
the labels that fit better lead to each other. Both are weighed against what sound sets show by chance.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from jaxtyping import Float, UInt16
from scipy.special import bdtrc, chdtrc

from prepose.arrays import ImageRgb, Joints2D
from prepose.body.skeleton import Skeleton
from prepose.data.checks.finding import Finding, Severity, indices_of, named
from prepose.data.checks.human import limbs_of
from prepose.data.checks.records import Records
from prepose.data.sample import JointState

# Images that are tried: two seconds' work. Those that fit worse than `UNSURE` of a few labels are tried with more.
MOST_TRIED = 1000
OTHERS, MORE_OTHERS = 12, 60
UNSURE = 0.75
# Labels that hardly differ cannot tell whose picture it is: another one counts where its joints lie elsewhere by this
# share of the pose (median), and a picture where enough of them do.
DIFFERENT = 0.07
LEAST_OTHERS = 4
NEIGHBOURS = (1, -1, 2, -2)
LEAST_TRIED = 12
# Thickness of a limb over the diagonal of the pose.
LIMB = 0.055
LEAST_PIXELS = 20
# Of smaller people (those of small chips) a limb is a pixel or two wide, and the colours say nothing.
LEAST_PERSON_PX = 36
MOST_HIDDEN = 0.4
# Share of pictures that fit their own label worse than half of the others' labels: by chance 0.5, by right some 0.02.
MOST_BELOW_HALF = 0.25
# A label is said to be elsewhere where it fits another picture by this much better, whose own label fits badly, ...
CLEARLY = 0.15
CLEARLY_ELSEWHERE = 0.1
# ... and no worse than a quarter of the labels fit that are where they belong.
ORDINARY_PERCENTILE = 25
SUSPECT, BADLY = 0.95, 0.9
MOST_SUSPECTS = 80
# A label that fits its image worse than this share of the others is far off. In sound sets that are at most 0.35 % (the
# validation part of LSP-Extended; fewer in its training part, MuPoTS-3D, Pose2Sim's demonstration and the synthetic
# worlds). Of the suspects, at most 1.2 times the share that suspects are of all images fit worse than half of the
# others or have a clearly better label elsewhere.
FAR_OFF, FAR_OFF_BY_CHANCE = 0.2, 0.0035
BAD_OF_SUSPECTS, BAD_RANGE = 1.2, (0.05, 0.3)
# Share of the hits of sound sets whose better label is that of one given neighbour, or one given move.
SAME_WAY_BY_CHANCE = 0.06
# Probability that a sound set shows as much: below the first a fault, below the second a note.
FAULT_P, NOTE_P = 0.005, 0.05
# So many pictures tell how a whole split is misplaced.
MOST_EXPLAINED = 60


Move = Callable[[np.ndarray, np.ndarray], np.ndarray]
# What else may be wrong with the place of a label: (joints px, picture's size px) -> where they would belong.
MOVES: Mapping[str, Move] = MappingProxyType(
    {
        "y is counted from the bottom of the image": lambda joints, size: joints * [1, -1] + [0, size[1] - 1],
        "x is counted from the right of the image": lambda joints, size: joints * [-1, 1] + [size[0] - 1, 0],
        "x and y are exchanged": lambda joints, size: joints[..., ::-1],
    }
)


@dataclass(frozen=True, eq=False)
class _Fits:
    """How labels fit images.

    Attributes:
        tried: (M,) samples whose picture was tried.
        own: (M,) separation of its colours by its own label, 0 to 1; NaN where it cannot be judged.
        others: (M, OTHERS + MORE_OTHERS) the same by labels drawn from the split; NaN where they hardly differ from
            its own, and behind the first `OTHERS` of an image that fits its own label well.
    """

    tried: np.ndarray
    own: Float[np.ndarray, "M"]
    others: Float[np.ndarray, "M K"]

    @property
    def rank(self) -> Float[np.ndarray, "M"]:
        """Share of the other labels that fit an image worse than its own."""
        known = np.isfinite(self.others)
        return ((self.others < self.own[:, None]) & known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def check_pairing(records: Records) -> list[Finding]:
    """Labels against their own images, against others' labels, and numbers of frames against names of files."""
    return [*_by_picture(records), *_by_number(records)]


def separation(joints_px: Joints2D, skeleton: Skeleton, image: ImageRgb) -> float:
    """How differently a body and what is beside it are coloured: 0 alike to 1 (1 minus Bhattacharyya's coefficient).

    Args:
        joints_px: (J, 2) joints in the image's pixels.
        skeleton: Their skeleton.
        image: RGB.

    Returns:
        NaN where too little of the body is in the picture.
    """
    finite = np.isfinite(joints_px).all(axis=1)
    if finite.sum() < 4:
        return float("nan")
    body, width = _silhouette(joints_px, skeleton, image.shape[:2])
    inner, outer = (cv2.dilate(body, np.ones((side, side), np.uint8)) > 0 for side in (3, 2 * width + 3))
    inside, beside = body > 0, outer & ~inner
    if inside.sum() < LEAST_PIXELS or beside.sum() < LEAST_PIXELS:
        return float("nan")
    steps = (image >> 5).astype(np.uint16)
    colours = (steps[..., 0] << 6) + (steps[..., 1] << 3) + steps[..., 2]
    return float(1 - np.sqrt(_histogram(colours[inside]) * _histogram(colours[beside])).sum())


def _silhouette(joints_px: Joints2D, skeleton: Skeleton, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A trunk and limbs drawn at the joints, and the limbs' width, px."""
    body = np.zeros(shape, np.uint8)
    span = np.nanmax(joints_px, axis=0) - np.nanmin(joints_px, axis=0)
    width = int(np.clip(round(np.linalg.norm(span) * LIMB), 2, 64))
    limit = 4.0 * max(shape)
    # In sixteenths of a pixel, as OpenCV draws them.
    places = np.round(np.clip(np.nan_to_num(joints_px), -limit, limit) * 16).astype(np.int32).tolist()
    known = np.asarray(np.isfinite(joints_px).all(axis=1))
    fixed = {name: place for name, place, there in zip(skeleton.joints, places, known, strict=True) if there}
    trunk = [fixed.get(name) for name in ("r_shoulder", "l_shoulder", "l_hip", "r_hip")]
    if all(corner is not None for corner in trunk):
        cv2.fillConvexPoly(body, cv2.convexHull(np.array(trunk, np.int32)), 1, shift=4)
    for a, b in limbs_of(skeleton):
        if a in fixed and b in fixed:
            cv2.line(body, fixed[a], fixed[b], 1, width, shift=4)
    return body, width


def _histogram(colours: UInt16[np.ndarray, "P"]) -> Float[np.ndarray, "512"]:
    """Shares of the colours, each 8 steps a channel."""
    counts = np.bincount(colours, minlength=512)
    return counts / counts.sum()


def _by_picture(records: Records) -> list[Finding]:
    hidden = np.isin(records.states, (JointState.OCCLUDED_BY_OBJECT, JointState.OUTSIDE)).mean(axis=1)
    usable = [
        index
        for index, picture in sorted(records.pictures.items())
        if picture.thumb is not None
        and hidden[index] <= MOST_HIDDEN
        and records.has_2d[index].sum() >= 4
        and records.box_xywh[index, 2:].max() * picture.scale >= LEAST_PERSON_PX
    ]
    if len(usable) < LEAST_TRIED:
        return []
    # Runs of neighbours would all show one scene: the pictures are spread evenly.
    tried = np.array(usable)[np.unique(np.linspace(0, len(usable) - 1, min(MOST_TRIED, len(usable))).astype(int))]
    fits = _fits(records, tried)
    if np.isfinite(fits.own).sum() < LEAST_TRIED:
        return []
    below_half = float(np.mean(fits.rank[np.isfinite(fits.own)] < 0.5))
    if below_half > MOST_BELOW_HALF:
        return [_whole_split(records, fits, below_half)]
    return _single_samples(records, fits)


def _fits(records: Records, tried: np.ndarray) -> _Fits:
    # The same labels for the same split, every time: a diagnosis must not change when it is asked again.
    generator = np.random.default_rng(len(tried))
    drawn = generator.integers(1, len(tried), (len(tried), OTHERS + MORE_OTHERS))
    own = np.array([_fit(records, index, index) for index in tried.tolist()])
    others = np.full(drawn.shape, np.nan)
    every, few, more = np.arange(len(tried)), slice(0, OTHERS), slice(OTHERS, None)
    _try_others(records, tried, drawn, others, every, few)
    own[np.isfinite(others).sum(axis=1) < LEAST_OTHERS] = np.nan
    unsure = np.flatnonzero(np.isfinite(own) & (_Fits(tried, own, others).rank < UNSURE))
    _try_others(records, tried, drawn, others, unsure, more)
    return _Fits(tried, own, others)


def _try_others(
    records: Records, tried: np.ndarray, drawn: np.ndarray, others: np.ndarray, places: np.ndarray, columns: slice
) -> None:
    """Fill in how the drawn labels fit the images at some places of `tried`."""
    for place in places.tolist():
        for column in range(*columns.indices(drawn.shape[1])):
            index, other = int(tried[place]), int(tried[(place + drawn[place, column]) % len(tried)])
            if _differ(records, index, other):
                others[place, column] = _fit(records, index, other)


def _differ(records: Records, one: int, other: int) -> bool:
    """Whether a label is clearly elsewhere, or of another pose, than everyone who is labelled in an image."""
    shared = (records.has_2d[one] & records.has_2d[other]).any()
    return bool(shared) and not _is_of(records, other, records.in_picture.get(one, (one,)), one)


def _is_of_another(records: Records, one: int, other: int) -> bool:
    """Whether a label is that of a second person in an image, or of where that one was in another frame.

    In a video of several people the labels of each fit the images of the others, in all frames.
    """
    return _is_of(records, other, [person for person in records.in_picture.get(one, ()) if person != one], one)


def _is_of(records: Records, label: int, people: Sequence[int], picture: int) -> bool:
    """Whether a label is one of those of some people in a picture, or hardly differs from one."""
    joints = records.label_on(picture, label)
    for person in people:
        both = records.has_2d[person] & records.has_2d[label]
        apart = np.linalg.norm(records.label_on(picture, person) - joints, axis=1)[both]
        if person == label or (both.any() and np.median(apart) <= DIFFERENT * records.extent[person]):
            return True
    return False


def _fit(records: Records, picture: int, label: int, moved: Move | None = None) -> float:
    """How well a label, moved within the image or as it is, fits an image."""
    seen = records.pictures[picture]
    if seen.thumb is None:
        return float("nan")
    # All chips have their person in the middle: labels are tried where they lie in the photograph, as they would lie if
    # the picture had been theirs.
    joints = records.label_on(picture, label)
    if moved is not None:
        joints = moved(joints, np.array(seen.size_wh, float))
    return separation(joints * seen.scale, records.skeleton, seen.thumb)


def _whole_split(records: Records, fits: _Fits, below_half: float) -> Finding:
    """The finding about a split whose labels fit their images no better than others do."""
    cause = "labels and images are shuffled, or the 2D labels are of another size or place than the images"
    judged = np.isfinite(fits.own)
    chosen = np.flatnonzero(judged)[:MOST_EXPLAINED]
    typical, tried = np.nanmedian(fits.others[chosen], axis=1), fits.tried[chosen].tolist()
    ways = {
        f"an image's label is {abs(step)} sample(s) {'later' if step > 0 else 'earlier'} (they are shifted)": np.array(
            [_fit(records, index, (index + step) % len(records)) for index in tried]
        )
        for step in NEIGHBOURS
    }
    ways |= {name: np.array([_fit(records, index, index, move) for index in tried]) for name, move in MOVES.items()}
    worse = {name: float(np.mean(fit[np.isfinite(fit)] < typical[np.isfinite(fit)])) for name, fit in ways.items()}
    best = min(worse, key=lambda name: worse[name])
    if worse[best] < MOST_BELOW_HALF / 2:
        cause = best
    text = (
        f"{below_half:.0%} of {int(judged.sum())} images fit their own label worse than half of the other labels "
        f"(by chance 50%, expected below {MOST_BELOW_HALF:.0%}): {cause}"
    )
    expected = f"below {MOST_BELOW_HALF}"
    return Finding("pairing", "fault", (), below_half, "of images", expected, cause, text)


def _single_samples(records: Records, fits: _Fits) -> list[Finding]:
    """Images whose own label is far off, or that clearly fit another one better: more of them than by chance."""
    rank, known = fits.rank, np.isfinite(fits.own)
    suspects = np.flatnonzero(known & (rank < SUSPECT))
    suspects = suspects[np.argsort(rank[suspects], kind="stable")][:MOST_SUSPECTS]
    misplaced = _better_elsewhere(records, fits, suspects)
    by_rank = _ranks_by_chance(fits, misplaced)
    # The better labels are the best of the suspects', of the neighbours' and of those that were drawn for the image.
    beats_all = fits.tried[[bool(misplaced.get(index, ("", False))[1]) for index in fits.tried.tolist()]]
    drawn = np.isfinite(fits.others[np.isin(fits.tried, beats_all)]).sum(axis=1)
    rivals = len(suspects) + len(NEIGHBOURS)
    ways = {index: way for index, (way, _) in misplaced.items()}
    strict = {index: ways[index] for index in beats_all.tolist()}
    by_links = 2 * min(
        _links_by_chance(ways, rivals + OTHERS, len(records)),
        _links_by_chance(strict, rivals + (int(drawn.mean()) if len(drawn) else 0), len(records)),
    )
    by_rank, by_links = min(1.0, by_rank), min(1.0, by_links)
    # Fisher's method joins the two; either may be enough by itself. What is taken for chance errs on the careful side.
    chance = min(by_rank, by_links, float(chdtrc(4, -2 * (np.log(by_rank) + np.log(by_links)))))
    if chance > NOTE_P:
        return []
    severity: Severity = "fault" if chance < FAULT_P else "note"
    far_off = fits.tried[known & (rank < FAR_OFF)].tolist()
    return [_misplaced(ways, far_off, int(known.sum()), severity, chance)]


def _ranks_by_chance(fits: _Fits, misplaced: Mapping[int, object]) -> float:
    """The probability that the labels of a sound set fit their images as badly."""
    rank, known = fits.rank, np.isfinite(fits.own)
    judged, suspects = int(known.sum()), int((known & (rank < SUSPECT)).sum())
    bad = int((known & ((rank < 0.5) | np.isin(fits.tried, list(misplaced)))).sum())
    share = float(np.clip(BAD_OF_SUSPECTS * suspects / max(judged, 1), *BAD_RANGE))
    return 2 * min(
        _at_least(int((known & (rank < FAR_OFF)).sum()), judged, FAR_OFF_BY_CHANCE), _at_least(bad, suspects, share)
    )


def _better_elsewhere(records: Records, fits: _Fits, suspects: np.ndarray) -> dict[int, tuple[int | str, bool]]:
    """Sample -> how many samples away a label is that clearly fits its image better, or how its own would be moved.

    With each whether it beats all labels that were drawn for the image, not only the first of them.
    """
    fit_of = dict(zip(fits.tried.tolist(), fits.own.tolist(), strict=True))
    ordinary = float(np.nanpercentile(fits.own, ORDINARY_PERCENTILE))
    misplaced: dict[int, tuple[int | str, bool]] = {}
    for place in suspects[fits.rank[suspects] < BADLY].tolist():
        index = int(fits.tried[place])
        labels = {int(fits.tried[other]) for other in suspects} | {(index + step) % len(records) for step in NEIGHBOURS}
        ways: dict[int | str, float] = {
            label - index: _elsewhere(records, index, label, fit_of)
            for label in sorted(labels - {index})
            if not _is_of_another(records, index, label)
        }
        ways |= {name: float(np.nan_to_num(_fit(records, index, index, move))) for name, move in MOVES.items()}
        best = max(ways, key=lambda way: ways[way])
        by_chance = float(np.nanmax(fits.others[place, :OTHERS]))
        if ways[best] > max(fits.own[place] + CLEARLY, ordinary, by_chance):
            misplaced[index] = best, bool(ways[best] > np.nanmax(fits.others[place]))
    return misplaced


def _at_least(found: int, of: int, probability: float) -> float:
    """The probability that at least so many of so many are found, each by chance with this probability."""
    return 1.0 if found == 0 else float(bdtrc(found - 1, of, probability))


def _links_by_chance(misplaced: Mapping[int, int | str], labels: int, samples: int) -> float:
    """The probability that better labels, each drawn at random among so many, bear each other out as much.

    They do where one's label is another one's (and more so where that one's is the first's), or where several are
    misplaced in the same way.
    """
    links = {index: (index + way) % samples for index, way in misplaced.items() if not isinstance(way, str)}
    share = min(1.0, max(len(misplaced) - 1, 0) / labels)
    chained = _at_least(sum(label in misplaced for label in links.values()), len(misplaced), share)
    mutual = sum(links.get(label) == index for index, label in links.items()) // 2
    pairs = _at_least(mutual, len(misplaced) * (len(misplaced) - 1) // 2, 1 / labels**2)
    near = Counter(way for way in misplaced.values() if isinstance(way, str) or way in NEIGHBOURS)
    alike = _at_least(max(near.values(), default=0), len(misplaced), SAME_WAY_BY_CHANCE) * (
        len(NEIGHBOURS) + len(MOVES)
    )
    return min(1.0, chained, pairs, alike)


def _misplaced(
    misplaced: dict[int, int | str], far_off: list[int], tried: int, severity: Severity, chance: float
) -> Finding:
    samples = tuple(sorted({*misplaced, *far_off}))
    way, times = Counter(misplaced.values()).most_common(1)[0] if misplaced else (0, 0)
    cause = "images and labels were exchanged among these samples"
    if times > 1 and 2 * times >= len(samples):
        cause = way if isinstance(way, str) else f"images and labels are shifted by {abs(way)} among these samples"
    if severity == "note":
        cause = f"{cause}, or their bodies are hard to tell from the background"
    text = (
        f"of {tried} images looked at, {len(far_off)} fit their own label worse than four in five others and "
        f"{len(misplaced)} fit another label, or their own elsewhere, clearly better (p = {chance:.1g} in a sound set; "
        f"{named(samples)}): {cause}"
    )
    return Finding("pairing", severity, samples, len(samples), "samples", "as few as by chance", cause, text)


def _elsewhere(records: Records, picture: int, label: int, fit_of: dict[int, float]) -> float:
    """How well a label fits an image, or -1 where it fits its own image about as well."""
    if label not in fit_of and label in records.pictures:
        fit_of[label] = _fit(records, label, label)
    fit = _fit(records, picture, label)
    at_home = fit_of.get(label, 0.0)
    return fit if fit > np.nan_to_num(at_home) + CLEARLY_ELSEWHERE else -1.0


def _by_number(records: Records) -> list[Finding]:
    """Frame numbers against the numbers in the names that samples come from, where most agree but for a constant."""
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, (source, frame) in enumerate(zip(records.source, records.frame.tolist(), strict=True)):
        numbers = re.findall(r"\d+", source)
        if numbers and frame >= 0:
            groups[re.sub(r"\d+(?=\D*$)", "#", source)].append((index, int(numbers[-1]) - frame))
    odd = []
    for members in groups.values():
        usual, times = Counter(apart for _, apart in members).most_common(1)[0]
        if times >= LEAST_TRIED and times > len(members) / 2:
            odd += [index for index, apart in members if apart != usual]
    if not odd:
        return []
    samples = indices_of(np.array(sorted(odd)))
    cause = "frames were counted wrongly when images and labels were paired"
    text = f"{len(samples)} samples have another frame number than their file's name says ({named(samples)}): {cause}"
    return [Finding("pairing", "fault", samples, len(samples), "samples", "0 samples", cause, text)]
