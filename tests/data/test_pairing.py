import json
import os
import unicodedata

import numpy as np
import pytest
import simplejpeg

from fakes import png, turned_jpeg
from fakes_coco import fake_coco
from fakes_custom import fake_custom
from prepose.data.catalog import add_dataset
from prepose.data.pairing import check_images, check_labelled_once, pair_images, turned_note
from prepose.data.picture import decode_image, image_size, read_photograph
from prepose.data.store import open_store
from prepose.errors import DataError

NAMES = tuple(f"im{number}.jpg" for number in range(1, 7))


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


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
        check_images(tmp_path, NAMES, joints * factor)
    else:
        with pytest.raises(DataError, match=r"in 6 of 6 labels, joints lie far outside.*im1\.jpg.*60 x 40"):
            check_images(tmp_path, NAMES, joints * factor)
    # Where the labels say of which size their image is, people may lie anywhere.
    check_images(tmp_path, NAMES, joints * factor, labelled_wh=[(60, 40)] * 6)


def test_a_single_odd_label_among_many_is_not_a_wrong_release(tmp_path):
    names = tuple(f"{number}.jpg" for number in range(40))
    put(tmp_path, names)
    joints = np.full((40, 14, 2), 20.0)
    joints[7, 3] = -500
    check_images(tmp_path, names, joints)


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


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "a/../../secret.jpg", "/etc/secret.jpg", "C:/x.jpg", r"..\up/x.jpg", ""]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    put(tmp_path, ["secret.jpg"])
    put(tmp_path / "images", NAMES)
    with pytest.raises(DataError, match=r"names the file .*outside of its folder"):
        pair_images(tmp_path / "images", (*NAMES, name), partial=True)


def test_two_labels_of_one_image_are_refused():
    check_labelled_once(NAMES, "labels")
    with pytest.raises(DataError, match=r"labels: 2 images have two labels or more \(im2\.jpg, im3\.jpg\), and one is"):
        check_labelled_once((*NAMES, "im2.jpg", "im3.jpg", "im3.jpg"), "labels")


@pytest.mark.parametrize(
    ("named", "on_disk"),
    [
        ("./a/x.jpg", "a/x.jpg"),
        ("a//./x.jpg", "a/x.jpg"),
        ("a\\x.jpg", "a/x.jpg"),
        ("a/Ren\u00e9.jpg", "a/" + unicodedata.normalize("NFD", "Ren\u00e9.jpg")),
        (unicodedata.normalize("NFD", "\u00e9t\u00e9/x.jpg"), "\u00e9t\u00e9/x.jpg"),
        ("a/IMG_1.jpg", "a/img_1.JPG"),
        ("a/x.jpg", "A/x.JPEG"),
        ("x.tif", "x.tiff"),
        ("a/frame", "a/frame"),
        ("a/x.webp", "a/x.webp"),
        ("a/x.bmp", "a/x.bmp"),
        ("a/x.avif", "a/x.avif"),
    ],
)
def test_an_image_is_found_under_another_spelling_of_its_name(tmp_path, named, on_disk):
    (tmp_path / on_disk).parent.mkdir(exist_ok=True)
    (tmp_path / on_disk).write_bytes(b"")
    pairing = pair_images(tmp_path, (named, named), partial=False)
    assert pairing.names == (on_disk, on_disk)
    assert pairing.present.tolist() == [0, 1]
    other = named.replace("\\", "/").replace("//", "/").replace("./", "") != on_disk
    assert len(pairing.notes) == other
    if other:
        assert "1 images are spelled otherwise" in pairing.notes[0]


def test_a_name_that_may_mean_several_files_is_refused(tmp_path):
    put(tmp_path, ["x.JPG", "X.jpg"])
    with pytest.raises(DataError, match=r"x\.jpg may mean X\.jpg, x\.JPG"):
        pair_images(tmp_path, ["x.jpg"], partial=True)
    with pytest.raises(DataError, match=r"X\.jpeg may mean x\.JPG"):
        pair_images(tmp_path, ["X.jpg", "X.jpeg", "x.jpeg"], partial=True)
    assert pair_images(tmp_path, ["X.jpg", "x.jpeg"], partial=True).names == ("X.jpg", "x.JPG")


def test_a_file_that_another_label_names_exactly_stands_for_no_other_spelling(tmp_path):
    put(tmp_path, ["x.jpg"])
    with pytest.raises(DataError, match=r"1 of 2 labels have no image \(x\.jpeg\)"):
        pair_images(tmp_path, ["x.jpg", "x.jpeg"], partial=False)


@pytest.mark.parametrize(
    ("on_disk", "hint"),
    [
        (["im1.webp"], r"im1\.jpg is there in another format, as im1\.webp"),
        (["other.jpg"], r"the images there have other names \(other\.jpg\)"),
        ([], "there are no images .* unpack them there"),
    ],
)
def test_of_missing_images_no_more_is_said_than_is_known(tmp_path, on_disk, hint):
    put(tmp_path / "images", on_disk)
    with pytest.raises(DataError, match=rf"holds none of the 6 labelled images .*{hint}"):
        pair_images(tmp_path / "images", NAMES, partial=True)
    with pytest.raises(DataError, match="no such folder"):
        pair_images(tmp_path / "image", NAMES, partial=True)


