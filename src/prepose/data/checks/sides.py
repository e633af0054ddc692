"""Whether the person's right is labelled right.

In 3D a body shows its right by itself: a knee bends one way only, toes and nose point forward. In 2D only a face that
is seen does; without one, a whole set can be judged (people in images mostly face the camera), a single sample not.
"""

from math import sqrt

import numpy as np
from jaxtyping import Float
from scipy.special import bdtrc

from prepose.data.checks.finding import Finding, Severity, indices_of, named, soft_severity
from prepose.data.checks.records import Records
from prepose.data.sides import beside

# Cosines with these weights are added; a pose whose evidence weighs less says nothing about its sides.
LEAST_WEIGHT = 0.8
# Mean cosine below which a pose contradicts its labels.
CONTRARY = -0.35
# Share of judged poses that contradict their labels beyond which the whole split is swapped.
MOST_SWAPPED = 0.5
# Eyes closer together than this, px, say nothing.
LEAST_EYES_PX = 1.0
# A nose counts as pointing aside beyond this sine of the angle to the person's up.
SIDEWAYS = 0.6
# In photos more people face the camera than turn their backs; fewer than this means swapped sides.
LEAST_FACING = 0.4
LEAST_JUDGED = 20
SURE = 3.5  # standard errors
BY_CHANCE = 0.001
# Faces that are seen tell the sides better than the guess that people face the camera.
ENOUGH_FACES = 5
# Where (nearly) everybody faces the camera, the sides may be the viewer's: of 100 people in photos, 20 to 30 are
# seen from behind, in frames of films 5.
ALL_FACING, LEAST_FACES = 0.995, 100
# Shoulders and hips as broad in the image as this share of the trunk point the same way. In sound photos the sides
# of up to 4 % contradict (LSP-Extended 2 to 4 %, LSP and 500 of MPII 1.6 %, exact labels at most 0.1 %): slips of
# annotators, and twisted people.
BROAD, MOST_TWISTED = 0.25, 0.05
# Neighbouring pairs of joints, and what is exchanged where they point against each other. In sound photos the limbs of
# at most 2.6 % are crossed so (LSP, LSP-Extended, MPII, MuPoTS, Pose2Sim), of synthetic people 3.6 %.
_LEGS, _ARMS = (
    "the sides of the knees or ankles alone are swapped",
    "the sides of the elbows or wrists alone are swapped",
)
NEIGHBOURS = (
    (("shoulder", "shoulders"), ("hip", "hips"), "the sides of the arms or of the legs alone are swapped"),
    (("hip", "hips"), ("knee", "knees"), _LEGS),
    (("knee", "knees"), ("ankle", "ankles"), _LEGS),
    (("shoulder", "shoulders"), ("elbow", "elbows"), _ARMS),
    (("elbow", "elbows"), ("wrist", "wrists"), _ARMS),
)

Scores = tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]


def check_sides(records: Records) -> list[Finding]:
    """Named sides against the sides that bodies and faces show; arms against legs; and people who all turn away."""
    by_body, by_face = body_score(records), face_score(records)
    findings = _judge(*by_body, len(records), "knees, toes and nose (3D)")
    if not findings:
        # Whom the 3D labels tell about needs no guess from a face.
        weight = np.where(by_body[1] >= LEAST_WEIGHT, 0.0, by_face[1])
        findings = _judge(by_face[0], weight, len(records), "the faces that are seen (2D)")
    known = {sample for finding in findings for sample in finding.samples}
    findings += _arms_against_legs(records, known)
    known = {sample for finding in findings for sample in finding.samples}
    findings += _parts_against_each_other_in_2d(records, known)
    if not any(finding.severity == "fault" for finding in findings) and not records.has_3d.any():
        faces = int((by_face[1] >= LEAST_WEIGHT).sum())
        findings += _facing(records, by_faces=faces >= ENOUGH_FACES)
    return findings


