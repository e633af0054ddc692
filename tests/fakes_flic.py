"""FLIC's re-packed HDF5 files and the authors' examples.mat."""

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from fake_layouts import Layout, SmallFake
from fake_mat import struct_array
from fake_people import standing_people, write_picture
from prepose.body.skeletons import FLIC_11, FLIC_29
from prepose.data.adapters.flic import FLIC_FULL_SPLITS, FLIC_SPLITS


def fake_flic(
    root: Path,
    generator: np.random.Generator,
    *,
    count: int = 40,
    flavours: tuple[str, ...] = ("", "_personcentric"),
    behind: int = 0,
) -> np.ndarray:
    """FLIC: train.h5 and valid.h5, the last quarter being valid; returns the (count, 11, 2) person-centric px.

    Args:
        root: Where `annot/` and `images/` go.
        generator: Draws the people.
        count: People.
        flavours: Which files: "" observer-centric, "_personcentric".
        behind: How many of the first people are seen from behind; the observer-centric files mirror those.
    """
    people = standing_people(FLIC_11, count, generator)
    people[:behind] = people[:behind][:, FLIC_11.mirror]
    observers = people.copy()
    observers[:behind] = people[:behind][:, FLIC_11.mirror]
    names = [f"a-film-{row * 10 + 1:08d}.jpg" for row in range(count)]
    for name, joints in zip(names, people, strict=True):
        write_picture(root / "images" / name, joints, FLIC_11)
    (root / "annot").mkdir()
    first = count * 3 // 4
    for split, rows in (("train", slice(0, first)), ("valid", slice(first, count))):
        for flavour in flavours:
            with h5py.File(root / "annot" / f"{split}{flavour}.h5", "w") as file:
                file["part"] = (people if flavour else observers)[rows] + 1
                file["center"], file["scale"] = np.full((len(names[rows]), 2), 50.0), np.full(len(names[rows]), 0.5)
        (root / "annot" / f"{split}_images.txt").write_text("\n".join(names[rows]) + "\n")
    return people


def fake_flic_full(root: Path, generator: np.random.Generator, *, count: int = 40) -> np.ndarray:
    """FLIC-Full: the last quarter is test; two are bad; most legs are NaN; returns the (count - 2, 29, 2) px.

    The bad ones are the last of training, and not among what is returned.
    """
    people = standing_people(FLIC_29, count, generator)
    hidden = [index for index, name in enumerate(FLIC_29.joints) if "knee" in name or "ankle" in name]
    without_legs = np.arange(count) % 4 != 1
    shown = people.copy()
    people[np.ix_(without_legs, hidden)] = np.nan
    first = count * 3 // 4
    examples = []
    for row, joints in enumerate(people):
        name = f"a-film-{row * 100 + 1:08d}.jpg"
        write_picture(root / "images" / name, shown[row], FLIC_29)
        test, bad = row >= first, first - 2 <= row < first
        example = {"poselet_hit_idx": np.arange(3.0), "moviename": "a-film", "coords": joints.T + 1, "filepath": name}
        example |= {"imgdims": np.array([100.0, 100, 3]), "currframe": row * 100 + 1, "torsobox": np.ones(4)}
        examples.append(
            example
            | {
                "istrain": not test and not bad and row % 2 == 0,
                "istest": test,
                "isbad": bad,
                "isunchecked": row % 2 == 1,
            }
        )
    scipy.io.savemat(root / "examples.mat", {"examples": struct_array(examples)})
    return np.delete(people, [first - 2, first - 1], axis=0)


FAKES = {"flic": fake_flic, "flic-full": fake_flic_full}
LAYOUTS = (
    Layout("flic", "HDF5, viewer's sides", partial(fake_flic, count=60, flavours=("",)), FLIC_SPLITS),
    Layout("flic", "HDF5, person's sides", partial(fake_flic, count=60, behind=4), FLIC_SPLITS),
    Layout("flic-full", "examples.mat", partial(fake_flic_full, count=60), FLIC_FULL_SPLITS),
)
SMALL_FAKES = (
    SmallFake("flic", "persons", partial(fake_flic, count=8)),
    SmallFake("flic", "viewers", partial(fake_flic, count=8, flavours=("",))),
    SmallFake("flic-full", "", partial(fake_flic_full, count=8)),
)
