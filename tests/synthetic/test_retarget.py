import numpy as np
import pytest

from prepose.body.pose import bone_lengths
from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.anatomy import hinge_error
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.retarget import FRAMES, NEEDED, Source, retarget
from prepose.synthetic.rig import SEGMENT_NAMES, SEGMENTS, BodyPose, draw_proportions, mean_proportions, pose_joints

PERSON = mean_proportions()
COUNT = 24


def tracked(unit: float = 1.0, seed: int = 0) -> tuple[Source, np.ndarray]:
    """A source that tracks drawn poses of the mean build, and the joints it tracks."""
    generator = np.random.default_rng(seed)
    actions = ("random", "running", "crouching", "reaching_up", "throwing", "dancing")
    posed = [pose_joints(PERSON, draw_pose(generator, proportions=PERSON, actions=actions)) for _ in range(COUNT)]
    joints, turns = np.stack([p[0] for p in posed]), np.stack([p[1][:, :3, :3] for p in posed])
    starts = {segment.origin: i for i, segment in enumerate(SEGMENTS) if not segment.name.endswith("clavicle")}
    frames = {name: turns[:, SEGMENT_NAMES.index("head") if name == "head" else starts[name]] for name in FRAMES}
    places = {name: joints[:, PREPOSE_27.index(name)] * unit for name in NEEDED}
    return Source(places, frames), joints - joints[:, :1]


def retargeted(source: Source, person=PERSON) -> np.ndarray:
    local = retarget(source, person)
    return np.stack([pose_joints(person, BodyPose(one, np.zeros(3)))[0] for one in local])


def test_the_same_build_lands_on_the_tracked_joints():
    source, joints = tracked()
    error = np.linalg.norm(retargeted(source) - joints, axis=-1)
    assert np.median(error) < 3
    assert error.mean() < 12 and np.quantile(error, 0.99) < 80


def test_the_unit_of_length_does_not_matter():
    np.testing.assert_allclose(retarget(tracked(unit=0.02)[0], PERSON), retarget(tracked()[0], PERSON), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_limbs_of_another_build_point_the_same_way_and_keep_their_lengths(seed):
    person = draw_proportions(np.random.default_rng(seed))
    source, joints = tracked()
    found = retargeted(source, person)
    lengths = bone_lengths(found, PREPOSE_27)
    np.testing.assert_allclose(lengths, np.tile(bone_lengths(person.rest, PREPOSE_27), (COUNT, 1)), atol=1e-6)
    for s in "rl":
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            a, b = PREPOSE_27.index(f"{s}_{start}"), PREPOSE_27.index(f"{s}_{end}")
            one, other = (j[:, b] - j[:, a] for j in (found, joints))
            cosine = np.sum(one * other, axis=-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 4


def test_elbows_and_knees_stay_hinges():
    for local in retarget(tracked()[0], PERSON):
        only_hinges = np.tile(np.eye(3), (len(local), 1, 1))
        for name in ("r_forearm", "l_forearm", "r_shin", "l_shin"):
            only_hinges[SEGMENT_NAMES.index(name)] = local[SEGMENT_NAMES.index(name)]
        assert hinge_error(only_hinges) < 1e-3


def test_however_the_source_lays_its_frames_the_pose_is_the_same():
    source, _ = tracked()
    swapped = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])
    tilted = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    tilted *= np.linalg.det(tilted)
    laid = {name: turns @ (swapped if name in ("pelvis", "head") else tilted) for name, turns in source.turns.items()}
    again = retarget(Source(source.places, laid), PERSON)
    np.testing.assert_allclose(again, retarget(source, PERSON), atol=1e-6)


def test_a_foot_level_in_the_source_is_level_in_the_rig():
    """The source's toe joint lies lower than the rig's: its feet seem to point down by another 12 degrees."""
    generator = np.random.default_rng(0)
    posed = [
        pose_joints(PERSON, draw_pose(generator, proportions=PERSON, actions=("hands_on_hips",), breadth=0.3))
        for _ in range(COUNT)
    ]
    joints, turns = np.stack([p[0] for p in posed]), np.stack([p[1][:, :3, :3] for p in posed])
    places = {name: joints[:, PREPOSE_27.index(name)] for name in NEEDED}
    lower = {f"{s}_toe": places[f"{s}_toe"] - np.array([0, 0, 45.0]) for s in "rl"}
    source = Source({**places, **lower}, dict.fromkeys(FRAMES, turns[:, 0]))
    found = retargeted(source)
    for s in "rl":
        slope, truth = (
            np.median(j[:, PREPOSE_27.index(f"{s}_toe"), 2] - j[:, PREPOSE_27.index(f"{s}_ankle"), 2])
            for j in (found, joints)
        )
        assert slope == pytest.approx(truth, abs=8)
