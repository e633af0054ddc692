"""Every dataset in every layout and split, from its owners' files to scores.

Each layout is written as a fake, added, looked at by the doctor, trained on for two steps and scored with a perfect and
a shifted prediction. `test_every_dataset.py` does it in pytest; `python tests/every_dataset.py` prints the table.
"""

import csv
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from fakes import fake_lsp, fake_lsp_extended
from fakes_3dhp import ALL_CAMERAS, fake_npz_lists, fake_test_set, fake_training
from fakes_3dpw import fake_3dpw
from fakes_coco import fake_coco
from fakes_custom import fake_custom, fake_custom_csv
from fakes_flic import fake_flic, fake_flic_full
from fakes_h36m import Lab, draw_lab, write_challenge, write_fetched, write_lists, write_npz, write_recordings
from fakes_labels import (
    fake_coco_style,
    fake_cvat,
    fake_jhmdb,
    fake_label_studio,
    fake_penn_action,
    fake_whole_body,
    fake_yolo_pose,
)
from fakes_mpii import fake_mpii
from fakes_occlusion_person import fake_occlusion_person
from prepose.data.adapters.flic import FLIC_FULL_SPLITS, FLIC_SPLITS
from prepose.data.catalog import add_dataset, get_dataset
from prepose.data.dataset import PoseDataset
from prepose.data.doctor import examine_store, images_to_see
from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.recipes.conduct import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Recipe
from scored import OUTCOMES, score_perfect_network, score_perfectly, score_shifted

# All of the small splits; of the large ones a part that is large enough for each check.
MOST_IMAGES, MOST_SCORED = 40, 20
H36M_SPLITS = ("train", "validation", "test", "trainval", "test-every-5th", "test-clean")
CHALLENGE_SPLITS = H36M_SPLITS[:4]
STUDIO_SPLITS = ("train", "validation", "trainval", "train-14-cameras", "train-28-joints", "validation-28-joints")

CLEAN = "nothing found"

Write = Callable[[Path, np.random.Generator], object]


@dataclass(frozen=True)
class Layout:
    """One public form of a dataset.

    Attributes:
        dataset: Its name in the catalogue.
        name: What tells the layout from the others.
        write: Writes a fake of it into a folder.
        splits: The splits that are tried.
        partial: Whether only some of the labels' pictures are written, and added by `--partial`.
        unplaced: Whether its poses have no place in their pictures, so that they can be scored but not trained on.
    """

    dataset: str
    name: str
    write: Write
    splits: tuple[str, ...]
    partial: bool = False
    unplaced: bool = False

    def __str__(self) -> str:
        return f"{self.dataset}, {self.name}"


@cache
def _lab() -> Lab:
    return draw_lab(np.random.default_rng(11), frames=6)


def _h36m(writer: Callable[..., object], **settings: bool) -> Write:
    return lambda root, generator: writer(root, _lab(), **settings)


def _coco_2014(root: Path, generator: np.random.Generator) -> None:
    fake_coco(root, generator, count=48)
    for part in ("train", "val"):
        (root / f"{part}2017").rename(root / f"{part}2014")
        labels = root / "annotations" / f"person_keypoints_{part}2017.json"
        labels.rename(labels.with_name(labels.name.replace("2017", "2014")))


