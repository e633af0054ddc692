"""Layout a: the ECCV 2018 challenge. `Train/IMG/00001.jpg`, `Train/POSE/00001.csv` (17 x 3, mm), `Val/` likewise.

The challenge says nothing of subjects, cameras or places in the image. A widely used cache pickle adds 2D joints, which
are the 3D poses laid by a similarity over a network's guess: good to some pixels, not measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from prepose.data.entry import SplitMissing
from prepose.data.h36m.frames import Frames, Part, h36m_17
from prepose.data.intake import check_file
from prepose.data.pairing import check_labelled_once, pair_images, turned_note
from prepose.data.picture import image_header
from prepose.data.unpickle import read_pickle
from prepose.errors import DataError

# The poses of cache and csv are the same numbers; more than this apart, mm, they are of different releases.
MOST_MM_APART = 1.0


def challenge_root(root: Path) -> Path | None:
    """The folder that holds `Train` or `Val` of the challenge, at the root or one level below it."""
    for folder in (root, *sorted(entry for entry in root.glob("*") if entry.is_dir())):
        if any((folder / part / kind).is_dir() for part in ("Train", "Val") for kind in ("IMG", "POSE")):
            return folder
    return None


def read_challenge(root: Path, part: Part, *, partial: bool) -> Frames:
    """The frames of one of the challenge's folders.

    Raises:
        DataError: the folder is half there, or its files are damaged or do not fit each other.
    """
    if part.folder is None:
        raise DataError(
            f"{root}: the challenge layout names no frames; its splits are train, validation, trainval, test"
        )
    base = challenge_root(root)
    folder = (base or root) / part.folder
    if not (folder / "IMG").is_dir():
        raise SplitMissing(f"{folder}: the challenge's images are missing; expected {folder.name}/IMG/00001.jpg, ...")
    cache = _find_cache(root, part.folder)
    poses = sorted((folder / "POSE").glob("*.csv"))
    if cache is None and not partial:
        _check_no_other_cache(root, folder)
    if not poses and cache is None:
        raise DataError(
            f"{folder}: has images but no labels; expected {folder.name}/POSE/00001.csv, ... or the cache pickle"
        )
    frames = _of_csv(folder, poses, partial=partial) if poses else None
    if cache is not None:
        frames = _of_cache(folder, cache, frames, partial=partial)
    assert frames is not None
    if cache is None:
        frames = frames.told(
            "there are no 2D joints, so boxes are whole pictures, and poses can be scored but not trained on (a pose "
            "needs its place in the image); add the cache pickle beside Train and Val"
        )
    numbers = np.arange(len(frames))
    first, last = (len(frames) * tenth // 10 for tenth in part.tenths)
    return frames.take((numbers >= first) & (numbers < last))


def _of_csv(folder: Path, poses: Sequence[Path], *, partial: bool) -> Frames:
    names = tuple(f"{path.stem}.jpg" for path in poses)
    pairing = pair_images(folder / "IMG", names, partial=partial)
    for path in poses:
        check_file(path)
    _check_ends(poses)
    joints = np.stack([read_pose(poses[row]) for row in pairing.present])
    return _bare(folder, pairing.names, joints).told(*pairing.notes)


def _check_ends(poses: Sequence[Path]) -> None:
    """Make sure that no file was cut off within its last number, which would still be one.

    Raises:
        DataError: some end without the line break that others have.
    """
    ends = [path.read_bytes()[-1:] == b"\n" for path in poses]
    if any(ends) and not all(ends):
        cut = poses[ends.index(False)]
        raise DataError(
            f"{cut}: ends within a line, as {ends.count(True)} of {len(ends)} files do not; take the original file"
        )


def read_pose(path: Path) -> Float[np.ndarray, "17 3"]:
    """One csv: 17 lines x, y, z, mm relative to the pelvis.

    Raises:
        DataError: the file is missing, damaged or holds other than 17 x 3 numbers.
    """
    check_file(path)
    try:
        numbers = np.array(path.read_text().replace(",", " ").split(), float)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: contains a non-numeric value ({error})") from error
    if numbers.size != 51 or not np.isfinite(numbers).all():
        raise DataError(f"{path}: has {numbers.size} numbers, expected 17 x 3 finite ones")
    return numbers.reshape(17, 3)


def _find_cache(root: Path, part: str) -> Path | None:
    found = sorted({*root.glob(f"*{part}*.pkl"), *root.glob(f"*/*{part}*.pkl"), *root.glob(f"*/*/*{part}*.pkl")})
    # Beside the cache of joints, the same code leaves caches of detections, whose joints are zeros.
    return next((path for path in found if "bbox_db" in path.name), found[0] if len(found) == 1 else None)


def _check_no_other_cache(root: Path, folder: Path) -> None:
    for part in ("Train", "Val"):
        other = _find_cache(root, part)
        if other is not None:
            raise DataError(
                f"{folder}: has no cache of 2D joints, but {other.name} is there for {part}; add the other cache, "
                f"too, or pass --partial to do without its 2D joints"
            )


def _of_cache(folder: Path, cache: Path, frames: Frames | None, *, partial: bool) -> Frames:
    records = _records(cache)
    names = tuple(str(record["image"]).replace("\\", "/").rsplit("/", 1)[-1] for record in records)
    try:
        relative = h36m_17(np.stack([np.asarray(record["joints_3d_relative"], float) for record in records]), cache)
        placed = h36m_17(np.stack([np.asarray(record["joints_3d"], float) for record in records]), cache)
        numbers = [[float(record[key]) for key in ("center_x", "center_y", "width", "height")] for record in records]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{cache}: is not the challenge's cache ({type(error).__name__} {error})") from error
    check_labelled_once(names, cache)
    boxes = np.array(numbers)
    boxes[:, :2] -= boxes[:, 2:] / 2
    if frames is None:
        pairing = pair_images(folder / "IMG", names, partial=partial)
        rows = pairing.present
        frames = _bare(folder, pairing.names, relative[rows]).told(*pairing.notes)
    else:
        rows = _rows_of(frames, names, cache)
        apart = float(np.abs(frames.joints_cam - relative[rows]).max())
        if apart > MOST_MM_APART:
            raise DataError(
                f"{cache}: its poses differ from {folder.name}/POSE by up to {apart:.0f} mm, expected at most "
                f"{MOST_MM_APART:g}; take cache and csv files of one release"
            )
    note = "2D joints are the cache's: 3D poses laid over a network's guess, good to some px"
    return replace(frames, joints_img=placed[rows][..., :2], given=boxes[rows]).told(note)


def _records(cache: Path) -> list[Mapping]:
    records = read_pickle(cache)
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{cache}: is not the challenge's cache; expected a list of dicts, one an image")
    if not all("image" in record for record in records):
        raise DataError(f"{cache}: some of its records name no image; it is not the challenge's cache")
    return records


def _rows_of(frames: Frames, names: Sequence[str], cache: Path) -> np.ndarray:
    at = {name: row for row, name in enumerate(names)}
    missing = [name for name in frames.images if name.rsplit("/", 1)[-1] not in at]
    if missing:
        raise DataError(
            f"{cache}: has no record of {len(missing)} of {len(frames)} images ({missing[0]}, ...); expected "
            f"one of each"
        )
    return np.array([at[name.rsplit("/", 1)[-1]] for name in frames.images])


def _bare(folder: Path, names: tuple[str, ...], joints: Float[np.ndarray, "N 17 3"]) -> Frames:
    count, notes = len(names), turned_note(folder / "IMG", names)
    width, height = image_header(folder / "IMG" / names[0]).size_wh
    return Frames(
        folder=folder,
        images=tuple(f"IMG/{name}" for name in names),
        joints_cam=joints,
        joints_img=np.full((count, 17, 2), np.nan),
        where=np.tile([0, 0, 0, -1, -1], (count, 1)),
        # Without 2D joints the whole picture is the only box there is.
        given=np.tile([0.0, 0.0, width, height], (count, 1)),
        rooted=True,
        notes=notes,
    )
