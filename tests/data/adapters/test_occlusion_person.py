import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from fakes_occlusion_person import fake_occlusion_person, image_name
from perfect import perfect_predictions
from prepose.body.skeletons import OCCLUSION_PERSON_15 as SKELETON
from prepose.data.adapters.occlusion_person import SPLITS, joint_states, occlusion_person
from prepose.data.catalog import add_dataset
from prepose.data.picture import decode_image
from prepose.data.sample import JointState
from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.predict.score import score


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("occlusion_person")
    return root, fake_occlusion_person(root, np.random.default_rng(1))


@pytest.fixture
def copy(dataset, tmp_path):
    return shutil.copytree(dataset[0], tmp_path / "root")


def all_of(found):
    return list(found.samples(0, found.total))


def rewrite(root, change, split="train"):
    path = root / "annot" / f"unrealcv_{split}.pkl"
    records = pickle.loads(path.read_bytes())
    for record in records:
        change(record)
    path.write_bytes(pickle.dumps(records))


def test_joints_come_in_mm_and_px_with_their_states(dataset):
    root, people = dataset
    for split in SPLITS:
        samples = all_of(occlusion_person(root, split, partial=False))
        assert len(samples) == len(people[split])
        for number, (sample, person) in enumerate(zip(samples, people[split], strict=True)):
            np.testing.assert_allclose(sample.joints_cam, person.joints_cam)
            np.testing.assert_allclose(sample.joints_img, person.joints_img)
            np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=1e-6)
            np.testing.assert_allclose(sample.camera.world_from_cam(sample.joints_cam), person.joints_world, atol=1e-6)
            assert sample.camera.size_wh == (160, 120)
            assert sample.states[3] == JointState.OCCLUDED
            assert sample.states[6] == JointState.OUTSIDE
            assert (np.delete(sample.states, [3, 6]) == JointState.VISIBLE).all()
            x, y, width, height = sample.box_xywh
            assert (sample.joints_img > [x, y]).all()
            assert (sample.joints_img < [x + width, y + height]).all()
            assert (sample.frame, sample.subject, sample.action) == (number, str(number % 3), "7")
            assert image_name(split, number) in sample.source


@pytest.mark.parametrize(("mm", "unit"), [(1.0, "mm"), (10.0, "cm"), (1000.0, "m")])
@pytest.mark.parametrize("cameras", ["centre", "translation"])
def test_unit_and_camera_are_told_from_the_numbers(tmp_path, mm, unit, cameras):
    people = fake_occlusion_person(tmp_path, np.random.default_rng(2), counts={"train": 4}, mm=mm, cameras=cameras)
    found = occlusion_person(tmp_path, "train", partial=False)
    assert found.facts["unit_of_3d"] == unit
    assert found.notes[0].startswith(f"3D joints are in {unit} (thighs and shins have a median of ")
    assert found.notes[1] == "4 of 60 joints are occluded, 4 outside"
    assert found.notes[2] == "3D joints project onto 2D joints to a median of 0.00 px"
    meaning = {"centre": "camera's centre", "translation": "translation"}[cameras]
    assert found.notes[3] == f"4 of 4 cameras stand where world and camera poses agree (T is the {meaning})"
    for sample, person in zip(all_of(found), people["train"], strict=True):
        np.testing.assert_allclose(sample.joints_cam, person.joints_cam)
        np.testing.assert_allclose(sample.camera.translation, person.camera.translation, atol=1e-6)