def body_score(records: Records) -> Scores:
    """For each sample the mean cosine between labelled and shown right (1 agrees, -1 contradicts), and its weight."""

    def of(*names: str) -> np.ndarray:
        return records.of(records.joints_cam, *names)

    hips, shoulders = of("r_hip") - of("l_hip"), of("r_shoulder") - of("l_shoulder")
    terms = []
    for side in "rl":
        thigh, shin = of(f"{side}_knee") - of(f"{side}_hip"), of(f"{side}_ankle") - of(f"{side}_knee")
        toes = of(f"{side}_toe", f"{side}_foot") - of(f"{side}_ankle")
        # The knee's hinge points to the person's right, and is as sure as the knee is bent.
        terms.append((np.cross(_unit(shin), _unit(thigh)), hips, 1.0))
        terms.append((np.cross(_unit(toes), -_unit(shin)), hips, 1.0))
    up = of("thorax", "neck") - of("pelvis")
    skull = of("head_top") - of("upper_neck", "thorax", "neck")
    ears = of("r_ear") - of("l_ear")
    nose = of("nose") - (of("r_ear") + of("l_ear")) / 2
    bowed = beside(of("nose_neck"), of("thorax", "neck"), of("head_top"))
    terms.append((np.cross(_unit(nose), _unit(skull)), ears, 2.0))
    terms.append((np.cross(_unit(nose), _unit(skull)), shoulders, 1.0))
    terms.append((np.cross(_unit(bowed) * _saturated(bowed, 40.0), _unit(up)), shoulders, 1.0))
    return _mean_cosine(terms, len(records))


def face_score(records: Records) -> Scores:
    """The same in the image, from what is seen of a head; every rule is measured against the person's own up.

    - Both eyes and the nose: the person faces the camera, the right eye is on their right as the image shows it.
    - Both ears and no nose: seen from behind, the other way round.
    - One ear and the nose: the nose points to one side of the image, and the nearer ear is of a known side.

    Two ups, from the trunk and from within the head, must tell the same, or the sample counts for nothing.
    """
    seen = {name: _seen(records, name) for name in ("nose", "l_eye", "r_eye", "l_ear", "r_ear")}

    def of(*names: str) -> np.ndarray:
        return records.of(records.joints_img, *names)

    eyes, ears = (of("r_eye") + of("l_eye")) / 2, (of("r_ear") + of("l_ear")) / 2
    trunk = eyes - (of("r_shoulder") + of("l_shoulder")) / 2
    crown = of("head_top") if "head_top" in records.skeleton.joints else eyes
    front = seen["nose"] & seen["l_eye"] & seen["r_eye"]
    back = ~seen["nose"] & seen["l_ear"] & seen["r_ear"] & _tells(records)
    score, weight = np.zeros(len(records)), np.zeros(len(records))
    rules = [
        (front, of("r_eye") - of("l_eye"), (trunk, eyes - of("nose")), 1.0),
        (back, of("r_ear") - of("l_ear"), (ears - (of("r_shoulder") + of("l_shoulder")) / 2, crown - ears), -1.0),
    ]
    for there, across, ups, sign in rules:
        one, other = ((_unit(_right_when_facing(up)) * _unit(across)).sum(axis=1) * sign for up in ups)
        agree = (one * other > 0) & (np.minimum(abs(one), abs(other)) > -CONTRARY)
        use = there & agree & (np.linalg.norm(across, axis=1) > LEAST_EYES_PX) & (weight == 0)
        score[use], weight[use] = ((one + other) / 2)[use], 1.0
    profile, sure = _profile_score(records, seen, trunk)
    use = sure & (weight == 0)
    score[use], weight[use] = profile[use], 1.0
    return score, weight


