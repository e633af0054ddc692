import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import fake_lsp
from fakes_h36m import (
    BOTH_EXCHANGED,
    LEFT_LEG_FIRST,
    WRITERS,
    draw_lab,
    write_camera_json,
    write_challenge,
    write_fetched,
    write_lists,
    write_metadata_xml,
    write_npz,
    write_recordings,
)
from prepose.body.skeletons import H36M_17, MPII_16
from prepose.data.adapters.h36m import LAYOUTS, find_layout, h36m
from prepose.data.catalog import add_dataset
from prepose.data.entry import FoundDataset
from prepose.data.h36m.cameras import CAMERA_IDS
from prepose.data.h36m.frames import SPLITS
from prepose.data.picture import decode_image
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.data.target import image_targets
from prepose.errors import DataError
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import get_protocol
from prepose.predict.score import CropPredictions, score

LAB = draw_lab(np.random.default_rng(3))
TRUTH = LAB.truth()
# Single precision in the store, and lenses that were fitted where no camera file is there.
MOST_MM = 0.5
FEW = LAB.part((8, 9, 11), 2)


@pytest.fixture(scope="module", params=WRITERS)
def whole(request, tmp_path_factory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp("h36m")
    WRITERS[request.param](root, LAB)
    if request.param == "COCO-like JSON":
        write_metadata_xml(root / "metadata.xml", LAB.w0)
    return request.param, root


@pytest.fixture(scope="module")
def challenge(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    root = tmp_path_factory.mktemp("challenge")
    return root, write_challenge(root, LAB, cache=True)


def all_of(found: FoundDataset) -> list[PoseSample]:
    return list(found.samples(0, found.total))


def stored(found: FoundDataset, folder: Path, split: str):
    samples = (replace(sample, image=Path(sample.image).read_bytes()) for sample in found.samples(0, found.total))
    write_store(folder, StoreDescription("h36m", H36M_17), split, samples, total=found.total)
    return open_store(folder, split)


def true_of(sample: PoseSample, layout: str) -> tuple[np.ndarray, np.ndarray]:
    frame = (sample.frame - 1) // 5 + 1 if layout == "h36m-fetch" else sample.frame
    frame += layout == "COCO-like JSON"  # its frames count from 0
    camera = CAMERA_IDS.index(sample.camera.name)
    return TRUTH[int(sample.subject[1:]), sample.action, camera, frame]


@pytest.mark.parametrize("split", SPLITS)
def test_every_layout_gives_the_same_people(whole, split):
    layout, root = whole
    assert find_layout(root) == layout
    found = h36m(root, split, partial=False)
    samples = all_of(found)
    assert {sample.subject for sample in samples} == {f"S{subject}" for subject in SPLITS[split].subjects}
    for sample in samples:
        joints_cam, joints_img = true_of(sample, layout)
        np.testing.assert_allclose(sample.joints_cam, joints_cam, atol=1e-3)
        np.testing.assert_allclose(sample.joints_img, joints_img, atol=0.02)
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam), joints_img, atol=0.1)
        assert sample.camera.size_wh == (250, 250)
        low, high = sample.box_xywh[:2] - 0.5, sample.box_xywh[:2] + sample.box_xywh[2:] - 0.5
        assert ((sample.joints_img > low) & (sample.joints_img < high)).all()
        assert sample.image.is_absolute()
    assert found.facts["layout"] == layout
    assert f"layout: {layout}" in found.notes
    assert any("sides are the people's own" in note for note in found.notes)


def test_the_labels_lie_on_the_people_in_the_images(whole):
    # The fakes paint right limbs red and left ones blue.
    _, root = whole
    hits = 0
    samples = all_of(h36m(root, "train", partial=False))
    for sample in samples:
        image = decode_image(sample.image.read_bytes()).astype(int)
        for side in "rl":
            x, y = np.round(sample.joints_img[H36M_17.index(f"{side}_knee")]).astype(int)
            red, _, blue = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
            hits += (red > blue) == (side == "r")
    assert hits > 0.85 * 2 * len(samples)


