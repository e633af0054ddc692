"""Where the camera stands, which lens it has, and which part of its frame is kept about the person.

The kept picture is a square about the person. It is rendered straight away with the intrinsics of that square (a crop
of the frame is a K with a moved principal point), so that joints project into it exactly.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from prepose.arrays import Matrix3, Points3D, Vector3
from prepose.camera.camera import Camera, camera_from_field_of_view
from prepose.camera.crop import Crop

# The nearest that any part of the person may come to the camera, mm.
NEAREST = 450.0
_FRAME = 1000


@dataclass(frozen=True)
class Views:
    """How cameras look at people.

    Attributes:
        field_of_view: Range of the angle that a side of the frame spans, degrees; the focal length is drawn evenly in
            its logarithm.
        height: Range of the camera's height above the ground, mm.
        share: Range of the person's longest extent over the frame's side.
        distance: Range of the distance to the person, mm; wins over `share`.
        roll_deg: Standard deviation of the camera's roll, degrees.
        fill: Range of the person's box over the side of the kept picture.
        truncated: Share of pictures that cut off part of the person.
    """

    field_of_view: tuple[float, float] = (25.0, 100.0)
    height: tuple[float, float] = (300.0, 4000.0)
    share: tuple[float, float] = (0.25, 1.0)
    distance: tuple[float, float] = (1300.0, 14000.0)
    roll_deg: float = 5.0
    fill: tuple[float, float] = (0.60, 0.85)
    truncated: float = 0.12


WIDE_VIEWS = Views()


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A camera of a whole frame, before a part of it is kept.

    Attributes:
        camera: The camera with the intrinsics of its whole frame.
        centre: Its centre in the world, mm.
        field_of_view: The angle that a side of the frame spans, degrees.
    """

    camera: Camera
    centre: Vector3
    field_of_view: float


def look_at(centre: Vector3, target: Vector3, roll: float = 0.0) -> Matrix3:
    """The rotation cam_from_world of a camera that looks at a point, world z up, rolled by `roll` (rad).

    Raises:
        ValueError: the camera is at the target, or looks straight up or down.
    """
    forward = np.asarray(target, dtype=float) - centre
    length = np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    if np.linalg.norm(right) < 1e-6 * max(float(length), 1e-9):
        raise ValueError(f"a camera at {centre} cannot look at {target}: its horizon is not defined")
    forward, right = forward / length, right / np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    cos, sin = np.cos(roll), np.sin(roll)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ upright


def frame_camera(centre: Vector3, rotation: Matrix3, field_of_view: float, name: str = "") -> Camera:
    """A camera of a square frame of 1000 px whose side spans `field_of_view` degrees."""
    lens = camera_from_field_of_view((_FRAME, _FRAME), field_of_view)
    return replace(lens, rotation=rotation, translation=-rotation @ centre, name=name)


def draw_viewpoint(generator: np.random.Generator, body_world: Points3D, views: Views) -> Viewpoint:
    """A camera somewhere about a person.

    Args:
        generator: Where the numbers come from.
        body_world: Points of the person's skin, mm.
        views: What is usual.
    """
    low, high = body_world.min(axis=0), body_world.max(axis=0)
    middle, extent = (low + high) / 2, float((high - low).max())
    tangent = float(np.exp(generator.uniform(*np.log(np.tan(np.radians(views.field_of_view) / 2)))))
    share = float(np.exp(generator.uniform(*np.log(views.share))))
    distance = float(np.clip(extent / (2 * tangent * share), *views.distance))
    height = _draw_height(generator, views.height)
    # A short lens cannot come nearer than the reach of a limb.
    across = np.sqrt(max(distance**2 - (height - middle[2]) ** 2, (0.55 * extent + NEAREST) ** 2))
    azimuth = float(generator.uniform(-np.pi, np.pi))
    centre = np.array([middle[0] + across * np.cos(azimuth), middle[1] + across * np.sin(azimuth), height])
    # The person stands beside the frame's middle as far as the frame has room for them.
    room = max(0.0, 1 - extent / (2 * tangent * float(np.linalg.norm(middle - centre))))
    off = generator.uniform(-0.5, 0.5, 2) * room * 2 * tangent * float(np.linalg.norm(middle - centre))
    side = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    target = middle + off[0] * side + np.array([0.0, 0.0, 0.4 * off[1]])
    roll = float(np.radians(np.clip(generator.normal(0, views.roll_deg), -25, 25)))
    degrees = float(np.degrees(2 * np.arctan(tangent)))
    return Viewpoint(frame_camera(centre, look_at(centre, target, roll), degrees), centre, degrees)


def _draw_height(generator: np.random.Generator, limits: tuple[float, float]) -> float:
    """Mostly a hand's or an eye's height, now and then anywhere in the range."""
    anywhere, usual = float(generator.uniform(*limits)), float(generator.normal(1500, 250))
    return float(np.clip(usual, *limits)) if generator.random() < 0.7 else anywhere


def keep_square(camera: Camera, square: Crop) -> Camera:
    """The camera of a square part of its frame: same place and distortion, K of the part."""
    K = square.crop_from_img @ camera.K
    return replace(camera, K=K, size_wh=(square.size, square.size))


def draw_square(
    generator: np.random.Generator,
    body_img: Float[np.ndarray, "V 2"],
    joints_img: Float[np.ndarray, "J 2"],
    *,
    views: Views,
    size: int,
) -> tuple[Crop, bool]:
    """The part of the frame to keep about a person, and whether it was chosen to cut some of them off.

    Args:
        generator: Where the numbers come from.
        body_img: The person's skin in the frame, px.
        joints_img: Their joints in the frame, px.
        views: What is usual.
        size: Side of the kept picture, px.
    """
    cut = bool(generator.random() < views.truncated)
    fill, shift = float(generator.uniform(*views.fill)), generator.uniform(-1, 1, 2)
    kept, share = generator.permutation(len(joints_img)), float(generator.uniform(0.45, 0.75))
    points = body_img
    if cut:
        points = _neighbourhood(joints_img, int(kept[0]), share)
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max()) / fill
    # Up to three quarters of the free margin, so that the whole box stays inside.
    centre = (low + high) / 2 + 0.75 * shift * (side - (high - low)) / 2 * (1 - fill)
    return Crop((float(centre[0]), float(centre[1])), side, size), cut


def _neighbourhood(joints_img: Float[np.ndarray, "J 2"], centre: int, share: float) -> Float[np.ndarray, "K 2"]:
    """The given share of the joints that lie nearest to one of them."""
    distance = np.linalg.norm(joints_img - joints_img[centre], axis=1)
    return joints_img[np.argsort(distance, kind="stable")[: max(4, round(share * len(joints_img)))]]
