import pytest
from rich.console import Console

from prepose.body import skeleton_tables
from prepose.body.skeletons import SKELETONS
from prepose.errors import SkeletonMismatch


@pytest.fixture
def console():
    return Console(record=True, width=80)


def test_every_skeleton_is_listed(console):
    skeleton_tables.print_skeletons(console)
    text = console.export_text()
    assert all(name in text for name in SKELETONS)
    assert "and 103 more (face and hands)" in " ".join(text.split())
    # LSP-14 to COCO-17: twelve limbs, of which the hips are marked elsewhere.
    row = next(line for line in text.splitlines() if "lsp-14" in line and "~" in line)
    assert "10 ~2" in row


def test_a_map_names_the_source_of_each_joint(console):
    skeleton_tables.print_joint_maps("lsp-14", "mpii-16", console)
    text = console.export_text()
    assert "r_hip + l_hip" in text and "midpoint" in text and "approximate" in text


def test_unknown_skeleton_names_the_known_ones(console):
    with pytest.raises(SkeletonMismatch, match=r"no skeleton is named 'coco'.*coco-17"):
        skeleton_tables.print_joint_maps("coco", None, console)
