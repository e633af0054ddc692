import zipfile
from pathlib import Path

import numpy as np
import pytest

from fakes import png
from prepose.data.image_source import ImageSource, find_images, image_reader, pair_source, size_of, unlabelled_images
from prepose.errors import DataError

NAMES = ("images/a/1.png", "images/a/2.png", "images/b/1.png")
LABELS = Path("labels.pkl")


def picture(number: int) -> bytes:
    return png(np.full((4, 5 + number, 3), 9, np.uint8))


def write(root: Path, place: str, names=NAMES) -> None:
    root.mkdir(exist_ok=True)
    if place.endswith(".zip"):
        with zipfile.ZipFile(root / place, "w") as archive:
            for number, name in enumerate(names):
                archive.writestr(name, picture(number))
        return
    for number, name in enumerate(names):
        (root / place / name).parent.mkdir(parents=True, exist_ok=True)
        (root / place / name).write_bytes(picture(number))


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (".", NAMES),
        (".", [name.removeprefix("images/") for name in NAMES]),
        ("images", NAMES),
        ("images.zip", NAMES),
        ("images.zip", [name.removeprefix("images/") for name in NAMES]),
        ("images.zip", [f"images/{name}" for name in NAMES]),
    ],
)
def test_images_are_found_however_they_were_unpacked(tmp_path, place, names):
    write(tmp_path, place, names)
    source = find_images((tmp_path / "images", tmp_path, tmp_path / "images.zip"), NAMES, LABELS)
    assert source.zipped == place.endswith(".zip")
    assert pair_source(source, partial=False).present.tolist() == [0, 1, 2]
    with image_reader(source) as image_of:
        for number, name in enumerate(source.names):
            image = image_of(name)
            assert isinstance(image, bytes) == source.zipped
            assert size_of(image, name) == (5 + number, 4)
            if isinstance(image, Path):
                assert image.is_absolute()


def test_a_folder_goes_before_an_archive_unless_it_holds_less(tmp_path):
    write(tmp_path, "images.zip")
    places = (tmp_path, tmp_path / "images.zip")
    assert find_images(places, NAMES, LABELS).zipped
    write(tmp_path, ".", NAMES[:1])
    assert find_images(places, NAMES, LABELS).zipped
    write(tmp_path, ".")
    assert not find_images(places, NAMES, LABELS).zipped


def test_missing_images_are_an_error_unless_partial(tmp_path):
    write(tmp_path, ".", NAMES[1:2])
    source = find_images((tmp_path,), NAMES, LABELS)
    with pytest.raises(
        DataError, match=r"2 of 3 labels have no image \(images/a/1\.png, .*--partial to take the 1 that"
    ):
        pair_source(source, partial=False)
    pairing = pair_source(source, partial=True)
    assert pairing.present.tolist() == [1]
    assert pairing.notes[0].startswith("2 of 3 labels have no image and are left out (images/a/1.png")


def test_no_images_at_all_are_an_error_even_if_partial(tmp_path):
    with pytest.raises(
        DataError, match=r"labels\.pkl: its images are not there; looked for .*images and .*images\.zip"
    ):
        find_images((tmp_path / "images", tmp_path / "images.zip"), NAMES, LABELS)
    (tmp_path / "images").mkdir()
    source = find_images((tmp_path / "images", tmp_path / "images.zip"), NAMES, LABELS)
    with pytest.raises(DataError, match="holds none of the 3 labelled images"):
        pair_source(source, partial=True)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "images/../../secret.png"])
def test_a_label_that_leads_outside_is_refused(tmp_path, name):
    write(tmp_path / "root", ".")
    (tmp_path / "secret.png").write_bytes(picture(0))
    with pytest.raises(DataError, match=r"labels\.pkl: names the file .*which may lie outside"):
        find_images((tmp_path / "root",), [*NAMES, name], LABELS)


def test_an_image_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"1\.png: the image cannot be read"):
        size_of(tmp_path / "1.png", "1.png")
    (tmp_path / "1.png").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"1\.png: is not an image"):
        size_of(tmp_path / "1.png", "1.png")


def test_a_source_can_be_sent_to_another_process(tmp_path):
    import pickle

    source = ImageSource(tmp_path, NAMES)
    assert pickle.loads(pickle.dumps(source)) == source


def test_pictures_that_nobody_names_are_found_beside_the_labelled_ones_alone(tmp_path):
    names = ("a/1.png", "a/2.png")
    for name in (*names, "a/3.png", "a/notes.txt", "b/4.png"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(picture(0))
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in (*names, "a/3.png", "a/notes.txt", "b/4.png"):
            archive.writestr(name, picture(0))
    for place in (tmp_path / "folder", tmp_path / "images.zip"):
        assert unlabelled_images(ImageSource(place, names)) == ("a/3.png",)
        assert unlabelled_images(ImageSource(place, names), ["a/3.png"]) == ()
