"""The picture of a prediction: the photograph with the joints on it, and the pose in space from two sides."""

import cv2
import numpy as np
from jaxtyping import UInt8

from prepose.arrays import ImageRgb
from prepose.body.drawing import draw_box, draw_skeleton, draw_text
from prepose.camera.crop import resize_matrix, transform, transform_box
from prepose.predict.prediction import Prediction
from prepose.predict.view_3d import INK, SKY_TOP, draw_scene, scene_of

# Other sides than the photograph's, so that the shape checker does not take the two for one.
Drawing = UInt8[np.ndarray, "drawn_h drawn_w 3"]

HEIGHT = 640
VIEW_WIDTH = 420
WIDEST_PHOTOGRAPH = 1140
FOOT = 40
GAP = 4
VIEWS = (("front", 0.0), ("side", 90.0))


def draw_prediction(photograph: ImageRgb, prediction: Prediction) -> Drawing:
    """The photograph with the skeleton on it, beside the pose in space from the camera's side and from its right.

    Args:
        photograph: The upright photograph, of any size.
        prediction: Its prediction.
    """
    scene = scene_of(prediction.joints_cam, prediction.skeleton)
    panels = [_photograph_panel(photograph, prediction)]
    for name, azimuth in VIEWS:
        view = draw_scene(scene, size_wh=(VIEW_WIDTH, HEIGHT), azimuth_deg=azimuth)
        draw_text(view, name, (10, 10), height=11)
        panels.append(view)
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    parts = [part for panel in panels for part in (panel, gap)][:-1]
    top = np.concatenate(parts, axis=1)
    return np.concatenate([top, _foot(top.shape[1], prediction)], axis=0)


def _photograph_panel(photograph: ImageRgb, prediction: Prediction) -> Drawing:
    height, width = photograph.shape[:2]
    factor = min(HEIGHT / height, WIDEST_PHOTOGRAPH / width)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    panel = np.asarray(cv2.resize(photograph, size, interpolation=method), np.uint8)
    place = resize_matrix(factor)
    box = np.asarray(prediction.box_xywh)
    if tuple(box[2:]) != (width, height):
        panel = draw_box(panel, transform_box(place, box))
    panel = draw_skeleton(
        panel,
        transform(place, prediction.joints_img.astype(float)),
        prediction.skeleton,
        confidence=prediction.confidence,
    )
    above = (HEIGHT - panel.shape[0]) // 2
    below = HEIGHT - panel.shape[0] - above
    # Room for a narrow photograph, so that the foot line fits.
    side = max(0, 240 - panel.shape[1])
    padded = cv2.copyMakeBorder(
        panel, above, below, side // 2, side - side // 2, cv2.BORDER_CONSTANT, value=(34, 36, 42)
    )
    return np.asarray(padded, np.uint8)


def _foot(width: int, prediction: Prediction) -> Drawing:
    """A line that says what the size and the camera of the pose rest on."""
    strip = np.full((FOOT, width, 3), SKY_TOP, np.uint8)
    camera = "given" if prediction.camera_rule == "given" else f"assumed, focal length {prediction.camera.focal:.0f} px"
    text = (
        f"person's right warm, left cool   |   root at {prediction.root_depth_mm / 1000:.2f} m if of mean size   |   "
        f"camera {camera}   |   grid 25 cm, level with the camera"
    )
    cv2.putText(strip, text, (12, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return strip
