"""People as pictures: over their photograph, and in space.

A pose in space has limbs with light, a ground with a grid, shadows; drawn with OpenCV alone.

The pose stays in the camera's frame (x right, y down, z forward). Seen from azimuth 0 it looks as in the photograph, so
that left and right stay where they are; azimuth 90 is seen from the photograph's right, the camera looking rightwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from prepose.arrays import BoxXywh, ImageRgb, Matrix3, Vector3
from prepose.body.drawing import Rgb, draw_box, draw_skeleton, draw_text, side_colour
from prepose.body.skeleton import Skeleton
from prepose.camera.crop import middle_of, resize_matrix, transform, transform_box

SKY_TOP: Rgb = (250, 251, 253)
SKY_BOTTOM: Rgb = (228, 232, 238)
GROUND: Rgb = (214, 219, 226)
GRID: Rgb = (186, 193, 203)
SHADOW: Rgb = (160, 167, 178)
INK: Rgb = (70, 76, 86)

GRID_MM = 250.0
GRID_LINES = 6  # on each side of the middle
MOST_GRID_LINES = 20
VIEW_DISTANCE = 5.0  # in radii of the scene: a mild perspective
FILLED = 0.78  # of the picture's width or height; what is nearer than the middle shows larger
LIMB_MM = 42.0
_SHARPER = 2  # drawn so many times larger and shrunk


@dataclass(frozen=True, eq=False)
class Scene:
    """What both views of a pose share, so that they are of one size.

    Attributes:
        joints: Camera frame, mm; NaN joints are left out.
        skeleton: Of the joints.
        middle: What is looked at, mm.
        radius: Of the ball about the middle that holds the pose, mm.
        reach_wh: How far the pose reaches from the vertical axis through the middle, and up or down from it, mm.
        ground: y of the ground, mm; the lowest joint stands on it.
    """

    joints: Float[np.ndarray, "J 3"]
    skeleton: Skeleton
    middle: Vector3
    radius: float
    reach_wh: tuple[float, float]
    ground: float


def scene_of(joints_cam: Float[np.ndarray, "J 3"], skeleton: Skeleton) -> Scene:
    """The scene of a pose.

    Raises:
        ValueError: no joint is known.
    """
    known = joints_cam[np.isfinite(joints_cam).all(axis=1)].astype(float)
    if not len(known):
        raise ValueError("a pose without a single joint cannot be drawn")
    middle = (known.min(axis=0) + known.max(axis=0)) / 2
    away = known - middle
    radius, wide, high = (
        max(float(np.linalg.norm(away[:, axes], axis=1).max()), 300.0) for axes in ([0, 1, 2], [0, 2], [1])
    )
    return Scene(
        joints_cam.astype(float), skeleton, middle, radius, (wide, high), float(known[:, 1].max()) + LIMB_MM / 2
    )


@dataclass(frozen=True, eq=False)
class _Eye:
    """A viewpoint about a scene's middle."""

    turn: Matrix3
    scene: Scene
    size_wh: tuple[int, int]

    def see(self, points: Float[np.ndarray, "P 3"]) -> tuple[Float[np.ndarray, "P 2"], Float[np.ndarray, "P"]]:
        """Places on the picture (px), and px per mm there."""
        turned = (points - self.scene.middle) @ self.turn.T
        distance = VIEW_DISTANCE * self.scene.radius
        width, height = self.size_wh
        wide, high = self.scene.reach_wh
        zoom = FILLED / 2 * min(width / wide, height / high)
        scale = zoom * distance / np.maximum(distance + turned[:, 2], 0.1 * distance)
        middle = np.array([middle_of(width), 0.48 * height])
        return turned[:, :2] * scale[:, None] + middle, scale


