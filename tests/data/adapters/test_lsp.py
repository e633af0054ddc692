from pathlib import Path

import numpy as np
import pytest
import scipy.io

import prepose.data.adapters.lsp as lsp_module
from fakes import fake_lsp, fake_lsp_extended
from prepose.body.skeletons import LSP_14
from prepose.data.adapters.lsp import LSP_EXTENDED_SPLITS, LSP_SPLITS, lsp, lsp_extended
from prepose.data.entry import FoundDataset
from prepose.data.picture import decode_image
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(6)


@pytest.fixture(scope="module")
def whole_lsp(tmp_path_factory) -> tuple[Path, np.ndarray]:
    root = tmp_path_factory.mktemp("lsp")
    return root, fake_lsp(root, np.random.default_rng(7))


def all_of(found: FoundDataset) -> list:
    return list(found.samples(0, found.total))


def rewrite(root: Path, change) -> None:
    joints = scipy.io.loadmat(root / "joints.mat")["joints"]
    scipy.io.savemat(root / "joints.mat", {"joints": change(joints)})


def test_lsp_is_split_as_its_owners_do_and_comes_in_pixels_from_zero(whole_lsp):
    root, true_img = whole_lsp
    train, test = (lsp(root, split, partial=False) for split in LSP_SPLITS)
    assert (train.total, test.total) == (1000, 4)
    samples = all_of(train) + all_of(test)
    assert [sample.image.name for sample in samples] == [f"im{number:04d}.jpg" for number in range(1, 1005)]
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    occluded = np.arange(1004 * 14).reshape(1004, 14) % 7 == 0
    states = np.stack([sample.states for sample in samples])
    np.testing.assert_array_equal(states, np.where(occluded, JointState.OCCLUDED, JointState.VISIBLE))
    assert train.notes == (
        "14056 places of joints.mat count pixels from 1 and are moved by 1",
        f"{occluded.sum()} of 14056 joints of joints.mat are marked as occluded (flag 1; placed all the same)",
    )


def test_lsp_extended_forgets_what_is_not_labelled(tmp_path, generator):
    true_img = fake_lsp_extended(tmp_path, generator, count=30)
    found = lsp_extended(tmp_path, "all", partial=False)
    samples = all_of(found)
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    unlabelled = np.isnan(true_img[..., 0]).sum()
    assert found.notes == (
        f"{unlabelled} of 420 joints of joints.mat are not labelled (flag 0; their places mean nothing)",
    )
    assert all((sample.states == JointState.UNKNOWN).all() for sample in samples)


def test_lsp_extended_holds_out_whole_blocks_of_neighbours(tmp_path, generator, monkeypatch):
    monkeypatch.setattr(lsp_module, "BLOCK", 2)
    fake_lsp_extended(tmp_path, generator, count=30)
    names = {
        split: {sample.image.name for sample in all_of(lsp_extended(tmp_path, split, partial=False))}
        for split in LSP_EXTENDED_SPLITS
    }
    assert names["validation"] == {"im00017.jpg", "im00018.jpg"}
    assert names["test"] == {"im00019.jpg", "im00020.jpg"}
    assert names["train"] == names["all"] - names["validation"] - names["test"]
    assert len(names["all"]) == 30


@pytest.mark.parametrize(
    ("fake", "find", "split"), [(fake_lsp, lsp, "train"), (fake_lsp_extended, lsp_extended, "all")]
)
def test_samples_are_whole(tmp_path, generator, fake, find, split):
    fake(tmp_path, generator, count=12, pictures=(2, 5, 12))
    for sample in all_of(find(tmp_path, split, partial=True)):
        assert sample.skeleton == LSP_14
        assert sample.image.is_absolute()
        assert not sample.has_3d
        known = sample.joints_img[~np.isnan(sample.joints_img).any(axis=1)]
        x, y, width, height = sample.box_xywh
        assert (known > [x - 0.5, y - 0.5]).all()
        assert (known < [x + width - 0.5, y + height - 0.5]).all()
        assert sample.source == f"images/{sample.image.name}"