@pytest.mark.parametrize("images", ["zip", "folder"])
def test_images_are_added_from_folder_and_zip_alike(tmp_path, images):
    root = tmp_path / "root"
    people = fake_occlusion_person(root, np.random.default_rng(3), counts={"train": 5}, images=images, protocol=2)
    add_dataset("occlusion-person", root, tmp_path / "store", splits=["train"])
    stored = open_store(tmp_path / "store", "train")
    assert len(stored) == 5
    for number in range(5):
        picture = decode_image(stored.image_bytes(number)).astype(int)
        assert picture.shape == (120, 160, 3)
        # The fakes paint right limbs warm and left limbs cold.
        for joint, warm in (("r_knee", True), ("l_knee", False)):
            x, y = np.round(people["train"][number].joints_img[SKELETON.index(joint)]).astype(int)
            other = np.round(people["train"][number].joints_img[SKELETON.mirror[SKELETON.index(joint)]])
            if np.linalg.norm(other - [x, y]) > 8:
                red, _, blue = picture[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
                assert (red > blue) == warm


def test_a_perfect_prediction_scores_zero_and_a_known_error_its_length(dataset, tmp_path):
    add_dataset("occlusion-person", dataset[0], tmp_path / "store")
    stored = open_store(tmp_path / "store", "validation")
    protocol = replace(get_protocol("true-root-depth"), skeleton=SKELETON.name)
    perfect = perfect_predictions(stored)
    overall = score(perfect, stored, protocol, facts={}).overall()
    assert overall["mpjpe_mm"] == pytest.approx(0, abs=0.02)
    assert overall["error_px"] == pytest.approx(0, abs=1e-3)
    moved = perfect.joints_crop + np.where(np.arange(15)[:, None] == SKELETON.index("r_wrist"), [2.0, 0, 0], 0)
    evaluation = score(replace(perfect, joints_crop=moved), stored, protocol, facts={})
    wrist = SKELETON.index("r_wrist")
    depth = stored.array("joints_cam")[:, wrist, 2]
    focal = stored.array("camera_K")[:, 0, 0]
    wanted = 2 * np.linalg.norm(perfect.img_from_crop[:, :2, 0], axis=1) * depth / focal
    np.testing.assert_allclose(evaluation.errors_mm[:, wrist], wanted, rtol=1e-3)


def test_without_cameras_the_poses_stay_and_it_is_said(tmp_path):
    fake_occlusion_person(tmp_path, np.random.default_rng(4), counts={"train": 3}, cameras="none")
    found = occlusion_person(tmp_path, "train", partial=False)
    assert any(note.startswith("none of 3 records gives a camera") for note in found.notes)
    assert all(sample.camera is None and sample.has_3d for sample in all_of(found))


def test_cameras_that_do_not_reproject_are_left_out_and_it_is_said(copy):
    rewrite(copy, lambda record: record["camera"].update(fx=record["camera"]["fx"] * 2))
    found = occlusion_person(copy, "train", partial=False)
    (note,) = [note for note in found.notes if "left out" in note]
    assert note.startswith("3D joints project onto 2D joints to a median of ")
    assert all(sample.camera is None for sample in all_of(found))


def test_contradicting_flags_are_counted():
    inside = np.array([[True, True, False, False]])
    seen = np.array([[True, False, True, False]])
    states, contradictions = joint_states(inside, seen)
    assert states.tolist() == [[JointState.VISIBLE, JointState.OCCLUDED, JointState.OUTSIDE, JointState.OUTSIDE]]
    assert contradictions == 1


def test_samples_can_begin_anywhere_and_travel(dataset):
    found = pickle.loads(pickle.dumps(occlusion_person(dataset[0], "train", partial=False)))
    assert [sample.source for sample in found.samples(7, 12)] == [sample.source for sample in all_of(found)][7:12]


def test_labels_may_lie_in_the_root(copy):
    for path in (copy / "annot").iterdir():
        path.rename(copy / path.name)
    assert occlusion_person(copy, "validation", partial=False).total == 4


def test_missing_images_are_an_error_unless_partial(tmp_path):
    fake_occlusion_person(tmp_path, np.random.default_rng(5), counts={"train": 6}, images="folder")
    (tmp_path / image_name("train", 2)).unlink()
    with pytest.raises(DataError, match=r"1 of 6 labels have no image \(.*000002\.jpg.*--partial to take the 5"):
        occlusion_person(tmp_path, "train", partial=False)
    found = occlusion_person(tmp_path, "train", partial=True)
    assert [sample.frame for sample in all_of(found)] == [0, 1, 3, 4, 5]


def test_no_images_are_an_error(tmp_path):
    fake_occlusion_person(tmp_path, np.random.default_rng(6), counts={"train": 2}, images="none")
    with pytest.raises(DataError, match="holds none of the 2 labelled images"):
        occlusion_person(tmp_path, "train", partial=True)


def test_exchanged_sides_are_refused(copy):
    def exchange(record):
        for key in ("joints_2d", "joints_3d", "joints_gt"):
            record[key] = record[key][SKELETON.mirror]

    rewrite(copy, exchange)
    with pytest.raises(DataError, match="left and right legs and arms are exchanged"):
        occlusion_person(copy, "train", partial=False)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda r: r.pop("joints_3d"), "record 0: lacks joints_3d; it has image"),
        (lambda r: r.update(joints_2d=np.zeros((17, 2))), "record 0: joints_2d: is 17 x 2, expected 15 x 2"),
        (lambda r: r.update(joints_2d="no"), "record 0: joints_2d: holds no numbers but a str"),
        (lambda r: r.update(image=7), "record 0: image is a int, expected a path"),
        (lambda r: r.update(image="../../../etc/passwd"), "names the file .*etc/passwd', which may lie outside"),
        (lambda r: r.update(joints_3d=r["joints_3d"] * 3), "thighs and shins .* a person's in none of mm, cm, m"),
        (lambda r: r["camera"].update(R=np.eye(2)), "record 0: camera: R: is 2 x 2"),
    ],
    ids=range(7),
)
def test_records_that_are_not_what_they_should_be_are_an_error(copy, change, found):
    rewrite(copy, change)
    with pytest.raises(DataError, match=rf"unrealcv_train\.pkl: {found}"):
        occlusion_person(copy, "train", partial=False)


