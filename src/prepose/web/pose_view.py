"""A pose for the page: as a plotly figure that can be turned, and as a table."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from prepose.body.drawing import LEFT, MIDDLE, RIGHT, Rgb, side_colour
from prepose.predict.pose_sequence import JointMark
from prepose.predict.prediction import Prediction

_SIDES: Sequence[tuple[str, Rgb]] = (("right side", RIGHT), ("left side", LEFT), ("middle", MIDDLE))
_HEIGHT = 430
_DISTANCE, _ABOVE = 2.1, 0.45  # of the eye from the middle of the plot, in units of half its side
_INK, _WALL, _GRID = "#6b7280", "#f1f4f8", "#d3d8e0"
_MARKS = {
    JointMark.OK: "",
    JointMark.LOW_CONFIDENCE: "low",
    JointMark.OUTSIDE_IMAGE: "outside the image",
    JointMark.MISSING: "missing",
}


def reach_of(people: Sequence[Prediction]) -> float:
    """Half the side of a cube about the root that holds all poses, mm, so that frames are drawn at one scale."""
    reach = [float(np.nanmax(np.abs(each.joints_root))) for each in people if np.isfinite(each.joints_root).any()]
    return 1.05 * max([500.0, *reach])


def pose_figure(person: Prediction, *, reach: float, azimuth: float) -> dict[str, Any]:
    """A plotly figure of a pose relative to its root, mm.

    Args:
        person: The pose.
        reach: Half the side of the plotted cube, mm.
        azimuth: From where it is seen, degrees: 0 as the camera does, 90 from the image's right.
    """
    # Camera frame (x right, y down, z forward) to the plot's (x right, y away, z up).
    joints = person.joints_root[:, [0, 2, 1]] * (1, 1, -1)
    angle = np.radians(azimuth)
    eye = {"x": _DISTANCE * np.sin(angle), "y": -_DISTANCE * np.cos(angle), "z": _ABOVE}
    traces = [_bones(person, joints, name, colour) for name, colour in _SIDES]
    layout = {
        "height": _HEIGHT,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": _INK},
        "legend": {"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0.0, "yanchor": "top"},
        # A view that the mouse has turned stays as the frames go by, until another azimuth is asked for.
        "uirevision": f"{azimuth:g}",
        "scene": {
            "aspectmode": "cube",
            "dragmode": "turntable",
            "camera": {"eye": eye},
            **{f"{name}axis": _axis(title, reach) for name, title in (("x", "right"), ("y", "away"), ("z", "up"))},
        },
    }
    return {"data": [*traces, _joints(person, joints)], "layout": layout, "config": {"displayModeBar": False}}


def _bones(person: Prediction, joints: np.ndarray, name: str, colour: Rgb) -> dict[str, Any]:
    skeleton = person.skeleton
    ends = [joints[list(bone)] for bone in skeleton.bone_indices if side_colour(skeleton.joints[bone[1]]) == colour]
    # A gap ends each bone.
    path = np.concatenate([[*bone, [np.nan] * 3] for bone in ends if np.isfinite(bone).all()] or [np.zeros((0, 3))])
    return {
        "type": "scatter3d",
        "mode": "lines",
        **_columns(path),
        "line": {"color": f"rgb{colour}", "width": 9},
        "name": name,
        "hoverinfo": "skip",
    }


def _joints(person: Prediction, joints: np.ndarray) -> dict[str, Any]:
    known = np.asarray(np.isfinite(joints).all(axis=1))
    texts = [f"{name}: {value:.0%}" for name, value in zip(person.skeleton.joints, person.confidence, strict=True)]
    return {
        "type": "scatter3d",
        "mode": "markers",
        **_columns(joints[known]),
        "marker": {"size": 3, "color": "#3a3f48"},
        "text": [text for text, shown in zip(texts, known, strict=True) if shown],
        "hoverinfo": "text",
        "name": "joints",
        "showlegend": False,
    }


def _columns(points: np.ndarray) -> dict[str, list[float | None]]:
    plain = [[None if np.isnan(value) else round(float(value), 1) for value in point] for point in points]
    return {axis: [point[column] for point in plain] for column, axis in enumerate("xyz")}


def _axis(title: str, reach: float) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "range": [-reach, reach],
        "showbackground": True,
        "backgroundcolor": _WALL,
        "gridcolor": _GRID,
        "zeroline": False,
        "tickfont": {"size": 10},
    }


def confidence_table(person: Prediction) -> str:
    """HTML of a table with a row for each joint: its confidence and places in the image and in space."""
    rows = []
    columns = zip(
        person.skeleton.joints, person.confidence, person.marks, person.joints_img, person.joints_root, strict=True
    )
    for joint, confidence, mark, img, root in columns:
        named = f"<th scope='row'>{escape(joint)}</th>"
        if mark == JointMark.MISSING:
            rows.append(f"<tr>{named}<td colspan='4'>missing</td></tr>")
            continue
        bar = f"<meter min='0' max='1' value='{confidence:.3f}'></meter> {confidence:.0%}"
        places = "".join(f"<td>{', '.join(f'{value:.0f}' for value in place)}</td>" for place in (img, root))
        rows.append(f"<tr>{named}<td class='bar'>{bar}</td>{places}<td>{_MARKS[JointMark(mark)]}</td></tr>")
    heads = "".join(
        f"<th scope='col'>{head}</th>"
        for head in ("joint", "confidence", "x, y (px)", "from the pelvis: x, y, z (mm)", "")
    )
    return f"<table class='joints'><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
