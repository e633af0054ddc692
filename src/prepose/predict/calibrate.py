"""Measuring on labelled images how large a network's errors are at each confidence; kept with its weights."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.table import Table
from scipy.optimize import isotonic_regression

import prepose
from prepose.console import table_of
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store, store_splits
from prepose.errors import DataError
from prepose.files import git_commit, output_file
from prepose.metrics.calibration import bin_numbers
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import get_protocol
from prepose.metrics.reliability import errors_of_crop
from prepose.models.checkpoint import load_weights
from prepose.models.legacy_file import read_any_weights
from prepose.models.pose_net import PoseNet
from prepose.models.weights_file import file_of, write_weights
from prepose.predict.evaluate import Progress, evaluate
from prepose.predict.fit import misfit
from prepose.predict.networks import find_weights
from prepose.specs.error_calibration import PROTOCOL_3D, ErrorCalibration, ErrorCurve, joint_kind

SPLIT = "validation"
PROTOCOL_2D = "pck-box-10"
# A mean error of fewer joints is too uncertain to be told: of 50 joints of this kind it is known to about a tenth.
JOINTS_PER_BIN = 50
MOST_BINS = 20


@dataclass(frozen=True)
class Calibrated:
    """A network that was calibrated.

    Attributes:
        path: The weights file that has the calibration.
        calibration: The calibration.
        replaced: The calibration that the network had before.
        left_out: Joints of the network without an expected error, as too few of them are labelled.
    """

    path: Path
    calibration: ErrorCalibration
    replaced: ErrorCalibration | None
    left_out: tuple[str, ...]


def calibrate(
    run: Path,
    store: Path,
    *,
    split: str | None = None,
    out: Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Calibrated:
    """Measure a network's errors by joint and confidence, and write them into its weights file.

    Errors in mm are those of `joints_root` as `predict` gives them where the camera is known: relative to the root, at
    the mean person's size (protocol `mean-person`). Without 3D labels there are errors in the image alone.

    Args:
        run: A run's folder, a weights file, or the name of a network that ships.
        store: Labelled images like those that the network is for, and that it did not learn from.
        split: Which split; None for `validation`, or the store's only one.
        out: The weights file to write; None writes into the network's own.
        device: Where to run the network.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: there are no weights, no such store or split, no own weights file to write into, `out` exists, the
            network learnt from these samples, or too few joints are labelled.
    """
    weights = find_weights(run)
    target = _target(run, weights, out)
    with output_file(target, new=out is not None):
        dataset = open_store(store, split or _only_split(store))
        net = load_weights(weights)
        found = _measured(net, dataset, store, device=device, progress=progress)
        # The tensors as they are: a file of half the size stays one.
        written = write_weights(replace(read_any_weights(weights), calibration=found), target)
    missing = tuple(joint for joint in net.skeleton.joints if joint_kind(joint) not in found.crop)
    return Calibrated(written, found, net.calibration, missing)


def _measured(
    net: PoseNet, dataset: PoseDataset, store: Path, *, device: str, progress: Progress | None
) -> ErrorCalibration:
    learnt = [] if net.ledger is None else net.ledger.datasets
    if any((each.dataset, each.split) == (dataset.name, dataset.split) for each in learnt):
        raise DataError(
            f"{store}: the network learnt from {dataset.name}/{dataset.split}, where its errors are smaller than "
            "elsewhere; calibrate on a split that it did not see"
        )
    in_3d = misfit(get_protocol(PROTOCOL_3D), dataset, net.skeleton) is None
    protocol = replace(get_protocol(PROTOCOL_3D if in_3d else PROTOCOL_2D), split=dataset.split)
    found = fitted(evaluate(net, dataset, protocol, device=device, progress=progress))
    return found.model_copy(update={"store": store.resolve().name})


def fitted(evaluation: Evaluation) -> ErrorCalibration:
    """The calibration that an evaluation gives: joint by joint, left and right together, errors by confidence.

    The joints of one kind are put into bins of equal counts by confidence; the bins' mean errors are made to not rise
    by isotonic regression (Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates", KDD 2002), and are read off linearly between the bins' mean confidences.

    Args:
        evaluation: Under the protocol `mean-person`, or any in the image alone, in the network's skeleton or one that
            its joints lead to.

    Raises:
        DataError: there are fewer than 50 labelled joints of each kind.
    """
    crop = _curves(evaluation, errors_of_crop(evaluation))
    in_mm = evaluation.protocol.scale == PROTOCOL_3D and evaluation.has_3d
    mm = _curves(evaluation, evaluation.errors_mm, without=evaluation.protocol.root) if in_mm else {}
    if not crop:
        raise DataError(
            f"{evaluation.dataset}/{evaluation.split}: has fewer than {JOINTS_PER_BIN} labelled joints of each kind in "
            f"its {len(evaluation)} samples; calibration needs more"
        )
    return ErrorCalibration(
        dataset=evaluation.dataset,
        split=evaluation.split,
        samples=len(evaluation),
        flip_test=evaluation.protocol.flip_test,
        prepose=prepose.__version__,
        commit=git_commit(),
        mm=mm,
        crop=crop,
    )


def table_of_curves(calibration: ErrorCalibration) -> Table:
    """The expected errors at the highest and at the lowest confidence, by joint."""
    table = table_of("joint", "labelled", "confidence", "error, mm", "error, % of crop")
    for kind, in_image in calibration.crop.items():
        mm = calibration.mm.get(kind)
        table.add_row(
            kind.replace("_", " "),
            f"{in_image.num_joints:,}",
            f"{in_image.confidence[-1]:.2f} to {in_image.confidence[0]:.2f}",
            f"{mm.error[-1]:.0f} to {mm.error[0]:.0f}" if mm else "-",
            f"{100 * in_image.error[-1]:.1f} to {100 * in_image.error[0]:.1f}",
        )
    return table


def _curves(
    evaluation: Evaluation, errors: Float[np.ndarray, "N J"], without: tuple[str, ...] = ()
) -> Mapping[str, ErrorCurve]:
    columns: dict[str, list[int]] = defaultdict(list)
    for column, joint in enumerate(evaluation.skeleton.joints):
        if joint not in without:
            columns[joint_kind(joint)].append(column)
    found = {kind: _curve(evaluation.confidence[:, mine], errors[:, mine]) for kind, mine in columns.items()}
    return {kind: curve for kind, curve in found.items() if curve is not None}


def _curve(confidence: Float[np.ndarray, "N K"], errors: Float[np.ndarray, "N K"]) -> ErrorCurve | None:
    known = ~(np.isnan(confidence) | np.isnan(errors))
    bins = min(MOST_BINS, int(known.sum()) // JOINTS_PER_BIN)
    if not bins:
        return None
    order = np.argsort(confidence[known], kind="stable")
    sure, wrong = confidence[known][order].astype(float), errors[known][order].astype(float)
    numbers = np.unique(bin_numbers(np.unique(sure, return_inverse=True)[1], bins), return_inverse=True)[1]
    counts = np.bincount(numbers)
    means = [np.bincount(numbers, weights=values) / counts for values in (sure, wrong)]
    level = isotonic_regression(means[1], weights=counts, increasing=False).x
    # Rounding keeps both orders, and headers short.
    return ErrorCurve(
        confidence=tuple(np.round(means[0], 6).tolist()),
        error=tuple(np.round(np.minimum.accumulate(level), 6).tolist()),
        num_joints=len(sure),
    )


def _target(run: Path, weights: Path, out: Path | None) -> Path:
    if out is not None:
        if out.suffix != ".safetensors":
            raise DataError(f"--out {out}: expected a file whose name ends in .safetensors")
        return out
    if weights.suffix != ".safetensors":
        raise DataError(f"{weights}: is no weights file of prepose that could keep a calibration; name one by --out")
    if not run.exists():
        raise DataError(f"{run}: ships with prepose; name the weights file to write by --out")
    return file_of(weights)


def _only_split(store: Path) -> str:
    splits = store_splits(store)
    if SPLIT in splits or len(splits) != 1:
        return SPLIT
    return splits[0]