def _profile_score(records: Records, seen: dict[str, np.ndarray], up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 where the only ear that is seen is the one the nose's direction would show, -1 where it is the other."""
    only_right = seen["r_ear"] & ~seen["l_ear"]
    only_left = seen["l_ear"] & ~seen["r_ear"]
    right_ear, left_ear = records.of(records.joints_img, "r_ear"), records.of(records.joints_img, "l_ear")
    ear = np.where(only_right[:, None], right_ear, left_ear)
    forward = records.of(records.joints_img, "nose") - ear
    # The depth of the person's right, forward x up, in units of the lengths: beyond the image where positive.
    depth = (forward[:, 0] * up[:, 1] - forward[:, 1] * up[:, 0]) / np.maximum(
        np.linalg.norm(forward, axis=1) * np.linalg.norm(up, axis=1), 1e-9
    )
    far = np.linalg.norm(forward, axis=1) > 2 * LEAST_EYES_PX
    sure = seen["nose"] & (only_right | only_left) & far & (abs(np.nan_to_num(depth)) > SIDEWAYS) & _tells(records)
    return np.where(only_left, depth, -depth), sure


def _seen(records: Records, name: str) -> np.ndarray:
    """Whether a joint is seen; where nothing is known of visibility, a label is taken for that."""
    if name not in records.skeleton.joints:
        return np.zeros(len(records), bool)
    row = records.skeleton.index(name)
    told = (records.states[:, row] > 0).any()
    return records.has_2d[:, row] & (records.sees[:, row] if told else _tells(records))


def _tells(records: Records) -> bool:
    """Whether the set tells seen faces from hidden ones, by state or by leaving hidden joints unlabelled."""
    rows = [records.skeleton.index(name) for name in ("nose", "l_eye", "r_eye") if name in records.skeleton.joints]
    if not rows:
        return False
    return bool((records.states[:, rows] > 0).any() or (~records.has_2d[:, rows]).any(axis=1).mean() > 0.05)


def _right_when_facing(up: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    """Where the right of someone who faces the camera is, in an image whose y points down."""
    return np.stack([up[:, 1], -up[:, 0]], axis=1)


def _judge(score: np.ndarray, weight: np.ndarray, total: int, by: str) -> list[Finding]:
    judged = weight >= LEAST_WEIGHT
    contrary = judged & (score < CONTRARY)
    if not contrary.any():
        return []
    samples, share = indices_of(contrary), float(contrary.sum() / judged.sum())
    if share > MOST_SWAPPED:
        cause = "left and right are swapped in the whole split (or the image's or the frame's handedness is mirrored)"
        severity: Severity = "fault"
    else:
        cause = "left and right are swapped in these samples (or they are mirrored)"
        severity = soft_severity(len(samples), int(judged.sum()))
    text = (
        f"{by} contradict the labelled sides in {len(samples)} of {int(judged.sum())} samples that show them, of "
        f"{total} ({named(samples)}): {cause}"
    )
    return [Finding("sides", severity, samples, share, "of samples", "0", cause, text)]


def _arms_against_legs(records: Records, known: set[int]) -> list[Finding]:
    """Shoulders that point against the hips in 3D: no trunk twists by more than a right angle."""
    hips = records.of(records.joints_cam, "r_hip") - records.of(records.joints_cam, "l_hip")
    shoulders = records.of(records.joints_cam, "r_shoulder") - records.of(records.joints_cam, "l_shoulder")
    cosine = (_unit(hips) * _unit(shoulders)).sum(axis=1)
    judged = np.isfinite(cosine)
    bad = judged & (np.nan_to_num(cosine) < CONTRARY)
    bad[sorted(known)] = False
    if not bad.any():
        return []
    samples = indices_of(bad)
    cause = "the sides of the arms or of the legs alone are swapped"
    text = (
        f"shoulders point against the hips in {len(samples)} of {int(judged.sum())} samples ({named(samples)}): {cause}"
    )
    share = float(bad.sum() / judged.sum())
    severity = soft_severity(len(samples), int(judged.sum()))
    return [Finding("sides", severity, samples, share, "of samples", "0", cause, text)]


def _parts_against_each_other_in_2d(records: Records, known: set[int]) -> list[Finding]:
    """The same in the image, over the split: more people whose neighbouring pairs disagree than sound labels have.

    Shoulders against hips come first, and few of them are a note that names them; crossed limbs of a few are poses.
    """

    def of(*names: str) -> np.ndarray:
        return records.of(records.joints_img, *names)

    hips, shoulders = of("r_hip") + of("l_hip"), of("r_shoulder") + of("l_shoulder")
    trunk = np.linalg.norm(hips - shoulders, axis=1) / 2
    findings: list[Finding] = []
    for (first, first_name), (second, second_name), cause in NEIGHBOURS:
        across = [of(f"r_{joint}") - of(f"l_{joint}") for joint in (first, second)]
        broad = (np.linalg.norm(across, axis=2) > BROAD * trunk).all(axis=0)
        bad = broad & ((_unit(across[0]) * _unit(across[1])).sum(axis=1) < CONTRARY)
        bad[sorted(known)] = False
        samples, total = indices_of(bad), int(broad.sum())
        by_chance = float(bdtrc(len(samples) - 1, total, MOST_TWISTED)) if samples else 1.0
        severity: Severity = "fault" if by_chance < BY_CHANCE else "note"
        if not samples or (severity == "note" and (first, second) != ("shoulder", "hip")):
            continue
        if severity == "fault":
            known = known | set(samples)
        where = " in the whole split" if len(samples) > MOST_SWAPPED * total else ""
        told = f"{cause}{where}"
        if severity == "note":
            told += f", or the people are twisted; up to {MOST_TWISTED:.0%} are in sound photos, too"
        text = (
            f"{first_name} point against the {second_name} in the image in {len(samples)} of {total} people seen "
            f"broadside ({named(samples)}): {told}"
        )
        expected = f"at most {MOST_TWISTED}"
        findings.append(Finding("sides", severity, samples, len(samples) / total, "of people", expected, told, text))
    return findings


def _facing(records: Records, *, by_faces: bool) -> list[Finding]:
    """Whether most people of a 2D set would turn their backs to the camera, or suspiciously none.

    Faces that are seen (`by_faces`) refute the first, not the second: they are of those who face the camera.
    """

    def of(*names: str) -> np.ndarray:
        return records.of(records.joints_img, *names)

    # By the trunk: of someone seen from behind no face need be labelled.
    up = (of("r_shoulder") + of("l_shoulder") - of("r_hip") - of("l_hip")) / 2
    right = _right_when_facing(up)
    breadth = of("r_shoulder") - of("l_shoulder")
    wide = np.linalg.norm(breadth, axis=1) > 0.25 * np.linalg.norm(up, axis=1)
    sign = np.sign((right * breadth).sum(axis=1))[wide]
    sign = sign[np.isfinite(sign)]
    if len(sign) < LEAST_JUDGED:
        return []
    share = float((sign > 0).mean())
    if share >= ALL_FACING and len(sign) >= LEAST_FACES:
        cause = "the sides are the viewer's, so that who is seen from behind is mirrored, or nobody is seen from behind"
        text = f"{share:.1%} of the {len(sign)} people seen broadside face the camera by their shoulders: {cause}"
        return [Finding("sides", "note", (), share, "facing the camera", f"below {ALL_FACING}", cause, text)]
    if by_faces or share + SURE * sqrt(0.25 / len(sign)) > 0.5 or share > LEAST_FACING:
        return []
    cause = "left and right are swapped in the whole split, or sides are the image's instead of the person's"
    text = f"only {share:.0%} of the {len(sign)} people seen broadside face the camera by their shoulders: {cause}"
    return [Finding("sides", "fault", (), share, "facing the camera", f"above {LEAST_FACING}", cause, text)]


def _mean_cosine(terms: list[tuple[np.ndarray, np.ndarray, float]], count: int) -> Scores:
    total, weight = np.zeros(count), np.zeros(count)
    for shown, labelled, importance in terms:
        # `shown` is as long as it is sure (1 at most).
        value = (shown * _unit(labelled)).sum(axis=1)
        known = np.isfinite(value)
        total[known] += importance * value[known]
        weight[known] += importance * np.linalg.norm(shown[known], axis=1)
    return total / np.maximum(weight, 1e-9), weight


def _saturated(vectors: np.ndarray, full: float) -> np.ndarray:
    return np.minimum(np.linalg.norm(vectors, axis=1, keepdims=True) / full, 1.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
