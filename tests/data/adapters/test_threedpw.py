import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from fake_pickles import write_python2_pickle
from fakes_3dpw import SEQUENCES, fake_3dpw
from perfect import perfect_predictions
from prepose.body.skeletons import SMPL_24 as SKELETON
from prepose.data.adapters.threedpw import SPLITS, forget_far_joints, joint_states, threedpw
from prepose.data.catalog import add_dataset
from prepose.data.sample import JointState
from prepose.data.store import open_store
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.predict.score import score

FRAMES = 12


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("threedpw")
    return root, fake_3dpw(root, np.random.default_rng(1), frames=FRAMES)


@pytest.fixture
def copy(dataset, tmp_path):
    return shutil.copytree(dataset[0], tmp_path / "root")


def all_of(found):
    return list(found.samples(0, found.total))


def rewrite(root, change, split="train"):
    path = root / "sequenceFiles" / split / f"{SEQUENCES[split][0]}.pkl"
    content = read_pickle(path)
    change(content)
    write_python2_pickle(path, content)


def test_every_person_of_every_frame_with_a_valid_camera_comes(dataset):
    root, written = dataset
    for split in SPLITS:
        (name,) = SEQUENCES[split]
        samples = all_of(threedpw(root, split, partial=False))
        wanted = [(a, f) for a in range(2) for f in range(FRAMES) if written[name].valid[a, f]]
        assert len(samples) == len(wanted) == 2 * FRAMES - 1
        for sample, (actor, frame) in zip(samples, wanted, strict=True):
            person = written[name].people[actor][frame]
            assert sample.image == root / "imageFiles" / name / f"image_{frame:05d}.jpg"
            assert (sample.frame, sample.subject, sample.action) == (frame, f"{name} person {actor}", name[:-3])
            np.testing.assert_allclose(sample.joints_cam, person.joints_cam, atol=1e-6)
            np.testing.assert_allclose(sample.joints_img, person.joints_img, atol=1e-6)
            np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=1e-6)
            np.testing.assert_allclose(sample.camera.world_from_cam(sample.joints_cam), person.joints_world, atol=1e-6)
            assert sample.camera.size_wh == (160, 120)
            assert sample.projected
            assert sample.details == f'{{"gender": "{"mf"[actor]}"}}'


def test_what_was_left_out_and_checked_is_said(dataset):
    found = threedpw(dataset[0], "train", partial=False)
    assert found.notes[0] == "3D joints are in m, told from the length of legs"
    assert found.notes[1].startswith("1 frames of people have a camera that the authors mark as invalid")
    assert found.notes[2].startswith("2D joints are not labelled")
    assert found.notes[3].startswith("left and right agree with the facing direction of ")
    assert found.notes[4].startswith(f"projected joints lie 0.0 px (median) from {23 * 12 - 1} detected ones, ")
    assert found.facts == {"sequences": 1, "unit_of_3d": "m"}


def test_states_are_hints(dataset):
    root, _ = dataset
    samples = all_of(threedpw(root, "train", partial=False))
    wrist, spine, knee = (SKELETON.index(joint) for joint in ("r_wrist", "spine1", "l_knee"))
    last_of_first = samples[FRAMES - 1]
    assert last_of_first.states[wrist] == JointState.UNKNOWN  # not detected there
    assert samples[0].states[wrist] == samples[0].states[knee] == JointState.VISIBLE
    assert all(sample.states[spine] == JointState.UNKNOWN for sample in samples)


def test_joints_outside_of_the_image_are_said_to_be():
    joints = np.zeros((3, 24, 2)) + 50
    joints[0, 0] = [-0.4, 119.4]
    joints[0, 1] = [-0.6, 50]
    joints[0, 2] = np.nan
    joints[1] = 400
    detected = np.ones((3, 24, 3))
    detected[2, 5, 2] = 0.3
    states, seen = joint_states(joints, detected, np.array([[160, 120]] * 3))
    assert seen.tolist() == [True, False, True]
    assert states[0, :4].tolist() == [JointState.VISIBLE, JointState.OUTSIDE, JointState.OUTSIDE, JointState.VISIBLE]
    assert (states[1] == JointState.OUTSIDE).all()
    assert states[2, 5] == JointState.UNKNOWN


