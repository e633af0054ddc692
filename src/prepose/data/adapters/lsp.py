"""Leeds Sports Pose and its extension: `joints.mat` beside a folder of numbered JPEGs.

Both files hold a variable `joints`, and disagree in the order of its axes, in the meaning of its flag and in where its
pixels start:

| | LSP | LSP-Extended |
|---|---|---|
| shape | (3, 14, N) | (14, 3, N) |
| flag 1 means | occluded (the place is still marked) | labelled (else the place is meaningless) |
| pixels | 1-based | 0-based |
| images | im0001.jpg ... | im00001.jpg ... |

Sources: Johnson and Everingham, "Clustered pose and nonlinear appearance models for human pose estimation", BMVC 2010;
"Learning effective human pose estimation from inaccurate annotation", CVPR 2011.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial as bound
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, UInt8

from prepose.body.skeletons import LSP_14
from prepose.data.entry import CatalogEntry, FoundDataset, box_of_joints, mat_joints_of
from prepose.data.intake import mat_shapes, read_mat
from prepose.data.pairing import LabelledImages, check_images, pair_images
from prepose.data.sample import JointState, PoseSample, as_stored
from prepose.errors import DataError

LSP_SPLITS = ("train", "test")
LSP_EXTENDED_SPLITS = ("train", "validation", "test", "all")
LSP_TRAIN_IMAGES = 1000
# Neighbours in LSP-Extended are of one shoot, often of one person: whole blocks of images are held out.
BLOCK = 50
HELD_OUT_BLOCKS = {"validation": 8, "test": 9}  # of every ten


@dataclass(frozen=True, eq=False)
class _Labels:
    """One record per image, in file order."""

    joints_img: Float[np.ndarray, "N J 2"]
    states: UInt8[np.ndarray, "N J"]
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def take(self, indices: np.ndarray) -> "_Labels":
        names = tuple(self.names[index] for index in indices)
        return _Labels(self.joints_img[indices], self.states[indices], names, self.notes)


def lsp(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """LSP: 2,000 images; the first 1,000 are `train`, the rest `test`.

    Args:
        root: The folder with `joints.mat` and `images/` (either the original or the scaled release).
        split: `train` or `test`.
        partial: Whether labels without image, and images without label, are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    _check_split(split, LSP_SPLITS, "lsp")
    _check_axes(root / "joints.mat", 0, "lsp")
    joints = read_mat(root / "joints.mat", "joints", (3, 14, None))
    xy, flag = joints[:2].transpose(2, 1, 0), joints[2].T
    _check_numbers(root / "joints.mat", xy, np.ones(flag.shape, bool))
    states = np.where(flag == 1, JointState.OCCLUDED, JointState.VISIBLE).astype(np.uint8)
    names = tuple(f"im{number:04d}.jpg" for number in range(1, len(xy) + 1))
    notes = (
        f"{flag.size} places of joints.mat count pixels from 1 and are moved by 1",
        f"{int((flag == 1).sum())} of {flag.size} joints of joints.mat are marked as occluded (flag 1; placed all the "
        "same)",
    )
    labels = _Labels(matlab_pixels(xy), states, names, notes)
    first = np.arange(len(xy)) < LSP_TRAIN_IMAGES
    rule = "images 1 to 1000 are train, the others test (the authors' split)"
    return _found(root, labels, first if split == "train" else ~first, partial=partial, rule=rule)


def lsp_extended(root: Path, split: str, *, partial: bool) -> FoundDataset:
    """LSP-Extended: 10,000 images for training. Its authors give no other split, so blocks of it are held out here.

    Args:
        root: The folder with `joints.mat` and `images/`.
        split: `train`, `validation` (images 401 to 450, 901 to 950, ...), `test` (451 to 500, ...) or `all`.
        partial: Whether labels without image, and images without label, are left out instead of refused.

    Raises:
        DataError: files are missing, damaged, of another dataset, or do not fit each other.
    """
    _check_split(split, LSP_EXTENDED_SPLITS, "lsp-extended")
    _check_axes(root / "joints.mat", 1, "lsp-extended")
    joints = read_mat(root / "joints.mat", "joints", (14, 3, None))
    xy, labelled = joints[:, :2].transpose(2, 0, 1), joints[:, 2].T == 1
    _check_numbers(root / "joints.mat", xy, labelled)
    names = tuple(f"im{number:05d}.jpg" for number in range(1, len(xy) + 1))
    notes = (
        f"{int((~labelled).sum())} of {labelled.size} joints of joints.mat are not labelled (flag 0; their places mean "
        "nothing)",
    )
    labels = _Labels(forget_unlabelled(xy, labelled), np.zeros(labelled.shape, np.uint8), names, notes)
    block = np.arange(len(xy)) // BLOCK % 10
    rule = (
        "of every ten blocks of 50 consecutive images (neighbours are of one shoot) the ninth is validation, the tenth "
        "test, the others train; all is every image (the authors give no split)"
    )
    if split == "all":
        chosen = np.ones(len(xy), bool)
    elif split == "train":
        chosen = ~np.isin(block, list(HELD_OUT_BLOCKS.values()))
    else:
        chosen = block == HELD_OUT_BLOCKS[split]
    return _found(root, labels, chosen, partial=partial, rule=rule)


def matlab_pixels(xy: Float[np.ndarray, "N J 2"]) -> Float[np.ndarray, "N J 2"]:
    """LSP's places, 1-based, as px from the centre of the first pixel. Touches all 28,000 joints.

    That they are 1-based can be read off the labels. They were clicked on a display that showed one image pixel as
    1 / s of its own, so along the axis that filled the window every place is 0.5 + (k + 0.5) s with a whole k, 0.5
    being the left edge of MATLAB's pixel 1. This fits 98 % of the images to 1e-7 px, and no 0-based rule fits.
    """
    return xy - 1.0