LAYOUTS = (
    Layout("mpii", "JSON", partial(fake_mpii, count=48), ("train", "validation", "all")),
    Layout("mpii", "HDF5", partial(fake_mpii, count=48, layout="h5"), ("train", "validation", "all")),
    Layout("mpii", "owners' .mat", partial(fake_mpii, count=48, layout="mat"), ("all",)),
    Layout(
        "lsp",
        "joints.mat",
        # The test split begins at the 1,001st of the labels.
        partial(fake_lsp, count=1024, pictures=(*range(1, 31), *range(1001, 1025))),
        ("train", "test"),
        partial=True,
    ),
    Layout("lsp-extended", "joints.mat", partial(fake_lsp_extended, count=60), ("train", "validation", "all")),
    Layout("flic", "HDF5, viewer's sides", partial(fake_flic, count=60, flavours=("",)), FLIC_SPLITS),
    Layout("flic", "HDF5, person's sides", partial(fake_flic, count=60, behind=4), FLIC_SPLITS),
    Layout("flic-full", "examples.mat", partial(fake_flic_full, count=60), FLIC_FULL_SPLITS),
    Layout("coco", "JSON of 2017", partial(fake_coco, count=48), ("train", "validation")),
    Layout("coco", "JSON of 2014", _coco_2014, ("train", "validation")),
    Layout("coco-style", "CrowdPose", partial(fake_coco_style, count=48), ("train", "validation")),
    Layout("coco-style", "COCO-WholeBody", partial(fake_whole_body, count=48), ("train", "validation")),
    Layout("coco-style", "JHMDB", partial(fake_jhmdb, count=48), ("train", "validation")),
    Layout("penn-action", "labels", partial(fake_penn_action, count=48), ("train", "test")),
    Layout("yolo-pose", "data.yaml", partial(fake_yolo_pose, count=48), ("train", "validation")),
    Layout("cvat", "annotations.xml", partial(fake_cvat, count=48), ("train", "validation")),
    Layout("label-studio", "JSON", partial(fake_label_studio, count=40), ("train",)),
    Layout("h36m", "challenge, csv", _h36m(write_challenge), CHALLENGE_SPLITS, unplaced=True),
    Layout("h36m", "challenge, cache", _h36m(write_challenge, csv=False, cache=True), CHALLENGE_SPLITS),
    Layout("h36m", "extracted frames", _h36m(write_recordings), H36M_SPLITS),
    Layout("h36m", "h36m-fetch", _h36m(write_fetched), H36M_SPLITS),
    Layout("h36m", "COCO-like JSON", _h36m(write_lists), H36M_SPLITS),
    Layout("h36m", "npz", _h36m(write_npz), H36M_SPLITS),
    Layout("occlusion-person", "zip", partial(fake_occlusion_person, counts={"train": 24, "validation": 21}),
           ("train", "validation")),
    Layout("occlusion-person", "folder",
           partial(fake_occlusion_person, images="folder", counts={"train": 24, "validation": 21}),
           ("train", "validation")),
    Layout("mpi-inf-3dhp", "videos", partial(fake_training, frames=11, cameras=ALL_CAMERAS, pictures="videos"),
           STUDIO_SPLITS),
    # The other splits are of the same pictures.
    Layout("mpi-inf-3dhp", "frames", partial(fake_training, frames=11, pictures="frames"), STUDIO_SPLITS[:2]),
    Layout("mpi-inf-3dhp", "test set", fake_test_set, ("test",)),
    # Its test list has no univ_annot3, which a protocol of that split needs.
    Layout("mpi-inf-3dhp", "npz of MMPose", fake_npz_lists, ("train", "validation")),
    Layout("3dpw", "sequence files", partial(fake_3dpw, frames=12), ("train", "validation", "test")),
    Layout("custom", "JSON, world frame", partial(fake_custom, count=48), ("train", "test")),
    Layout("custom", "CSV, camera frame", partial(fake_custom_csv, count=24), ("train",)),
)  # fmt: skip


@dataclass(frozen=True)
class Added:
    """The stores of a layout: one of the splits that are added together, and one of each further split."""

    layout: Layout
    stores: dict[str, Path]

    def dataset(self, split: str) -> PoseDataset:
        return open_store(self.stores[split], split)


def add(layout: Layout, folder: Path) -> Added:
    """Write the fake and add all of its splits.

    Splits that overlap by definition (`trainval` and `train`) go into stores of their own, as a user's would.
    """
    root, stores = folder / "root", {}
    root.mkdir(parents=True)
    layout.write(root, np.random.default_rng(3))
    usual = _usual_splits(layout, root)
    further = [(split,) for split in layout.splits if split not in usual]
    for splits in [usual, *further] if usual else further:
        store = folder / "-".join(splits)
        added = add_dataset(layout.dataset, root, store, splits=splits, partial=layout.partial)
        assert [(part.split, part.samples > 0) for part in added] == [(split, True) for split in splits]
        stores |= dict.fromkeys(splits, store)
    assert set(stores) == set(layout.splits)
    return Added(layout, stores)


def _usual_splits(layout: Layout, root: Path) -> tuple[str, ...]:
    entry = get_dataset(layout.dataset)
    usual = entry.splits_at(root) if entry.splits_at else entry.splits[: entry.default_splits]
    return tuple(split for split in usual if split in layout.splits)