@pytest.mark.parametrize("what", ["dead link", "link", "folder", "fifo", "linked folder"])
def test_what_is_no_file_is_named_or_left_out_and_counted(tmp_path, what):
    root = tmp_path / "root"
    put(root, NAMES[:5])
    put(tmp_path, ["outside.jpg"])
    odd, message = "im6.jpg", {"folder": "is a folder", "fifo": "is a folder or a device"}.get(what, "is a link")
    if what == "folder":
        (root / odd).mkdir()
    elif what == "fifo":
        os.mkfifo(root / odd)
    elif what == "linked folder":
        odd = "linked/outside.jpg"
        (root / "linked").symlink_to(tmp_path)
    else:
        (root / odd).symlink_to(tmp_path / ("outside.jpg" if what == "link" else "gone.jpg"))
    with pytest.raises(DataError, match=rf"{odd.split('/')[0]}.*{message}"):
        pair_images(root, (*NAMES[:5], odd), partial=False)
    pairing = pair_images(root, (*NAMES[:5], odd), partial=True)
    assert pairing.present.tolist() == list(range(5))
    assert pairing.notes == (f"1 of 6 labels have a link or a folder in place of their image and are left out ({odd})",)
    with pytest.raises(DataError, match=message):
        pair_images(root, [odd], partial=True)


def test_the_folder_of_images_itself_may_be_a_link(tmp_path):
    put(tmp_path / "real", NAMES)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(pair_images(tmp_path / "link", NAMES, partial=False).present) == 6


def a_turned_set(folder, orientations, size_wh=(60, 40)) -> list[str]:
    folder.mkdir(exist_ok=True)
    names = []
    for number, orientation in enumerate(orientations):
        names.append(f"{number}.jpg")
        (folder / names[-1]).write_bytes(turned_jpeg(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), orientation))
    return names


CENTRE = np.full((1, 2), 19.0)


def test_turned_images_are_counted_and_their_labels_taken_to_be_in_the_upright_image(tmp_path):
    names = a_turned_set(tmp_path, [1, 6, 3, 1])
    checked = check_images(tmp_path, names, np.stack([CENTRE] * 4))
    assert len(checked.notes) == 1
    assert checked.notes[0].startswith("2 of 4 images have an EXIF orientation other than 1 (1.jpg, 2.jpg)")
    assert "labels are taken to be in the upright image" in checked.notes[0]
    assert checked.images.image("1.jpg") == tmp_path / "1.jpg"
    assert turned_note(tmp_path, names) == checked.notes
    assert check_images(tmp_path, ["0.jpg"], CENTRE[None]).notes == ()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_labels_own_size_says_which_pixels_they_mean(tmp_path, orientation):
    # Image 1 is upside down, which no size tells: it goes with the others.
    names = a_turned_set(tmp_path, [orientation, 3])
    joints = np.stack([CENTRE] * 2)
    checked = check_images(tmp_path, names, joints, labelled_wh=[(40, 60), (60, 40)])
    assert checked.images.as_stored == frozenset()
    checked = check_images(tmp_path, names, joints, labelled_wh=[(60, 40), (60, 40)])
    assert checked.images.as_stored == {"0.jpg", "1.jpg"}
    assert "2 of 2 images" in checked.notes[0]
    assert "kept unturned" in checked.notes[0]
    kept = checked.images.image("0.jpg")
    assert isinstance(kept, bytes)
    assert image_size(kept) == (60, 40)


def test_joints_outside_of_the_turned_image_alone_say_that_labels_are_in_the_pixels_as_stored(tmp_path):
    names = a_turned_set(tmp_path, [6] * 5)
    stored = np.array([[[55.0, 20.0]]] * 4 + [[[20.0, 30.0]]])  # the last one tells nothing, and goes with the others
    assert check_images(tmp_path, names, stored).images.as_stored == set(names)
    assert check_images(tmp_path, names, stored[..., ::-1]).images.as_stored == frozenset()


def test_labels_of_another_size_than_their_image_are_refused_or_left_out(tmp_path):
    names = a_turned_set(tmp_path, [1, 6, 1])
    joints, sizes = np.stack([CENTRE] * 3), [(60, 40), (80, 120), None]
    with pytest.raises(DataError, match=r"1\.jpg: is 40 x 60 px \(EXIF orientation 6; stored as 60 x 40.*80 x 120 px"):
        check_images(tmp_path, names, joints, labelled_wh=sizes)
    checked = check_images(tmp_path, names, joints, labelled_wh=sizes, partial=True)
    assert checked.kept.tolist() == [0, 2]
    assert checked.notes[-1] == "1 labels are of another size than their image and are left out"
    with pytest.raises(DataError, match=r"0\.jpg: is 60 x 40 px, but its label is of an image of 90 x 40 px"):
        check_images(tmp_path, names[:1], joints[:1], labelled_wh=[(90, 40)], partial=True)


