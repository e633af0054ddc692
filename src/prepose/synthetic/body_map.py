"""Where each vertex of the template is, in terms a tailor or a barber would use, and fields over the body.

Fields live on the template's vertices. Places are read in its rest pose (mm, for a stature of 1700): arms stretched out
along x, legs along z.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.appearance import Colour
from prepose.synthetic.rig import SEGMENT_NAMES
from prepose.synthetic.template import Template, body_template
from prepose.synthetic.tracer import Layer

Field = Float[np.ndarray, " V"]
# Further from a border than any place on the body, mm.
NOWHERE = 1e3


@dataclass(frozen=True, eq=False)
class BodyMap:
    """Where each vertex of the template is, in terms a tailor or a barber would use.

    Attributes:
        place: In the rest pose, mm.
        arm: Share of the arm segments.
        along_arm: 0 at the shoulder joint, 1 at the wrist.
        arm_length: Shoulder to wrist, mm.
        leg: Share of the leg segments.
        along_leg: 0 at the hip joint, 1 at the ankle.
        leg_length: Hip to ankle, mm.
        head: Share of the head.
        neck: Share of the neck.
        foot: Share of the feet.
        face: Place relative to the upper neck joint, mm.
    """

    place: Float[np.ndarray, "V 3"]
    arm: Field
    along_arm: Field
    arm_length: float
    leg: Field
    along_leg: Field
    leg_length: float
    head: Field
    neck: Field
    foot: Field
    face: Float[np.ndarray, "V 3"]


@cache
def body_map() -> BodyMap:
    """The map of the template."""
    return map_of(body_template())


def map_of(template: Template) -> BodyMap:
    """The map of a template."""
    rest, place = template.proportions.rest, template.rest
    joint = {name: rest[PREPOSE_27.index(name)] for name in PREPOSE_27.joints}

    def share(*names: str) -> Field:
        return template.weights[:, [SEGMENT_NAMES.index(name) for name in names]].sum(axis=1)

    shoulder, wrist = joint["r_shoulder"][0], joint["r_wrist"][0]
    hip, ankle = joint["r_hip"][2], joint["r_ankle"][2]
    return BodyMap(
        place=place,
        arm=share(*(f"{s}_{part}" for s in "lr" for part in ("upper_arm", "forearm", "hand"))),
        along_arm=(np.abs(place[:, 0]) - shoulder) / (wrist - shoulder),
        arm_length=float(wrist - shoulder),
        leg=share(*(f"{s}_{part}" for s in "lr" for part in ("thigh", "shin", "foot"))),
        along_leg=(hip - place[:, 2]) / (hip - ankle),
        leg_length=float(hip - ankle),
        head=share("head"),
        neck=share("neck"),
        foot=share("l_foot", "r_foot"),
        face=place - joint["upper_neck"],
    )


def smooth_step(value: Field, low: float | int, high: float | int) -> Field:
    """0 up to `low`, 1 from `high` on, an S between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def layer_of(edge: Field, colour: Colour) -> Layer:
    """A colour inside a border; `edge` is mm inside."""
    return Layer(edge.astype(np.float32), np.clip(colour, 0, 1))


def cover_of(edge: Field) -> Field:
    """How far a garment with this border (mm inside) stands off near it: all, or nothing beyond it."""
    return smooth_step(edge, -6, 6)