def check(added: Added) -> None:
    """The doctor finds nothing but that 2D joints are projections, where they are."""
    for store in dict.fromkeys(added.stores.values()):
        for examined in examine_store(store, most_images=MOST_IMAGES):
            assert examined.images >= min(examined.samples, MOST_IMAGES)
            told = [(examined.split, finding.text) for finding in examined.findings]
            derived = [one for one in told if "no labels but the projected 3D joints" in one[1]]
            assert [one for one in told if one not in derived] == []
            assert len(derived) == open_store(store, examined.split).array("projected").any()


def train(added: Added, out: Path) -> str:
    """Two steps on all splits together: a 2D set in a 2D stage, a 3D set in a 3D stage; says which."""
    labels = "3d" if added.dataset(added.layout.splits[0])[0].has_3d else "2d"
    recipe = recipe_for(added, labels)
    if added.layout.unplaced:
        try:
            run_recipe(recipe, out, machine=Machine(accelerator="cpu"))
        except DataError as error:
            assert "has a joint with a place in the picture" in str(error)
            return "refused: no place in the picture"
        raise AssertionError("a dataset without places was trained on")
    run = run_recipe(recipe, out, machine=Machine(accelerator="cpu"))
    with (run.folder / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2]
    learnt = [name for name in rows[0] if name.startswith("loss_")]
    assert ("loss_depth" in learnt) == (labels == "3d")
    # A loss without a single label would be 0.
    assert all(0 < float(row[name]) < np.inf for row in rows for name in learnt)
    assert run.last_weights.is_file()
    return f"{labels.upper()} stage"


def recipe_for(added: Added, labels: str) -> Recipe:
    """A built-in recipe on the splits of a layout, shrunk to two steps; a 3D set in its own skeleton."""
    base = RECIPES["only-3d"]() if labels == "3d" else RECIPES["pretrain-finetune"]()
    stage = base.stages[0]
    sources = {split: {"store": str(store), "split": split, "labels": labels} for split, store in added.stores.items()}
    skeleton = added.dataset(added.layout.splits[0]).skeleton.name if labels == "3d" else "mpii-16"
    shares = dict.fromkeys(sources, 1 / len(sources))
    changes = [
        f"sources={json.dumps(sources)}", f"{stage.name}.shares={json.dumps(shares)}", f"{stage.name}.validation=null",
        "validation=null", f"model.skeleton={skeleton}", "precision=fp32",
    ]  # fmt: skip
    recipe = shrink(override(base.model_copy(update={"stages": (stage,)}), changes))
    return recipe.model_copy(update={"batch_size": max(recipe.batch_size, len(sources))})


def evaluate(added: Added) -> dict[str, list[str]]:
    """Perfect and shifted predictions of every split score what they must; the protocols by what they say."""
    said: dict[str, list[str]] = {}
    for split in added.layout.splits:
        dataset = added.dataset(split)
        dataset = dataset.select(images_to_see(len(dataset), MOST_SCORED))
        score_perfect_network(dataset)
        for protocol, outcome in score_perfectly(dataset).items():
            if protocol not in said.setdefault(outcome, []):
                said[outcome].append(protocol)
        score_shifted(dataset)
    return said


def summary(said: dict[str, list[str]]) -> str:
    """What perfect predictions scored, without the protocols in which it cannot be 0 (see docs/evaluation.md)."""
    return ", ".join(outcome for outcome in OUTCOMES if outcome in said)


def table(folder: Path) -> tuple[str, str]:
    """Two tables as Markdown: by layout, and by protocol. Whatever fails stops it."""
    lines = ["| dataset | layout | added | checked | trained | evaluated |", "|---|---|---|---|---|---|"]
    protocols: dict[tuple[str, str], list[str]] = {}
    for number, layout in enumerate(LAYOUTS):
        place = folder / str(number)
        added = add(layout, place)
        check(added)
        trained, said = train(added, place / "run"), evaluate(added)
        cells = (layout.dataset, layout.name, ", ".join(layout.splits), CLEAN, trained, summary(said))
        lines.append(f"| {' | '.join(cells)} |")
        for outcome, names in said.items():
            for name in names:
                protocols.setdefault((name, outcome), []).append(layout.dataset)
        shutil.rmtree(place)
    rows = ["| protocol | the truth scores | on |", "|---|---|---|"]
    for (name, outcome), datasets in protocols.items():
        rows.append(f"| {name} | {outcome} | {', '.join(dict.fromkeys(datasets))} |")
    return "\n".join(lines), "\n".join(rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(*table(Path(place)), sep="\n\n")
