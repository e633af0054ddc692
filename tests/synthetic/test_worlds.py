import json
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import simplejpeg

from prepose.camera.crop import is_inside
from prepose.data.sample import JointState
from prepose.errors import RecipeError
from prepose.synthetic.motion import ACTIONS
from prepose.synthetic.scene import lab_cameras
from prepose.synthetic.worlds import ODDS, SPLITS, VISIT, WORLDS, draw_sample, find_world

SIZE = 48


@cache
def some(world, count=24):
    return [draw_sample(WORLDS[world], "train", 7, index, SIZE) for index in range(count)]


def pixels(sample):
    return simplejpeg.decode_jpeg(sample.image)


@pytest.mark.parametrize("world", WORLDS)
def test_sample_is_a_function_of_its_name_alone(world):
    forward = some(world)
    for index in (17, 5, 0):
        again = draw_sample(WORLDS[world], "train", 7, index, SIZE)
        assert again.image == forward[index].image
        np.testing.assert_array_equal(again.joints_cam, forward[index].joints_cam)
        np.testing.assert_array_equal(again.states, forward[index].states)
        assert again.details == forward[index].details
        assert (again.subject, again.action, again.frame) == (forward[index].subject, forward[index].action, index)


@pytest.mark.parametrize("world", WORLDS)
def test_other_seeds_splits_and_indices_give_other_samples(world):
    first = some(world)[0]
    others = [
        draw_sample(WORLDS[world], "train", 8, 0, SIZE),
        draw_sample(WORLDS[world], "test", 7, 0, SIZE),
        some(world)[1],
    ]
    assert all(other.image != first.image for other in others)


@pytest.mark.parametrize("world", WORLDS)
def test_image_and_labels_agree(world):
    for sample in some(world):
        assert pixels(sample).shape == (SIZE, SIZE, 3)
        assert sample.camera.size_wh == (SIZE, SIZE)
        np.testing.assert_allclose(sample.camera.project(sample.joints_cam), sample.joints_img, atol=1e-6)
        inside = is_inside(sample.joints_img, SIZE)
        np.testing.assert_array_equal(inside, sample.states != JointState.OUTSIDE)
        assert not np.isin(sample.states, (JointState.UNKNOWN, JointState.OCCLUDED)).any()
        x, y, width, height = sample.box_xywh
        held = sample.joints_img[inside]
        assert ((held >= [x - 0.5, y - 0.5]) & (held <= [x + width - 0.5, y + height - 0.5])).all()
        assert x >= -0.5 and y >= -0.5 and x + width <= SIZE + 0.5 and y + height <= SIZE + 0.5


@pytest.mark.parametrize("world", WORLDS)
def test_labels_do_not_depend_on_the_size_of_the_picture(world):
    small, large = some(world)[0], draw_sample(WORLDS[world], "train", 7, 0, 2 * SIZE)
    np.testing.assert_allclose(large.joints_cam, small.joints_cam, atol=1e-6)
    np.testing.assert_allclose((large.joints_img + 0.5) / 2, small.joints_img + 0.5, atol=1e-6)
    shrunk = pixels(large).reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), pixels(small).ravel())[0, 1] > 0.8


@pytest.mark.parametrize("world", WORLDS)
def test_pictures_are_neither_black_nor_burnt_nor_empty(world):
    for sample in some(world):
        image = pixels(sample).astype(float)
        assert 35 < image.mean() < 215
        assert image.std() > 8
        assert (image > 253).all(axis=2).mean() < 0.5


@pytest.mark.parametrize("world", WORLDS)
def test_person_fills_the_picture_and_can_be_seen(world):
    shares = [np.max(sample.box_xywh[2:]) / SIZE for sample in some(world)]
    assert 0.55 < np.median(shares) <= 1.0 and min(shares) > 0.3
    seen = [(sample.states == JointState.VISIBLE).mean() for sample in some(world)]
    assert np.mean(seen) > 0.35 and np.mean(np.array(seen) < 0.1) < 0.1


@pytest.mark.parametrize("world", WORLDS)
def test_what_was_drawn_is_recorded(world):
    for sample in some(world):
        facts = json.loads(sample.details)
        assert {"scene", "pose", "stature", "camera_height", "distance", "field_of_view", "sensor"} <= set(facts)
        assert np.linalg.norm(sample.joints_cam[0]) == pytest.approx(facts["distance"], rel=1e-4)
        assert sample.source.startswith(f"{world}/train, seed 7, sample ")


@pytest.mark.parametrize("world", WORLDS)
def test_no_person_is_in_two_splits(world):
    people = WORLDS[world].people
    assert tuple(people) == SPLITS
    for one in SPLITS:
        for other in SPLITS:
            assert one == other or not set(people[one][:1000]) & set(people[other])