def forget_unlabelled(xy: Float[np.ndarray, "N J 2"], labelled: Bool[np.ndarray, "N J"]) -> Float[np.ndarray, "N J 2"]:
    """LSP-Extended's places with NaN where the flag is 0. Touches 16,787 of its 140,000 joints.

    Those hold the display's origin carried into the image (one coordinate 0, the other negative). The labelled places
    are k s with a whole k along the axis that filled the window: 0-based, counted from the left edge of the pixel
    clicked. Against the centre-of-pixel rule they may be up to half a pixel high, far below the annotators' spread, so
    they are left as they are.
    """
    return np.where(labelled[..., None], xy, np.nan)


def _check_split(split: str, splits: tuple[str, ...], dataset: str) -> None:
    if split not in splits:
        raise DataError(f"{dataset} has no split {split!r}; it has {', '.join(splits)}")


def _check_axes(path: Path, axis_of_three: int, dataset: str) -> None:
    found = mat_shapes(path).get("joints", ())
    other = {0: (14, 3), 1: (3, 14)}[axis_of_three]
    if found[:2] == other:
        looks_like = {"lsp": "lsp-extended", "lsp-extended": "lsp"}[dataset]
        size = " x ".join(map(str, found))
        raise DataError(f"{path}: its joints are {size}, which looks like {looks_like}, not {dataset}; add it as that")


def _found(root: Path, labels: _Labels, chosen: np.ndarray, *, partial: bool, rule: str) -> FoundDataset:
    folder = root / "images" if (root / "images").is_dir() else root
    pairing = pair_images(folder, labels.names, partial=partial)
    there = replace(labels.take(pairing.present), names=pairing.names)
    checked = check_images(folder, there.names, there.joints_img)
    kept = there.take(np.flatnonzero(chosen[pairing.present]))
    if not kept.names:
        raise DataError(f"{folder}: none of the images that are there belongs to this split ({rule})")
    samples = bound(_samples, checked.images, kept)
    notes = (*pairing.notes, *checked.notes, *labels.notes)
    return FoundDataset(LSP_14, len(kept.names), samples, notes, {"split_rule": rule})


def _check_numbers(path: Path, xy: Float[np.ndarray, "N J 2"], labelled: Bool[np.ndarray, "N J"]) -> None:
    bad = (labelled & ~np.isfinite(as_stored(xy)).all(axis=2)).any(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0]) + 1
        raise DataError(
            f"{path}: {int(bad.sum())} records hold NaN or infinite joints, the first is {first}; take the original"
        )
    if not labelled.any(axis=1).all():
        first = int(np.flatnonzero(~labelled.any(axis=1))[0]) + 1
        raise DataError(f"{path}: record {first} has no labelled joint; take the original file")


def _samples(images: LabelledImages, labels: _Labels, first: int, last: int) -> Iterator[PoseSample]:
    for index in range(first, last):
        joints = labels.joints_img[index]
        yield PoseSample(
            image=images.image(labels.names[index]),
            skeleton=LSP_14,
            box_xywh=box_of_joints(joints),
            joints_img=joints,
            joints_cam=np.full((len(LSP_14), 3), np.nan),
            states=labels.states[index],
            source=f"{images.folder.name}/{labels.names[index]}",
        )


ENTRIES = (
    CatalogEntry(
        name="lsp",
        title="Leeds Sports Pose",
        about="2,000 photographs of people doing sports, every joint marked, occluded ones too",
        has_3d=False,
        skeleton=LSP_14,
        licence="research use, with citation; photographs from Flickr under their authors' terms",
        citation="Johnson and Everingham, Clustered pose and nonlinear appearance models, BMVC 2010",
        home="https://sam.johnson.io/research/lsp.html",
        size="2,000 images",
        layouts=("joints.mat (3 x 14 x N) with images/im0001.jpg ..., scaled or original release",),
        tree=("lsp/", "├── joints.mat", "└── images/im0001.jpg ... im2000.jpg"),
        expected=MappingProxyType({"train": 1000, "test": 1000}),
        splits=LSP_SPLITS,
        default_splits=2,
        adapter=lsp,
        signature=("images/im[0-9][0-9][0-9][0-9].jpg",),
        tell_tale=lambda root: mat_joints_of(root / "joints.mat", (3, len(LSP_14))),
    ),
    CatalogEntry(
        name="lsp-extended",
        title="Leeds Sports Pose Extended",
        about="10,000 photographs of hard sports poses, labelled by crowd workers, some joints missing",
        has_3d=False,
        skeleton=LSP_14,
        licence="research use, with citation; photographs from Flickr under their authors' terms",
        citation="Johnson and Everingham, Learning effective pose estimation from inaccurate annotation, CVPR 2011",
        home="https://sam.johnson.io/research/lspet.html",
        size="10,000 images",
        layouts=("joints.mat (14 x 3 x N) with images/im00001.jpg ...",),
        tree=("lsp-extended/", "├── joints.mat", "└── images/im00001.jpg ... im10000.jpg"),
        expected=MappingProxyType({"train": 8000, "validation": 1000, "test": 1000, "all": 10000}),
        splits=LSP_EXTENDED_SPLITS,
        default_splits=3,
        adapter=lsp_extended,
        signature=("images/im[0-9][0-9][0-9][0-9][0-9].jpg",),
        tell_tale=lambda root: mat_joints_of(root / "joints.mat", (len(LSP_14), 3)),
    ),
)
