"""3D pseudo-labels within a training: the network as the stages before left it labels people of whom 2D is known.

They are made once, as the first stage begins that draws from the source, and kept in the run (`pseudo_labels/`), so
that a training that resumes goes on with the same labels. What passes is for `predict.pseudo_labels` to say.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from lightning_fabric import Fabric

from prepose.data.dataset import PoseDataset
from prepose.errors import DataError, RecipeError
from prepose.files import inside, write_json, write_whole
from prepose.models.pose_net import PoseNet
from prepose.predict.pseudo_labels import Lifted, LiftRules, lifted, predicted_poses
from prepose.predict.torch_network import torch_network
from prepose.recipes.run import Run
from prepose.recipes.sources import kept
from prepose.specs.recipe import Recipe, Stage

FOLDER = "pseudo_labels"


def check_pseudo_labels(recipe: Recipe, sources: Mapping[str, PoseDataset]) -> None:
    """Check that sources have as many samples with 2D labels as are to be predicted.

    Raises:
        RecipeError: one has fewer; the price of the predictions would be wrong.
    """
    for name, dataset in sources.items():
        spec = recipe.sources[name].pseudo_labels
        if spec is not None and spec.samples > len(dataset):
            raise RecipeError(
                f"sources.{name}.pseudo_labels.samples: found {spec.samples:,}, expected at most the {len(dataset):,} "
                f"samples of {dataset.name}/{dataset.split}"
            )


def pseudo_labels(
    run: Run, stage: Stage, sources: Mapping[str, PoseDataset], net: PoseNet, *, begun: bool, fabric: Fabric
) -> dict[str, Float[np.ndarray, "N J 3"]]:
    """The pseudo-labels of the sources that a stage draws from, made where the run does not have them yet.

    Args:
        run: Keeps them.
        stage: The stage.
        sources: The datasets by the recipe's names.
        net: What predicts where they are not made yet.
        begun: Whether the stage has done a step already, so that they must be there.
        fabric: The first process makes them, the others wait.

    Raises:
        DataError: no pose agrees with its labels; or the run's labels are missing or damaged.
    """
    wanted = [name for name in stage.shares if run.recipe.sources[name].pseudo_labels is not None]
    for name in wanted:
        path = _file(run, name)
        if not path.exists() and begun:
            raise DataError(f"{path}: is missing, and the stage has learnt from it; start the run again elsewhere")
        if not path.exists() and fabric.is_global_zero:
            _make(run, stage, name, sources[name], net, device=str(fabric.device))
    if wanted:
        fabric.barrier()
    return {name: _read(_file(run, name), sources[name]) for name in wanted}


def labels_told(recipe: Recipe, stage: Stage, labels: Mapping[str, Float[np.ndarray, "_ _ 3"]]) -> Iterator[str]:
    """How many a stage's pseudo-labels are, a line for each source that has them."""
    for name in labels:
        spec = recipe.sources[name].pseudo_labels
        if spec is not None:
            known = np.isfinite(labels[name]).all(axis=-1)
            people = known.any(axis=-1).sum()
            yield (
                f"{stage.name}: {people:,} of {spec.samples:,} people of {name} have 3D pseudo-labels "
                f"({known.sum():,} joints)"
            )


def _file(run: Run, name: str) -> Path:
    return inside(run.folder, f"{FOLDER}/{name}.npz")


def _make(run: Run, stage: Stage, name: str, dataset: PoseDataset, net: PoseNet, *, device: str) -> None:
    spec = run.recipe.sources[name].pseudo_labels
    assert spec is not None
    rows = kept(len(dataset), spec.samples / len(dataset), seed=run.recipe.seed, source=name)
    part = dataset.select(rows)
    poses = predicted_poses(part, torch_network(net, device), confidence=spec.confidence)
    rules = LiftRules(spec.joint_mm, spec.person_mm, spec.confidence)
    found = lifted(part.array("joints_img").astype(float), poses, rules)
    if not found.people.any():
        raise DataError(
            f"stage {stage.name!r}: no pose that the network predicts for {name} lies within {spec.person_mm:g} mm of "
            f"its labels (median {np.nanmedian(found.residual_mm):.0f} mm); train longer before it, or raise "
            f"sources.{name}.pseudo_labels.person_mm"
        )
    _write(run, name, dataset, rows, found)


def _write(run: Run, name: str, dataset: PoseDataset, rows: np.ndarray, found: Lifted) -> None:
    joints = np.full((len(dataset), len(dataset.skeleton), 3), np.nan, np.float32)
    joints[rows] = found.joints_cam
    content = io.BytesIO()
    np.savez_compressed(content, joints_cam=joints, rows=rows, residual_mm=found.residual_mm)
    path = _file(run, name)
    path.parent.mkdir(exist_ok=True)
    facts = {
        "dataset": dataset.name,
        "split": dataset.split,
        "samples": len(rows),
        "people": int(found.people.sum()),
        "joints": found.joints,
        "residual_mm": round(float(np.nanmedian(found.residual_mm)), 3),
    }
    write_json(inside(run.folder, f"{FOLDER}/{name}.json"), facts)
    write_whole(path, content.getvalue())


def _read(path: Path, dataset: PoseDataset) -> Float[np.ndarray, "N J 3"]:
    expected = (len(dataset), len(dataset.skeleton), 3)
    try:
        joints = np.load(io.BytesIO(path.read_bytes()))["joints_cam"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is damaged ({error}); start the run again elsewhere") from error
    if joints.shape != expected:
        raise DataError(f"{path}: has labels {joints.shape}, expected {expected}; the store is another one now")
    return joints
