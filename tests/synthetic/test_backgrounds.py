"""Real backgrounds: none of the labelled people is in them, the person in front stays, and the store says so."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from prepose.body.skeletons import MPII_16
from prepose.data.picture import decode_image
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.synthetic.backgrounds import before, largest_room, open_backgrounds
from prepose.synthetic.synthesize import synthesize
from prepose.synthetic.worlds import draw_sample, find_world


def _write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def green(tmp_path: Path) -> Path:
    _write(tmp_path / "photos" / "one.png", np.full((120, 160, 3), (20, 200, 20), np.uint8))
    return tmp_path / "photos"


def test_the_largest_part_beside_the_people_is_taken() -> None:
    assert largest_room((200, 100), None) == (0, 0, 200, 100)
    assert largest_room((200, 100), np.array([10.0, 20.0, 50.0, 60.0])) == (60, 0, 200, 100)
    assert largest_room((100, 200), np.array([0.0, 90.0, 100.0, 110.0])) == (0, 0, 100, 90)


def test_what_is_shown_stays_and_the_rest_is_the_background() -> None:
    image, background = np.full((32, 32, 3), 0.2, np.float32), np.zeros((32, 32, 3), np.float32)
    background[..., 1] = 5.0
    shown = np.zeros((32, 32), bool)
    shown[8:24, 8:24] = True
    seen = before(image, shown, background)
    np.testing.assert_allclose(seen[12:20, 12:20], 0.2, rtol=1e-4)
    assert (seen[:5, :5, 0] < 1e-6).all()
    # The same exposure: the background's unit of light is its own affair.
    np.testing.assert_allclose(seen, before(image, shown, 7 * background), rtol=1e-4)


def test_people_stand_before_the_photos_and_their_labels_stay(green: Path) -> None:
    world = find_world("wild")
    plain = draw_sample(world, "train", 0, 3, 64)
    scenery = open_backgrounds(green)
    share = 0
    for index in range(12):
        sample = draw_sample(world, "train", 0, index, 64, backgrounds=scenery)
        np.testing.assert_array_equal(sample.joints_img, draw_sample(world, "train", 0, index, 64).joints_img)
        image = decode_image(sample.image).astype(int)
        corner = image[:6, :6].reshape(-1, 3).mean(axis=0)
        share += '"background": "photo"' in sample.details
        if '"background": "photo"' in sample.details and '"occluders": 0' in sample.details:
            assert corner[1] > corner[0] and corner[1] > corner[2]
    assert 5 <= share <= 12
    assert '"background"' not in plain.details


def test_a_store_gives_what_surrounds_its_people(tmp_path: Path, generator: np.random.Generator) -> None:
    image = np.full((100, 200, 3), (200, 30, 30), np.uint8)
    image[:, 62:] = (30, 30, 200)
    picture = cv2.imencode(".png", image[..., ::-1])[1].tobytes()

    def person(left: float) -> PoseSample:
        joints = np.tile([left + 5.0, 50.0], (16, 1))
        return PoseSample(
            image=picture,
            skeleton=MPII_16,
            box_xywh=np.array([left, 5.0, 20.0, 90.0]),
            joints_img=joints,
            joints_cam=np.full((16, 3), np.nan),
            states=np.zeros(16, np.uint8),
            source="two.png",
        )

    store = tmp_path / "store"
    write_store(store, StoreDescription("two", MPII_16, "some terms"), "train", [person(15.0), person(40.0)], total=2)
    scenery = open_backgrounds(store)
    assert len(scenery) == 1
    for _ in range(5):
        square = scenery.draw(generator, 32)
        # Both people are in the red part; right of them everything is blue.
        assert (square[..., 2] > square[..., 0]).all()


def test_a_store_of_people_before_photos_keeps_their_terms_and_is_resumed(green: Path, tmp_path: Path) -> None:
    out = tmp_path / "wild"
    synthesize("wild", out=out, counts={"train": 2}, size=32, backgrounds=green)
    dataset = open_store(out, "train")
    assert "terms of their images" in dataset.licence
    with pytest.raises(DataError):
        synthesize("wild", out=out, counts={"train": 2}, size=32)


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_a_folder_without_images_is_refused(make: str, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    if make == "empty":
        folder.mkdir()
    with pytest.raises(DataError, match=r"backgrounds .*none"):
        open_backgrounds(folder)


def test_images_of_a_test_split_are_no_backgrounds(tmp_path: Path) -> None:
    store = tmp_path / "test-only"
    description = StoreDescription("two", MPII_16, "some terms")
    sample = PoseSample(
        image=cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes(),
        skeleton=MPII_16,
        box_xywh=np.array([5.0, 5.0, 20.0, 40.0]),
        joints_img=np.full((16, 2), 10.0),
        joints_cam=np.full((16, 3), np.nan),
        states=np.zeros(16, np.uint8),
    )
    write_store(store, description, "test", [sample], total=1)
    with pytest.raises(DataError, match=r"test-only: .*'train', only test"):
        open_backgrounds(store)


def test_images_without_room_are_refused_by_name(tmp_path: Path, generator: np.random.Generator) -> None:
    _write(tmp_path / "small" / "a.png", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(DataError, match=r"small.*48 px"):
        open_backgrounds(tmp_path / "small").draw(generator, 32)
