"""An evaluation reduced to what a report needs: sums by test subject, sums by group, confidence in classes.

A reduction is a thousandth of its evaluation and is kept beside it (`SET.sums.npz`), so that a report of hundreds of
trials reads each evaluation once in its life. It names the digest of the arrays it was made from: of another
evaluation, or of another version of prepose, it is computed again.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from prepose import __version__
from prepose.files import read_object, read_regular_file, write_whole
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.metrics.joint_error import position_errors
from prepose.studies.results.confidence import calibration_of
from prepose.studies.results.error_groups import breakdown_measure, group_sums
from prepose.studies.statistics.scores import Clusters, arm_scores, clusters_of, sample_blocks

FORMAT = 1

Table = Float[np.ndarray, "N J"]
Sums = Float[np.ndarray, "C G"]

# What MPJPE is made of: each part is what one more freedom of the alignment takes away.
SCALE, ORIENTATION, REST = "scale", "orientation", "rest"


@dataclass(frozen=True, eq=False)
class Reduced:
    """What is left of an evaluation: C clusters of samples, G groups that the protocol averages over.

    Attributes:
        sums: `measures`, `parts` (of MPJPE; they add up to it) or `variants` (their MPJPE) -> name -> sums of the
            scored values, and how many there were.
        facts: Everything else, as plain values: `samples` (digest of samples and ground truth), `num_samples`,
            `num_subjects`, `clusters` (`count`, `kind`, `text`), `group_measure`, `groups` (kind -> label -> sum and
            count), `calibration` (None where there is none).
    """

    sums: Mapping[str, Mapping[str, tuple[Sums, Sums]]]
    facts: Mapping[str, Any]


def reduced_of(path: Path, arrays_sha256: str) -> Reduced:
    """The reduction of an evaluation, made and kept where it is not there yet.

    Args:
        path: The evaluation's JSON file.
        arrays_sha256: What that file says of its arrays.

    Raises:
        DataError: the evaluation is missing or damaged.
    """
    kept, key = path.with_suffix(".sums.npz"), f"{FORMAT} {__version__} {arrays_sha256}"
    found = _read(kept, key)
    if found is None:
        found = reduce_evaluation(load_evaluation(path))
        _write(kept, found, key)
    return found


def keep_reduction(path: Path) -> None:
    """Reduce an evaluation that was just saved, so that the first report of its study need not.

    Args:
        path: The evaluation's JSON file. One of a single sample has no spread and is left to the report to refuse.
    """
    said = read_object(path, advice="evaluate again")
    if said["num_samples"] > 1:
        reduced_of(path, said["arrays_sha256"])


def reduce_evaluation(evaluation: Evaluation) -> Reduced:
    """Sums by cluster and by group; measures without any value are left out."""
    clusters = clusters_of_evaluation(evaluation)

    def summed(tables: Mapping[str, Table]) -> dict[str, tuple[Sums, Sums]]:
        known = {name: table for name, table in tables.items() if not np.isnan(table).all()}
        settings: dict[str, Any] = {"averaging": evaluation.protocol.averaging, "actions": evaluation.actions}
        scores = {name: arm_scores(name, {0: table}, clusters, **settings) for name, table in known.items()}
        return {name: (each.sums[0], each.counts[0]) for name, each in scores.items()}

    tables = evaluation.tables
    parts = {name: take(tables) for name, take in _PARTS.items()} if evaluation.has_3d else {}
    people = {subject for subject in evaluation.subjects if subject}
    return Reduced(
        sums={
            "measures": summed(tables),
            "parts": summed(parts),
            "variants": summed({name: _variant_errors(evaluation, name) for name in evaluation.variants}),
        },
        facts={
            "samples": _samples_digest(evaluation),
            "num_samples": len(evaluation),
            "num_subjects": len(people),
            "clusters": {"count": clusters.count, "kind": clusters.kind, "text": clusters.text},
            "group_measure": breakdown_measure(evaluation),
            "groups": group_sums(evaluation),
            "calibration": calibration_of(evaluation),
        },
    )


def clusters_of_evaluation(evaluation: Evaluation) -> Clusters:
    """Which samples are resampled together: those of one person, or neighbours where people cannot be told apart."""
    scored = np.asarray((evaluation.scored_3d | evaluation.scored_2d).any(axis=1))
    people = {subject for subject, known in zip(evaluation.subjects, scored, strict=True) if known}
    if len(people) > 1:
        return clusters_of(evaluation.subjects)
    # Where one person alone has ground truth, the others' names must not make up a spread over people.
    reason = "no sample names a subject" if people <= {""} else f"a single subject, {min(people)}, has ground truth"
    return sample_blocks(len(evaluation), reason=reason)


# A pose too sparse to align has no PA-MPJPE; all parts leave it out, so that they add up over the same poses.
_PARTS: Mapping[str, Callable[[Mapping[str, Table]], Table]] = {
    SCALE: lambda tables: tables["mpjpe_mm"] - tables["n_mpjpe_mm"] + 0 * tables["pa_mpjpe_mm"],
    ORIENTATION: lambda tables: tables["n_mpjpe_mm"] - tables["pa_mpjpe_mm"],
    REST: lambda tables: tables["pa_mpjpe_mm"],
}


def _variant_errors(evaluation: Evaluation, name: str) -> Table:
    pose = evaluation.variants[name]
    return position_errors(pose, evaluation.truth_mm, evaluation.scored_3d & ~np.isnan(pose).any(axis=-1))


def _samples_digest(evaluation: Evaluation) -> str:
    digest = hashlib.sha256()
    for array in (evaluation.index, evaluation.truth_img, evaluation.truth_mm, evaluation.states):
        digest.update(array.tobytes())
    for texts in (evaluation.subjects, evaluation.actions, evaluation.state_names):
        digest.update("\0".join(texts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _write(path: Path, reduced: Reduced, key: str) -> None:
    places = [(kind, name) for kind, found in reduced.sums.items() for name in found]
    text = json.dumps({"key": key, "places": places, "facts": reduced.facts})
    pairs = [reduced.sums[kind][name] for kind, name in places]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, text=np.array(text), sums=np.array(pairs))
    write_whole(path, buffer.getvalue())


def _read(path: Path, key: str) -> Reduced | None:
    try:
        with np.load(io.BytesIO(read_regular_file(path)), allow_pickle=False) as archive:
            said, pairs = json.loads(str(archive["text"])), archive["sums"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if said.get("key") != key:
        return None
    sums: dict[str, dict[str, tuple[Sums, Sums]]] = {"measures": {}, "parts": {}, "variants": {}}
    for (kind, name), pair in zip(said["places"], pairs, strict=True):
        sums[kind][name] = (pair[0], pair[1])
    return Reduced(sums, said["facts"])