def test_a_perfect_prediction_scores_nothing(whole, tmp_path):
    _, root = whole
    dataset = stored(h36m(root, "test", partial=False), tmp_path / "out", "test")
    truth = image_targets(dataset, MPII_16)
    # Of mpii-16, Human3.6M does not label the upper neck: a network says something there, and it is not scored.
    neck, ends = MPII_16.index("upper_neck"), [MPII_16.index("thorax"), MPII_16.index("head_top")]
    assert np.isnan(truth[:, neck]).all()
    truth[:, neck] = truth[:, ends].mean(axis=1)
    everywhere = np.tile(np.eye(3), (len(dataset), 1, 1))
    perfect = CropPredictions(MPII_16, truth, np.ones(truth.shape[:2]), everywhere, np.arange(len(dataset)))
    # The mean person is nobody in particular, and the published rescaling invents joints in the prediction.
    for name in ("true-root-depth", "optimal-scale", "bone-sum-4000"):
        error = _error(score(perfect, dataset, get_protocol(name), facts={}))
        assert error.shape == (len(dataset), 16)
        assert np.isfinite(error).sum() == 15 * len(dataset)
        assert np.nanmax(error) < MOST_MM, name
    # A depth that is wrong by 5 px at one knee is wrong by 5 px of the root's scale, and a little in x and y.
    knee = MPII_16.index("l_knee")
    truth[:, knee, 2] += 5
    error = _error(score(perfect, dataset, get_protocol("true-root-depth"), facts={}))
    root = dataset.array("joints_cam")[:, H36M_17.root_index, 2]
    focal = np.sqrt([dataset[row].camera.K[0, 0] * dataset[row].camera.K[1, 1] for row in range(len(dataset))])
    assert (error[:, knee] >= 5 * root / focal - MOST_MM).all()
    assert (error[:, knee] < 1.2 * 5 * root / focal).all()
    assert np.nanmax(np.delete(error, knee, axis=1)) < MOST_MM


def _error(evaluation: Evaluation) -> np.ndarray:
    return np.linalg.norm(evaluation.prediction_mm - evaluation.truth_mm, axis=-1)


def test_samples_begin_anywhere_and_travel(whole):
    _, root = whole
    found = h36m(root, "train", partial=False)
    again = pickle.loads(pickle.dumps(found))
    names = [sample.source for sample in all_of(found)]
    assert [sample.source for sample in again.samples(5, 9)] == names[5:9]


def test_strides_are_counted_in_frames_of_the_recording(tmp_path):
    write_recordings(tmp_path, LAB)
    assert {sample.frame for sample in all_of(h36m(tmp_path, "train", partial=False))} == {1, 6}
    assert {sample.frame for sample in all_of(h36m(tmp_path, "test", partial=False))} == {1}
    shutil.rmtree(tmp_path / "s_01_act_02_subact_01_ca_01")
    write_fetched(tmp_path / "fetched", LAB)  # frames 1, 6, 11, ... of the video
    assert {sample.frame for sample in all_of(h36m(tmp_path / "fetched", "train", partial=False))} == {
        1, 6, 11, 16, 21, 26,
    }  # fmt: skip


def test_misplaced_recordings_are_kept_or_dropped_with_their_count(whole):
    _, root = whole
    kept, dropped = h36m(root, "test", partial=False), h36m(root, "test-clean", partial=False)
    assert kept.total - dropped.total == 4
    note = "samples of misplaced recordings (S9 Greeting 2, S9 SittingDown 2, S9 Waiting 1) are"
    assert any(f"4 {note} kept, as published figures do" in text for text in kept.notes)
    assert any(f"4 {note} left out" in text for text in dropped.notes)
    assert {sample.action for sample in all_of(dropped)} == {"Directions"}


def test_splits_share_no_person():
    people = {split: set(part.subjects) for split, part in SPLITS.items()}
    assert not people["train"] & people["validation"]
    assert people["train"] | people["validation"] == people["trainval"] == {1, 5, 6, 7, 8}
    assert people["test"] == people["test-clean"] == people["test-every-5th"] == {9, 11}


def test_the_challenge_gives_the_poses_and_the_caches_places(challenge):
    root, true = challenge
    totals = {}
    for split in ("train", "validation", "trainval", "test"):
        found = h36m(root, split, partial=False)
        totals[split] = found.total
        for sample in all_of(found):
            name = sample.image.relative_to(root.resolve()).as_posix()
            np.testing.assert_allclose(sample.joints_cam, true[name], atol=1e-3)
            assert sample.camera is None
            assert np.isfinite(sample.joints_img).all()
    assert totals == {"train": 108, "validation": 12, "trainval": 120, "test": 72}
    train, validation = (
        {sample.image for sample in all_of(h36m(root, split, partial=False))} for split in ("train", "validation")
    )
    assert not train & validation


@pytest.mark.parametrize("split", ["test-clean", "test-every-5th"])
def test_the_challenge_has_no_frames_to_choose_from(challenge, split):
    with pytest.raises(DataError, match="the challenge layout names no frames; its splits are train, validation"):
        h36m(challenge[0], split, partial=False)


