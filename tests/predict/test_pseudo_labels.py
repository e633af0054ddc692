"""Predicted poses become 3D labels where, and only where, they agree with the 2D labels."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from deaths import killed_everywhere
from prepose.data.store import StoreDescription, describe_store, open_store, write_store
from prepose.data.target import image_targets
from prepose.errors import DataError
from prepose.predict import pseudo_labels
from prepose.predict.pseudo_labels import LiftRules, lift_store, lifted

SCALE, SHIFT = 0.12, np.array([70.0, 40.0])


@pytest.fixture
def poses():
    return np.random.default_rng(3).normal(0, 300, (4, 16, 3))


@pytest.fixture
def labels(poses):
    return SCALE * poses[..., :2] + SHIFT


def test_a_pose_that_fits_gives_labels_that_project_onto_the_2d_ones(poses, labels):
    result = lifted(labels, poses + np.array([500.0, -200, 4000]))
    assert result.people.all() and result.joints == 64
    np.testing.assert_allclose(result.residual_mm, 0, atol=1e-9)
    flat = labels - labels.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(result.joints_cam[..., :2] * SCALE, flat, atol=1e-9)
    np.testing.assert_allclose(result.joints_cam[..., 2], poses[..., 2] + 4000)


def test_a_joint_that_lies_elsewhere_gets_no_label_and_does_not_move_the_others(poses, labels):
    wrong = poses.copy()
    wrong[0, 5, 0] += 400
    result = lifted(labels, wrong)
    known = np.isfinite(result.joints_cam).all(axis=-1)
    assert not known[0, 5] and known.sum() == 63
    flat = labels[0] - np.delete(labels[0], 5, axis=0).mean(axis=0)
    np.testing.assert_allclose(result.joints_cam[0, known[0], :2] * SCALE, flat[known[0]], atol=1e-9)


def test_people_whose_pose_is_another_or_mirrored_or_hardly_there_get_no_labels(poses, labels):
    wrong = poses.copy()
    wrong[0, :, 0] *= -1
    wrong[1] = poses[2]
    wrong[2, 5:] = np.nan
    assert lifted(labels, wrong).people.tolist() == [False, False, False, True]


def test_what_is_not_labelled_in_2d_stays_so(poses, labels):
    labels[:, 3] = np.nan
    result = lifted(labels, poses)
    assert np.isnan(result.joints_cam[:, 3]).all() and result.joints == 60


@pytest.mark.parametrize(("field", "value"), [("joint_mm", 0.0), ("person_mm", np.nan), ("confidence", 1.5)])
def test_rules_that_make_no_sense_are_named(field, value):
    with pytest.raises(DataError, match=field):
        LiftRules(**{field: value})


@pytest.fixture
def flat_store(people, tmp_path):
    """A store of people with 2D labels alone, and their true 3D joints."""
    samples = people.samples(6)
    folder = tmp_path / "flat"
    without = [replace(one, joints_cam=np.full_like(one.joints_cam, np.nan), camera=None) for one in samples]
    description = StoreDescription("flat", samples[0].skeleton, licence="research only")
    write_store(folder, description, "train", without, total=len(without))
    return folder, np.stack([one.joints_cam for one in samples]), samples[0].skeleton


def test_a_store_gets_the_3d_labels_of_predictions(flat_store, tmp_path):
    folder, truth, skeleton = flat_store
    file = tmp_path / "other.npz"
    np.savez(file, sample=np.arange(6), joints_cam=truth / 1000, skeleton=skeleton.name)
    done = lift_store(folder, tmp_path / "lifted", predictions=file, rules=LiftRules(person_mm=150.0, joint_mm=300.0))
    assert (done.samples, done.people) == (6, 6) and "inferred" in " ".join(done.notes)
    before, after = open_store(folder, "train"), open_store(tmp_path / "lifted", "train")
    np.testing.assert_array_equal(after.array("joints_img"), before.array("joints_img"))
    assert after.image_bytes(2) == before.image_bytes(2)
    depth = image_targets(after, skeleton)[..., 2]
    assert np.isfinite(depth).mean() > 0.9
    # A person at a distance is seen almost as by parallel rays: depth in px is that of the true pose.
    true = truth[..., 2] - truth[:, [skeleton.root_index], 2]
    known = np.isfinite(depth) & (np.abs(true) > 50)
    assert np.corrcoef(depth[known], true[known])[0, 1] > 0.95
    licence = describe_store(tmp_path / "lifted").description.licence
    assert licence.startswith("research only; 3D pseudo-labels by other.npz")
    with pytest.raises(DataError, match="already"):
        lift_store(folder, tmp_path / "lifted", predictions=file, rules=LiftRules(person_mm=150.0, joint_mm=300.0))


def test_killed_before_any_change_to_the_disk_it_ends_the_same_when_run_again(flat_store, tmp_path, monkeypatch):
    folder, truth, skeleton = flat_store
    file = tmp_path / "other.npz"
    np.savez(file, sample=np.arange(6), joints_cam=truth / 1000, skeleton=skeleton.name)
    monkeypatch.setattr(pseudo_labels, "write_store", partial(write_store, shard_size=2))

    def command(out):
        try:
            lift_store(folder, out, predictions=file, rules=LiftRules(person_mm=150.0, joint_mm=300.0))
        except DataError as error:
            # Killed after its very last write, when all was done.
            assert "already" in str(error)

    def files(out):
        return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def same(out):
        assert files(out) == files(tmp_path / "whole")

    command(tmp_path / "whole")
    assert len(files(tmp_path / "whole")) == 5  # two records and three shards
    assert killed_everywhere(command, tmp_path / "killed", same) > 15


def test_a_network_labels_a_store(flat_store, weights, tmp_path):
    folder, _, _ = flat_store
    # Its weights are random: nobody passes unless everybody may.
    with pytest.raises(DataError, match="no pose of"):
        lift_store(folder, tmp_path / "lifted", network=weights, rules=LiftRules(person_mm=1.0))
    assert not (tmp_path / "lifted").exists()
    done = lift_store(folder, tmp_path / "lifted", network=weights, rules=LiftRules(person_mm=1e6, joint_mm=1e6))
    assert done.people > 0 and weights.name in done.by


def test_what_cannot_be_lifted_is_refused(flat_store, weights, tmp_path):
    folder, truth, skeleton = flat_store
    file, out = tmp_path / "other.npz", tmp_path / "lifted"
    np.savez(file, sample=np.arange(6), joints_cam=truth, skeleton=skeleton.name)
    with pytest.raises(DataError, match="one of them"):
        lift_store(folder, out, network=weights, predictions=file)
    with pytest.raises(DataError, match="test"):
        lift_store(folder, out, predictions=file, split="test")
    np.savez(file, sample=np.arange(6), joints_cam=truth * 50, skeleton=skeleton.name)
    with pytest.raises(DataError, match="state --unit"):
        lift_store(folder, out, predictions=file)
    np.savez(file, sample=np.arange(6), joints_world=truth, skeleton=skeleton.name)
    with pytest.raises(DataError, match="world"):
        lift_store(folder, out, predictions=file)
    with pytest.raises(DataError, match="has 3D labels"):
        np.savez(file, sample=np.arange(6), joints_cam=truth, skeleton=skeleton.name)
        lift_store(folder, out, predictions=file, rules=LiftRules(person_mm=150.0, joint_mm=300.0))
        lift_store(out, tmp_path / "again", predictions=file)
