"""FLIC's sides, the person's or the viewer's: in whom they are in doubt, and in which splits those people are.

The plain files call left what a viewer would if the person faced them, so that whoever is seen from behind is mirrored.
"""

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int

from prepose.body.skeleton import Skeleton
from prepose.data.labelled_people import LabelledPeople, labelled_joints

# Nobody shall learn from exchanged sides; figures on the test split are published with whoever has them.
WITHOUT_DOUBTFUL_SIDES = frozenset(["train", "test-clean"])
# A pair of joints tells its order where it is farther apart than this share of the torso's length.
CLEAR_SHARE = MappingProxyType({"eye": 0.04, "shoulder": 0.15, "hip": 0.1})
LEAST_CLEAR = 20
# Of the people in train.h5 so many are seen from behind: those whose order train_personcentric.h5 has the other way.
BEHIND, OF_PEOPLE = 184, 3971


def side_orders(joints_img: Float[np.ndarray, "N J 2"], skeleton: Skeleton) -> Int[np.ndarray, "N 3"]:
    """For eyes, shoulders and hips: 1 where left is clearly on the picture's right, -1 where on its left, else 0."""
    pairs = {part: [joints_img[:, skeleton.index(f"{side}_{part}")] for side in "lr"] for part in CLEAR_SHARE}
    middle = [np.mean(pairs[part], axis=0) for part in ("shoulder", "hip")]
    torso = np.linalg.norm(middle[0] - middle[1], axis=1)
    orders = np.zeros((len(joints_img), len(CLEAR_SHARE)), int)
    for column, (part, share) in enumerate(CLEAR_SHARE.items()):
        left, right = pairs[part]
        apart = left[:, 0] - right[:, 0]
        orders[:, column] = np.where(np.abs(apart) > share * torso, np.sign(np.nan_to_num(apart)), 0)
    return orders


def mark_sides(people: LabelledPeople, skeleton: Skeleton) -> tuple[LabelledPeople, tuple[str, ...]]:
    """The people with `sides` in their details where left and right are in doubt, and notes that count them.

    `contradictory`: eyes, shoulders and hips are clearly not in one order, which no untwisted body is. `from behind?`:
    the face is not labelled, and the order is that of somebody facing the viewer, in a file that knows no other order.
    A file is observer-centric where (nearly) everybody has left on the picture's right. A swap cannot be proved from
    the labels alone, so nobody is swapped; and where faces are labelled even on the backs of heads, as in the public
    11-joint files, nothing in the labels tells who is mirrored, and the note says how many are.
    """
    orders = side_orders(people.joints_img, skeleton)
    contradictory = np.asarray((orders == 1).any(axis=1) & (orders == -1).any(axis=1))
    body = np.where(orders[:, 1] != 0, orders[:, 1], orders[:, 2])
    clear, facing = int((body != 0).sum()), int((body == 1).sum())
    observers = clear >= LEAST_CLEAR and facing >= 0.995 * clear
    face = labelled_joints(people.joints_img[:, [skeleton.index(name) for name in ("l_eye", "r_eye", "nose")]])
    behind = ~face.any(axis=1) & (body == 1) & observers
    details = people.details.copy()
    details[behind] = json.dumps({"sides": "from behind?"})
    details[contradictory] = json.dumps({"sides": "contradictory"})
    notes = [f"{facing} of {clear} people whose order is clear have left on the picture's right"]
    if observers:
        share = BEHIND / OF_PEOPLE
        notes.append(
            f"the sides are the viewer's: whoever is seen from behind is mirrored, about {share:.1%} of FLIC's people "
            f"(some {share * len(people):.0f} of these {len(people)}); the labels tell {int(behind.sum())} of them, "
            "without a labelled face (marked in details), and only the _personcentric.h5 files of flic tell the others"
        )
    if contradictory.any():
        notes.append(f"{int(contradictory.sum())} people have contradictory sides (marked in details)")
    return replace(people, details=details), tuple(notes)


def keep_or_drop_doubtful_sides(
    people: LabelledPeople, notes: tuple[str, ...], split: str
) -> tuple[LabelledPeople, tuple[str, ...]]:
    """People whose sides are in doubt left out of what is trained on, and kept where published figures have them."""
    doubtful = np.array([detail != "{}" for detail in people.details], bool)
    if not doubtful.any():
        return people, notes
    who = f"{int(doubtful.sum())} of {len(people)} people have sides in doubt"
    if split in WITHOUT_DOUBTFUL_SIDES:
        return people.take(~doubtful), (*notes, f"{who}, and are left out; --split train-all, test or all has them")
    return people, (*notes, f"{who}, and are kept, as published figures do; --split train or test-clean has none")
