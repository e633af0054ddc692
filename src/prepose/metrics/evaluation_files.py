"""An evaluation on disk: NAME.npz (the arrays) and NAME.json (what they are, with the summary a person reads).

Both are written aside and renamed, the JSON last; it holds the digest of the arrays, so that a pair which does not
belong together is found out. Nothing is pickled.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from prepose.errors import DataError
from prepose.files import LOCK, locked, parse_json, read_regular_file, write_whole
from prepose.metrics.evaluation import Evaluation, Row
from prepose.metrics.protocols import protocol_from_json

FORMAT_VERSION = 1
_TEXT_TUPLES = ("subjects", "actions")
_VARIANT = "variant:"


def save_evaluation(evaluation: Evaluation, folder: Path, name: str) -> Path:
    """Write `folder/name.npz` and `folder/name.json`; an older pair of that name is replaced.

    Returns:
        The path of the JSON file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {text: np.array(getattr(evaluation, text), dtype=np.str_) for text in _TEXT_TUPLES}
    columns: dict[str, Any] = {**evaluation.arrays(), **texts}
    archive = _archive(columns)
    description = {
        "format": FORMAT_VERSION,
        "protocol": evaluation.protocol.to_json(),
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "weights": evaluation.weights,
        "state_names": list(evaluation.state_names),
        "facts": dict(evaluation.facts),
        "num_samples": len(evaluation),
        "arrays_sha256": hashlib.sha256(archive).hexdigest(),
        "joints": joints_plain(evaluation),
        "overall": plain(evaluation.overall()),
        "variants": {variant: plain(row) for variant, row in evaluation.per_variant().items()},
    }
    # Two processes that score at a time may not mix their pairs.
    with locked(folder / f".{name}{LOCK}", f"is writing {folder / name}", wait=True):
        write_whole(folder / f"{name}.npz", archive)
        return write_whole(folder / f"{name}.json", json.dumps(description, indent=1, allow_nan=False) + "\n")


def _archive(columns: dict[str, Any]) -> bytes:
    """As `np.savez_compressed` writes it, but without the time of day: the same evaluation, the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in columns.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def plain(row: Row) -> dict[str, float | None]:
    """A row for JSON, which has no NaN: null where nothing was scored."""
    return {name: None if np.isnan(value) else value for name, value in row.items()}


def joints_plain(evaluation: Evaluation) -> dict[str, Any]:
    """For JSON: how many of the labelled joints are scored, and which joints of the protocol never are."""
    counts: dict[str, Any] = dict(evaluation.joint_counts())
    return counts | {
        "never_scored": list(evaluation.joints_never_scored()),
        "left_out_3d": evaluation.left_out("3d"),
        "left_out_2d": evaluation.left_out("2d"),
        "baselines": evaluation.variant_joints(),
    }


def load_evaluation(path: Path) -> Evaluation:
    """The evaluation whose JSON file is `path` (or whose arrays are).

    Raises:
        DataError: a file is missing, damaged or of another version, or the two do not belong together.
    """
    description = read_description(path.with_suffix(".json"))
    arrays = _read_arrays(path.with_suffix(".npz"), description["arrays_sha256"])
    variants = {name.removeprefix(_VARIANT): arrays.pop(name) for name in list(arrays) if name.startswith(_VARIANT)}
    known = {each.name for each in fields(Evaluation)}
    columns: dict[str, Any] = {name: array for name, array in arrays.items() if name in known}
    columns |= {name: tuple(arrays[name].tolist()) for name in _TEXT_TUPLES if name in arrays}
    try:
        return Evaluation(
            protocol=protocol_from_json(description["protocol"]),
            dataset=description["dataset"],
            split=description["split"],
            weights=description["weights"],
            state_names=tuple(description["state_names"]),
            facts=description["facts"],
            variants=variants,
            **columns,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a whole evaluation ({error}); evaluate again") from error


def read_description(path: Path) -> dict[str, Any]:
    """What an evaluation's JSON file says, without its arrays.

    Raises:
        DataError: the file is missing, damaged or of another version.
    """
    try:
        description = parse_json(read_regular_file(path))
        version = description["format"]
        description["arrays_sha256"]
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such evaluation; run `prepose evaluate` first") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: not the description of an evaluation ({error!r}); evaluate again") from error
    if version != FORMAT_VERSION:
        raise DataError(f"{path}: evaluation format {version}, this version reads {FORMAT_VERSION}; evaluate again")
    return description


def _read_arrays(path: Path, sha256: str) -> dict[str, np.ndarray]:
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise DataError(f"{path}: the arrays of the evaluation cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: does not belong to the .json beside it, or is damaged; evaluate again")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not an archive of plain arrays ({error}); evaluate again") from error
