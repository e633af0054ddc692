"""Skeletons on images and stick figures, with one colour scheme: the person's right warm, left cool, the middle green.

Anti-aliased and placed to a sixteenth of a pixel. Line widths follow the picture and the person in it, so that 96 px
pictures stay readable and 4k pictures do not show threads.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from prepose.arrays import BoxXywh, ImageRgb, Matrix3
from prepose.body.skeleton import Skeleton

Rgb = tuple[int, int, int]

RIGHT: Rgb = (255, 96, 48)
LEFT: Rgb = (56, 152, 255)
MIDDLE: Rgb = (104, 208, 128)
OUTLINE: Rgb = (16, 16, 20)
PAPER: Rgb = (245, 245, 245)
BOX: Rgb = (250, 214, 64)

# OpenCV takes whole numbers; with a shift of 4 they count sixteenths of a pixel.
_SHIFT = 4
_FAR = 2**14  # px; OpenCV's fixed point overflows beyond

# world (or cam) axes -> right and down on the sheet, and depth away from the viewer, for poses in the camera's frame
FRONT_VIEW: Matrix3 = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
SIDE_VIEW: Matrix3 = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])


def side_colour(joint: str) -> Rgb:
    """The colour of a joint, and of the bone that ends in it."""
    return {"r_": RIGHT, "l_": LEFT}.get(joint[:2], MIDDLE)


def draw_skeleton(
    image: ImageRgb,
    joints_img: Float[np.ndarray, "J 2"],
    skeleton: Skeleton,
    *,
    hidden: Bool[np.ndarray, "J"] | None = None,
    confidence: Float[np.ndarray, "J"] | None = None,
    thickness: int | None = None,
) -> ImageRgb:
    """A copy of the image with a person's skeleton on it.

    Args:
        image: The picture.
        joints_img: Joints, px; NaN joints and their bones are left out.
        skeleton: The skeleton of the joints.
        hidden: Joints drawn as rings because they are occluded; all filled without it.
        confidence: 0..1; joints and bones fade to grey as it falls.
        thickness: Width of a bone, px; chosen from the picture and the person without it.
    """
    canvas = np.ascontiguousarray(image).copy()
    points = _drawable(joints_img)
    width = thickness if thickness is not None else _bone_width(canvas, points)
    sureness = np.ones(len(skeleton)) if confidence is None else np.clip(np.nan_to_num(confidence), 0, 1)
    order = range(len(skeleton.bones))
    _draw_bones(canvas, points, skeleton, sureness=sureness, width=width, order=order)
    rings = np.zeros(len(skeleton), bool) if hidden is None else hidden
    radius = 0.6 + width
    for joint, point in enumerate(points):
        if not np.isnan(point).any():
            colour = _faded(side_colour(skeleton.joints[joint]), float(sureness[joint]))
            _draw_joint(canvas, point, radius, colour, ring=bool(rings[joint]))
    return canvas


def draw_box(image: ImageRgb, box_xywh: BoxXywh, *, colour: Rgb = BOX, thickness: int | None = None) -> ImageRgb:
    """A copy of the image with a box (px) on it; a box that is not finite is left out."""
    canvas = np.ascontiguousarray(image).copy()
    if np.isfinite(box_xywh).all():
        x, y, width, height = (float(value) for value in box_xywh)
        # A box of width w that starts at x covers x - 0.5 .. x + w - 0.5 (the pixel-centre rule).
        corners = np.clip([[x - 0.5, y - 0.5], [x + width - 0.5, y + height - 0.5]], -_FAR, _FAR)
        line = thickness if thickness is not None else max(1, round(min(image.shape[:2]) / 300))
        cv2.rectangle(canvas, _fixed(corners[0]), _fixed(corners[1]), colour, line, cv2.LINE_AA, _SHIFT)
    return canvas


def draw_figure(
    joints: Float[np.ndarray, "J 3"],
    skeleton: Skeleton,
    *,
    size: int,
    view: Matrix3 = FRONT_VIEW,
    background: Rgb = (28, 30, 36),
) -> ImageRgb:
    """A stick figure of a 3D pose, seen without perspective and filling a square of `size` px.

    Args:
        joints: Joints in the camera's frame or relative to a root along its axes, mm; NaN joints are left out.
        skeleton: The skeleton of the joints.
        size: Side of the picture, px.
        view: Rows: the directions (x right, y down, z forward) shown to the right, downwards and away.
        background: The colour behind the figure.
    """
    canvas = np.full((size, size, 3), background, np.uint8)
    seen = joints.astype(float) @ view.T
    known = ~np.isnan(seen).any(axis=1)
    if not known.any():
        return canvas
    flat = seen[:, :2]
    low, high = flat[known].min(axis=0), flat[known].max(axis=0)
    scale = 0.84 * size / max(float((high - low).max()), 1.0)
    points = _drawable((flat - (low + high) / 2) * scale + (size - 1) / 2)
    ends = skeleton.bone_indices
    depth = np.nan_to_num(seen[ends, 2].mean(axis=1)) if len(ends) else np.zeros(0)
    width = max(1, round(size / 48))
    # The far bones first, so that the near ones cover them.
    _draw_bones(
        canvas, points, skeleton, sureness=np.ones(len(skeleton)), width=width, order=np.argsort(-depth).tolist()
    )
    return canvas


def draw_text(image: ImageRgb, text: str, corner_xy: tuple[int, int], *, height: int) -> None:
    """Write one line of ASCII text on a dark plate into the image itself.

    Args:
        image: The picture that is written into.
        text: The line; other characters than ASCII show as question marks.
        corner_xy: Upper left corner of the plate, px.
        height: Height of a capital letter, px.
    """
    scale = height / 22  # capital letters of this font are 22 px high at scale 1
    plain = text.encode("ascii", "replace").decode()
    line = max(1, round(scale * 1.4))
    (width, _), below = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
    pad = max(2, height // 3)
    x, y = corner_xy
    cv2.rectangle(image, (x, y), (x + width + 2 * pad, y + height + 2 * pad + below // 2), OUTLINE, -1)
    cv2.putText(image, plain, (x + pad, y + pad + height), cv2.FONT_HERSHEY_SIMPLEX, scale, PAPER, line, cv2.LINE_AA)


def _drawable(joints_img: Float[np.ndarray, "J 2"]) -> np.ndarray:
    return np.where(np.isinf(joints_img), np.nan, np.clip(joints_img.astype(float), -_FAR, _FAR))


def _bone_width(image: ImageRgb, points: np.ndarray) -> int:
    by_picture = min(image.shape[:2]) / 120
    known = points[~np.isnan(points).any(axis=1)]
    extent = float((known.max(axis=0) - known.min(axis=0)).max()) if len(known) > 1 else by_picture * 30
    return max(1, round(min(by_picture, extent / 30)))


def _draw_bones(
    canvas: ImageRgb, points: np.ndarray, skeleton: Skeleton, *, sureness: np.ndarray, width: int, order: Sequence[int]
) -> None:
    for bone in order:
        start, end = skeleton.bone_indices[bone]
        if np.isnan(points[[start, end]]).any():
            continue
        colour = _faded(_bone_colour(skeleton, bone), float(min(sureness[start], sureness[end])))
        if width > 1:  # at one pixel a rim would hide the picture
            cv2.line(canvas, _fixed(points[start]), _fixed(points[end]), OUTLINE, width + 2, cv2.LINE_AA, _SHIFT)
        cv2.line(canvas, _fixed(points[start]), _fixed(points[end]), colour, width, cv2.LINE_AA, _SHIFT)


def _bone_colour(skeleton: Skeleton, bone: int) -> Rgb:
    return side_colour(skeleton.bones[bone][1])


def _draw_joint(canvas: ImageRgb, point: np.ndarray, radius: float, colour: Rgb, *, ring: bool) -> None:
    reach = round(radius * 2**_SHIFT)
    if ring:
        rim = max(1, round(radius / 3))
        cv2.circle(canvas, _fixed(point), reach, (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, _fixed(point), reach, colour, rim, cv2.LINE_AA, _SHIFT)
    else:
        cv2.circle(canvas, _fixed(point), reach, colour, -1, cv2.LINE_AA, _SHIFT)


def _faded(colour: Rgb, sureness: float) -> Rgb:
    grey = 150
    red, green, blue = (round(grey + (value - grey) * float(sureness)) for value in colour)
    return red, green, blue


def _fixed(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(point * 2**_SHIFT).astype(int).tolist()
    return x, y