def test_right_and_left_are_the_persons_own(tmp_path, generator):
    # The drawn person faces the viewer and the fakes paint its right limbs red: red pixels lie on the picture's left.
    fake_lsp(tmp_path, generator, count=3)
    (sample, *_) = all_of(lsp(tmp_path, "train", partial=False))
    image = decode_image(sample.image.read_bytes()).astype(int)
    for joint, warm in (("r_knee", True), ("r_elbow", True), ("l_knee", False), ("l_elbow", False)):
        x, y = np.round(sample.joints_img[LSP_14.index(joint)]).astype(int)
        red, _, blue = image[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
        assert (red > blue) == warm


def test_samples_can_begin_anywhere(tmp_path, generator):
    fake_lsp_extended(tmp_path, generator, count=20)
    found = lsp_extended(tmp_path, "all", partial=False)
    assert [sample.source for sample in found.samples(7, 12)] == [sample.source for sample in all_of(found)][7:12]


def test_images_may_lie_beside_the_labels(tmp_path, generator):
    fake_lsp_extended(tmp_path, generator, count=10)
    for image in (tmp_path / "images").iterdir():
        image.rename(tmp_path / image.name)
    (tmp_path / "images").rmdir()
    assert lsp_extended(tmp_path, "all", partial=False).total == 10


@pytest.mark.parametrize(("fake", "find", "digits"), [(fake_lsp, lsp, 4), (fake_lsp_extended, lsp_extended, 5)])
def test_missing_images_are_an_error_unless_partial(tmp_path, generator, fake, find, digits):
    fake(tmp_path, generator, count=9, pictures=(3, 4))
    first = f"im{1:0{digits}d}.jpg"
    with pytest.raises(
        DataError, match=rf"7 of 9 labels have no image \({first}, .*--partial to take the 2 that are there"
    ):
        find(tmp_path, "train", partial=False)
    found = find(tmp_path, "train", partial=True)
    assert found.total == 2
    assert found.notes[0].startswith(f"7 of 9 labels have no image and are left out ({first}")


def test_a_split_without_any_image_is_an_error(tmp_path, generator):
    fake_lsp(tmp_path, generator, count=1004, pictures=(1, 2))
    with pytest.raises(DataError, match="none of the images that are there belongs to this split"):
        lsp(tmp_path, "test", partial=True)


def test_the_other_dataset_is_recognised(tmp_path, generator):
    fake_lsp(tmp_path / "lsp", generator, count=5)
    fake_lsp_extended(tmp_path / "extended", generator, count=5)
    with pytest.raises(DataError, match="its joints are 3 x 14 x 5, which looks like lsp, not lsp-extended"):
        lsp_extended(tmp_path / "lsp", "all", partial=False)
    with pytest.raises(DataError, match="its joints are 14 x 3 x 5, which looks like lsp-extended, not lsp"):
        lsp(tmp_path / "extended", "train", partial=False)


@pytest.mark.parametrize(("find", "split"), [(lsp, "validation"), (lsp_extended, "dev")])
def test_a_split_that_does_not_exist_is_named(tmp_path, find, split):
    with pytest.raises(DataError, match=f"has no split '{split}'; it has train"):
        find(tmp_path, split, partial=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("fake", "find"), [(fake_lsp, lsp), (fake_lsp_extended, lsp_extended)])
def test_numbers_that_are_none_are_an_error(tmp_path, generator, fake, find, value):
    fake(tmp_path, generator, count=6)

    def spoil(joints: np.ndarray) -> np.ndarray:
        joints[(0, 1, 3) if find is lsp else (1, 0, 3)] = value
        return joints

    rewrite(tmp_path, spoil)
    with pytest.raises(DataError, match="1 records hold NaN or infinite joints, the first is 4"):
        find(tmp_path, "train", partial=False)


def test_what_is_not_labelled_may_be_anything(tmp_path, generator):
    fake_lsp_extended(tmp_path, generator, count=6)

    def spoil(joints: np.ndarray) -> np.ndarray:
        joints[:, :2] = np.where(joints[:, 2:] == 0, np.nan, joints[:, :2])
        return joints

    rewrite(tmp_path, spoil)
    assert lsp_extended(tmp_path, "all", partial=False).total == 6


def test_a_record_without_any_label_is_an_error(tmp_path, generator):
    fake_lsp_extended(tmp_path, generator, count=6)

    def clear(joints: np.ndarray) -> np.ndarray:
        joints[:, 2, 2] = 0
        return joints

    rewrite(tmp_path, clear)
    with pytest.raises(DataError, match="record 3 has no labelled joint"):
        lsp_extended(tmp_path, "all", partial=False)


def test_labels_and_images_of_different_count_are_an_error(tmp_path, generator):
    fake_lsp_extended(tmp_path, generator, count=8)
    rewrite(tmp_path, lambda joints: joints[..., :6])
    with pytest.raises(DataError, match=r"2 images have no label \(im00007\.jpg, im00008\.jpg\)"):
        lsp_extended(tmp_path, "all", partial=False)


def test_labels_of_the_other_release_are_an_error(tmp_path, generator):
    # The original release's labels beside the scaled release's images: same names, other size.
    fake_lsp(tmp_path, generator, count=8)
    rewrite(tmp_path, lambda joints: joints * np.array([4, 4, 1.0])[:, None, None])
    with pytest.raises(
        DataError, match=r"joints lie far outside the image.*are of larger images \(joints reach 3\.7 times"
    ):
        lsp(tmp_path, "train", partial=False)


@pytest.mark.parametrize("find", [lsp, lsp_extended])
def test_another_layout_is_an_error(tmp_path, find):
    with pytest.raises(DataError, match=r"joints\.mat: there is no such file"):
        find(tmp_path, "train", partial=True)
    scipy.io.savemat(tmp_path / "joints.mat", {"poses": np.zeros((3, 14, 5))})
    with pytest.raises(DataError, match="has no numeric variable 'joints'; it has poses"):
        find(tmp_path, "train", partial=True)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((5, 16, 2))})
    with pytest.raises(DataError, match="'joints' is 5 x 16 x 2, expected"):
        find(tmp_path, "train", partial=True)