def turn_all(folder, orientation, turn) -> None:
    for path in sorted(folder.iterdir()):
        shown = decode_image(path.read_bytes())
        path.write_bytes(turned_jpeg(np.ascontiguousarray(turn(shown)), orientation))


@pytest.mark.parametrize("by_reference", [True, False])
def test_stores_and_predict_read_a_turned_photo_alike(tmp_path, generator, by_reference):
    root = tmp_path / "phone"
    fake_custom(root, generator)
    shown = {path.name: decode_image(path.read_bytes()) for path in (root / "images").iterdir()}
    turn_all(root / "images", 6, np.rot90)
    added = add_dataset("custom", root, tmp_path / "store", by_reference=by_reference)
    assert any("EXIF orientation other than 1" in note and "upright" in note for note in added[0].notes)
    store = open_store(tmp_path / "store", "train")
    path = root / "images" / "000.jpg"
    assert store.image_bytes(0) == path.read_bytes()
    np.testing.assert_array_equal(decode_image(store.image_bytes(0)), read_photograph(path))
    assert np.abs(read_photograph(path).astype(int) - shown["000.jpg"]).mean() < 4


@pytest.mark.parametrize("by_reference", [True, False])
def test_labels_of_the_pixels_as_stored_keep_their_image_unturned(tmp_path, generator, by_reference):
    fake_coco(tmp_path / "coco", generator)
    folder = tmp_path / "coco" / "val2017"
    stored = decode_image(sorted(folder.iterdir())[0].read_bytes())
    turn_all(folder, 6, lambda image: image)
    (added,) = add_dataset(
        "coco", tmp_path / "coco", tmp_path / "store", splits=["validation"], by_reference=by_reference
    )
    assert any("kept unturned" in note for note in added.notes)
    kept = decode_image(open_store(tmp_path / "store", "validation").image_bytes(0))
    assert kept.shape == (100, 160, 3)
    assert np.abs(kept.astype(int) - stored).mean() < 4


def test_a_coco_image_of_another_size_is_refused_and_exif_named_where_there_is_one(tmp_path, generator):
    fake_coco(tmp_path, generator)
    labels = tmp_path / "annotations" / "person_keypoints_val2017.json"
    content = json.loads(labels.read_text())
    content["images"][0].update(width=320, height=200)
    labels.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"is 160 x 100 px, but its label is of an image of 320 x 200 px"):
        add_dataset("coco", tmp_path, tmp_path / "store", splits=["validation"])
    turn_all(tmp_path / "val2017", 8, lambda image: np.rot90(image, -1))
    with pytest.raises(DataError, match=r"is 160 x 100 px \(EXIF orientation 8; stored as 100 x 160 px\)"):
        add_dataset("coco", tmp_path, tmp_path / "store", splits=["validation"])
    assert not (tmp_path / "store").exists()


def test_a_split_whose_images_are_all_links_is_left_out_if_partial(tmp_path, generator):
    fake_custom(tmp_path / "mine", generator)
    last = tmp_path / "mine" / "images" / "002.jpg"
    last.unlink()
    last.symlink_to("/nowhere/002.jpg")
    with pytest.raises(DataError, match=r"images/002\.jpg is a link"):
        add_dataset("custom", tmp_path / "mine", tmp_path / "store")
    (added,) = add_dataset("custom", tmp_path / "mine", tmp_path / "store", partial=True)
    assert added.split == "train"
    assert "2 of 6 labels have a link or a folder in place of their image" in added.notes[0]


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
    (note,) = check_images(tmp_path, names, cut_off(np.random.default_rng(0), 40, sides=sides)).notes
    assert note.startswith("in 40 of 40 labels, joints lie outside the image")
    assert "release" not in note and "size" not in note


def test_labels_of_slightly_larger_images_are_found_by_the_side_they_overflow_to(tmp_path):
    names = [f"{number}.jpg" for number in range(40)]
    put(tmp_path, names)
    joints = np.random.default_rng(0).uniform([0, 0], [59, 39], (40, 14, 2))
    assert check_images(tmp_path, names, joints).notes == ()
    with pytest.raises(
        DataError, match=r"beyond the right border in \d+ of them and beyond the left or upper one in 0"
    ):
        check_images(tmp_path, names, joints * 1.3)


def test_joints_that_need_not_lie_inside_are_not_judged(tmp_path):
    names = [f"{number}.jpg" for number in range(40)]
    put(tmp_path, names)
    joints = np.random.default_rng(0).uniform([0, 0], [59, 39], (40, 14, 2)) * 3
    joints[(joints > [59, 39]).any(axis=-1)] = np.nan
    assert check_images(tmp_path, names, joints).notes == ()
