import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fakes_h36m import draw_lab, write_lists, write_npz
from prepose.data.catalog import DATASETS, add_dataset
from prepose.data.entry import looks_like
from prepose.data.h36m.frames import SPLITS
from prepose.data.h36m.lists import foreign_npz, json_root, npz_files, read_lists, read_npz, where_of
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(14), frames=2, subjects=(9, 11))
TEST = SPLITS["test"]


def change_npz(root: Path, **change) -> None:
    with np.load(root / "h36m_valid.npz") as file:
        arrays = dict(file) | change
    np.savez(root / "h36m_valid.npz", **arrays)


def test_lists_hold_world_joints_boxes_and_cameras(tmp_path):
    write_lists(tmp_path, LAB)
    assert json_root(tmp_path) == tmp_path / "annotations"
    frames = read_lists(tmp_path, TEST, partial=False)
    assert frames.folder == tmp_path / "images"
    for row, (subject, action, subaction, _, frame) in enumerate(frames.where.tolist()):
        np.testing.assert_allclose(frames.joints_world[row], LAB.world[subject, action, subaction][frame])
    assert set(frames.cameras) == {(subject, camera) for subject in (9, 11) for camera in range(4)}
    assert np.isfinite(frames.given).all()


@pytest.mark.parametrize(
    ("kind", "change", "line"),
    [
        ("joint_3d", lambda data: {}, r"the files of S9 lack a field or do not fit .* \(KeyError"),
        ("camera", lambda data: {"1": {}}, "the files of S9 lack a field"),
        ("data", lambda data: [1, 2], "the files of S9 lack a field"),
        ("data", lambda data: {"images": [], "annotations": []}, "labelled images|no complete files"),
    ],
)
def test_damaged_lists_are_one_clear_line(tmp_path, kind, change, line):
    write_lists(tmp_path, LAB)
    path = tmp_path / f"annotations/Human36M_subject9_{kind}.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    if "no complete" in line:
        assert set(read_lists(tmp_path, TEST, partial=False).where[:, 0]) == {11}  # the adapter says that S9 is lacking
        return
    with pytest.raises(DataError, match=line):
        read_lists(tmp_path, TEST, partial=False)


def test_a_list_that_names_images_elsewhere_is_refused(tmp_path):
    write_lists(tmp_path, LAB)
    path = tmp_path / "annotations/Human36M_subject9_data.json"
    data = json.loads(path.read_text())
    data["images"][3]["file_name"] = "../../secret.jpg"
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"names the file '\.\./\.\./secret\.jpg', which may lie outside"):
        read_lists(tmp_path, TEST, partial=False)


def test_npz_files_are_told_by_what_they_hold(tmp_path):
    write_npz(tmp_path, LAB)
    np.savez(tmp_path / "other.npz", imgname=np.array(["a"]))
    (tmp_path / "no.npz").write_bytes(b"PK nothing")
    assert [path.name for path in npz_files(tmp_path)] == ["h36m_valid.npz"]


def test_npz_gives_metres_and_px_and_forgets_what_has_no_confidence(tmp_path):
    write_npz(tmp_path, LAB)
    with np.load(tmp_path / "h36m_valid.npz") as file:
        places = file["part"].copy()
    places[5, 3, 2] = 0
    change_npz(tmp_path, part=places)
    frames = read_npz(tmp_path, TEST, partial=False)
    shots = list(LAB.shots())
    np.testing.assert_allclose(frames.joints_cam * 1000, np.concatenate([shot.joints_cam for shot in shots]))
    assert np.isnan(frames.joints_img[5, 3]).all()
    assert np.isnan(frames.joints_img).sum() == 2


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"S": np.zeros((24, 24, 4))}, r"S \(24, 24, 4\); expected"),
        ({"part": np.zeros((3, 17, 3))}, r"part is \(3, 17, 3\)"),
        (
            {"imgname": np.array(["S9_Waiting_1.60457274_000001.jpg", *["photo.jpg"] * 23])},
            "the image name 'photo.jpg' says no subject",
        ),
        ({"imgname": np.array([{"a": 1}] * 24, object)}, "pickled objects, which could run code"),
    ],
)
def test_another_npz_is_one_clear_line(tmp_path, change, line):
    write_npz(tmp_path, LAB)
    change_npz(tmp_path, **change)
    with pytest.raises(DataError, match=line):
        read_npz(tmp_path, TEST, partial=False)