def test_the_challenge_without_its_cache_has_no_2d_joints_and_whole_pictures_as_boxes(tmp_path):
    write_challenge(tmp_path, FEW)
    found = h36m(tmp_path, "test", partial=False)
    sample = all_of(found)[0]
    assert np.isnan(sample.joints_img).all()
    np.testing.assert_array_equal(sample.box_xywh, [0, 0, 250, 250])
    assert any("no 2D joints" in note and "boxes are whole pictures" in note for note in found.notes)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(("order", "said"), [(LEFT_LEG_FIRST, "legs (left first)"), (BOTH_EXCHANGED, "legs and arms")])
def test_a_left_first_release_is_noticed_and_put_right(tmp_path, writer, order, said):
    WRITERS[writer](tmp_path, FEW, order=order)
    found = h36m(tmp_path, "test", partial=False)
    assert any(f"3D: left and right {said} are exchanged" in note and "put right" in note for note in found.notes)
    for sample in all_of(found):
        joints_cam, _ = true_of(sample, writer)
        np.testing.assert_allclose(sample.joints_cam, joints_cam, atol=1e-3)


@pytest.mark.parametrize("writer", [write_recordings, write_npz])
def test_2d_joints_in_another_order_than_the_3d_ones_are_put_right(tmp_path, writer):
    writer(tmp_path, FEW, order_2d=LEFT_LEG_FIRST)
    found = h36m(tmp_path, "test", partial=False)
    assert any("2D: left and right legs are exchanged against the 3D joints" in note for note in found.notes)
    for sample in all_of(found):
        joints_cam, joints_img = true_of(sample, "")
        np.testing.assert_allclose(sample.joints_img, joints_img, atol=1e-3)
        np.testing.assert_allclose(sample.joints_cam, joints_cam, atol=1e-3)


def test_the_challenge_with_left_legs_first_is_put_right_and_wholly_exchanged_refused(tmp_path):
    true = write_challenge(tmp_path / "a", FEW, order=LEFT_LEG_FIRST)
    found = h36m(tmp_path / "a", "test", partial=False)
    for sample in all_of(found):
        name = sample.image.relative_to((tmp_path / "a").resolve()).as_posix()
        np.testing.assert_allclose(sample.joints_cam, true[name], atol=1e-3)
    write_challenge(tmp_path / "b", FEW, order=BOTH_EXCHANGED, cache=True)
    with pytest.raises(DataError, match=r"right and left are exchanged throughout .* without cameras it cannot"):
        h36m(tmp_path / "b", "test", partial=False)


@pytest.mark.parametrize(("unit", "name"), [(10.0, "cm"), (1000.0, "m")])
def test_other_units_are_converted_and_told(tmp_path, unit, name):
    write_recordings(tmp_path, FEW, unit=unit)
    found = h36m(tmp_path, "validation", partial=False)
    assert any(f"3D joints are in {name} " in note for note in found.notes)
    for sample in all_of(found):
        np.testing.assert_allclose(sample.joints_cam, true_of(sample, "")[0], atol=1e-3)


def test_the_owners_32_joints_and_either_axis_are_read(tmp_path):
    write_recordings(tmp_path, FEW, whole=True)
    for sample in all_of(h36m(tmp_path, "validation", partial=False)):
        np.testing.assert_allclose(sample.joints_cam, true_of(sample, "")[0], atol=1e-3)


CAMERA_FAULTS = [
    ({}, None),
    ({"transposed": True}, "its rotations are stored transposed"),
    ({"metres": True}, "its shifts are in metres, not mm"),
    ({"centre": True}, "its shifts are camera centres"),
    ({"transposed": True, "metres": True, "centre": True}, "its rotations are stored transposed and its shifts are in"),
]


@pytest.mark.parametrize(("fault", "said"), CAMERA_FAULTS)
@pytest.mark.parametrize("writer", ["extracted frames", "h36m-fetch", "npz"])
def test_camera_files_are_understood_by_what_several_views_say(tmp_path, writer, fault, said):
    WRITERS[writer](tmp_path, FEW)
    write_camera_json(tmp_path / "camera-parameters.json", FEW, **fault)
    check_cameras(tmp_path, said)


@pytest.mark.parametrize(("fault", "said"), CAMERA_FAULTS)
def test_the_jsons_own_cameras_are_understood_by_where_people_are(tmp_path, fault, said):
    write_lists(tmp_path, FEW, **fault)
    check_cameras(tmp_path, said)


