"""People standing before the viewer, for fakes of 2D datasets: any skeleton, px in a small picture."""

import numpy as np

from fakes import fake_jpeg
from prepose.body.skeleton import Skeleton

SIZE_WH = (100, 100)
# Facing the viewer: the person's right on the picture's left.
PLACES = {
    "r_ankle": (42, 92), "r_knee": (42, 74), "r_hip": (43, 54), "l_hip": (57, 54), "l_knee": (58, 74),
    "l_ankle": (58, 92), "r_wrist": (32, 56), "r_elbow": (34, 42), "r_shoulder": (40, 28), "l_shoulder": (60, 28),
    "l_elbow": (66, 42), "l_wrist": (68, 56), "pelvis": (50, 54), "thorax": (50, 28), "upper_neck": (50, 22),
    "head_top": (50, 8), "nose": (50, 16), "l_eye": (53, 13), "r_eye": (47, 13), "l_ear": (55, 15), "r_ear": (45, 15),
    "mid_shoulder": (50, 28), "mid_hip": (50, 54), "mid_ear": (50, 15), "mid_torso": (50, 41),
    "l_upper_arm": (63, 35), "r_upper_arm": (37, 35), "l_lower_arm": (67, 49), "r_lower_arm": (33, 49),
    "l_upper_leg": (58, 64), "r_upper_leg": (42, 64), "l_lower_leg": (58, 83), "r_lower_leg": (42, 83),
}  # fmt: skip


def standing_people(skeleton: Skeleton, count: int, generator: np.random.Generator) -> np.ndarray:
    """(count, J, 2) px: the standing person, each moved a little, all inside a picture of 100 x 100."""
    standing = np.array([PLACES[joint] for joint in skeleton.joints], float)
    moved = standing + generator.normal(0, 0.4, (count, len(skeleton), 2)) + generator.uniform(-4, 4, (count, 1, 2))
    return np.round(moved, 2)


def write_picture(path, joints_img: np.ndarray, skeleton: Skeleton) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fake_jpeg(joints_img, skeleton, SIZE_WH))


def struct_array(records: list[dict]) -> np.ndarray:
    """Records with the same fields as what savemat writes as a MATLAB struct array."""
    if not records:
        return np.empty((0, 0))
    array = np.empty((1, len(records)), [(name, object) for name in records[0]])
    for column, record in enumerate(records):
        array[0, column] = tuple(record.values())
    return array
