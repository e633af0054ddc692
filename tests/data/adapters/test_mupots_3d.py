import json
import re
import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from fakes_mupots_3d import MISPLACED_PX, SPINE, fake_mupots_3d, write_sequence
from prepose.body.skeletons import MPI_INF_3DHP_17
from prepose.data.adapters.mupots_3d import SEQUENCES, forget_misplaced, mupots_3d
from prepose.data.catalog import add_dataset
from prepose.data.sample import JointState
from prepose.data.store import open_store
from prepose.errors import DataError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("mupots")
    return root, fake_mupots_3d(root, np.random.default_rng(5))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("mupots_two")
    return root, fake_mupots_3d(root, np.random.default_rng(6), sequences=(1, 13))


@pytest.fixture
def copy(two, tmp_path):
    """A copy of two sequences that may be damaged."""
    shutil.copytree(two[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def folder_of(root, name="TS1"):
    return root / "MultiPersonTestSet" / name


def with_labels(root, sequence, **changes):
    """TS1's labels written again, some of them changed."""
    fields = {name: np.copy(value) for name, value in vars(sequence).items() if isinstance(value, np.ndarray)}
    for name, change in changes.items():
        change(fields[name])
    write_sequence(folder_of(root), type(sequence)(camera=sequence.camera, **fields))


def test_the_whole_set_is_read_frame_by_frame_and_person_by_person(whole):
    root, written = whole
    found = mupots_3d(root, "test", partial=False)
    samples = list(found.samples(0, found.total))
    assert list(dict.fromkeys(sample.action for sample in samples)) == list(SEQUENCES)
    assert found.skeleton is MPI_INF_3DHP_17 and found.facts["sequences"] == 20
    assert found.total == sum(int(sequence.valid.sum()) for sequence in written.values())
    for name, sequence in written.items():
        mine = [sample for sample in samples if sample.action == name]
        where = [(sample.frame, sample.subject) for sample in mine]
        assert where == [(frame, f"{name}-person{person}") for frame, person in np.argwhere(sequence.valid).tolist()]
        np.testing.assert_allclose([one.joints_cam for one in mine], sequence.joints_cam[sequence.valid], atol=1e-9)
        for sample in mine:
            assert str(sample.image).endswith(f"{name}/img_{sample.frame:06d}.jpg")
            np.testing.assert_allclose(sample.camera.K, sequence.camera.K, atol=1e-6)
            assert sample.camera.size_wh == sequence.camera.size_wh


def test_occluded_joints_joints_outside_and_sizes_of_univ_are_kept(two):
    root, written = two
    found = mupots_3d(root, "test", partial=True)
    for sample in found.samples(0, found.total):
        sequence, person = written[sample.action], int(sample.subject[-1])
        outside = sample.states == JointState.OUTSIDE
        np.testing.assert_array_equal(
            sample.states[~outside] == JointState.OCCLUDED, sequence.occluded[sample.frame, person][~outside]
        )
        assert json.loads(sample.details)["univ_scale"] == pytest.approx(sequence.univ_scale[person], abs=1e-6)


def test_a_joint_that_lies_elsewhere_in_2d_is_not_labelled_there_and_moves_neither_camera_nor_box(two):
    root, written = two
    found = mupots_3d(root, "test", partial=True)
    samples = list(found.samples(0, found.total))
    lost = [(s.subject, int(j)) for s in samples for j in np.flatnonzero(np.isnan(s.joints_img).any(axis=1))]
    assert lost == [("TS1-person0", SPINE)] * 2
    told = next(note for note in found.notes if "not labelled in 2D" in note)
    assert told.startswith("2 2D joints") and "TS1 spine 2" in told
    for sample in samples:
        assert np.isfinite(sample.joints_cam).all()
        seen = written[sample.action].camera.project(sample.joints_cam)
        known = np.isfinite(sample.joints_img).all(axis=1)
        np.testing.assert_allclose(sample.joints_img[known], seen[known], atol=1e-4)
        low, high = sample.box_xywh[:2], sample.box_xywh[:2] + sample.box_xywh[2:]
        assert ((seen[known] >= low) & (seen[known] <= high)).all()


def test_a_joint_counts_as_misplaced_beyond_half_a_percent_of_the_longer_side(two):
    sequence = two[1]["TS13"]
    cam = sequence.joints_cam[:, 0]
    img = sequence.camera.project(cam)
    limit = 0.005 * max(sequence.camera.size_wh)
    for beside, count in ((0.99 * limit, 0), (1.01 * limit, len(img))):
        moved = img.copy()
        moved[:, 3, 0] += beside
        assert np.isnan(forget_misplaced(moved, cam, sequence.camera)).any(axis=2).sum() == count
    assert limit < MISPLACED_PX


def test_the_notes_state_what_was_left_out_and_how_well_the_cameras_fit(two):
    notes = mupots_3d(two[0], "test", partial=True).notes
    assert notes[0].startswith("nothing of TS2, TS3") and "TS13" not in notes[0]
    assert any(re.match(r"7 of 15 labels of people are not valid by isValidFrame", note) for note in notes)
    assert any(re.search(r"2D joints to 0\.00 to 0\.00 px \(medians", note) for note in notes)
    assert any("marked as occluded" in note for note in notes)
    assert any("univ_annot3" in note for note in notes)


@pytest.mark.parametrize("up", ["", "MultiPersonTestSet"])
def test_the_folder_may_be_named_at_either_level(two, up):
    assert mupots_3d(two[0] / up, "test", partial=True).total == 8


def test_a_store_of_it_is_a_test_set_alone(two, tmp_path):
    (added,) = add_dataset("mupots-3d", two[0], tmp_path / "store", partial=True)
    store = open_store(tmp_path / "store", "test")
    assert (added.split, added.samples, len(store)) == ("test", 8, 8)
    assert "research" in store.licence and "3DV 2018" in store.citation
    with pytest.raises(DataError, match=r"mupots-3d has no split 'train'; .*test"):
        mupots_3d(two[0], "train", partial=True)


def test_sequences_that_are_not_there_are_named(two, tmp_path):
    with pytest.raises(DataError, match=r"no annot\.mat of TS2, TS3, .*--partial"):
        mupots_3d(two[0], "test", partial=False)
    with pytest.raises(DataError, match=r"holds no TS1/annot\.mat .*MultiPersonTestSet"):
        mupots_3d(tmp_path, "test", partial=True)


def test_small_images_are_refused(copy):
    for path in folder_of(copy).glob("*.jpg"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (51, 51)))
    with pytest.raises(DataError, match=r"TS1: in 3 of 3 labels, joints lie far outside.*51 x 51 px"):
        mupots_3d(copy, "test", partial=True)


def test_images_of_a_size_that_the_camera_is_not_of_are_refused(copy):
    for path in folder_of(copy).glob("*.jpg"):
        cv2.imwrite(str(path), cv2.copyMakeBorder(cv2.imread(str(path)), 0, 250, 0, 250, cv2.BORDER_CONSTANT))
    with pytest.raises(DataError, match=r"TS1: its images are 454 x 454 px.*optical axis at 10\d, 10\d.*resized"):
        mupots_3d(copy, "test", partial=True)


def test_images_of_two_sizes_in_a_sequence_are_refused(copy):
    path = folder_of(copy) / "img_000001.jpg"
    cv2.imwrite(str(path), cv2.copyMakeBorder(cv2.imread(str(path)), 0, 4, 0, 0, cv2.BORDER_CONSTANT))
    with pytest.raises(DataError, match=r"TS1: img_000000\.jpg is 204 x 204 px and img_000001\.jpg 204 x 208"):
        mupots_3d(copy, "test", partial=True)


def test_a_missing_image_is_refused_or_left_out_with_its_people(copy):
    (folder_of(copy) / "img_000000.jpg").unlink()
    with pytest.raises(DataError, match=r"no annot\.mat of"):
        mupots_3d(copy, "test", partial=False)
    found = mupots_3d(copy, "test", partial=True)
    assert found.total == 6
    assert any("1 of 3 labels have no image" in note for note in found.notes)


def test_people_with_broken_joints_are_refused_or_left_out(whole, tmp_path):
    root, written = whole
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    with_labels(tmp_path, written["TS1"], joints_cam=lambda joints: joints[0, 1].__setitem__(3, np.nan))
    with pytest.raises(DataError, match=r"TS1/annot\.mat: 1 of 3 valid people .*frame 0, person 1.*--partial"):
        mupots_3d(tmp_path, "test", partial=False)
    found = mupots_3d(tmp_path, "test", partial=True)
    assert found.total == sum(int(sequence.valid.sum()) for sequence in written.values()) - 1
    assert any(note.startswith("1 valid people have NaN") for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints_cam": lambda joints: np.divide(joints, 1000, out=joints)}, r"in m \(.*annot3 should be in mm"),
        (
            {"joints_img": lambda joints: joints.__setitem__(slice(None), joints[::-1, ::-1, :, ::-1] % 190 + 5)},
            r"TS1/?.*: no camera sees",
        ),
        ({"valid": lambda valid: valid.fill(False)}, r"isValidFrame marks nobody"),
    ],
    ids=["metres", "other 2D", "nobody valid"],
)
def test_labels_that_do_not_fit_are_refused(copy, two, changes, message):
    with_labels(copy, two[1]["TS1"], **changes)
    with pytest.raises(DataError, match=message):
        mupots_3d(copy, "test", partial=True)


def test_damaged_label_files_are_refused(copy):
    annot, occlusion = (folder_of(copy) / name for name in ("annot.mat", "occlusion.mat"))
    whole = scipy.io.loadmat(annot)["annotations"], scipy.io.loadmat(occlusion)["occlusion_labels"]
    scipy.io.savemat(occlusion, {"occlusion_labels": whole[1][:2]})
    with pytest.raises(DataError, match=r"occlusion\.mat: has 4 occlusion_labels for 3 frames of 2 people"):
        mupots_3d(copy, "test", partial=True)
    scipy.io.savemat(occlusion, {"labels": np.zeros(3)})
    with pytest.raises(DataError, match=r"occlusion\.mat: has no occlusion_labels"):
        mupots_3d(copy, "test", partial=True)
    occlusion.unlink()
    with pytest.raises(DataError, match=r"occlusion\.mat: there is no such file"):
        mupots_3d(copy, "test", partial=True)
    scipy.io.savemat(occlusion, {"occlusion_labels": whole[1]})
    cells = whole[0].copy()
    cells[2, 1] = {"annot2": np.zeros((2, 16)), "annot3": np.zeros((3, 17))}
    scipy.io.savemat(annot, {"annotations": cells})
    with pytest.raises(DataError, match=r"annot\.mat: annot2 of frame 2, person 1.* is 2 x 16, expected 2 x 17"):
        mupots_3d(copy, "test", partial=True)
    cells[2, 1] = np.zeros(3)
    scipy.io.savemat(annot, {"annotations": cells})
    with pytest.raises(DataError, match=r"annot\.mat: annotations\{3, 2\} is no struct"):
        mupots_3d(copy, "test", partial=True)
    scipy.io.savemat(annot, {"other": np.zeros(3)})
    with pytest.raises(DataError, match=r"annot\.mat: has no table of cells 'annotations'; it has other \(double\)"):
        mupots_3d(copy, "test", partial=True)


def test_other_files_are_named(two, tmp_path):
    with pytest.raises(DataError, match=r"annot\.mat looks like mupots-3d, not mpi-inf-3dhp"):
        add_dataset("mpi-inf-3dhp", two[0], tmp_path / "out")
