"""Fat, muscle and form: how far a person's skin stands off the mean body's."""

from functools import cache

import numpy as np
from jaxtyping import Float

from prepose.synthetic.appearance import Build
from prepose.synthetic.body_map import Field, body_map, smooth_step


def _bump(place: Float[np.ndarray, "V 3"], centre: tuple[int, int, int], size: tuple[int, int, int]) -> Field:
    """A soft hill of height one, on both sides of the body."""
    mirrored = np.concatenate([np.abs(place[:, :1]), place[:, 1:]], axis=1)
    return np.exp(-0.5 * (((mirrored - centre) / size) ** 2).sum(axis=1))


@cache
def _build_fields() -> Float[np.ndarray, "5 V"]:
    """How many mm one step adds: slimness, stoutness, muscle, feminine form, and its share of fat."""
    body = body_map()
    place, face = body.place, body.face
    soft = 1 - smooth_step(np.maximum(body.head, body.foot), 0.3, 0.7)
    hand = smooth_step(body.along_arm, 0.95, 1.02) * (body.arm > 0.5)
    trunk = (1 - body.arm) * (1 - body.leg) * soft
    thigh, calf = body.leg * (1 - smooth_step(body.along_leg, 0.3, 0.6)), body.leg * soft
    slim = -soft * (1 - hand) * (4 + 4 * trunk + 3 * thigh)
    stout = (
        soft * (1 - hand) * (5 + 9 * trunk + 9 * thigh + 2 * body.arm)
        + 42 * _bump(place, (0, 105, 110), (95, 70, 95))
        + 20 * _bump(place, (150, 0, 90), (40, 90, 70))
        + 10 * _bump(place, (75, 90, 360), (50, 40, 45))
        + 5 * body.head * _bump(face, (40, 50, 20), (35, 50, 30))
    )
    muscle = (
        7 * body.arm * np.exp(-0.5 * ((body.along_arm - 0.22) / 0.16) ** 2)
        + 4 * body.arm * np.exp(-0.5 * ((body.along_arm - 0.65) / 0.1) ** 2)
        + 8 * _bump(place, (85, 95, 385), (55, 40, 45))
        + 7 * _bump(place, (130, -80, 380), (60, 60, 70))
        + 6 * calf * np.exp(-0.5 * ((body.along_leg - 0.68) / 0.08) ** 2)
        + 5 * thigh
        + 5 * body.neck
    )
    feminine = (
        34 * _bump(place, (72, 100, 350), (38, 50, 40))
        - 9 * _bump(place, (135, 0, 170), (60, 200, 60))
        + 10 * _bump(place, (165, 0, -40), (50, 90, 80))
        + 9 * _bump(place, (75, -110, -45), (60, 50, 60))
        - 5 * body.arm * soft * (1 - hand)
        - 5 * body.neck
        - 6 * _bump(place, (190, -20, 470), (50, 60, 50))
        - 2 * body.head * _bump(face, (40, 40, 15), (40, 60, 30))
    )
    return np.stack([slim, stout, muscle, feminine, -3 * soft * trunk])


def build_offset(build: Build) -> Field:
    """How a build stands off the mean body, mm."""
    shares = [max(-build.weight, 0), max(build.weight, 0), build.muscle, build.feminine, build.feminine]
    return np.array(shares) @ _build_fields()