def test_a_truncated_npz_is_no_list_and_a_damaged_one_is_named(tmp_path):
    write_npz(tmp_path, LAB)
    path = tmp_path / "h36m_valid.npz"
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("S.npy").header_offset + 300
    path.write_bytes(whole[:at] + bytes(64) + whole[at + 64 :])
    with pytest.raises(DataError, match=r"h36m_valid\.npz"):
        read_npz(tmp_path, TEST, partial=False)
    path.write_bytes(whole[: len(whole) // 2])
    assert path not in npz_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("images/S9_Waiting_1.60457274_000012.jpg", (9, 13, -2, 3, 12)),
        ("S11_SittingDown.54138969_000001.jpg", (11, 10, -1, 0, 1)),
        ("S1_WalkDog 1.55011271_000001.jpg", (1, 15, -2, 1, 1)),
        ("s_05_act_12_subact_02_ca_03/s_05_act_12_subact_02_ca_03_000101.jpg", (5, 12, 2, 2, 101)),
    ],
)
def test_image_names_say_where_they_are_from(name, where):
    assert where_of(name, Path("x.npz")) == where


@pytest.mark.parametrize("name", ["S1_Flying_1.54138969_000001.jpg", "S1_Eating_1.11111111_000001.jpg", "000001.jpg"])
def test_other_names_are_refused(name):
    with pytest.raises(DataError, match=r"x\.npz: the image name .* says no subject, action and camera"):
        where_of(name, Path("x.npz"))


@pytest.mark.parametrize(
    ("kind", "change", "line"),
    [
        ("data", lambda data: data["images"][1].update(id=0), "the image id 0 occurs twice"),
        (
            "data",
            lambda data: data["annotations"][1].update(image_id=0),
            "the image_id of an annotation 0 occurs twice",
        ),
        ("camera", lambda data: data.update({"01": data["1"]}), "the camera 1 occurs twice"),
    ],
)
def test_a_key_that_should_be_unique_is_refused_twice(tmp_path, kind, change, line):
    write_lists(tmp_path, LAB)
    path = tmp_path / f"annotations/Human36M_subject9_{kind}.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=rf"subject9_{kind}\.json: {line}"):
        read_lists(tmp_path, TEST, partial=False)


def test_lists_of_another_datasets_images_are_not_taken_for_human36m(tmp_path):
    write_npz(tmp_path, LAB)
    with np.load(tmp_path / "h36m_valid.npz") as file:
        count = len(file["imgname"])
    change_npz(tmp_path, imgname=np.array([f"S1_Seq1_Cam0_{frame:06d}.jpg" for frame in range(count)]))
    shutil.rmtree(tmp_path / "images")
    assert npz_files(tmp_path) == []
    assert foreign_npz(tmp_path) == "h36m_valid.npz lists images of another dataset (S1_Seq1_Cam0_000000.jpg)"
    assert looks_like(tmp_path, DATASETS.values()) == {}
    for name in ("h36m", "mpi-inf-3dhp"):
        with pytest.raises(DataError) as told:
            add_dataset(name, tmp_path, tmp_path / "out")
        assert "looks like" not in str(told.value)
    with pytest.raises(DataError, match=r"no layout of Human3\.6M; h36m_valid\.npz lists images of another dataset"):
        add_dataset("h36m", tmp_path, tmp_path / "out")


def test_24_joints_in_spins_order_are_the_same_as_17(tmp_path):
    write_npz(tmp_path, LAB)
    seventeen = read_npz(tmp_path, TEST, partial=False)
    with np.load(tmp_path / "h36m_valid.npz") as file:
        part, joints = file["part"], file["S"]
    # SPIN's own script: where each of the 17, left leg first, goes among the 24.
    places, left_first = (
        [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6],
        [0, 4, 5, 6, 1, 2, 3, *range(7, 17)],
    )
    wide = [np.zeros((len(one), 24, one.shape[-1])) for one in (part, joints)]
    for target, source in zip(wide, (part, joints), strict=True):
        target[:, places] = source[:, left_first]
    change_npz(tmp_path, part=wide[0], S=wide[1])
    again = read_npz(tmp_path, TEST, partial=False)
    np.testing.assert_array_equal(again.joints_cam, seventeen.joints_cam)
    np.testing.assert_array_equal(again.joints_img, seventeen.joints_img)