def check_cameras(root: Path, said: str | None) -> None:
    found = h36m(root, "test", partial=False)
    assert [note for note in found.notes if "its rotations" in note or "its shifts" in note] == (
        [] if said is None else [note for note in found.notes if said in note]
    )
    assert said is None or any(said in note for note in found.notes)
    for sample in all_of(found):
        true = LAB.cameras[int(sample.subject[1:]), CAMERA_IDS.index(sample.camera.name)]
        np.testing.assert_allclose(sample.camera.rotation, true.rotation, atol=1e-9)
        np.testing.assert_allclose(sample.camera.translation, true.translation, atol=1e-5)


def test_official_metadata_serves_every_layout(whole, tmp_path):
    layout, root = whole
    shutil.copytree(root, tmp_path / "with")
    write_metadata_xml(tmp_path / "with" / "metadata.xml", FEW.w0)
    found = h36m(tmp_path / "with", "test", partial=False)
    assert found.facts["layout"] == layout
    for sample in all_of(found):
        true = LAB.cameras[int(sample.subject[1:]), CAMERA_IDS.index(sample.camera.name)]
        np.testing.assert_allclose(sample.camera.translation, true.translation, atol=1e-5)
        np.testing.assert_allclose(sample.camera.K, true.K, atol=1e-9)


def test_cameras_of_another_recording_are_refused(tmp_path):
    write_recordings(tmp_path / "root", FEW)
    other = draw_lab(np.random.default_rng(99), frames=1)
    wrong = {key: replace(camera, K=camera.K * np.array([[1.4], [1.4], [1]])) for key, camera in other.cameras.items()}
    write_camera_json(tmp_path / "root" / "camera-parameters.json", replace(other, cameras=wrong))
    with pytest.raises(DataError, match=r"misses the 2D joints by|the centre of its camera lies at|no reading of"):
        h36m(tmp_path / "root", "test", partial=False)


def test_layouts_and_names_cover_each_other():
    assert set(WRITERS) | {"ECCV 2018 challenge"} == set(LAYOUTS)


@pytest.mark.parametrize(
    ("writer", "harm", "line"),
    [
        (write_challenge, lambda root: shutil.rmtree(root / "Val/IMG"), "the challenge's images are missing"),
        (write_challenge, lambda root: shutil.rmtree(root / "Val/POSE"), "has images but no labels"),
        (write_challenge, lambda root: (root / "Val/POSE/00002.csv").unlink(), "1 images have no label"),
        (write_challenge, lambda root: (root / "Val/IMG/00002.jpg").unlink(), "1 of 24 labels have no image"),
        (write_recordings, lambda root: (root / "s_09_act_02_subact_01_ca_01/matlab_meta.mat").unlink(),
         "1 recordings have no matlab_meta.mat"),
        (write_recordings, lambda root: list(map(shutil.rmtree, root.glob("s_11*"))), "nothing of S11 is there"),
        (write_fetched, lambda root: shutil.rmtree(root / "S9/Directions-1/imageSequence"), "labels have no image"),
        (write_lists, lambda root: (root / "annotations/Human36M_subject9_camera.json").unlink(),
         "Human36M_subject9_camera.json: is missing beside the other files of S9"),
        (write_lists, lambda root: shutil.rmtree(root / "images"), "there is no such image; unpack the images there"),
        (write_npz, lambda root: shutil.rmtree(root / "images"), "there is no such image; unpack the images there"),
        (write_npz, lambda root: (root / "h36m_valid.npz").unlink(), "its npz files hold no images of S9, S11"),
    ],
)  # fmt: skip
def test_a_layout_half_there_is_one_clear_line(tmp_path, writer, harm, line):
    writer(tmp_path, FEW)
    harm(tmp_path)
    with pytest.raises(DataError, match=line):
        h36m(tmp_path, "test", partial=False)


def test_partial_takes_what_is_complete_and_counts_the_rest(tmp_path):
    write_recordings(tmp_path, FEW)
    (tmp_path / "s_09_act_02_subact_01_ca_01/matlab_meta.mat").unlink()
    for path in tmp_path.glob("s_11*"):
        shutil.rmtree(path)
    found = h36m(tmp_path, "test", partial=True)
    assert found.total == 7  # three cameras of one recording, four of the other
    assert any(note.startswith("1 recordings have no matlab_meta.mat and are left out") for note in found.notes)
    assert "nothing of S11 is there" in found.notes


