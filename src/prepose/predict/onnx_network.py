"""A model that `prepose export --format onnx` wrote, run by ONNX Runtime. Needs no torch."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from prepose.errors import DataError, one_line
from prepose.models.export_facts import ADVICE, INPUT, OUTPUTS, ExportFacts, facts_of
from prepose.predict.crop_network import CropJoints, CropNetwork

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def load_onnx_network(path: Path, device: str = "cpu", *, threads: int | None = None) -> CropNetwork:
    """The network of an exported model.

    Args:
        path: The `.onnx` file.
        device: `cpu`, or `cuda` with the package `onnxruntime-gpu`.
        threads: CPU threads; None for one for each core that this process may use.

    Raises:
        DataError: ONNX Runtime is not installed or has no such device, or the file is missing, damaged, foreign or of
            another version.
    """
    session = open_session(path, device, threads)
    facts = facts_of(session.get_modelmeta().custom_metadata_map, path)
    names = [each.name for each in session.get_inputs()], [each.name for each in session.get_outputs()]
    if names != ([INPUT], list(OUTPUTS)):
        raise DataError(
            f"{path}: has the inputs {', '.join(names[0])} and the outputs {', '.join(names[1])}, expected {INPUT} and "
            f"{', '.join(OUTPUTS)}; {ADVICE}"
        )

    _check_shapes(session, facts, path)

    def run(crops: UInt8[np.ndarray, "B 3 S S"], flip_test: bool) -> CropJoints:  # noqa: FBT001 - the contract's order
        if flip_test != facts.flip_test:
            raise DataError(
                f"{path}: was exported {'with' if facts.flip_test else 'without'} the flip test; export it again with "
                f"--{'' if flip_test else 'no-'}flip-test"
            )
        try:
            return CropJoints(*session.run(list(OUTPUTS), {INPUT: np.ascontiguousarray(crops)}))
        # Its errors are of many types without a common one, each named after a status.
        except Exception as error:
            raise DataError(f"{path}: the model cannot be run ({one_line(error, 200)}); {ADVICE}") from None

    kind = "onnx" if facts.precision == "float32" else f"onnx-{facts.precision}"
    return CropNetwork(
        facts.spec, facts.ledger, f"{facts.weights}-{kind}", device, run, facts.calibration, facts.flip_test
    )


def _check_shapes(session: Any, facts: ExportFacts, path: Path) -> None:
    """That a model is the one that its metadata are of; without it, another's crops and joints would be taken."""
    size, joints = facts.spec.size, len(facts.joints)
    shapes = {INPUT: (3, size, size), OUTPUTS[0]: (joints, 3), OUTPUTS[1]: (joints,)}
    for each in (*session.get_inputs(), *session.get_outputs()):
        # The first is the batch, which may be any.
        found = tuple(each.shape[1:])
        if found != shapes[each.name]:
            raise DataError(
                f"{path}: {each.name} has the shape {_text(found)} a person, but the metadata are of a model of "
                f"{size} px with {joints} joints, {_text(shapes[each.name])}; {ADVICE}"
            )


def _text(shape: Sequence[object]) -> str:
    return " x ".join(map(str, shape)) or "none"


def open_session(path: Path, device: str = "cpu", threads: int | None = None) -> Any:
    """ONNX Runtime's session of a model; arguments and errors as of `load_onnx_network`."""
    try:
        import onnxruntime
    except ImportError as error:
        raise DataError(f"{path}: needs onnxruntime; run `pip install onnxruntime`") from error
    provider = PROVIDERS.get(device, "")
    if provider not in onnxruntime.get_available_providers():
        there = [name for name, each in PROVIDERS.items() if each in onnxruntime.get_available_providers()]
        raise DataError(f"device {device!r} cannot be used here by ONNX Runtime; it has {', '.join(there)}")
    options = onnxruntime.SessionOptions()
    # Otherwise it starts a thread for each core of the machine, whether this process may use it or not.
    options.intra_op_num_threads = threads or _usable_cores()
    # Threads that spin keep the ones that they wait for from their cores, where another process needs one, too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        # From the file's bytes, as a path with other characters is not opened everywhere.
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=[provider])
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    # Its errors are of many types without a common one, each named after a status.
    except Exception as error:
        raise DataError(f"{path}: truncated or not an ONNX model ({one_line(error, 200)}); {ADVICE}") from None


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