def test_lab_has_few_people_four_fixed_cameras_and_its_list_of_actions():
    world = WORLDS["lab"]
    assert [len(world.people[split]) for split in SPLITS] == [5, 1, 8]
    fixed = {camera.name: camera for camera in lab_cameras()}
    for sample in some("lab"):
        whole = fixed[sample.camera.name]
        np.testing.assert_array_equal(sample.camera.rotation, whole.rotation)
        np.testing.assert_array_equal(sample.camera.translation, whole.translation)
        np.testing.assert_array_equal(sample.camera.distortion, whole.distortion)
        # The kept square is all that was done to the lens.
        _, _, side = json.loads(sample.details)["square"]
        assert sample.camera.K[0, 0] == pytest.approx(whole.K[0, 0] * SIZE / side, rel=1e-4)
        assert sample.action in world.actions
        assert 2000 < np.linalg.norm(sample.joints_cam[0]) < 6000
    assert len({sample.camera.name for sample in some("lab")}) == 4


def test_lab_is_narrower_than_the_wild():
    assert WORLDS["lab"].breadth < WORLDS["wild"].breadth
    scenes = {world: Counter(json.loads(s.details)["scene"] for s in some(world)) for world in ("lab", "wild")}
    assert set(scenes["lab"]) == {"lab"} and len(scenes["wild"]) >= 4


def test_cameras_of_everyday_photos_are_nearer_to_the_horizontal_than_those_of_the_wild():
    down = {
        world: np.array([-json.loads(sample.details)["pitch"] for sample in some(world)])
        for world in ("everyday", "wild")
    }
    assert (np.percentile(down["everyday"], [50, 75]) < np.percentile(down["wild"], [50, 75]) - 3).all()


def test_somebody_without_labels_is_beside_a_good_part_of_the_people_of_everyday_photos():
    samples = some("everyday", 40)
    facts = [json.loads(sample.details) for sample in samples]
    others = [(sample, fact) for sample, fact in zip(samples, facts, strict=True) if "beside" in fact]
    assert 0.2 < len(others) / len(samples) < 0.6
    assert all(fact["beside"] != sample.subject for sample, fact in others)
    alone = replace(WORLDS["everyday"], company=0.0)
    for sample in samples[:16]:
        without = draw_sample(alone, "train", 7, sample.frame, SIZE)
        # The person, the pose and the place of the camera are as they would be without anybody else.
        np.testing.assert_array_equal(without.joints_cam, sample.joints_cam)
        is_alone = "beside" not in json.loads(sample.details)
        assert (without.image == sample.image) == is_alone
        # Most of the person stays to be seen.
        newly_hidden = np.isin(sample.states, JointState.OCCLUDED_BY_OBJECT) & ~np.isin(
            without.states, JointState.OCCLUDED_BY_OBJECT
        )
        assert newly_hidden.mean() < 0.7


def test_more_is_hidden_by_objects_in_the_occluded_world():
    share = {
        world: np.mean([np.isin(sample.states, JointState.OCCLUDED_BY_OBJECT).mean() for sample in some(world)])
        for world in ("wild", "occluded")
    }
    assert share["occluded"] > 2 * share["wild"]
    assert 0.10 < share["occluded"] < 0.35


def test_a_visit_shows_one_person_and_the_next_another():
    subjects = [sample.subject for sample in some("wild")]
    assert all(len(set(subjects[start : start + VISIT])) == 1 for start in range(0, 24, VISIT))
    assert len(set(subjects)) == 3


def test_motion_capture_takes_its_share_where_it_is_given():
    from prepose.synthetic.bvh import MotionClip
    from prepose.synthetic.motion import draw_pose
    from prepose.synthetic.rig import draw_proportions

    generator = np.random.default_rng(0)
    poses = tuple(draw_pose(generator, proportions=draw_proportions(generator)) for _ in range(3))
    clip = MotionClip("take_1", poses, np.zeros((3, 2)), np.zeros(3), 1 / 30)
    drawn = [draw_sample(WORLDS["wild"], "train", 7, index, 32, clips=(clip,)).action for index in range(24)]
    assert 5 <= drawn.count("take_1") <= 19


def test_bad_arguments_are_named():
    with pytest.raises(RecipeError, match=r"no world is named 'moon'; known: wild, lab, occluded"):
        find_world("moon")
    with pytest.raises(ValueError, match=r"world 'lab' has no split 'dev'; it has train, validation, test"):
        draw_sample(WORLDS["lab"], "dev", 0, 0, SIZE)
    with pytest.raises(ValueError, match="index and seed must be >= 0"):
        draw_sample(WORLDS["lab"], "train", 0, -1, SIZE)


def test_the_wild_shows_more_walking_than_handstands():
    odds = ODDS
    assert set(odds) <= set(ACTIONS)
    assert odds["walking"] > 1 > odds["handstand"] > 0
