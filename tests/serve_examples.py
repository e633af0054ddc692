"""Renders the examples of `prepose serve` from the synthetic worlds, and prints the box of each person.

`python tests/serve_examples.py src/prepose/web/samples` writes those that ship; their boxes go to
src/prepose/web/examples.py.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from prepose.camera.crop import Crop
from prepose.data.picture import decode_image
from prepose.predict.video import video_file
from prepose.synthetic.motion import draw_pose, ground
from prepose.synthetic.people import model_of, person, turned_pose
from prepose.synthetic.render import render
from prepose.synthetic.rig import BodyPose
from prepose.synthetic.scene import clearing_about, draw_scene
from prepose.synthetic.sensor import draw_sensor, expose
from prepose.synthetic.tracer import build_tracer
from prepose.synthetic.viewpoint import frame_camera, keep_square, look_at
from prepose.synthetic.visibility import body_box
from prepose.synthetic.worlds import WORLDS, draw_sample

PHOTOS = {"running.jpg": ("wild", 0), "occluded.jpg": ("occluded", 80)}
SIDE, VIDEO_SIDE = 384, 256
RATE, FRAMES_A_POSE = 15, 12
EXERCISE = ("hands_on_hips", "reaching_up", "squatting")


def pictures_of(moments, size, *, seed, outdoors):
    """Pictures of models that move in one place before a camera that stands still, and each model's box in each."""
    generator = np.random.default_rng(seed)
    points = np.concatenate([model.points_world for models in moments for model in models])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    centre = middle + np.array([600.0, 4200.0, 300.0])
    whole = frame_camera(centre, look_at(centre, middle), 50.0)
    scene = draw_scene(generator, clearing_about(points[::7], centre), indoors=0.0 if outdoors else 1.0)
    seen = whole.project(whole.cam_from_world(points[::3]))
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = float((high - low).max()) / 0.8
    camera = keep_square(whole, Crop(tuple((low + high) / 2), side, size))
    sensor = draw_sensor(generator, 0.1)
    pictures, boxes = [], []
    for models in moments:
        tracer = build_tracer([*(mesh for model in models for mesh in model.meshes), *scene.meshes])
        light = render(tracer, camera=camera, lights=scene.lights, background=scene.background).image
        pictures.append(expose(light, sensor, np.random.default_rng(seed)))
        boxes.append([body_box(camera.project(camera.cam_from_world(m.points_world)), camera.size_wh) for m in models])
    return pictures, boxes


def two_people():
    models = []
    for number, action, place in ((2_000_003, "waving", -450.0), (2_000_011, "standing", 450.0)):
        who = person("wild", number)
        pose = draw_pose(np.random.default_rng(number), proportions=who.proportions, actions=(action,), breadth=0.5)
        models.append(model_of(who, turned_pose(pose, 0.2, np.array([place, 0.0])), action))
    (picture,), (boxes,) = pictures_of([models], SIDE, seed=4, outdoors=True)
    return picture, boxes


def exercise():
    """Somebody who goes from pose to pose and back to the first, one picture for each frame."""
    who = person("wild", 2_000_007)
    drawn = [
        draw_pose(np.random.default_rng(3), proportions=who.proportions, actions=(each,), breadth=0.4)
        for each in EXERCISE
    ]
    keys = np.array([each.local for each in [*drawn, drawn[0]]])
    steps = np.arange(FRAMES_A_POSE * len(drawn)) / FRAMES_A_POSE
    eased = np.floor(steps) + (1 - np.cos(np.pi * (steps % 1))) / 2
    turns = np.stack(
        [
            Slerp(np.arange(len(keys)), Rotation.from_matrix(keys[:, segment]))(eased).as_matrix()
            for segment in range(keys.shape[1])
        ],
        axis=1,
    )
    moments = [
        [model_of(who, turned_pose(ground(BodyPose(turn, np.zeros(3)), who.proportions), 0.5, np.zeros(2)), "exercise")]
        for turn in turns
    ]
    return pictures_of(moments, VIDEO_SIDE, seed=8, outdoors=False)


def write_jpeg(path, pixels):
    cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def main(folder: Path) -> None:
    """Write all examples."""
    folder.mkdir(exist_ok=True)
    for name, (world, index) in PHOTOS.items():
        sample = draw_sample(WORLDS[world], "test", 5, index, SIDE)
        write_jpeg(folder / name, decode_image(sample.image))
        print(name, sample.action, np.round(sample.box_xywh).astype(int).tolist())
    picture, boxes = two_people()
    write_jpeg(folder / "two-people.jpg", picture)
    print("two-people.jpg", np.round(boxes).astype(int).tolist())
    pictures, boxes = exercise()
    with video_file(folder / "exercise.mp4") as write:
        for index, each in enumerate(pictures):
            write(each, index / RATE)
    corners = np.array(boxes)[:, 0]
    low, high = corners[:, :2].min(axis=0), (corners[:, :2] + corners[:, 2:]).max(axis=0)
    print("exercise.mp4", np.round([*low, *(high - low)]).astype(int).tolist())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