def draw_scene(scene: Scene, *, size_wh: tuple[int, int], azimuth_deg: float, elevation_deg: float = 12.0) -> ImageRgb:
    """The scene from an azimuth about the vertical (see the module) and an elevation above the horizon."""
    large = (size_wh[0] * _SHARPER, size_wh[1] * _SHARPER)
    eye = _Eye(_turn(azimuth_deg, elevation_deg), scene, large)
    canvas = _backdrop(large)
    _draw_ground(canvas, eye)
    _draw_shadow(canvas, eye)
    _draw_limbs(canvas, eye)
    return np.asarray(cv2.resize(canvas, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _turn(azimuth_deg: float, elevation_deg: float) -> Matrix3:
    """Rows: the directions shown rightwards, downwards and away, in the camera's frame."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    about_y = np.array([[np.cos(azimuth), 0, np.sin(azimuth)], [0, 1, 0], [-np.sin(azimuth), 0, np.cos(azimuth)]])
    # From above, what is far away lies higher in the picture: y down shrinks with depth.
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(elevation), -np.sin(elevation)], [0, np.sin(elevation), np.cos(elevation)]]
    )
    return about_x @ about_y


def _backdrop(size_wh: tuple[int, int]) -> ImageRgb:
    width, height = size_wh
    blend = np.linspace(0, 1, height)[:, None, None]
    colours = np.array(SKY_TOP) * (1 - blend) + np.array(SKY_BOTTOM) * blend
    return np.broadcast_to(colours.round().astype(np.uint8), (height, width, 3)).copy()


def _on_ground(points: Float[np.ndarray, "P 3"], scene: Scene) -> Float[np.ndarray, "P 3"]:
    flat = points.copy()
    flat[:, 1] = scene.ground
    return flat


def _draw_ground(canvas: ImageRgb, eye: _Eye) -> None:
    scene = eye.scene
    # A pose that is out of all proportion still gets a picture: its grid is coarser.
    spacing = GRID_MM * max(1.0, np.ceil(scene.radius / (MOST_GRID_LINES * GRID_MM)))
    reach = spacing * max(GRID_LINES, np.ceil(1.15 * scene.radius / spacing))
    steps = np.linspace(-reach, reach, round(2 * reach / spacing) + 1)
    corners = np.array([[-reach, 0, -reach], [reach, 0, -reach], [reach, 0, reach], [-reach, 0, reach]])
    outline, _ = eye.see(_on_ground(corners + scene.middle, scene))
    cv2.fillPoly(canvas, [_fixed(outline)], GROUND, cv2.LINE_AA, _SHIFT)
    for step in steps:
        for start, end in (((-reach, step), (reach, step)), ((step, -reach), (step, reach))):
            line = np.array([[start[0], 0, start[1]], [end[0], 0, end[1]]]) + scene.middle
            ends, _ = eye.see(_on_ground(line, scene))
            cv2.polylines(
                canvas,
                [_fixed(ends)],
                isClosed=False,
                color=GRID,
                thickness=_SHARPER,
                lineType=cv2.LINE_AA,
                shift=_SHIFT,
            )


def _draw_shadow(canvas: ImageRgb, eye: _Eye) -> None:
    shade = np.zeros(canvas.shape[:2], np.uint8)
    for start, end in _bones(eye.scene):
        ends, scale = eye.see(_on_ground(np.stack([start, end]), eye.scene))
        width = max(1, round(float(scale.mean()) * LIMB_MM))
        cv2.polylines(
            shade, [_fixed(ends)], isClosed=False, color=255, thickness=width, lineType=cv2.LINE_AA, shift=_SHIFT
        )
    blur = max(1.0, canvas.shape[0] / 240)
    strength = cv2.GaussianBlur(shade, (0, 0), blur)[..., None] / 255 * 0.6
    canvas[:] = (canvas * (1 - strength) + np.array(SHADOW) * strength).round().astype(np.uint8)


def _bones(scene: Scene) -> list[Float[np.ndarray, "2 3"]]:
    segments = [scene.joints[bone] for bone in scene.skeleton.bone_indices]
    return [segment for segment in segments if np.isfinite(segment).all()]


def _draw_limbs(canvas: ImageRgb, eye: _Eye) -> None:
    scene = eye.scene
    ends = [bone for bone in scene.skeleton.bone_indices if np.isfinite(scene.joints[bone]).all()]
    # The far limbs first, so that the near ones cover them.
    for parent, child in sorted(ends, key=lambda bone: eye.see(scene.joints[bone])[1].mean()):
        points, scale = eye.see(scene.joints[[parent, child]])
        widths = scale * LIMB_MM / 2
        nearness = float(np.clip((scale.mean() / eye.see(scene.middle[None])[1][0] - 1) * 2, -0.5, 0.3))
        colour = _lit(side_colour(scene.skeleton.joints[child]), nearness)
        rim = 1.5 * _SHARPER
        cv2.fillConvexPoly(canvas, _fixed(_capsule(points, widths + rim)), _lit(colour, -0.75), cv2.LINE_AA, _SHIFT)
        cv2.fillConvexPoly(canvas, _fixed(_capsule(points, widths)), colour, cv2.LINE_AA, _SHIFT)
        gleam = points - widths[:, None] * np.array([0.25, 0.35])
        cv2.fillConvexPoly(canvas, _fixed(_capsule(gleam, widths * 0.3)), _lit(colour, 0.3), cv2.LINE_AA, _SHIFT)


def _capsule(points: Float[np.ndarray, "2 2"], radii: Float[np.ndarray, "2"]) -> Float[np.ndarray, "P 2"]:
    """The outline of a limb: two round ends and the hull between them."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    outline = (points[:, None] + radii[:, None, None] * circle).reshape(-1, 2)
    return cv2.convexHull(outline.astype(np.float32))[:, 0].astype(float)


def _lit(colour: Rgb, by: float) -> Rgb:
    """A colour nearer to white (by > 0) or to black (by < 0)."""
    goal = 255 if by > 0 else 0
    red, green, blue = (round(value + (goal - value) * abs(by)) for value in colour)
    return red, green, blue


# OpenCV takes whole numbers; with a shift of 4 they count sixteenths of a pixel.
_SHIFT = 4
_FAR = 2**14


def _fixed(points: Float[np.ndarray, "P 2"]) -> np.ndarray:
    return np.round(np.clip(points, -_FAR, _FAR) * 2**_SHIFT).astype(np.int32)


# Other sides than the photograph's, so that the shape checker does not take the two for one.
Drawing = UInt8[np.ndarray, "drawn_h drawn_w 3"]

HEIGHT = 640
VIEW_WIDTH = 420
WIDEST_PHOTOGRAPH = 1140
FOOT = 40
GAP = 4
VIEWS = (("front", 0.0), ("side", 90.0))
MOST_IN_SPACE = 6  # of several people so many are drawn in space, in columns of half the width


@dataclass(frozen=True, eq=False)
class Figure:
    """What is drawn of a person.

    Attributes:
        joints_img: Joints in the image, px; NaN joints are left out.
        joints_cam: Joints in the camera's frame, mm; likewise.
        skeleton: Of the joints.
        confidence: 0 to 1; joints and bones fade to grey as it falls.
        box_xywh: The person's box, px; None where none is to be drawn.
        name: What stands at the box where there are several people.
    """

    joints_img: Float[np.ndarray, "J 2"]
    joints_cam: Float[np.ndarray, "J 3"]
    skeleton: Skeleton
    confidence: Float[np.ndarray, "J"]
    box_xywh: BoxXywh | None
    name: str


def draw_people(photograph: ImageRgb, people: Sequence[Figure], note: str) -> Drawing:
    """The photograph with the skeletons on it, beside the poses in space from the camera's side and from its right.

    Args:
        photograph: The upright photograph, of any size.
        people: The people in it.
        note: A line below it all.
    """
    panels = [_photograph_panel(photograph, people)]
    several = len(people) > 1
    for person in people[:MOST_IN_SPACE]:
        views = _views(person, (VIEW_WIDTH // 2, (HEIGHT - GAP) // 2) if several else (VIEW_WIDTH, HEIGHT))
        if several:
            draw_text(views[0], person.name, (10, 10), height=11)
            views = [_joined(views, axis=0)]
        panels += views
    top = _joined(panels, axis=1)
    return np.concatenate([top, _foot(top.shape[1], note)], axis=0)


def draw_overlay(photograph: ImageRgb, people: Sequence[Figure]) -> ImageRgb:
    """A copy of the photograph, at its size, with the skeletons on it and, of several people, their boxes and names."""
    drawn = photograph
    for person in people:
        if person.box_xywh is not None:
            drawn = draw_box(drawn, person.box_xywh)
        drawn = draw_skeleton(drawn, person.joints_img.astype(float), person.skeleton, confidence=person.confidence)
    drawn = np.ascontiguousarray(drawn).copy()
    for person in people if len(people) > 1 else ():
        x, y = (0.0, 0.0) if person.box_xywh is None else person.box_xywh[:2]
        height = int(np.clip(photograph.shape[0] / 60, 9, 30))
        draw_text(drawn, person.name, (max(0, round(float(x))), max(0, round(float(y)))), height=height)
    return drawn


def _views(person: Figure, size_wh: tuple[int, int]) -> list[np.ndarray]:
    if not np.isfinite(person.joints_cam).all(axis=1).any():
        return [_backdrop(size_wh) for _ in VIEWS]
    scene = scene_of(person.joints_cam, person.skeleton)
    views = [draw_scene(scene, size_wh=size_wh, azimuth_deg=azimuth) for _, azimuth in VIEWS]
    for view, (name, _) in zip(views, VIEWS, strict=True):
        draw_text(view, name, (10, size_wh[1] - 30), height=11)
    return views


def _joined(panels: Sequence[np.ndarray], *, axis: int) -> np.ndarray:
    shape = list(panels[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=axis)


def _photograph_panel(photograph: ImageRgb, people: Sequence[Figure]) -> Drawing:
    height, width = photograph.shape[:2]
    factor = min(HEIGHT / height, WIDEST_PHOTOGRAPH / width)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    panel = np.asarray(cv2.resize(photograph, size, interpolation=method), np.uint8)
    place = resize_matrix(factor)
    moved = [
        replace(
            person,
            joints_img=transform(place, person.joints_img.astype(float)),
            box_xywh=None if person.box_xywh is None else transform_box(place, person.box_xywh),
        )
        for person in people
    ]
    panel = draw_overlay(panel, moved)
    above = (HEIGHT - panel.shape[0]) // 2
    below = HEIGHT - panel.shape[0] - above
    # Room for a narrow photograph, so that the foot line fits.
    side = max(0, 240 - panel.shape[1])
    padded = cv2.copyMakeBorder(
        panel, above, below, side // 2, side - side // 2, cv2.BORDER_CONSTANT, value=(34, 36, 42)
    )
    return np.asarray(padded, np.uint8)


def _foot(width: int, note: str) -> Drawing:
    strip = np.full((FOOT, width, 3), SKY_TOP, np.uint8)
    cv2.putText(strip, note, (12, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return strip