def test_a_split_or_file_that_is_not_there_is_an_error(copy, tmp_path):
    with pytest.raises(DataError, match="occlusion-person has no split 'test'; it has train, validation"):
        occlusion_person(copy, "test", partial=False)
    with pytest.raises(DataError, match=r"unrealcv_train\.pkl: there is no such file"):
        occlusion_person(tmp_path, "train", partial=True)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
@pytest.mark.parametrize("name", ["annot/unrealcv_train.pkl", "images.zip"])
def test_a_truncated_file_is_an_error(copy, name, share):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"is truncated, damaged or not a (pickle|zip archive)"):
        all_of(occlusion_person(copy, "train", partial=False))


@pytest.mark.parametrize("value", [{"a": 1}, [], 3, [1, 2]])
def test_another_datasets_pickle_is_an_error(copy, value):
    (copy / "annot/unrealcv_train.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match=r"unrealcv_train\.pkl.*: is a"):
        occlusion_person(copy, "train", partial=False)


def test_a_hostile_pickle_leaves_no_store(copy, tmp_path):
    command = f"touch {tmp_path / 'sentinel'}"
    (copy / "annot/unrealcv_train.pkl").write_bytes(b"cos\nsystem\n(S'" + command.encode() + b"'\ntR.")
    with pytest.raises(DataError, match=r"refers to os\.system"):
        add_dataset("occlusion-person", copy, tmp_path / "store")
    assert not (tmp_path / "sentinel").exists()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("key", ["joints_2d", "joints_3d"])
def test_an_infinite_joint_is_not_taken_for_an_unlabelled_one(copy, key):
    def spoil(record):
        record[key] = np.array(record[key], float)
        record[key][4] = 1e39

    rewrite(copy, spoil)
    with pytest.raises(DataError, match=rf"record 0: {key} is infinite or too large \(\d+ such records\)"):
        occlusion_person(copy, "train", partial=True)
