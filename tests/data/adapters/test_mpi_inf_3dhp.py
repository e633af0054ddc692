import json
import pickle
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import scipy.io

from fakes import fake_lsp
from fakes_3dhp import (
    FIELDS_CAMERAS,
    OF_28,
    TEST_SIZES,
    UNIV_SCALE,
    calibration_text,
    fake_test_set,
    fake_training,
    shade,
    write_frames,
    write_labels,
    write_video,
)
from perfect import perfect_predictions
from prepose.body.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28
from prepose.data.adapters.mpi_inf_3dhp import SPLITS, mpi_inf_3dhp
from prepose.data.catalog import add_dataset
from prepose.data.picture import decode_image
from prepose.data.sample import JointState
from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.predict.score import score

FRAMES = 21  # frames 0, 10 and 20 are taken


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Subject 8 alone, which is the validation split: Seq1 as videos, Seq2 as frames."""
    root = tmp_path_factory.mktemp("person")
    return root, fake_training(root, np.random.default_rng(1), subjects=(8,), frames=FRAMES)


@pytest.fixture(scope="module")
def test_set(tmp_path_factory):
    root = tmp_path_factory.mktemp("tests")
    return root, fake_test_set(root, np.random.default_rng(2))


@pytest.fixture
def copy(person, tmp_path):
    return shutil.copytree(person[0], tmp_path / "root")


@pytest.fixture
def copied_tests(test_set, tmp_path):
    return shutil.copytree(test_set[0], tmp_path / "root")


def all_of(found):
    return list(found.samples(0, found.total))


def picture_of(sample):
    return decode_image(sample.image if isinstance(sample.image, bytes) else sample.image.read_bytes())


def shown_frame(sample):
    """Which frame the square in the picture says it is."""
    return round(float(picture_of(sample)[2:14, 2:14].mean()) / shade(1)) % 40


def relabel(root, change, name="S8/Seq1"):
    """Change the cells and numbers of an annot.mat."""
    path = root / name / "annot.mat"
    content = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")}
    change(content)
    scipy.io.savemat(path, content, do_compression=True)


def retest(root, change, name="TS1"):
    with h5py.File(root / "mpi_inf_3dhp_test_set" / name / "annot_data.mat", "r+") as file:
        change(file)


def test_every_camera_and_frame_comes_with_its_picture_and_camera(person):
    root, written = person
    found = mpi_inf_3dhp(root, "validation", partial=False)
    wanted = [(name, camera, frame) for name in written for camera in FIELDS_CAMERAS for frame in (0, 10, 20)]
    samples = all_of(found)
    assert len(samples) == found.total == len(wanted)
    for sample, (name, camera, frame) in zip(samples, wanted, strict=True):
        recording = written[name]
        assert sample.source == f"{name} camera {camera}, frame {frame}"
        assert (sample.subject, sample.action, sample.frame) == ("S8", name[3:], frame)
        assert shown_frame(sample) == frame
        assert isinstance(sample.image, bytes) == (name == "S8/Seq1")
        assert sample.camera.size_wh == (204, 204) == picture_of(sample).shape[1::-1]
        np.testing.assert_allclose(sample.joints_cam, recording.cam(camera)[frame, OF_28], atol=1e-6)
        np.testing.assert_allclose(sample.joints_img, recording.img(camera)[frame, OF_28], atol=1e-6)
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=1e-4)
        world = sample.camera.world_from_cam(sample.joints_cam)
        np.testing.assert_allclose(world, recording.world[frame, OF_28], atol=1e-3)
        assert json.loads(sample.details) == {"univ_scale": UNIV_SCALE}
        np.testing.assert_array_equal(sample.states == JointState.OUTSIDE, _outside(sample))


def _outside(sample):
    return ((sample.joints_img < -0.5) | (sample.joints_img > 203.5)).any(axis=1)


def test_all_28_joints_come_by_name(person):
    root, written = person
    found = mpi_inf_3dhp(root, "validation-28-joints", partial=False)
    assert found.skeleton == MPI_INF_3DHP_28
    np.testing.assert_allclose(next(found.samples(0, 1)).joints_cam, written["S8/Seq1"].cam(0)[0])
    assert [MPI_INF_3DHP_28.joints[joint] for joint in OF_28] == list(MPI_INF_3DHP_17.joints)


def test_all_14_cameras_come_when_asked_for(tmp_path):
    fake_training(tmp_path, np.random.default_rng(4), subjects=(1,), frames=2, cameras=tuple(range(14)))
    found = mpi_inf_3dhp(tmp_path, "train-14-cameras", partial=True)
    assert [sample.source for sample in all_of(found)][:14] == [f"S1/Seq1 camera {n}, frame 0" for n in range(14)]
    assert found.total == 28
    assert found.notes[0].startswith("nothing of S2/Seq1, S2/Seq2, S3/Seq1")


def test_only_valid_frames_of_the_test_set_come(test_set):
    root, written = test_set
    found = mpi_inf_3dhp(root, "test", partial=False)
    samples = all_of(found)
    assert [sample.source for sample in samples] == [
        f"{name}, frame {frame}" for name in written for frame in (0, 2, 3, 4)
    ]
    for sample in samples:
        recording = written[sample.subject]
        assert sample.image.name == f"img_{sample.frame + 1:06d}.jpg"
        assert sample.camera.size_wh == TEST_SIZES[sample.subject] == picture_of(sample).shape[1::-1]
        np.testing.assert_allclose(sample.joints_cam, recording.joints_cam[sample.frame])
        np.testing.assert_allclose(sample.camera.K, recording.camera.K, atol=1e-6)
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=1e-6)
        assert json.loads(sample.details) == {"univ_scale": 1.05}
    assert [sample.action for sample in samples[:4]] == [
        "standing/walking", "sitting", "reaching/crouching", "on the floor"
    ]  # fmt: skip
    assert found.notes[0] == "6 frames are not valid by the authors' valid_frame, and are left out"


def test_the_folder_may_be_the_one_above(person, test_set, tmp_path):
    shutil.copytree(person[0], tmp_path / "3dhp")
    shutil.copytree(test_set[0], tmp_path / "zip")
    assert mpi_inf_3dhp(tmp_path, "validation", partial=False).total == 48
    assert mpi_inf_3dhp(tmp_path, "test", partial=False).total == 24
    assert mpi_inf_3dhp(test_set[0] / "mpi_inf_3dhp_test_set", "test", partial=False).total == 24


def test_what_was_done_and_found_is_said(person):
    found = mpi_inf_3dhp(person[0], "validation", partial=False)
    assert found.notes[0] == "8 of 16 cameras' pictures are read from video and stored as JPEG"
    assert found.notes[1] == "projected 3D joints meet the 2D joints to 0.00 px (median)"
    assert found.notes[2].startswith(
        "3D joints are annot3, true to the camera in mm; univ_annot3, the same poses at 0.90"
    )
    assert found.notes[3].startswith("left and right agree with the facing direction of 48 poses")
    assert found.facts == {
        "split_rule": "subjects 8; cameras 0, 1, 2, 4, 5, 6, 7, 8; every 10th frame",
        "cameras": 16,
    }


def test_samples_can_begin_anywhere_and_travel(person):
    found = pickle.loads(pickle.dumps(mpi_inf_3dhp(person[0], "validation", partial=False)))
    whole = all_of(found)
    for first, last in ((1, 2), (2, 8), (20, 31), (47, 48)):
        part = list(found.samples(first, last))
        assert [sample.source for sample in part] == [sample.source for sample in whole][first:last]
        assert [sample.image for sample in part] == [sample.image for sample in whole][first:last]


def test_a_store_scores_zero_for_a_perfect_prediction(person, test_set, tmp_path):
    root = shutil.copytree(person[0], tmp_path / "root")
    shutil.copytree(test_set[0], root, dirs_exist_ok=True)
    added = add_dataset("mpi-inf-3dhp", root, tmp_path / "store", splits=["validation", "test"])
    assert [(part.split, part.samples, part.expected) for part in added] == [
        ("validation", 48, None),
        ("test", 24, 2929),
    ]
    protocol = replace(get_protocol("true-root-depth"), skeleton=MPI_INF_3DHP_17.name)
    for split in ("validation", "test"):
        stored = open_store(tmp_path / "store", split)
        evaluation = score(perfect_predictions(stored), stored, protocol, facts={})
        assert evaluation.overall()["mpjpe_mm"] == pytest.approx(0, abs=0.05)
        assert evaluation.overall()["error_px"] == pytest.approx(0, abs=1e-2)
        assert evaluation.scored_3d.all()


def test_the_owners_short_video_is_left_out_by_name(tmp_path):
    fake_training(tmp_path, np.random.default_rng(5), subjects=(6,), frames=3)
    found = mpi_inf_3dhp(tmp_path, "train", partial=True)
    assert "1 video is too short to know its frames (S6/Seq2 camera 2), and is left out" in found.notes
    assert found.total == 15
    assert not any(sample.source.startswith("S6/Seq2 camera 2,") for sample in all_of(found))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("imageSequence", "img_{camera}_{{:06d}}.jpg"),
        ("imageFrames/video_{camera}", "frame_{{:06d}}.jpg"),
        ("imageSequence/{camera}", "img_{{:06d}}.jpg"),
    ],
)
def test_frames_lie_under_any_public_naming(person, tmp_path, folder, name):
    recording = person[1]["S8/Seq1"]
    for sequence in ("Seq1", "Seq2"):
        write_labels(tmp_path / "S8" / sequence, recording)
        for camera in FIELDS_CAMERAS:
            place = tmp_path / "S8" / sequence / folder.format(camera=camera)
            write_frames(place, recording, camera, name=name.format(camera=camera))
    samples = all_of(mpi_inf_3dhp(tmp_path, "validation", partial=False))
    assert [shown_frame(sample) for sample in samples] == [0, 10, 20] * 16
    np.testing.assert_allclose(samples[4].joints_img, recording.img(1)[10, OF_28])


def test_frames_may_count_from_0(copy):
    for image in sorted((copy / "S8/Seq2/imageSequence/video_0").iterdir()):
        image.rename(image.with_name(f"img_{int(image.stem[-6:]) - 1:06d}.jpg"))
    relabel(copy, lambda content: content.update(frames=content["frames"] + 1))
    assert [shown_frame(s) for s in all_of(mpi_inf_3dhp(copy, "validation", partial=False))] == [0, 10, 20] * 16


def test_frames_whose_first_is_missing_are_refused(copy):
    (copy / "S8/Seq2/imageSequence/video_0/img_000001.jpg").unlink()
    with pytest.raises(
        DataError, match=r"begins with img_000002\.jpg, so that it cannot be told whether .* from 0 or 1"
    ):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_two_pictures_of_one_number_are_refused(copy):
    folder = copy / "S8/Seq2/imageSequence/video_0"
    shutil.copy(folder / "img_000004.jpg", folder / "frame_000004.jpg")
    with pytest.raises(DataError, match=r"frame_000004\.jpg and img_000004\.jpg have the same number"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_labels_without_image_are_refused_unless_partial(copy):
    (copy / "S8/Seq2/imageSequence/video_4/img_000011.jpg").unlink()
    with pytest.raises(DataError, match=r"video_4: 1 of 3 labels have no image \(frame 10 .*--partial to take the 2"):
        mpi_inf_3dhp(copy, "validation", partial=False)
    found = mpi_inf_3dhp(copy, "validation", partial=True)
    assert "1 labels have no image, and are left out" in found.notes
    assert [shown_frame(sample) for sample in all_of(found)] == [0, 10, 20] * 11 + [0, 20] + [0, 10, 20] * 4


@pytest.mark.parametrize("video", [True, False])
def test_images_without_label_are_refused_unless_partial(person, copy, video):
    if video:
        write_video(copy / "S8/Seq1/imageSequence/video_0.avi", person[1]["S8/Seq1"], 0, frames=FRAMES + 2)
    else:
        folder = copy / "S8/Seq2/imageSequence/video_0"
        for number in (22, 23):
            shutil.copy(folder / "img_000001.jpg", folder / f"img_{number:06d}.jpg")
    with pytest.raises(DataError, match=r"video_0.*: 2 of 23 images have no label \(S8/Seq. camera 0 has 21 labels\)"):
        mpi_inf_3dhp(copy, "validation", partial=False)
    assert mpi_inf_3dhp(copy, "validation", partial=True).total == 48


def test_labels_after_the_end_of_a_video_are_left_out_and_counted(person, copy):
    write_video(copy / "S8/Seq1/imageSequence/video_0.avi", person[1]["S8/Seq1"], 0, frames=20)
    found = mpi_inf_3dhp(copy, "validation", partial=False)
    assert found.total == 47
    assert "1 labelled frames come after the end of their video, and are left out" in found.notes
    assert [shown_frame(sample) for sample in found.samples(0, 3)] == [0, 10, 0]


@pytest.mark.parametrize("partial", [True, False])
def test_frames_of_another_rate_are_refused(copy, partial):
    for image in (copy / "S8/Seq2/imageSequence/video_0").iterdir():
        if int(image.stem[-6:]) > 5:
            image.unlink()
    with pytest.raises(
        DataError, match=r"video_0: holds 5 frames for the 21 labels of S8/Seq2 camera 0.* another frame"
    ):
        mpi_inf_3dhp(copy, "validation", partial=partial)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.98])
def test_a_truncated_video_is_refused(copy, share):
    path = copy / "S8/Seq1/imageSequence/video_5.avi"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"video_5\.avi: is truncated \(.*\); download it again"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_a_video_damaged_inside_is_refused_while_reading(person, copy):
    path = copy / "S8/Seq1/imageSequence/video_0.avi"
    write_video(path, person[1]["S8/Seq1"], 0, frames=20)
    data = bytearray(path.read_bytes())
    # Both the header's and the stream's count of frames claim one more than there are.
    at = data.index(b"avih") + 8 + 16
    data[at : at + 4] = (21).to_bytes(4, "little")
    at = data.index(b"strh") + 8 + 32
    data[at : at + 4] = (21).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    found = mpi_inf_3dhp(copy, "validation", partial=False)
    with pytest.raises(DataError, match=r"video_0\.avi: ends or is damaged at frame 20 \(frame 20 is labelled\)"):
        all_of(found)


def test_another_file_as_video_is_refused(copy):
    (copy / "S8/Seq1/imageSequence/video_0.avi").write_bytes(b"<html>please log in</html>")
    with pytest.raises(DataError, match=r"video_0\.avi: is not an AVI video"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_a_camera_without_pictures_is_refused_unless_partial(copy):
    (copy / "S8/Seq1/imageSequence/video_7.avi").unlink()
    with pytest.raises(DataError, match=r"S8/Seq1: there are neither frames nor video of camera 7 .*or pass --partial"):
        mpi_inf_3dhp(copy, "validation", partial=False)
    found = mpi_inf_3dhp(copy, "validation", partial=True)
    assert found.total == 45
    assert "1 cameras of a recording have no pictures, and are left out" in found.notes
    shutil.rmtree(copy / "S8/Seq1/imageSequence")
    with pytest.raises(DataError, match="neither frames nor video of camera 0, 1, 2, 4, 5, 6, 7, 8"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_a_wrong_image_size_in_the_calibration_is_mended_and_counted(person, copy):
    path = copy / "S8/Seq1/camera.calibration"
    path.write_text(calibration_text(person[1]["S8/Seq1"], "204 20"))
    found = mpi_inf_3dhp(copy, "validation", partial=False)
    assert any(note.startswith("8 cameras have another image size in camera.calibration") for note in found.notes)
    assert next(found.samples(0, 1)).camera.size_wh == (204, 204)


def test_resized_pictures_are_refused(copy, person):
    recording = person[1]["S8/Seq1"]
    larger = tuple(replace(c, K=c.K * [[3, 1, 3], [1, 3, 3], [1, 1, 1]]) for c in recording.cameras)
    write_labels(copy / "S8/Seq1", replace(recording, cameras=larger), size="612 612")
    with pytest.raises(DataError, match=r"S8/Seq1 camera 0: its pictures are 204 x 204 px, but its .* or cropped"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_another_recordings_extrinsics_are_refused(copy, person):
    first, second = person[1].values()
    strangers = tuple(
        replace(one, rotation=other.rotation, translation=other.translation)
        for one, other in zip(first.cameras, second.cameras, strict=True)
    )
    path = copy / "S8/Seq1/camera.calibration"
    path.write_text(calibration_text(replace(first, cameras=strangers), "204 204"))
    with pytest.raises(DataError, match=r"Seq1/camera\.calibration: its cameras put the same joints \d+ mm"):
        mpi_inf_3dhp(copy, "validation", partial=True)


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        (slice(0, 5), "a camera has the lines name, sensor, size, animated, expected"),
        (slice(1, None), "begins with 'name 0', expected 'Skeletool"),
    ],
)
def test_a_damaged_calibration_is_refused(copy, keep, found):
    path = copy / "S8/Seq2/camera.calibration"
    path.write_text("\n".join(path.read_text().splitlines()[keep]))
    with pytest.raises(DataError, match=rf"camera\.calibration: .*{found}"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_a_calibration_of_some_cameras_or_without_numbers_is_refused(copy):
    path = copy / "S8/Seq2/camera.calibration"
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[: 1 + 7 * 6]))
    with pytest.raises(DataError, match=r"camera\.calibration: has no camera 6"):
        mpi_inf_3dhp(copy, "validation", partial=True)
    path.write_text(text.replace("extrinsic   ", "extrinsic   x", 1))
    with pytest.raises(DataError, match=r"camera\.calibration: camera 0 is not numbers as expected"):
        mpi_inf_3dhp(copy, "validation", partial=True)
    path.unlink()
    with pytest.raises(DataError, match=r"camera\.calibration: there is no such file"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_univ_poses_in_place_of_the_true_ones_are_refused(copy):
    relabel(copy, lambda content: content.update(annot3=content["univ_annot3"]))
    with pytest.raises(DataError, match=r"camera 0: 3D joints project .*; check that they are annot3"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_poses_relative_to_the_pelvis_are_refused(copy):
    def root_them(content):
        for row in content["annot3"]:
            joints = row[0].reshape(-1, 28, 3)
            row[0] = (joints - joints[:, 4:5]).reshape(-1, 84)

    relabel(copy, root_them)
    with pytest.raises(DataError, match=r"of the 3D joints are behind the camera"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_metres_are_refused(copy):
    def shrink(content):
        for row in content["annot3"]:
            row[0] = row[0] / 1000

    relabel(copy, shrink)
    with pytest.raises(DataError, match=r"S8/Seq1: 3D joints are in m \(.*and the authors' are in mm"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_exchanged_sides_are_refused(copy):
    def exchange(content):
        for name, width in (("annot2", 2), ("annot3", 3)):
            for row in content[name]:
                joints = row[0].reshape(-1, 28, width)[:, MPI_INF_3DHP_28.mirror]
                row[0] = joints.reshape(-1, 28 * width)

    for sequence in ("S8/Seq1", "S8/Seq2"):
        relabel(copy, exchange, sequence)
    with pytest.raises(DataError, match="left and right legs and arms are exchanged"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_nan_is_refused_unless_partial(copy):
    def spoil(content):
        content["annot3"][2, 0][10, 3 * MPI_INF_3DHP_28.root_index] = np.nan

    relabel(copy, spoil)
    with pytest.raises(DataError, match="S8/Seq1 camera 2: 1 of 3 frames hold NaN or infinite joints"):
        mpi_inf_3dhp(copy, "validation", partial=False)
    found = mpi_inf_3dhp(copy, "validation", partial=True)
    assert found.total == 47
    assert "1 frames have NaN or infinite joints, and are left out" in found.notes


def test_people_outside_of_the_picture_are_left_out_and_counted(person, copy):
    recording = person[1]["S8/Seq1"]
    world = recording.world.copy()
    world[10, :, 2] += 4000  # the person flies
    write_labels(copy / "S8/Seq1", replace(recording, world=world))
    found = mpi_inf_3dhp(copy, "validation", partial=False)
    assert found.total == 48 - 8
    assert "8 frames have no joint inside the picture, and are left out" in found.notes
    assert [shown_frame(sample) for sample in found.samples(0, 4)] == [0, 20, 0, 20]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated_labels_are_refused(copy, share):
    path = copy / "S8/Seq2/annot.mat"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"Seq2/annot\.mat: is truncated, damaged or not a MATLAB file|has no cells"):
        mpi_inf_3dhp(copy, "validation", partial=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("annot3"), "has no cells annot3; is it the authors'"),
        (lambda content: content.update(annot2=content["annot2"][:5]), "has labels of 14 cameras"),
        (lambda content: content.update(frames=content["frames"][:9]), "frames has 9 numbers from 0 on for 21 rows"),
        (lambda content: content.update(frames=content["frames"] + 7), "frames has 21 numbers from 7 on"),
        (
            lambda content: content.update(annot3=content["annot2"]),
            "a cell of annot3 is 21 x 56, expected 21 frames x 84",
        ),
    ],
)
def test_labels_that_are_not_the_owners_are_refused(copy, change, message):
    relabel(copy, change)
    with pytest.raises(DataError, match=rf"annot\.mat: {message}"):
        mpi_inf_3dhp(copy, "validation", partial=True)


def test_labels_without_univ_poses_are_enough(copy):
    for name in ("S8/Seq1", "S8/Seq2"):
        relabel(copy, lambda content: content.pop("univ_annot3"), name)
    found = mpi_inf_3dhp(copy, "validation", partial=False)
    assert next(found.samples(0, 1)).details == "{}"
    assert not any("univ" in note for note in found.notes)


def test_a_half_layout_is_refused_unless_partial(copy):
    (copy / "S8/Seq2/annot.mat").unlink()
    with pytest.raises(
        DataError, match=r"this split is S8/Seq1, S8/Seq2, but there is no annot\.mat of S8/Seq2; add it"
    ):
        mpi_inf_3dhp(copy, "validation", partial=False)
    assert mpi_inf_3dhp(copy, "validation", partial=True).notes[0] == "nothing of S8/Seq2 is there"
    with pytest.raises(DataError, match=r"there is no annot\.mat of S1/Seq1, .*, S7/Seq2; add it$"):
        mpi_inf_3dhp(copy, "train", partial=True)
    with pytest.raises(DataError, match=r"holds no test set \(mpi_inf_3dhp_test_set/TS1/annot_data\.mat"):
        mpi_inf_3dhp(copy, "test", partial=True)


def test_a_split_or_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=rf"mpi-inf-3dhp has no split 'val'; it has {', '.join(SPLITS)}"):
        mpi_inf_3dhp(tmp_path, "val", partial=False)
    with pytest.raises(DataError, match=r"holds no training recordings \(S1/Seq1/annot\.mat"):
        mpi_inf_3dhp(tmp_path, "train", partial=True)


def test_another_dataset_is_recognised(tmp_path, copy):
    fake_lsp(tmp_path / "lsp", np.random.default_rng(0), count=3)
    with pytest.raises(DataError, match=r"holds no training recordings .* looks like lsp, not mpi-inf-3dhp"):
        add_dataset("mpi-inf-3dhp", tmp_path / "lsp", tmp_path / "out")
    with pytest.raises(DataError, match=r"annot\.mat looks like mpi-inf-3dhp, not h36m"):
        add_dataset("h36m", copy, tmp_path / "out")


def test_test_images_that_are_missing_are_refused_unless_partial(copied_tests):
    folder = copied_tests / "mpi_inf_3dhp_test_set/TS2"
    (folder / "imageSequence/img_000002.jpg").unlink()  # of an invalid frame
    assert mpi_inf_3dhp(copied_tests, "test", partial=False).total == 24
    (folder / "imageSequence/img_000003.jpg").unlink()
    with pytest.raises(DataError, match=r"TS2/imageSequence: 1 of 4 labels have no image \(frame 2 "):
        mpi_inf_3dhp(copied_tests, "test", partial=False)
    assert mpi_inf_3dhp(copied_tests, "test", partial=True).total == 23
    shutil.rmtree(folder / "imageSequence")
    with pytest.raises(DataError, match=r"TS2: imageSequence holds no img_000001\.jpg"):
        mpi_inf_3dhp(copied_tests, "test", partial=True)


def test_test_images_without_label_are_refused_unless_partial(copied_tests):
    folder = copied_tests / "mpi_inf_3dhp_test_set/TS5/imageSequence"
    shutil.copy(folder / "img_000005.jpg", folder / "img_000006.jpg")
    with pytest.raises(DataError, match="TS5/imageSequence: 1 of 6 images have no label"):
        mpi_inf_3dhp(copied_tests, "test", partial=False)
    assert mpi_inf_3dhp(copied_tests, "test", partial=True).total == 24


def test_a_test_set_that_does_not_fit_itself_is_refused(copied_tests):
    def shuffle(file):
        file["annot2"][...] = file["annot2"][...][[2, 3, 4, 0, 1]]

    retest(copied_tests, shuffle)
    with pytest.raises(DataError, match=r"TS1: (3D joints project|no camera sees)"):
        mpi_inf_3dhp(copied_tests, "test", partial=True)


def test_a_damaged_test_set_is_refused(copied_tests):
    retest(copied_tests, lambda file: file["valid_frame"].write_direct(np.zeros((5, 1))))
    with pytest.raises(DataError, match=r"TS1/annot_data\.mat: marks none of its 5 frames as valid"):
        mpi_inf_3dhp(copied_tests, "test", partial=True)
    path = copied_tests / "mpi_inf_3dhp_test_set/TS1/annot_data.mat"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match=r"annot_data\.mat: is truncated, damaged or not a HDF5 file"):
        mpi_inf_3dhp(copied_tests, "test", partial=True)
    path.unlink()
    with pytest.raises(DataError, match=r"there is no annot_data\.mat of TS1; add it, or pass --partial"):
        mpi_inf_3dhp(copied_tests, "test", partial=False)
    assert mpi_inf_3dhp(copied_tests, "test", partial=True).notes[0] == "nothing of TS1 is there"
