import numpy as np
import pytest

from prepose.synthetic.flesh import FLESH, flesh_distance
from prepose.synthetic.rig import SEGMENT_NAMES, SEGMENT_ORIGINS, mean_proportions

REST = mean_proportions(1700.0).rest
ORIGINS = REST[list(SEGMENT_ORIGINS)]
STILL = np.tile(np.eye(4), (len(SEGMENT_NAMES), 1, 1))


def distance(points):
    return flesh_distance(np.array(points, dtype=float), STILL, ORIGINS)


def test_joints_but_for_the_face_lie_inside():
    # Marks on the head lie on its skin; the toe joint is the tip of the foot.
    inner = [i for i in range(len(REST)) if not 5 <= i <= 10]
    assert (distance(REST[inner])[0] < -4).all()


def test_far_points_lie_outside():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(200, 3))
    points *= 2500 / np.linalg.norm(points, axis=1, keepdims=True)
    assert (distance(points)[0] > 0).all()


def test_every_segment_has_flesh_at_its_bone():
    names = {piece.segment for piece in FLESH}
    # The chest shares the trunk's flesh with the pelvis.
    assert names == set(SEGMENT_NAMES) - {"chest"}


def test_body_is_the_same_on_both_sides():
    points = np.random.default_rng(1).uniform([-900, -200, -950], [900, 200, 850], (4000, 3))
    union, alone = distance(points)
    mirrored_union, mirrored = distance(points * [-1, 1, 1])
    # Where both legs melt into the trunk, the first to do so wins a little.
    np.testing.assert_allclose(union, mirrored_union, atol=1.5)
    for s, name in enumerate(SEGMENT_NAMES):
        twin = {"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]
        np.testing.assert_allclose(alone[:, s], mirrored[:, SEGMENT_NAMES.index(twin)], atol=1e-9)


@pytest.mark.parametrize("segment", ["r_thigh", "l_forearm", "head"])
def test_flesh_moves_with_its_segment(segment):
    s = SEGMENT_NAMES.index(segment)
    moved = STILL.copy()
    moved[s, :3, 3] = [3000, 0, 0]
    points = REST[[SEGMENT_ORIGINS[s]]] + np.random.default_rng(2).uniform(-60, 60, (50, 3))
    before = flesh_distance(points, STILL, ORIGINS)[1][:, s]
    np.testing.assert_allclose(
        flesh_distance(points + np.array([3000, 0, 0]), moved, ORIGINS)[1][:, s], before, atol=1e-9
    )
