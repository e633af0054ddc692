from dataclasses import replace

import numpy as np
import pytest

from people_of_protocol import network_of, people_of
from prepose.body.skeletons import FLIC_11, H36M_17, LSP_14, MPII_16, OCCLUSION_PERSON_15, SKELETONS
from prepose.data.dataset import dataset_of
from prepose.errors import DataError
from prepose.metrics.protocols import PROTOCOLS, get_protocol
from prepose.predict.fit import check_fit, misfit, refusal, unsizable

ROWS = pytest.mark.parametrize("row", PROTOCOLS.values(), ids=lambda row: row.name)


def changed(dataset, **facts):
    """The same samples with other facts, each a value or a function of the sample."""
    samples = [
        replace(sample, **{name: value(sample) if callable(value) else value for name, value in facts.items()})
        for sample in dataset
    ]
    return dataset_of(samples, skeleton=dataset.skeleton, name=dataset.name, split=dataset.split)


def without_3d(sample):
    return np.full_like(sample.joints_cam, np.nan)


@ROWS
def test_what_a_protocol_is_made_for_fits_it(row):
    assert misfit(row, people_of(row), network_of(row)) is None


@ROWS
def test_another_dataset_is_refused(row):
    if row.datasets:
        other = replace(people_of(row), name="other")
        assert f"{row.name} is made for {row.datasets[0]}" in str(misfit(row, other, network_of(row)))


@ROWS
def test_labels_without_3d_joints_are_refused_where_the_figure_is_in_mm(row):
    flat = changed(people_of(row), joints_cam=without_3d)
    reason = misfit(row, flat, network_of(row))
    assert (reason is not None) == row.needs_3d
    if reason is not None:
        assert reason == f"the protocol {row.name} needs 3D joints, which none of the 6 samples has"


@ROWS
def test_labels_without_places_in_the_image_are_refused_where_the_figure_is_there(row):
    if not row.needs_3d:
        unplaced = changed(people_of(row), joints_img=lambda sample: np.full_like(sample.joints_img, np.nan))
        assert "needs joints in the image" in str(misfit(row, unplaced, network_of(row)))


@ROWS
def test_samples_without_camera_are_refused_where_the_rule_needs_one(row):
    blind = changed(people_of(row), camera=None)
    reason = misfit(row, blind, network_of(row))
    if row.scale.startswith("true-root-depth"):
        assert reason == f"6 of 6 samples have 3D joints but no camera, which the protocol {row.name} needs"
    else:
        assert reason is None


@ROWS
def test_a_network_that_lacks_a_joint_is_refused_by_rows_for_datasets(row):
    if row.coverage == "all":
        reasons = {network.name: misfit(row, people_of(row), network) for network in SKELETONS.values()}
        refused = {name: reason for name, reason in reasons.items() if reason is not None}
        assert row.skeleton not in refused
        # Every skeleton has elbows and wrists.
        assert bool(refused) == (row.datasets != ("flic", "flic-full"))
        for name, reason in refused.items():
            assert (
                f"which a network of {name} does not have" in reason or "no root" in reason or "whose depth" in reason
            )


@pytest.mark.parametrize(
    ("name", "network", "fits"),
    [
        ("h36m-17-mpjpe-true-root-depth", MPII_16, False),
        ("h36m-14-mpjpe-true-root-depth", MPII_16, True),
        ("h36m-challenge-bone-sum-4000", MPII_16, True),
        ("h36m-challenge-bone-sum-4000", H36M_17, True),
        ("h36m-challenge-bone-sum-4000-legacy", H36M_17, False),
        ("mpi-inf-3dhp-14-pck3d-true-root-depth", MPII_16, True),
        ("mpi-inf-3dhp-17-pck3d-true-root-depth", MPII_16, False),
        ("3dpw-14-pa-mpjpe", MPII_16, True),
        ("3dpw-14-pa-mpjpe", H36M_17, True),
        ("occlusion-person-15-mpjpe-true-root-depth", MPII_16, False),
        ("occlusion-person-13-mpjpe-true-root-depth", MPII_16, True),
        ("lsp-pck-20", MPII_16, True),
        ("flic-pck-20", MPII_16, True),
        ("coco-oks-ap-given-boxes", MPII_16, False),
        ("mean-person", OCCLUSION_PERSON_15, False),
        ("optimal-scale", OCCLUSION_PERSON_15, True),
        ("bone-sum-4000", OCCLUSION_PERSON_15, False),
    ],
)
def test_which_networks_a_protocol_scores(name, network, fits):
    row = get_protocol(name)
    assert (misfit(row, people_of(row), network) is None) == fits


