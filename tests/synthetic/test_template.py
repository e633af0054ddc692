import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.rig import SEGMENT_NAMES
from prepose.synthetic.template import STATURE, bind_matrices, body_template


def test_surface_is_closed_and_one_piece_without_handles():
    template = body_template()
    edges = np.sort(template.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()
    assert len(template.vertices) - len(edges) + len(template.faces) == 2
    directed = template.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)  # neighbours wind the same way


def test_volume_is_that_of_an_adult_and_faces_look_outwards():
    template = body_template()
    a, b, c = np.moveaxis(template.vertices[template.faces], 1, 0)
    litres = np.einsum("fc,fc->", a, np.cross(b, c)) / 6e6
    assert 52 < litres < 72


def test_stature_is_the_rig_s():
    height = np.ptp(body_template().rest[:, 2])
    assert height == pytest.approx(STATURE, abs=25)


def test_weights_are_shares_and_stay_near_their_segment():
    template = body_template()
    assert (template.weights >= 0).all()
    np.testing.assert_allclose(template.weights.sum(axis=1), 1, atol=1e-12)
    assert ((template.weights > 0).sum(axis=1) <= 6).all()
    joints = bind_matrices(template.proportions)[0]
    hand = template.weights[:, SEGMENT_NAMES.index("r_hand")] > 0
    wrist = joints[PREPOSE_27.index("r_wrist")]
    assert np.linalg.norm(template.vertices[hand] - wrist, axis=1).max() < 260
    for left, right in (("l_thigh", "r_thigh"), ("l_shin", "r_shin")):
        both = (template.weights[:, SEGMENT_NAMES.index(left)] > 0.2) & (
            template.weights[:, SEGMENT_NAMES.index(right)] > 0.2
        )
        assert np.abs(template.vertices[both, 0]).max(initial=0) < 30


def test_every_segment_rules_some_skin():
    rules = np.bincount(body_template().weights.argmax(axis=1), minlength=len(SEGMENT_NAMES))
    assert (rules > 20).all()


def test_head_and_hands_are_finer_than_the_trunk():
    template = body_template()
    edges = template.faces[:, [0, 1]]
    length = np.linalg.norm(template.vertices[edges[:, 0]] - template.vertices[edges[:, 1]], axis=1)
    ruler = template.weights.argmax(axis=1)[edges[:, 0]]
    head, hand, chest = (np.median(length[ruler == SEGMENT_NAMES.index(n)]) for n in ("head", "l_hand", "chest"))
    assert head < 0.5 * chest
    assert hand < 0.7 * chest
    assert 6000 < len(template.vertices) < 9000
