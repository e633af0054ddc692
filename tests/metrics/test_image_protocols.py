import pytest

from prepose.metrics.image_protocols import COCO, FLIC, IMAGE, LSP, MPII


@pytest.mark.parametrize("row", IMAGE, ids=lambda row: row.name)
def test_nothing_is_lifted_and_every_joint_is_asked_for(row):
    assert row.scale == "image" and row.root == () and row.coverage == "all" and not row.needs_3d


def test_mpii_is_scored_as_its_owners_do():
    for row in MPII:
        assert {"pelvis", "thorax"}.isdisjoint(row.scored_joints) and len(row.scored_joints) == 14
        assert list(row.groups) == ["head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
        assert row.groups["head"] == ("upper_neck", "head_top")
        assert row.averaging == "joints"
    assert [row.headline for row in MPII] == ["pckh_50", "pckh_10"]
    assert "within 0.1" in MPII[1].source and "within 0.5" not in MPII[1].source


def test_the_upper_bodies_are_scored_at_elbows_and_wrists():
    assert all(set(row.scored_joints) == {"l_elbow", "r_elbow", "l_wrist", "r_wrist"} for row in FLIC)
    assert [row.headline for row in FLIC] == ["pck2d", "pck2d_10"]
    assert {"flic", "flic-full"} == set(FLIC[0].datasets)


def test_lsp_and_coco_score_all_their_joints():
    assert len(LSP[0].scored_joints) == 14 and len(COCO[0].scored_joints) == 17
    assert "given" in COCO[0].name, "boxes are given, and the name says so"