def test_joints_far_outside_have_no_place_in_the_image():
    joints = np.zeros((2, 24, 2)) + 50
    joints[0, 0] = [-161, 50]
    joints[0, 1] = [50, 241]
    joints[0, 2] = [-159, 239]
    joints[1, 0] = np.nan
    kept, far = forget_far_joints(joints, np.array([[160, 120]] * 2))
    assert far == 2
    assert np.isnan(kept[..., 0]).nonzero()[1].tolist() == [0, 1, 0]


def test_people_who_left_the_picture_are_left_out_and_counted(copy):
    def move(content):
        content["jointPositions"][1][2:5] += 100  # 100 m along all axes

    rewrite(copy, move)
    found = threedpw(copy, "train", partial=False)
    assert found.total == 2 * FRAMES - 1 - 3
    assert any(note.startswith("3 frames of people have no joint inside the image") for note in found.notes)


def test_a_store_scores_zero_for_a_perfect_prediction(dataset, tmp_path):
    added = add_dataset("3dpw", dataset[0], tmp_path / "store")
    assert [part.samples for part in added] == [2 * FRAMES - 1] * 3
    stored = open_store(tmp_path / "store", "test")
    protocol = replace(get_protocol("true-root-depth"), skeleton=SKELETON.name)
    evaluation = score(perfect_predictions(stored), stored, protocol, facts={})
    assert evaluation.overall()["mpjpe_mm"] == pytest.approx(0, abs=0.02)
    assert evaluation.overall()["error_px"] == pytest.approx(0, abs=1e-3)
    assert evaluation.scored_3d.all()


def test_samples_can_begin_anywhere_and_travel(dataset):
    found = pickle.loads(pickle.dumps(threedpw(dataset[0], "train", partial=False)))
    assert [sample.source for sample in found.samples(7, 12)] == [sample.source for sample in all_of(found)][7:12]


def test_missing_images_are_an_error_unless_partial(copy):
    (copy / "imageFiles" / SEQUENCES["train"][0] / "image_00003.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 23 labels have no image \(.*image_00003\.jpg.*--partial to take the 21"):
        threedpw(copy, "train", partial=False)
    assert {sample.frame for sample in all_of(threedpw(copy, "train", partial=True))} == set(range(FRAMES)) - {3}


def test_images_of_another_numbering_are_an_error(copy):
    folder = copy / "imageFiles" / SEQUENCES["train"][0]
    for image in sorted(folder.iterdir(), reverse=True):
        image.rename(folder / f"image_{int(image.stem[-5:]) + 1:05d}.jpg")
    with pytest.raises(DataError, match=r"labels have no image \(.*image_00000\.jpg"):
        threedpw(copy, "train", partial=False)


def test_exchanged_sides_are_refused(copy):
    def exchange(content):
        content["jointPositions"] = [
            joints.reshape(-1, 24, 3)[:, SKELETON.mirror].reshape(-1, 72) for joints in content["jointPositions"]
        ]

    rewrite(copy, exchange)
    with pytest.raises(DataError, match="left and right legs and arms are exchanged"):
        threedpw(copy, "train", partial=False)


def test_a_sequence_without_any_valid_camera_is_an_error(copy):
    rewrite(copy, lambda content: content.update(campose_valid=[np.zeros(FRAMES)] * 2))
    with pytest.raises(DataError, match="no frame of its 1 sequences has a valid camera"):
        threedpw(copy, "train", partial=False)


def test_a_split_or_folder_that_is_not_there_is_an_error(dataset, tmp_path):
    with pytest.raises(DataError, match="3dpw has no split 'val'; it has train, validation, test"):
        threedpw(dataset[0], "val", partial=False)
    with pytest.raises(
        DataError, match=r"sequenceFiles/train: holds no sequence \(\*\.pkl\); unpack sequenceFiles\.zip"
    ):
        threedpw(tmp_path, "train", partial=True)


def test_labels_without_any_image_folder_are_an_error(copy):
    shutil.rmtree(copy / "imageFiles")
    with pytest.raises(DataError, match=r"its images are not there; looked for .*imageFiles"):
        threedpw(copy, "train", partial=True)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
def test_a_truncated_sequence_is_an_error(copy, share):
    path = copy / "sequenceFiles/train" / f"{SEQUENCES['train'][0]}.pkl"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"courtyard_walk_00\.pkl: is truncated, damaged or not a pickle"):
        threedpw(copy, "train", partial=False)
