import cv2
import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.recipes.detector_scenes import Material, draw_detector_scene
from prepose.synthetic.backgrounds import open_backgrounds
from prepose.synthetic.cutouts import PERSON, SEAT


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A red square person on a green ground, and blue backgrounds."""
    folder = tmp_path_factory.mktemp("material")
    cutout = np.zeros((64, 64, 4), np.uint8)
    cutout[..., 1] = 200
    cutout[16:48, 24:40] = (0, 0, 250, PERSON)  # BGRA
    cutout[48:56, 20:44] = (60, 60, 60, SEAT)
    cv2.imwrite(str(folder / "one.png"), cutout)
    backgrounds = folder / "backgrounds"
    backgrounds.mkdir()
    cv2.imwrite(str(backgrounds / "a.png"), np.full((120, 150, 3), (250, 0, 0), np.uint8))
    return Material([folder / "one.png"], (open_backgrounds(backgrounds),))


def red(image):
    return (image[..., 0].astype(int) > image[..., 1] + 40) & (image[..., 0].astype(int) > image[..., 2] + 40)


def test_boxes_hold_the_people_who_are_seen_and_nobody_else_is_there(material):
    inside = outside = people = 0
    for seed in range(25):
        scene = draw_detector_scene(np.random.default_rng(seed), material, 96)
        seen = red(scene.image)
        boxed = np.zeros(seen.shape, bool)
        for x, y, width, height in scene.boxes_xywh:
            assert x >= 0 and y >= 0 and x + width <= 96 and y + height <= 96
            part = np.s_[round(y) : round(y + height), round(x) : round(x + width)]
            boxed[part] = True
            # Two people may cover a third one but for some of it.
            assert seen[part].mean() > 0.15 or scene.image[part].std(axis=2).mean() < 10
        inside += (seen & boxed).sum()
        outside += (seen & ~boxed & ~scene.unknown).sum()
        people += len(scene.boxes_xywh)
    assert people > 25 and outside < 0.02 * inside


def test_the_same_state_draws_the_same_scene(material):
    one, again = (draw_detector_scene(np.random.default_rng(3), material, 64) for _ in range(2))
    assert np.array_equal(one.image, again.image) and np.array_equal(one.boxes_xywh, again.boxes_xywh)


def test_of_photographs_only_the_surroundings_of_the_label_are_known(material, tmp_path, monkeypatch):
    from prepose.recipes import detector_scenes

    monkeypatch.setattr(detector_scenes, "_MANY", 0)
    monkeypatch.setattr(detector_scenes, "_PHOTOGRAPH", 1.0)
    write_store(
        tmp_path, StoreDescription("some", MPII_16), "train", fake_samples(2, MPII_16, np.random.default_rng(0))
    )
    photographs = Material(material.cutouts, (), (open_store(tmp_path, "train"),))
    scenes = [draw_detector_scene(np.random.default_rng(seed), photographs, 64) for seed in range(12)]
    assert 0.05 < np.mean([scene.unknown.mean() for scene in scenes]) < 1
    for scene in scenes:
        for x, y, width, height in scene.boxes_xywh:
            part = scene.unknown[round(y) : round(y + height), round(x) : round(x + width)]
            assert part.mean() < 0.9
