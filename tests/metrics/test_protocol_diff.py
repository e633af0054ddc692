from dataclasses import replace

import pytest
from rich.console import Console

from prepose.metrics.protocol_diff import PROPERTIES, differences, print_differences, switched
from prepose.metrics.protocols import PROTOCOLS, get_protocol


def test_a_protocol_differs_from_itself_in_nothing():
    for protocol in PROTOCOLS.values():
        assert differences(protocol, protocol) == ()


def test_what_differs_is_told_in_words():
    found = {
        each.name: each
        for each in differences(get_protocol("h36m-14-pa-mpjpe"), get_protocol("mupots-3d-14-pck3d-true-root-depth"))
    }
    assert list(found) == ["joints", "approximations", "root", "alignment", "average", "frames", "people"]
    assert found["joints"].first == "14 of h36m-17; alone here: thorax"
    assert found["joints"].second == "14 of mpi-inf-3dhp-17; alone here: neck"
    assert (found["root"].first, found["root"].second) == ("middle of l_hip and r_hip", "pelvis")
    assert found["alignment"].first.startswith("PA-MPJPE, mm (best rotation")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"scale": "mean-person"}, "scale"),
        ({"bone_sum_mm": 3000.0}, "scale"),
        ({"flip_test": False}, "flip"),
        ({"stride": 5}, "frames"),
        ({"split": "train"}, "people"),
        ({"averaging": "actions"}, "average"),
        ({"coverage": "all"}, "joints"),
        ({"headline": "n_mpjpe_mm"}, "alignment"),
    ],
)
def test_each_field_is_a_part_of_a_property(change, name):
    first = get_protocol("true-root-depth")
    second = replace(first, **change)
    assert [each.name for each in differences(first, second)] == [name]
    half = switched(first, second, frozenset({name}))
    assert all(getattr(half, field) == getattr(second, field) for field in PROPERTIES[name])
    assert half.name == f"true-root-depth with {name} of true-root-depth"


def test_all_joints_by_name_or_by_default_are_alike():
    first = get_protocol("true-root-depth")
    assert differences(first, replace(first, joints=first.scored_joints, source="another paper", groups={})) == ()


def test_a_property_that_needs_another_one_cannot_be_switched_alone():
    first, second = get_protocol("h36m-14-pa-mpjpe"), replace(get_protocol("3dpw-14-pa-mpjpe"), root=("neck",))
    with pytest.raises(ValueError, match=r"\['neck'\] are not joints of h36m-17"):
        switched(first, second, frozenset({"root"}))
    assert switched(first, second, frozenset({"root", "joints"})).root == ("neck",)


def test_they_are_shown_as_a_table(capsys):
    first, second = get_protocol("true-root-depth"), get_protocol("mean-person")
    print_differences(first, second, differences(first, second), Console(width=100, highlight=False))
    text = capsys.readouterr().out
    assert "scale" in text and "alike: joints, approximations, root" in text
    print_differences(first, first, (), Console(width=100))
    assert "differ in nothing" in capsys.readouterr().out
