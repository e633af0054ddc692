from dataclasses import replace

import numpy as np
import pytest

from people_of_protocol import UNIV_SCALE, known_to, people_of
from prepose.body.skeletons import H36M_17, LSP_14, MPII_16, SMPL_24
from prepose.metrics.protocols import get_protocol
from prepose.metrics.scale import REFERENCE_BONES, bone_sum
from prepose.predict.lift import image_from_crop
from prepose.predict.sizing import at_root, root_relative_truth, sizing_of, true_root_depth

MEAN = get_protocol("h36m-14-mpjpe-true-root-depth")


def test_the_root_may_be_the_middle_of_two_joints():
    poses = np.random.default_rng(0).normal(0, 300, (3, 17, 3))
    found = at_root(poses, MEAN)
    hips = [H36M_17.index("l_hip"), H36M_17.index("r_hip")]
    np.testing.assert_allclose(found[:, hips].sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(found - found[:, :1], poses - poses[:, :1])


def test_the_truth_is_at_the_protocols_size():
    univ, plain = (get_protocol(f"mpi-inf-3dhp-14-pck3d-true-root-depth{end}") for end in ("-univ", ""))
    dataset = people_of(plain)
    np.testing.assert_allclose(root_relative_truth(dataset, univ), UNIV_SCALE * root_relative_truth(dataset, plain))
    sizing = sizing_of(dataset, univ, dataset.skeleton)
    predictions = known_to(dataset)
    joints_img = image_from_crop(predictions.joints_crop, predictions.img_from_crop)
    truth = root_relative_truth(dataset, univ)
    np.testing.assert_allclose(sizing.as_scored(joints_img, truth)[0], truth, atol=0.02)


def test_an_image_protocol_has_no_truth_in_mm():
    row = get_protocol("lsp-pck-20")
    assert np.isnan(root_relative_truth(people_of(row), row)).all()


def test_the_depth_that_counts_is_that_of_the_networks_root():
    dataset = people_of(MEAN)
    z = dataset.array("joints_cam")[..., 2]
    np.testing.assert_allclose(true_root_depth(dataset, MEAN, MPII_16), z[:, H36M_17.index("pelvis")])
    assert np.isnan(true_root_depth(dataset, MEAN, LSP_14)).all()


def test_an_approximate_root_gives_its_depth_where_it_is_accepted():
    row = get_protocol("3dpw-14-pa-mpjpe")
    dataset = people_of(row)
    z = dataset.array("joints_cam")[:, SMPL_24.index("pelvis"), 2]
    np.testing.assert_allclose(true_root_depth(dataset, row, MPII_16), z)
    np.testing.assert_allclose(true_root_depth(dataset, row, SMPL_24), z)
    assert np.isnan(true_root_depth(dataset, replace(row, accepted_approximations=()), MPII_16)).all()


@pytest.mark.parametrize("name", ["optimal-scale", "h36m-challenge-bone-sum-4000"])
def test_rules_that_rescale_need_no_bones_of_mpii(name):
    row = replace(get_protocol(name), skeleton="h36m-17")
    dataset = people_of(row)
    predictions = known_to(dataset)
    joints_img = image_from_crop(predictions.joints_crop, predictions.img_from_crop)
    truth = root_relative_truth(dataset, row)
    scored, depth = sizing_of(dataset, row, H36M_17).as_scored(joints_img, truth)
    if row.scale == "bone-sum-4000":
        np.testing.assert_allclose(bone_sum(scored, H36M_17, REFERENCE_BONES), 4000)
    else:
        np.testing.assert_allclose(scored, truth, atol=0.02)
    assert (depth > 100).all()


def test_how_poses_were_lifted_is_said():
    dataset = people_of(MEAN)
    assert sizing_of(dataset, MEAN, MPII_16).description() == "perspective (6 samples)"
    legacy = get_protocol("bone-sum-4000-legacy")
    assert sizing_of(dataset, legacy, MPII_16).description() == "weak perspective"
