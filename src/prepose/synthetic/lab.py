"""The laboratory of the lab world: one room, its four cameras, and what people are asked to do in it.

The cameras have the lenses of a usual motion-capture studio: a frame of 1000 px, a focal length of about 1145 px,
barrel distortion; they hang in the corners, three to five and a half metres from where people move.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from prepose.camera.camera import Camera
from prepose.synthetic.light import lamplight
from prepose.synthetic.scene import Clearing, Scene, furnish, shell
from prepose.synthetic.viewpoint import look_at

# Half the room's sides and of the part in which people move, mm.
ROOM_HALF = (3100.0, 3800.0)
FLOOR_HALF = (800.0, 1000.0)
CEILING = 3000.0
LAB_SEED = 2014

# name: centre (mm), focal lengths and principal point (px), distortion.
_CAMERAS = (
    ("lab-1", (2650.0, 3350.0, 1720.0), (1145.0, 1143.8, 512.5, 515.0), (-0.205, 0.246, -0.0014, -0.0010, 0.0)),
    ("lab-2", (-2600.0, 3300.0, 1580.0), (1149.6, 1147.5, 508.8, 508.1), (-0.194, 0.240, -0.0027, -0.0016, 0.0)),
    ("lab-3", (-2700.0, -3250.0, 1840.0), (1149.1, 1148.7, 519.8, 501.4), (-0.208, 0.255, -0.0008, 0.0015, 0.0)),
    ("lab-4", (2550.0, -3400.0, 1660.0), (1145.5, 1144.7, 514.9, 501.9), (-0.198, 0.218, -0.0009, 0.0006, 0.0)),
)

# What a person is asked to do -> the actions of `motion` that it is made of.
LAB_ACTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "directions": ("standing", "pointing", "waving"),
        "discussion": ("standing", "pointing", "hands_on_hips", "arms_crossed"),
        "eating": ("eating",),
        "greeting": ("waving", "reaching_forward", "bending"),
        "phoning": ("phoning",),
        "photo": ("holding",),
        "posing": ("standing", "hands_on_hips", "arms_behind", "arms_crossed", "arms_up"),
        "purchases": ("reaching_forward", "reaching_down", "holding"),
        "sitting": ("sitting", "sitting_legs_crossed"),
        "sitting_down": ("sitting", "sitting_ground", "crouching"),
        "smoking": ("standing", "phoning", "sitting"),
        "waiting": ("standing", "arms_crossed", "arms_behind", "hands_on_hips"),
        "walk_dog": ("walking", "bending"),
        "walking": ("walking",),
        "walk_together": ("walking",),
    }
)


@cache
def lab_cameras() -> tuple[Camera, ...]:
    """The four cameras with the intrinsics of their whole frames."""
    return tuple(_lab_camera(*row) for row in _CAMERAS)


def _lab_camera(name: str, centre: tuple, lens: tuple, distortion: tuple) -> Camera:
    place = np.array(centre)
    rotation = look_at(place, np.array([0.0, 0.0, 950.0]))
    K = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    return Camera(K, (1000, 1000), rotation, -rotation @ place, np.array(distortion), name)


@cache
def lab_scene() -> Scene:
    """The room: always the same walls, furniture and lamps."""
    generator = np.random.default_rng(LAB_SEED)
    # The middle is kept free as if someone as wide as the whole floor stood there.
    clearing = Clearing(np.zeros(2), float(np.linalg.norm(FLOOR_HALF)) + 500, 2000.0, np.array([0.0, 0.0, 5000.0]))
    high = np.array(ROOM_HALF)
    meshes = shell(generator, -high, high, CEILING, finish=("concrete", "plaster"))
    meshes += furnish(generator, clearing, -high, high)
    lights, background = lamplight(generator, -high, high, CEILING)
    return Scene("lab", tuple(meshes), lights, background)
