import pytest

from prepose.data.image_folder import find_by_name, find_image_folder


def touch(*paths) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("image", "name", "folder", "found"),
    [
        ("set/annotations/a.jpg", "a.jpg", "set/annotations", "a.jpg"),
        ("set/annotations/images/a.jpg", "a.jpg", "set/annotations/images", "a.jpg"),
        ("set/images/a.jpg", "a.jpg", "set/images", "a.jpg"),
        ("set/images/val/a.jpg", "a.jpg", "set/images/val", "a.jpg"),
        ("set/val/a.jpg", "a.jpg", "set/val", "a.jpg"),
        ("images/a.jpg", "a.jpg", "images", "a.jpg"),
        ("set/val/a.jpg", "val/a.jpg", "set", "val/a.jpg"),
        ("set/val/a.jpg", "x/y/val/a.jpg", "set", "val/a.jpg"),
        ("elsewhere/deep/down/a.jpg", "a.jpg", "set/annotations", "a.jpg"),
    ],
)
def test_images_are_found_beside_and_above_the_label_file(tmp_path, image, name, folder, found):
    touch(tmp_path / image, tmp_path / "set/annotations/labels.json")
    place, names = find_image_folder(tmp_path / "set/annotations/labels.json", [name])
    assert (place, names) == (tmp_path / folder, (found,))


def test_the_folder_with_most_of_the_images_is_taken(tmp_path):
    touch(tmp_path / "images/a.jpg", *(tmp_path / "images/val" / name for name in ("a.jpg", "b.jpg")))
    place, _ = find_image_folder(tmp_path / "labels.json", ["a.jpg", "b.jpg", "c.jpg"])
    assert place == tmp_path / "images/val"


def test_names_that_share_no_folder_keep_theirs(tmp_path):
    touch(tmp_path / "a/1.jpg", tmp_path / "b/1.jpg")
    assert find_image_folder(tmp_path / "labels.json", ["a/1.jpg", "b/1.jpg"])[1] == ("a/1.jpg", "b/1.jpg")


def test_a_name_that_two_images_have_is_not_found(tmp_path):
    touch(tmp_path / "a/1.jpg", tmp_path / "b/1.jpg", tmp_path / "b/2.jpg", tmp_path / "b/3.txt")
    assert find_by_name(tmp_path, ["1.jpg", "2.jpg", "3.txt", "4.jpg"]) == {"2.jpg": "b/2.jpg"}
