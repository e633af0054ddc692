import pickle

import numpy as np
import pytest

from fakes_3dhp import fake_npz_lists
from prepose.data.adapters.h36m import h36m
from prepose.data.adapters.mpi_inf_3dhp import mpi_inf_3dhp
from prepose.errors import DataError

SPLITS = ("train", "validation", "test")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *splits, partial=False) -> list:
    found = [mpi_inf_3dhp(root, split, partial=partial) for split in splits or SPLITS]
    return [sample for one in found for sample in one.samples(0, one.total)]


def change(path, **values) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | values))


@pytest.mark.parametrize(
    ("spin", "cameras"), [(False, True), (False, False), (True, False)], ids=["MMPose", "without cameras", "SPIN"]
)
def test_lists_give_px_mm_and_cameras(tmp_path, generator, spin, cameras):
    true_img = fake_npz_lists(tmp_path, generator, spin=spin, cameras=cameras)
    samples = all_of(tmp_path)
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-6)
    for sample in samples[::7]:
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=0.01)
    assert [(sample.subject, sample.frame) for sample in samples[:4]] == [("S1", 0), ("S1", 10)] * 2
    assert samples[-1].subject == "TS6" and {sample.subject for sample in all_of(tmp_path, "validation")} == {"S8"}


def test_extrinsics_are_those_of_the_pickle(tmp_path, generator):
    fake_npz_lists(tmp_path, generator)
    one, other = (sample for sample in all_of(tmp_path, "train")[:3:2])
    world = [sample.camera.world_from_cam(sample.joints_cam) for sample in (one, other)]
    np.testing.assert_allclose(*world, atol=0.01)


def test_a_list_that_was_thinned_already_is_taken_whole(tmp_path, generator):
    fake_npz_lists(tmp_path, generator, frames=21)
    path = tmp_path / "annotations/mpi_inf_3dhp_train.npz"
    with np.load(path) as file:
        arrays = dict(file)
    kept = [row for row, name in enumerate(arrays["imgname"]) if int(name[-10:-4]) % 10 == 4]
    np.savez(path, **{key: value[kept] for key, value in arrays.items()})
    assert [sample.frame for sample in all_of(tmp_path, "train")[:2]] == [3, 13]


def test_it_is_not_taken_for_human36m(tmp_path, generator):
    fake_npz_lists(tmp_path, generator)
    with pytest.raises(DataError, match=r"holds no layout of Human3\.6M"):
        h36m(tmp_path, "train", partial=False)


def test_missing_images_splits_and_broken_lists_are_errors(tmp_path, generator):
    fake_npz_lists(tmp_path, generator)
    with pytest.raises(DataError, match="holds 17 joints of 8 cameras; this split needs the authors' annot"):
        all_of(tmp_path, "train-28-joints")
    (tmp_path / "images/S3_Seq1_Cam4_000011.jpg").unlink()
    with pytest.raises(DataError, match="1 of 2 labels of S3_Seq1_Cam4 have no image"):
        all_of(tmp_path, "train")
    assert len(all_of(tmp_path, "train", partial=True)) == 27
    path = tmp_path / "annotations/cameras_train.pkl"
    whole = path.read_bytes()
    path.write_bytes(pickle.dumps({"S8_Seq1_Cam0": {"R": 1}}))
    with pytest.raises(DataError, match=r"cameras_train\.pkl: the camera S8_Seq1_Cam0 is damaged"):
        all_of(tmp_path, "validation")
    path.write_bytes(pickle.dumps([1]))
    with pytest.raises(DataError, match="is not a table of cameras"):
        all_of(tmp_path, "validation")
    path.write_bytes(whole)
    lists = tmp_path / "annotations/mpi_inf_3dhp_train.npz"
    with np.load(lists) as file:
        count, part = len(file["imgname"]), file["part"]
    change(lists, part=part[:, :16])
    with pytest.raises(DataError, match=rf"part is \({count}, 16, 3\)"):
        all_of(tmp_path, "train")
    change(lists, part=part, imgname=np.array(["a.jpg"] * count))
    with pytest.raises(DataError, match=r"names an image 'a\.jpg'; expected names such as S1_Seq1_Cam0_000001"):
        all_of(tmp_path, "train")