def test_what_is_lacking_is_named():
    row = get_protocol("h36m-17-mpjpe-true-root-depth")
    assert misfit(row, people_of(row), MPII_16) == (
        "the protocol h36m-17-mpjpe-true-root-depth scores spine, nose_neck, which a network of mpii-16 does not "
        "have, or defines otherwise"
    )
    row = get_protocol("mpii-pckh-50")
    people = people_of(row, skeleton=LSP_14)
    assert "scores upper_neck, which labels in lsp-14 do not have, or define otherwise" in str(
        misfit(row, people, MPII_16)
    )


def test_people_whom_a_protocol_is_not_made_for_are_named():
    row = get_protocol("h36m-14-pa-mpjpe")
    others = changed(people_of(row), subject="S8")
    assert str(misfit(row, others, MPII_16)).endswith("is made for S9, S11, and this split has S8")
    nameless = changed(people_of(row), subject="")
    assert str(misfit(row, nameless, MPII_16)).endswith("this split has people without names")
    challenge = get_protocol("h36m-challenge-bone-sum-4000")
    assert "is made for people without names, and this split has S11, S9" in str(
        misfit(challenge, people_of(row), MPII_16)
    )


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        ("mpii-pckh-50", {"head_box_xywh": np.full(4, np.nan)}, "needs head boxes, which no sample has"),
        ("h36m-14-pa-mpjpe-by-action", {"action": ""}, "averages over actions, which samples here do not name"),
        ("coco-oks-ap-given-boxes", {"details": "{}"}, "needs each label's area and image; add the dataset again"),
        ("coco-oks-ap-given-boxes", {"details": '{"area": 5.0}'}, "needs each label's image; add"),
        ("mpi-inf-3dhp-14-pck3d-true-root-depth-univ", {"details": "{}"}, "no univ_scale in their details"),
    ],
)
def test_facts_that_a_protocol_needs_are_named(name, facts, message):
    row = get_protocol(name)
    assert message in str(misfit(row, changed(people_of(row), **facts), network_of(row)))


def test_a_torso_needs_both_of_its_ends():
    row = get_protocol("flic-pck-20")

    def hipless(sample):
        joints = sample.joints_img.copy()
        joints[FLIC_11.index("r_hip")] = np.nan
        return joints

    assert "needs left shoulder and right hip" in str(misfit(row, changed(people_of(row), joints_img=hipless), FLIC_11))


def test_a_refusal_says_what_would_fit():
    row = get_protocol("h36m-17-mpjpe-true-root-depth")
    people = people_of(row)
    with pytest.raises(DataError) as refused:
        check_fit(row, people, MPII_16)
    line = str(refused.value)
    assert line.startswith("h36m/test: the protocol h36m-17-mpjpe-true-root-depth scores spine, nose_neck")
    assert "use --protocol h36m-14-mpjpe-true-root-depth, h36m-14-pa-mpjpe, " in line and line.endswith(", ...")
    assert "\n" not in line
    nothing = changed(people, joints_cam=without_3d, joints_img=lambda s: np.full_like(s.joints_img, np.nan))
    assert refusal("why", nothing, MPII_16) == "h36m/test: why; no protocol fits them"


def test_a_protocol_for_any_dataset_gives_what_the_labels_allow():
    row = get_protocol("true-root-depth")
    flat = changed(people_of(row), joints_cam=without_3d)
    check_fit(row, flat, MPII_16)
    assert misfit(row, flat, MPII_16) is not None
    with pytest.raises(DataError, match="no camera"):
        check_fit(row, changed(people_of(row), camera=None), MPII_16)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_network_without_a_root_tells_no_depth(skeleton):
    row = get_protocol("true-root-depth")
    reason = unsizable(row, people_of(row), skeleton)
    # A pelvis that is defined otherwise (SMPL's, or one midway between points of the skin) is not that of the labels.
    assert (reason is None) == (skeleton.root is not None and skeleton.root not in skeleton.variants)
    if skeleton.root in skeleton.variants:
        assert f"do not tell where the pelvis of a network of {skeleton.name} is" in str(reason)
