"""The Python front door: what `import prepose` offers, each name importing what it needs when it is called.

Paths may be `str` or `Path`; `~` is the user's home folder. A user's mistake raises `prepose.PoseError` with the line
that the command line would print. `api_studies` has the part about studies.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prepose.errors import DataError
from prepose.files import StrPath, user_path

if TYPE_CHECKING:
    from prepose.data.catalog import AddedSplit
    from prepose.data.dataset import PoseDataset
    from prepose.metrics.evaluation import Evaluation
    from prepose.models.imported import Imported
    from prepose.predict.pose_sequence import PoseSequence
    from prepose.predict.predictor import Predictor
    from prepose.predict.pseudo_labels import LiftedStore
    from prepose.recipes.run import Run
    from prepose.specs.recipe import Recipe
    from prepose.studies.angles import AnglesMeasured
    from prepose.studies.compare import NetworksCompared

DEFAULT_COUNTS: Mapping[str, int] = {"train": 1000, "validation": 100, "test": 200}


def open_store(folder: StrPath, split: str | None = None) -> "PoseDataset":
    """A split of a dataset store; its samples are read when they are asked for.

    Args:
        folder: What `prepose.add_dataset` or `prepose.synthesize` wrote.
        split: Its name; None for `train`, or the store's only split.

    Raises:
        DataError: there is no such store or split, or it is damaged.
    """
    from prepose.data.store import open_store as opened
    from prepose.data.store import store_splits

    path = user_path(folder)
    if split is None:
        there = store_splits(path)
        if "train" not in there and len(there) > 1:
            raise DataError(f"{path}: has no split 'train'; name one of {', '.join(there)}")
        split = there[0] if len(there) == 1 else "train"
    return opened(path, split)


def add_dataset(  # noqa: PLR0913 - the options of `prepose data add`
    name: str,
    root: StrPath,
    out: StrPath,
    *,
    splits: Sequence[str] = (),
    partial: bool = False,
    size: int | None = None,
    workers: int = 1,
) -> "tuple[AddedSplit, ...]":
    """Read a dataset's original files into a store; run again after an interruption, it resumes.

    Args:
        name: The dataset's name; `prepose data list` shows all.
        root: The folder into which the original files were unpacked.
        out: The store to write.
        splits: The splits to add; none for the usual ones.
        partial: Whether incomplete samples are skipped, and counted in the notes, instead of refused.
        size: Side of person chips, px; None keeps the whole images.
        workers: Processes, as in `synthesize`; the store is the same for any number of them.

    Raises:
        DataError: the dataset, a split or the files are not what they should be, or the store holds something else.
    """
    from prepose.data.catalog import add_dataset as add
    from prepose.data.chip import Chips

    chips = None if size is None else Chips(size)
    return add(name, user_path(root), user_path(out), splits=splits, partial=partial, chips=chips, workers=workers)


def synthesize(
    world: str,
    out: StrPath,
    counts: Mapping[str, int] = DEFAULT_COUNTS,
    *,
    size: int = 128,
    seed: int = 0,
    workers: int = 1,
) -> Path:
    """Render synthetic people with exact ground truth into a store; run again after an interruption, it resumes.

    Args:
        world: `wild`, `lab` or `occluded`.
        out: The store to write.
        counts: split -> number of samples.
        size: Side of the images, px.
        seed: Which series of samples.
        workers: Processes; the samples are the same for any number of them. A script that asks for more than one needs
            `if __name__ == "__main__":`, as with every use of multiprocessing.

    Returns:
        The store's folder.

    Raises:
        DataError: the store holds something else; RecipeError: the world is unknown, a count or the size is of no use.
    """
    from prepose.synthetic.synthesize import synthesize as render

    folder = user_path(out)
    render(world, out=folder, counts=dict(counts), size=size, seed=seed, workers=workers)
    return folder


def recipe(name: StrPath, **changes: Any) -> "Recipe":
    """A recipe that ships, or one from a JSON file, with changes.

    Args:
        name: `prepose recipes` lists what ships.
        **changes: Fields of the recipe, or stages by their names (`_` for `-`): a value, or a dict of fields inside,
            such as `seed=3`, `model={"size": 96}`, `sources={"lab": {"store": "data/lab"}}`,
            `mixed={"samples": 8000}`, or `each_stage={"samples": 8000}`.

    Raises:
        RecipeError: there is no such recipe or field, or a value is not what the field takes.
    """
    from prepose.specs.builtin_recipes import recipe_named
    from prepose.specs.overrides import with_changes

    return with_changes(recipe_named(os.fspath(name)), changes)


def train(
    recipe: "Recipe | StrPath",
    out: StrPath,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    threads: int | None = None,
    quiet: bool = False,
) -> "Run":
    """Train a network by a recipe.

    Args:
        recipe: A recipe, its name, or a JSON file.
        out: The run's folder.
        resume: Whether to resume the run in that folder.
        accelerator: `auto`, `cpu`, `cuda` or `mps`.
        threads: CPU threads; None as torch chooses.
        quiet: Whether nothing is printed.

    Raises:
        RecipeError: the recipe does not fit the machine or is not the run's; DataError: a store or the folder cannot
            be used; KeyboardInterrupt: stopped, with the state saved.
    """
    from rich.console import Console

    from prepose.recipes.train import Machine, run_recipe
    from prepose.specs.builtin_recipes import recipe_named

    chosen = recipe_named(os.fspath(recipe)) if isinstance(recipe, str | os.PathLike) else recipe
    machine = Machine(accelerator=accelerator, threads=threads)
    return run_recipe(chosen, user_path(out), resume=resume, machine=machine, console=None if quiet else Console())


def evaluate(
    run: "Run | StrPath",
    data: StrPath,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
) -> "Evaluation":
    """Score a network on a store; beside a run's folder the evaluation is kept.

    Args:
        run: What `prepose.train` returned, a run's folder, or a weights file.
        data: A dataset store.
        split: Which split; None for the protocol's own.
        protocol: How to score (`prepose protocols`); None for the dataset's default.
        device: `cpu`, `cuda` or `mps`.

    Raises:
        DataError: there are no weights, no such store, split or protocol, or they do not fit each other.
    """
    from prepose.predict.scoring import evaluate_run

    return evaluate_run(_run_path(run), user_path(data), split=split, protocol=protocol, device=device)


def score(  # noqa: PLR0913 - the options of `prepose score`
    predictions: "StrPath | Mapping[str, Any]",
    data: StrPath,
    *,
    split: str | None = None,
    protocol: str | None = None,
    out: StrPath | None = None,
    system: str | None = None,
    form: str | None = None,
    skeleton: str | None = None,
    unit: str | None = None,
    frame: str | None = None,
    size: str | None = None,
) -> "Evaluation":
    """Score the predictions of any system on a store, as `evaluate` scores a network.

    Args:
        predictions: A file (npz, npy, JSON lines, CSV, COCO results, a folder of MMPose's or OpenPose's JSON), or
            arrays by name, such as `{"image": names, "joints_3d": joints}` (docs/score.md lists the names).
        data: A dataset store.
        split: Which split; None for the protocol's own.
        protocol: How to score; None for the first that fits dataset and predictions.
        out: Folder in which to keep the evaluation, for `compare`.
        system: What made the predictions; None for the file's name.
        form: The file's form; None to tell it from the content.
        skeleton: The skeleton's name, or the joints in their order with commas between; None for what the file says.
        unit: mm, cm or m; None for what the file says or the labels tell.
        frame: cam, root or world; likewise.
        size: `own` (poses as predicted, in mm) or `image` (by the system's 2D joints and the protocol's scale rule).

    Raises:
        DataError: the predictions cannot be read, matched or scored.
    """
    from prepose.predict.evaluations import keep_evaluation
    from prepose.predict.other_systems.score_file import Reading, score_predictions

    source = user_path(predictions) if isinstance(predictions, str | os.PathLike) else predictions
    reading = Reading(form=form, skeleton=skeleton, unit=unit, frame=frame, size=size)
    found = score_predictions(source, user_path(data), protocol=protocol, split=split, reading=reading, system=system)
    if out is not None:
        keep_evaluation(found, user_path(out), out=user_path(out))
    return found


def angles(
    network: "Evaluation | Run | StrPath",
    data: StrPath | None = None,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
    out: StrPath | None = None,
) -> "AnglesMeasured":
    """Joint angles as a measurement: estimated beside true ones, in degrees, with limits of agreement and ICC(2,1).

    Args:
        network: What `prepose.train` returned, a run's folder, or a weights file; or an evaluation (of `evaluate`, or
            of another system by `score`), or the JSON file of a saved one, which need no store.
        data: A dataset store with 3D labels.
        split: Which split; None for the protocol's own.
        protocol: How poses are lifted; None for the dataset's default.
        device: `cpu`, `cuda` or `mps`.
        out: Folder for the report: page, tables and every pair of angles.

    Raises:
        DataError: there is no 3D ground truth, or network, store and options do not fit each other.
    """
    from prepose.metrics.evaluation import Evaluation
    from prepose.studies.angle_report import write_angle_report
    from prepose.studies.angles import angles_of, measure_network

    if isinstance(network, Evaluation):
        given = [name for name, value in {"data": data, "split": split, "protocol": protocol}.items() if value]
        if given:
            raise DataError(f"an evaluation names its data itself; leave out {given[0]}")
        found = angles_of(network)
    else:
        store = None if data is None else user_path(data)
        found = measure_network(_run_path(network), store, split=split, protocol=protocol, device=device)
    if out is not None:
        write_angle_report(found, user_path(out))
    return found


def lift(  # noqa: PLR0913 - the options of `prepose lift`
    store: StrPath,
    out: StrPath,
    *,
    network: StrPath | None = None,
    predictions: StrPath | None = None,
    split: str = "train",
    joint_mm: float = 150.0,
    person_mm: float = 90.0,
    confidence: float = 0.0,
    unit: str | None = None,
) -> "LiftedStore":
    """Give the people of a 2D dataset 3D pseudo-labels: predicted poses, where they agree with the 2D labels.

    Args:
        store: A store with 2D labels.
        out: The store to write: a copy of the split with 3D labels.
        network: Whose poses become labels: a run, a weights file or the name of a network that ships.
        predictions: Instead of a network: predictions of any system, in a form that `score` reads.
        split: Which split; `test` is refused.
        joint_mm: A joint may lie this far from its 2D label, mm at the person.
        person_mm: Half of a person's joints must lie no further than this from their labels, mm.
        confidence: Least confidence of a joint.
        unit: Of predictions: mm, cm or m; None for what the file says, or what the size of the people tells.

    Raises:
        DataError: store, network or predictions cannot be used, or no pose agrees with the labels.
    """
    from prepose.predict.pseudo_labels import LiftRules, lift_store

    return lift_store(
        user_path(store),
        user_path(out),
        network=None if network is None else user_path(network),
        predictions=None if predictions is None else user_path(predictions),
        split=split,
        rules=LiftRules(joint_mm=joint_mm, person_mm=person_mm, confidence=confidence),
        unit=unit,
    )


def compare(
    runs: "Sequence[Run | StrPath]",
    data: StrPath,
    *,
    split: str | None = None,
    protocol: str | None = None,
    device: str = "cpu",
) -> "NetworksCompared":
    """Compare networks on the same samples, paired, with intervals; the first is the baseline.

    Args:
        runs: Runs, weights files or saved evaluations; what is not evaluated yet is evaluated first.
        data: A dataset store.
        split: Which split; None for the one that all were evaluated on.
        protocol: How to score; None for the one that all were evaluated by.
        device: Where to run a network that is not evaluated yet.

    Raises:
        DataError: they were not measured alike; the message says in what they differ.
    """
    from prepose.studies.compare import compare_runs

    paths = [_run_path(run) for run in runs]
    return compare_runs(paths, user_path(data), split=split, protocol=protocol, device=device)


def load(weights: "Run | StrPath", *, device: str = "cpu") -> "Predictor":
    """A trained network, ready for images and videos: `prepose.load("runs/mixed").predict("photo.jpg")`.

    Args:
        weights: A run, its folder, a weights file, `hf:OWNER/NAME` for a network on the Hugging Face hub, or an
            exported `.onnx` model, which ONNX Runtime runs without torch.
        device: `cpu`, `cuda` or `mps`; of an exported model `cpu` or `cuda`.

    Raises:
        DataError: there are no weights, or they cannot be read.
        RecipeError: the hub cannot be reached.
    """
    from prepose.predict.predictor import Predictor

    return Predictor.load(_run_path(weights), device=device)


def import_checkpoint(
    file: StrPath,
    out: StrPath,
    *,
    skeleton: str | None = None,
    size: int = 256,
    pixels: str | None = None,
    readout: str = "argmax",
) -> "Imported":
    """Convert a checkpoint of another code base to a weights file; nothing in it is executed.

    Args:
        file: A `.pth` of the published code of arXiv 2604.22830, of SimpleBaseline, or of a ResNet of torchvision or
            `transformers` (a backbone alone: start a training from it by `model.weights`).
        out: A `.safetensors` file, or a folder for it.
        skeleton: That of its heat maps; None for `mpii-16`, or `coco-17` where there are 17.
        size: Side of its crops, px.
        pixels: `bgr-256`, `bgr-255` or `rgb-255`; None as its code base does.
        readout: `argmax`, or `argmax-cell`.

    Raises:
        DataError: the file is missing, unsafe or no such checkpoint, or `out` exists.
    """
    from prepose.models.checkpoint import import_checkpoint as convert

    return convert(user_path(file), user_path(out), skeleton=skeleton, size=size, pixels=pixels, readout=readout)


def push(  # noqa: PLR0913 - the options of `prepose push`
    run: "Run | StrPath",
    name: str,
    *,
    to_folder: StrPath | None = None,
    evaluations: Sequence[StrPath] = (),
    licence: str | None = None,
    private: bool = False,
    terms_read: bool = False,
) -> str:
    """Share a network on the Hugging Face hub, with card, recipe and scores; returns the address, or the folder.

    Args:
        run: A run, its folder, a weights file, or the name of a network that ships.
        name: OWNER/NAME; others use it as `hf:OWNER/NAME`.
        to_folder: Write the repository into this folder instead, to look at it.
        evaluations: JSON files of saved evaluations of these weights, beside those in the run's folder.
        licence: The licence of the weights, as the hub spells it; None: none is stated.
        private: Whether a new repository is private.
        terms_read: That you have read the terms of research-only or unrecorded data, and they allow it.

    Raises:
        DataError: terms have to be read first, or the hub refuses; RecipeError: it cannot be reached.
    """
    from prepose.hub.push import push as upload
    from prepose.hub.push import write_to_folder
    from prepose.hub.repository import repository_of

    shared = repository_of(_run_path(run), name, evaluations=[user_path(each) for each in evaluations], licence=licence)
    if to_folder is None:
        return upload(shared, private=private, terms_read=terms_read)
    return str(write_to_folder(shared, user_path(to_folder))[0].parent)


def read_poses(path: StrPath) -> "list[PoseSequence]":
    """The poses that `prepose predict` wrote, one sequence over time for each person of each image or video.

    Args:
        path: The folder that was written into, or its `poses.jsonl`.

    Raises:
        DataError: there is no such file, or it is damaged.
    """
    from prepose.predict.pose_files import read_poses as read

    return read(user_path(path))


def _run_path(run: "Run | StrPath") -> Path:
    return user_path(run) if isinstance(run, str | os.PathLike) else run.folder
