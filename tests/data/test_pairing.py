import numpy as np
import pytest
import simplejpeg

from fakes import png
from prepose.data.pairing import check_joints_lie_in_images, check_labelled_once, pair_images
from prepose.errors import DataError

NAMES = tuple(f"im{number}.jpg" for number in range(1, 7))


def put(folder, names) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(simplejpeg.encode_jpeg(np.zeros((40, 60, 3), np.uint8)))


@pytest.mark.parametrize("partial", [False, True])
def test_all_pairs_pass_without_a_word(tmp_path, partial):
    put(tmp_path, NAMES)
    (tmp_path / "README.txt").write_text("not a picture")
    pairing = pair_images(tmp_path, (*NAMES, NAMES[0]), partial=partial)
    assert pairing.present.tolist() == [0, 1, 2, 3, 4, 5, 0 + 6]
    assert pairing.notes == ()


def test_a_label_without_image_is_an_error_unless_partial(tmp_path):
    put(tmp_path, NAMES[4:])
    with pytest.raises(
        DataError, match=r"4 of 6 labels have no image \(im1\.jpg, im2\.jpg, im3\.jpg, \.\.\.\).*the 2 that"
    ):
        pair_images(tmp_path, NAMES, partial=False)
    pairing = pair_images(tmp_path, NAMES, partial=True)
    assert pairing.present.tolist() == [4, 5]
    assert pairing.notes == ("4 of 6 labels have no image and are left out (im1.jpg, im2.jpg, im3.jpg, ...)",)


def test_an_image_without_label_is_an_error_unless_partial(tmp_path):
    put(tmp_path, (*NAMES, "stranger.jpg"))
    with pytest.raises(DataError, match=r"1 images have no label \(stranger\.jpg\)"):
        pair_images(tmp_path, NAMES, partial=False)
    pairing = pair_images(tmp_path, NAMES, partial=True)
    assert len(pairing.present) == 6
    assert pairing.notes == ("1 images have no label and are left out (stranger.jpg)",)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_no_image_at_all_is_always_an_error(tmp_path, partial, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds none of the 6 labelled images \(im1\.jpg"):
        pair_images(tmp_path / folder, NAMES, partial=partial)


@pytest.mark.parametrize("factor", [0.1, 1, 1.05, 2])
def test_labels_of_another_resolution_are_found(tmp_path, factor):
    put(tmp_path, NAMES[:-1])
    (tmp_path / NAMES[-1]).write_bytes(png(np.zeros((40, 60, 3), np.uint8)))
    joints = np.random.default_rng(0).uniform([0, 0], [59, 39], (6, 14, 2))
    joints[:, 0] = [59, 39]
    joints[:, 1] = np.nan
    if factor < 1.1:
        check_joints_lie_in_images(tmp_path, NAMES, joints * factor)
    else:
        with pytest.raises(
            DataError, match=r"in 6 of 6 images looked at, joints lie far outside.*do not belong together"
        ):
            check_joints_lie_in_images(tmp_path, NAMES, joints * factor)


def test_a_single_odd_label_among_many_is_not_a_wrong_release(tmp_path):
    names = tuple(f"{number}.jpg" for number in range(40))
    put(tmp_path, names)
    joints = np.full((40, 14, 2), 20.0)
    joints[7, 3] = -500
    check_joints_lie_in_images(tmp_path, names, joints)


def test_images_without_label_may_belong_to_the_release(tmp_path):
    put(tmp_path, (*NAMES, "stranger.jpg"))
    pairing = pair_images(tmp_path, NAMES, partial=False, unlabelled_expected=True)
    assert pairing.present.tolist() == list(range(6))
    assert pairing.notes == ("1 images have no label, as is expected here, and are left out (stranger.jpg)",)
    with pytest.raises(DataError, match="1 of 7 labels have no image"):
        pair_images(tmp_path, (*NAMES, "missing.jpg"), partial=False, unlabelled_expected=True)


def test_images_may_lie_in_folders_below(tmp_path):
    put(tmp_path / "a", NAMES[:3])
    put(tmp_path / "b", NAMES[3:])
    names = [f"a/{name}" for name in NAMES[:3]] + [f"b/{name}" for name in NAMES[3:]]
    assert pair_images(tmp_path, names, partial=False).present.tolist() == list(range(6))
    with pytest.raises(DataError, match=r"2 images have no label \(b/im5\.jpg, b/im6\.jpg\)"):
        pair_images(tmp_path, names[:4], partial=False)


@pytest.mark.parametrize("name", ["../secret.jpg", "a/../../secret.jpg", "/etc/secret.jpg", "C:/x.jpg", r"..\up/x.jpg"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    put(tmp_path, ["secret.jpg"])
    put(tmp_path / "images", NAMES)
    with pytest.raises(DataError, match="names must be paths from this folder, inside it"):
        pair_images(tmp_path / "images", (*NAMES, name), partial=True)


def test_two_labels_of_one_image_are_refused():
    check_labelled_once(NAMES, "labels")
    with pytest.raises(DataError, match=r"labels: 2 images have two labels or more \(im2\.jpg, im3\.jpg\), and one is"):
        check_labelled_once((*NAMES, "im2.jpg", "im3.jpg", "im3.jpg"), "labels")


def cut_off(generator, count, *, sides):
    """People of 14 joints in pictures of 60 x 40 of whom the border cuts off less than half, at those sides."""
    joints = generator.uniform([5, 5], [54, 34], (count, 14, 2))
    for row in range(count):
        axis, side = divmod(sides[row % len(sides)], 2)
        joints[row, :5, axis] = (-12.0, (60, 40)[axis] + 12.0)[side]
    return joints


@pytest.mark.parametrize("sides", [(0, 1, 2, 3), (3,), (2,), (0,), (0, 1, 1, 1)], ids=str)
def test_people_whom_the_border_cuts_off_are_told_and_kept(tmp_path, sides):
    names = [f"{number}.jpg" for number in range(40)]
    put(tmp_path, names)
    (note,) = check_joints_lie_in_images(tmp_path, names, cut_off(np.random.default_rng(0), 40, sides=sides))
    assert note.startswith("in 40 of 40 images looked at, labelled joints lie outside the picture")
    assert "release" not in note and "size" not in note


def test_labels_of_slightly_larger_images_are_found_by_the_side_they_overflow_to(tmp_path):
    names = [f"{number}.jpg" for number in range(40)]
    put(tmp_path, names)
    joints = np.random.default_rng(0).uniform([0, 0], [59, 39], (40, 14, 2))
    assert check_joints_lie_in_images(tmp_path, names, joints) == ()
    with pytest.raises(
        DataError, match=r"beyond the right border in \d+ of them and beyond the left or upper one in 0"
    ):
        check_joints_lie_in_images(tmp_path, names, joints * 1.3)


def test_joints_that_need_not_lie_inside_are_not_judged(tmp_path):
    names = [f"{number}.jpg" for number in range(40)]
    put(tmp_path, names)
    joints = np.random.default_rng(0).uniform([0, 0], [59, 39], (40, 14, 2)) * 3
    joints[(joints > [59, 39]).any(axis=-1)] = np.nan
    assert check_joints_lie_in_images(tmp_path, names, joints) == ()
