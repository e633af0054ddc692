"""MPII in its three public layouts."""

import json
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from fake_layouts import Layout, SmallFake
from fake_mat import struct_array
from fake_people import standing_people, write_picture
from prepose.body.skeletons import MPII_16

SIZE_WH = (160, 100)
HEAD = np.array([-8.0, -16.0, 8.0, 4.0])  # corners about the upper neck


def fake_mpii(
    root: Path, generator: np.random.Generator, *, count: int = 12, layout: str = "json", heads: bool = True
) -> np.ndarray:
    """MPII: two people an image; one joint of every third person missing, the last person with three joints.

    Args:
        root: Where `annot/` (or the authors' file) and `images/` go.
        generator: Draws the people.
        count: People; the last third is validation, or has img_train 0 in the authors' file beside two test images.
        layout: `json`, `h5` or `mat`.
        heads: Whether a `gt_valid.mat` is written.

    Returns:
        (count, 16, 2) true px, NaN where missing.
    """
    drawn = standing_people(MPII_16, count, generator, size_wh=SIZE_WH, together=2)
    people = drawn.copy()
    people[::3, 0] = np.nan
    people[-1, 3:] = np.nan
    names = [f"{row // 2:09d}.jpg" for row in range(count)]
    for row in range(0, count, 2):
        write_picture(root / "images" / names[row], drawn[row : row + 2], MPII_16, SIZE_WH)
    write_picture(root / "images" / "099999999.jpg", drawn[0], MPII_16, SIZE_WH)  # of the test set: nobody is labelled
    first = count * 2 // 3 // 2 * 2
    parts = {"train": slice(0, first), "valid": slice(first, count)}
    if layout == "mat":
        scipy.io.savemat(root / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": _release(people, names)})
    else:
        (root / "annot").mkdir()
        for name, rows in parts.items():
            {"json": _write_json, "h5": _write_hdf5}[layout](root / "annot" / name, people[rows], names[rows])
        if heads:
            write_gt_valid(root / "annot" / "gt_valid.mat", people[parts["valid"]])
    return people


def center_and_scale(joints_img: np.ndarray) -> tuple[list[float], float]:
    """As the authors give them: px from 1, and the person's height over 200 px."""
    return [51.0, 51.0], 0.45


def visible(count: int) -> np.ndarray:
    """(count, 16): which joints the fakes call visible."""
    return np.arange(count * 16).reshape(count, 16) % 5 != 0


def write_gt_valid(path: Path, people: np.ndarray) -> None:
    neck = people[:, MPII_16.index("upper_neck")] + 1
    boxes = np.where(np.isnan(neck).any(axis=1)[:, None], 50, np.tile(neck, 2)) + HEAD
    content = {
        "headboxes_src": boxes.reshape(-1, 2, 2).transpose(1, 2, 0),
        "pos_gt_src": np.where(np.isnan(people), 0, people + 1).transpose(1, 2, 0),
        "jnt_missing": np.isnan(people).any(axis=2).T.astype(float),
    }
    scipy.io.savemat(path, content)


def _write_json(path: Path, people: np.ndarray, names: list[str]) -> None:
    records = []
    for joints, name in zip(people, names, strict=True):
        center, scale = center_and_scale(joints)
        labelled = ~np.isnan(joints).any(axis=1)
        places = np.where(labelled[:, None], joints + 1, -1.0)
        record = {"joints_vis": labelled.astype(int).tolist(), "joints": places.tolist(), "image": name}
        records.append(record | {"scale": scale, "center": center})
    path.with_suffix(".json").write_text(json.dumps(records))


def _write_hdf5(path: Path, people: np.ndarray, names: list[str]) -> None:
    labelled = ~np.isnan(people).any(axis=2)
    center, scale = zip(*(center_and_scale(joints) for joints in people), strict=True)
    center, scale = np.array(center), np.array(scale)
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file["part"] = np.where(labelled[..., None], people + 1, 0)
        file["visible"] = (labelled & visible(len(people))).astype(float)
        file["center"] = center + np.array([0, 15]) * scale[:, None]
        file["scale"] = scale * 1.25
        codes = np.zeros((len(names), 16))
        for row, name in zip(codes, names, strict=True):
            row[: len(name)] = [ord(letter) for letter in name]
        file["imgname"] = codes


def _release(people: np.ndarray, names: list[str]) -> dict:
    seen = visible(len(people))
    rects: dict[str, list] = {name: [] for name in names}
    for row, (joints, name) in enumerate(zip(people, names, strict=True)):
        center, scale = center_and_scale(joints)
        neck = np.nan_to_num(joints[MPII_16.index("upper_neck")], nan=49) + 1
        corners = dict(zip(("x1", "y1", "x2", "y2"), np.tile(neck, 2) + HEAD, strict=True))
        points = [
            # The head's places come without visibility, and the flag is a text in part of the file.
            {"x": x + 1, "y": y + 1, "id": joint, "is_visible": "" if joint in (8, 9) else str(int(seen[row, joint]))}
            for joint, (x, y) in enumerate(joints)
            if not np.isnan(x)
        ]
        objpos = {"x": center[0], "y": center[1]}
        rects[name].append({**corners, "scale": scale, "objpos": objpos, "annopoints": {"point": struct_array(points)}})
    first = names[0]
    empty = {"x1": 1, "y1": 1, "x2": 9, "y2": 9, "scale": 1, "objpos": {"x": 5, "y": 5}, "annopoints": np.empty((0, 0))}
    rects[first].append(empty)  # somebody in the background, who has a head box alone
    annolist = [{"image": {"name": name}, "annorect": struct_array(rect)} for name, rect in rects.items()]
    annolist.append({"image": {"name": "099999999.jpg"}, "annorect": np.empty((0, 0))})
    return {"annolist": struct_array(annolist), "img_train": np.array([1] * (len(annolist) - 1) + [0])}


FAKES = {"mpii": fake_mpii}
LAYOUTS = (
    Layout("mpii", "JSON", partial(fake_mpii, count=48), ("train", "validation", "all")),
    Layout("mpii", "HDF5", partial(fake_mpii, count=48, layout="h5"), ("train", "validation", "all")),
    Layout("mpii", "authors' .mat", partial(fake_mpii, count=48, layout="mat"), ("all",)),
)
SMALL_FAKES = (
    SmallFake("mpii", "json", fake_mpii),
    SmallFake("mpii", "json-no-heads", partial(fake_mpii, heads=False)),
    SmallFake("mpii", "h5", partial(fake_mpii, layout="h5")),
    SmallFake("mpii", "h5-no-heads", partial(fake_mpii, layout="h5", heads=False)),
    SmallFake("mpii", "mat", partial(fake_mpii, layout="mat")),
)
