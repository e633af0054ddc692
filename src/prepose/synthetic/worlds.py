"""The worlds, and how one sample of them is drawn.

- **wild** has the widest variety of people, poses, places, light and cameras; it plays the part of MPII.
- **lab** is one room with four calibrated cameras, a fixed list of actions and a few people in fixed clothes, split by
  person; it plays the part of Human3.6M.
- **occluded** puts objects and furniture in front of the person; it plays the part of Occlusion-Person.
- **everyday** has the wild's people and places as everyday photos and videos show them: most are upright, and cameras
  are held by hand, near the horizontal; in two of five somebody else is beside the person. A network for photos learns
  depth from it.

A sample is a pure function of (world, split, seed, index). Splits never share a person.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.spatial import KDTree

from prepose.arrays import Vector3
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.camera.crop import Crop
from prepose.data.sample import PoseSample
from prepose.errors import RecipeError, unknown_name
from prepose.synthetic.backgrounds import SHARE as BACKGROUND_SHARE
from prepose.synthetic.backgrounds import Backgrounds, before
from prepose.synthetic.bvh import MotionClip
from prepose.synthetic.motion import ACTIONS, draw_pose
from prepose.synthetic.occluders import SEATED, draw_occluders, draw_seat, hides
from prepose.synthetic.people import Model, Person, model_of, person, turned_pose
from prepose.synthetic.render import render
from prepose.synthetic.scene import (
    FLOOR_HALF,
    LAB_ACTIONS,
    LAB_SEED,
    Scene,
    clearing_about,
    draw_scene,
    lab_cameras,
    lab_scene,
)
from prepose.synthetic.sensor import Sensor, draw_sensor, encode, expose
from prepose.synthetic.solids import Thing
from prepose.synthetic.tracer import build_tracer
from prepose.synthetic.viewpoint import WIDE_VIEWS, Views, draw_square, draw_viewpoint, keep_square
from prepose.synthetic.visibility import body_box, camera_centre, head_box, joint_states

# A picture that cuts someone off keeps a good part of these; the marks of the face are too close together to count.
_LIMBS_AND_TRUNK = [
    i for i, name in enumerate(PREPOSE_27.joints) if not name.endswith(("eye", "ear", "nose", "head", "hand", "toe"))
]
SPLITS = ("train", "validation", "test")
# Every so many samples in a row show one person: building a figure costs more than drawing a sample of it.
VISIT = 8
# How often an action is seen, 1 where nothing else is said: in pictures of people most stand, walk or sit, and few are
# on their hands. Without these odds every sixth picture would show someone lying, on all fours or upside down.
ODDS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("standing", "sitting"), 2.0),
        "walking": 3.0,
        **dict.fromkeys(("running", "holding", "reaching_forward"), 1.5),
        **dict.fromkeys(("lying_on_back", "lying_on_side", "lying_on_belly", "push_up", "on_all_fours"), 0.25),
        **dict.fromkeys(("balancing", "sitting_ground", "climbing", "random"), 0.5),
        **dict.fromkeys(("handstand", "cartwheel", "swimming"), 0.1),
    }
)
# In everyday photos and videos the common actions are commoner still, and nobody is upside down.
EVERYDAY_ODDS: Mapping[str, float] = MappingProxyType(
    {
        **ODDS,
        **dict.fromkeys(("standing", "walking"), 8.0),
        **dict.fromkeys(("running", "sitting", "holding", "waving", "pointing", "hands_on_hips", "phoning"), 2.5),
        **dict.fromkeys(("handstand", "cartwheel", "swimming", "random"), 0.0),
    }
)
# Somebody beside a person is drawn as far from them as neighbours, dancers and passers-by are, mm, and keeps their skin
# apart; nearer than this to the camera, or before most of the joints, nobody is put.
_BESIDE, _APART, _FROM_CAMERA, _MOST_HIDDEN = (350.0, 1300.0), 30.0, 1200.0, 0.5
# Share of the poses that come from motion capture where clips are given.
MOTION_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class World:
    """What a world is like.

    Attributes:
        name: The name under which `WORLDS` lists it.
        summary: What it is, in a line.
        people: The numbers of the people of each split.
        actions: What people do -> the actions of `motion` that it is made of.
        odds: How often an action is drawn, relative to the others; 1 where it is not named.
        breadth: How wide the poses of an action spread, 1 as the prior has it.
        views: How cameras look.
        indoors: Share of rooms.
        occluded: Share of the pictures that have things in front of the person.
        occlusion: Range of the share of joints that those things are to hide.
        company: Share of the pictures with somebody else, who has no labels, beside the person.
        severity: How much the camera spoils the picture, 1 as holiday pictures.
        floor: Half the sides of the part of the floor on which people are, mm.
        place: Finds a place and a camera for a posed person.
    """

    name: str
    summary: str
    people: Mapping[str, range]
    place: "Callable[[np.random.Generator, World, Model, Model | None], Setting]"
    actions: Mapping[str, tuple[str, ...]]
    odds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    breadth: float = 1.0
    views: Views = WIDE_VIEWS
    indoors: float = 0.5
    occluded: float = 0.35
    occlusion: tuple[float, float] = (0.05, 0.35)
    company: float = 0.0
    severity: float = 1.0
    floor: tuple[float, float] = (0.0, 0.0)


class Setting(NamedTuple):
    """Where a model is, which camera (of the whole frame) looks on, and what else there is to tell.

    Attributes:
        scene: What is about; the meshes of things at the person come first.
        camera: The camera.
        facts: What was drawn, for the record.
        near: How many of the scene's meshes are at the person: a seat, what stands in front, somebody beside them.
    """

    scene: Scene
    camera: Camera
    facts: dict[str, object]
    near: int


def _named_actions() -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: (name,) for name in ACTIONS})


def _anywhere(generator: np.random.Generator, world: World, model: Model, beside: Model | None) -> Setting:
    """A drawn place, a drawn camera, and perhaps something in between."""
    skin_points = model.points_world[::7]
    view = draw_viewpoint(generator, skin_points, world.views)
    if beside is not None and not _leaves_the_view(beside, model, view.centre):
        beside = None
    all_points = skin_points if beside is None else np.concatenate([skin_points, beside.points_world[::7]])
    scene = draw_scene(generator, clearing_about(all_points, view.centre), indoors=world.indoors)
    wanted = float(generator.uniform(*world.occlusion)) if generator.random() < world.occluded else 0.0
    things = draw_occluders(generator, model.joints_world, all_points, camera=view.centre, target=wanted)
    facts: dict[str, object] = {"field_of_view": view.field_of_view, "occluders": len(things)}
    near = [*_seat(generator, model), *things]
    if beside is not None:
        facts["beside"] = beside.who.name
        near += [*beside.meshes, *_seat(generator, beside)]
    return Setting(replace(scene, meshes=(*near, *scene.meshes)), view.camera, facts, near=len(near))


def _leaves_the_view(beside: Model, model: Model, camera: Vector3) -> bool:
    """Whether somebody neither stands at the camera nor hides most of the person from it."""
    away = np.linalg.norm(beside.points_world[::7] - camera, axis=1).min()
    return bool(away > _FROM_CAMERA and hides(beside.meshes, model.joints_world, camera).mean() <= _MOST_HIDDEN)


def _seat(generator: np.random.Generator, model: Model) -> Thing:
    if model.pose.action not in SEATED:
        return []
    return draw_seat(generator, model.joints_world, model.who.proportions.height)


def _in_the_lab(generator: np.random.Generator, world: World, model: Model, beside: Model | None) -> Setting:
    """The laboratory and one of its cameras; everybody there is alone."""
    cameras = lab_cameras()
    camera = cameras[int(generator.integers(len(cameras)))]
    field_of_view = float(np.degrees(2 * np.arctan(camera.size_wh[0] / 2 / camera.focal)))
    scene = lab_scene()
    # The same kind of seat every time, as a laboratory has.
    seat = _seat(np.random.default_rng(LAB_SEED), model)
    return Setting(
        replace(scene, meshes=(*seat, *scene.meshes)),
        camera,
        {"field_of_view": field_of_view, "occluders": 0},
        near=len(seat),
    )


def _crowd(first: int) -> Mapping[str, range]:
    starts = (first, first + 1_000_000, first + 2_000_000)
    return MappingProxyType({split: range(at, at + 1_000_000) for split, at in zip(SPLITS, starts, strict=True)})


WORLDS: Mapping[str, World] = MappingProxyType(
    {
        world.name: world
        for world in (
            World(
                name="wild",
                summary="the widest variety of people, poses, places, light and cameras",
                people=_crowd(0),
                place=_anywhere,
                actions=_named_actions(),
                odds=ODDS,
            ),
            World(
                name="lab",
                summary="one room, four calibrated cameras, fifteen actions, fourteen people in fixed clothes",
                # Training has as few people as real labs have; eight to test on, because intervals over two are wide.
                people=MappingProxyType({"train": range(0, 5), "validation": range(5, 6), "test": range(6, 14)}),
                place=_in_the_lab,
                actions=LAB_ACTIONS,
                breadth=0.6,
                views=Views(truncated=0.0),
                severity=0.25,
                floor=FLOOR_HALF,
            ),
            World(
                name="occluded",
                summary="objects and furniture in front of the person",
                people=_crowd(0),
                place=_anywhere,
                actions=_named_actions(),
                odds=ODDS,
                views=Views(truncated=0.05, share=(0.3, 1.0)),
                indoors=0.7,
                occluded=0.95,
                occlusion=(0.15, 0.50),
                severity=0.8,
            ),
            World(
                name="everyday",
                summary="the wild's people and places as photos show them: upright, cameras near the horizontal",
                people=_crowd(0),
                place=_anywhere,
                actions=_named_actions(),
                odds=EVERYDAY_ODDS,
                # A network that has only seen people alone takes a neighbour's limbs for theirs.
                company=0.4,
                # In the wild every fourth camera looks down by more than 25 degrees; a network that learns depth there
                # makes the people of real videos lean towards the camera.
                views=Views(
                    field_of_view=(20.0, 65.0), height=(500.0, 2500.0), share=(0.2, 0.9), distance=(2000.0, 15000.0)
                ),
            ),
        )
    }
)


def find_world(name: str) -> World:
    """The world of that name.

    Raises:
        RecipeError: no world has the name.
    """
    if name not in WORLDS:
        raise RecipeError(unknown_name("world", name, WORLDS))
    return WORLDS[name]


def draw_sample(  # noqa: PLR0913 - what defines a sample
    world: World,
    split: str,
    seed: int,
    index: int,
    size_px: int,
    *,
    clips: tuple[MotionClip, ...] = (),
    backgrounds: Backgrounds | None = None,
) -> PoseSample:
    """One sample: always the same one for the same arguments.

    Args:
        world: One of `WORLDS`, or a variant of one.
        split: One of `SPLITS`: which people.
        seed: Draws another series of samples of the same people.
        index: Which sample of the series, from 0.
        size_px: Side of the picture.
        clips: Motion capture that half of the poses are taken from, where there is any.
        backgrounds: Real images of which most samples' backgrounds are taken, where there are any.

    Raises:
        DataError: a background cannot be read.
        ValueError: the split has no people, or index, seed or size are out of range.
    """
    if split not in world.people:
        raise ValueError(f"world {world.name!r} has no split {split!r}; it has {', '.join(world.people)}")
    if index < 0 or seed < 0 or size_px < 16:
        raise ValueError(f"index and seed must be >= 0 and size_px >= 16, found {index}, {seed}, {size_px}")
    key = [crc32(world.name.encode()), crc32(split.encode()), seed]
    numbers = world.people[split]
    visitor = np.random.default_rng([*key, 0, index // VISIT]).integers(len(numbers))
    generator = np.random.default_rng([*key, 1, index])
    model = draw_model(generator, world, person(world.name, numbers[int(visitor)]), clips)
    beside = None
    if world.company:
        # Of a series of its own, so that who comes changes neither the person nor their pose and camera.
        other = np.random.default_rng([*key, 2, index // VISIT]).integers(len(numbers))
        beside = _company(np.random.default_rng([*key, 3, index]), world, model, numbers[int(other)], clips)
    sample = _photograph(generator, world, model, beside, size_px, backgrounds)
    return replace(sample, frame=index, source=f"{world.name}/{split}, seed {seed}, sample {index}")


def draw_model(generator: np.random.Generator, world: World, who: Person, clips: tuple[MotionClip, ...]) -> Model:
    """Somebody in a drawn pose; half of them from the clips, where there are any."""
    odds = np.array([world.odds.get(name, 1.0) for name in world.actions])
    action = tuple(world.actions)[int(generator.choice(len(odds), p=odds / odds.sum()))]
    if clips and generator.random() < MOTION_SHARE:
        clip = clips[int(generator.integers(len(clips)))]
        pose = clip.pose_of(int(generator.integers(len(clip.poses))), who.proportions)
        action = clip.name
    else:
        pose = draw_pose(generator, proportions=who.proportions, actions=world.actions[action], breadth=world.breadth)
    where = np.array(world.floor) * generator.uniform(-1, 1, 2)
    return model_of(who, turned_pose(pose, float(generator.uniform(-np.pi, np.pi)), where), action)


def _company(
    generator: np.random.Generator, world: World, model: Model, number: int, clips: tuple[MotionClip, ...]
) -> Model | None:
    """Somebody beside a person, in part of the pictures; nobody where there is no room."""
    if generator.random() >= world.company:
        return None
    other = draw_model(generator, world, person(world.name, number), clips)
    skin, taken = other.points_world[::7], KDTree(model.points_world[::7])
    start = other.joints_world[PREPOSE_27.root_index, :2]
    for reach in np.sort(generator.uniform(*_BESIDE, 6)):
        angle = generator.uniform(-np.pi, np.pi)
        place = model.joints_world[PREPOSE_27.root_index, :2] + reach * np.array([np.cos(angle), np.sin(angle)])
        move = np.array([*(place - start), 0.0])
        if taken.query(skin + move)[0].min() > _APART:
            return model_of(other.who, turned_pose(other.pose, 0.0, move[:2]), other.action)
    return None


def _photograph(
    generator: np.random.Generator,
    world: World,
    model: Model,
    beside: Model | None,
    size_px: int,
    backgrounds: Backgrounds | None,
) -> PoseSample:
    setting = world.place(generator, world, model, beside)
    whole = setting.camera
    square, cut = draw_square(
        generator,
        whole.project(whole.cam_from_world(model.points_world[::3])),
        whole.project(whole.cam_from_world(model.joints_world[_LIMBS_AND_TRUNK])),
        # Half a person behind furniture may not be cut as well, or there is nothing left to see.
        views=replace(world.views, truncated=0.0) if setting.facts["occluders"] else world.views,
        size=size_px,
    )
    camera = keep_square(whole, square)
    tracer = build_tracer([*model.meshes, *setting.scene.meshes])
    picture = render(tracer, camera=camera, lights=setting.scene.lights, background=setting.scene.background)
    sensor = draw_sensor(generator, world.severity)
    light, real = picture.image, backgrounds is not None and generator.random() < BACKGROUND_SHARE
    if backgrounds is not None and real:
        nearest = len(model.meshes) + setting.near
        shown = (picture.mesh_index >= 0) & (picture.mesh_index < nearest)
        light = before(light, shown, backgrounds.draw(generator, size_px))
    joints_cam = camera.cam_from_world(model.joints_world)
    joints_img = camera.project(joints_cam)
    skin_img = camera.project(camera.cam_from_world(model.points_world))
    states = joint_states(
        model.joints_world, camera, tracer, stature=model.who.proportions.height, num_own=len(model.meshes)
    )
    return PoseSample(
        image=encode(expose(light, sensor, generator), sensor),
        skeleton=PREPOSE_27,
        box_xywh=body_box(np.concatenate([skin_img, joints_img]), camera.size_wh),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=states,
        camera=camera,
        head_box_xywh=head_box(model.joints_world, camera),
        subject=model.who.name,
        action=model.action,
        details=json.dumps(
            _facts(model, setting, square, sensor) | {"truncated": cut} | ({"background": "photo"} if real else {})
        ),
    )


def _facts(model: Model, setting: Setting, square: Crop, sensor: Sensor) -> dict[str, object]:
    """What was drawn, for the record: mm, px, degrees."""
    centre = camera_centre(setting.camera)
    pelvis = model.joints_world[PREPOSE_27.root_index]
    to_person = pelvis - centre
    lights = setting.scene.lights
    sun = lights[0].vector if lights and lights[0].kind == "sun" else None
    facts: dict[str, object] = {
        "scene": setting.scene.kind,
        "pose": model.pose.action,
        "stature": model.who.proportions.height,
        "camera_height": centre[2],
        "distance": float(np.linalg.norm(to_person)),
        "pitch": float(np.degrees(np.arcsin(to_person[2] / np.linalg.norm(to_person)))),
        "square": [*square.centre, square.side],
        "lights": len(lights),
        "sun_elevation": None if sun is None else float(np.degrees(np.arcsin(sun[2] / np.linalg.norm(sun)))),
        "sensor": asdict(sensor),
        **setting.facts,
    }
    return json.loads(json.dumps(facts), parse_float=lambda number: float(f"{float(number):.6g}"))