@pytest.mark.parametrize(
    ("writer", "labels", "line"),
    [
        (write_recordings, "s_*/matlab_meta.mat", "has images of Human3.6M, but their labels are not found"),
        (write_fetched, "S*/*/annot.h5", r"has images of Human3.6M, but their labels are not found \(annot.h5\)"),
        (write_npz, "*.npz", r"has images of Human3.6M, but their labels are not found \(npz"),
    ],
)
def test_images_without_any_labels_are_recognised(tmp_path, writer, labels, line):
    writer(tmp_path, FEW)
    for path in tmp_path.glob(labels):
        path.unlink()
    with pytest.raises(DataError, match=line):
        h36m(tmp_path, "test", partial=False)


def test_two_layouts_at_once_must_be_told_apart_by_the_user(tmp_path):
    write_npz(tmp_path, FEW)
    write_fetched(tmp_path, FEW)
    with pytest.raises(DataError, match=r"holds several layouts of Human3.6M \(h36m-fetch, npz\)"):
        h36m(tmp_path, "test", partial=False)


def test_another_dataset_and_an_unknown_split_are_named(tmp_path):
    fake_lsp(tmp_path, np.random.default_rng(0), count=2)
    with pytest.raises(DataError, match=r"holds no layout of Human3\.6M; expected ECCV 2018 challenge"):
        h36m(tmp_path, "test", partial=False)
    with pytest.raises(DataError, match="h36m has no split 'val'; it has train, validation, test"):
        h36m(tmp_path, "val", partial=False)


def test_files_of_another_dataset_are_called_by_their_name(tmp_path):
    fake_lsp(tmp_path / "root", np.random.default_rng(0), count=2)
    with pytest.raises(DataError, match=r"holds no layout of Human3\.6M; .* looks like lsp, not h36m; add it as that"):
        add_dataset("h36m", tmp_path / "root", tmp_path / "out")


@pytest.mark.parametrize(("name", "value"), [("S", np.nan), ("S", np.inf), ("S", 1e39), ("part", np.inf)])
def test_poses_with_nan_are_refused_or_left_out(tmp_path, name, value):
    write_npz(tmp_path, FEW)
    with np.load(tmp_path / "h36m_valid.npz") as file:
        arrays = dict(file)
    arrays[name][3, 5, 1] = value
    np.savez(tmp_path / "h36m_valid.npz", **arrays)
    with pytest.raises(DataError, match="1 of 24 poses hold NaN or infinite joints"):
        h36m(tmp_path, "test", partial=False)
    found = h36m(tmp_path, "test-every-5th", partial=True)
    assert any("1 poses with NaN or infinite joints are left out" in note for note in found.notes)


def test_shuffled_labels_are_refused(tmp_path):
    write_npz(tmp_path, FEW)
    with np.load(tmp_path / "h36m_valid.npz") as file:
        arrays = dict(file)
    arrays["S"] = arrays["S"][np.random.default_rng(0).permutation(24)]
    np.savez(tmp_path / "h36m_valid.npz", **arrays)
    with pytest.raises(DataError, match="2D and 3D joints do not show the same poses"):
        h36m(tmp_path, "test", partial=False)


def test_resized_images_are_refused(tmp_path):
    write_npz(tmp_path, FEW)
    write_metadata_xml(tmp_path / "metadata.xml", np.concatenate([LAB.w0[:264], LAB.w0[264:] * 4]))
    with pytest.raises(DataError, match="is 250 x 250 px, but the centre of its camera lies at"):
        h36m(tmp_path, "test", partial=False)


def test_two_images_of_one_frame_are_refused(tmp_path):
    write_fetched(tmp_path, FEW)
    folder = next((tmp_path / "S9").iterdir())
    shutil.copytree(folder, folder.with_name(folder.name.replace("-", "_")))
    with pytest.raises(DataError, match=r"frames of recordings have several images \(S9/"):
        h36m(tmp_path, "test", partial=False)


def test_the_challenges_train_folder_alone_is_added_if_partial(tmp_path):
    write_challenge(tmp_path / "root", FEW)
    shutil.rmtree(tmp_path / "root" / "Val")
    with pytest.raises(
        DataError, match=r"Val: the challenge's images are missing; .*--partial to add train, validation"
    ):
        add_dataset("h36m", tmp_path / "root", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    added = add_dataset("h36m", tmp_path / "root", tmp_path / "out", partial=True)
    assert [one.split for one in added] == ["train", "validation"]
    assert any(note.startswith("split test is not there and is left out") for note in added[0].notes)


def test_a_truncated_npz_is_not_taken_for_a_missing_split(tmp_path):
    write_npz(tmp_path, FEW)
    path = tmp_path / "h36m_train.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"h36m_train\.npz: is truncated, damaged or not an npz file"):
        add_dataset("h36m", tmp_path, tmp_path / "out", partial=True)
