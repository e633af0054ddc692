"""Every dataset in every layout and split, from its original files to scores.

Each layout is written as a fake, added, looked at by the doctor, trained on for two steps and scored with a perfect and
a shifted prediction. `test_every_dataset.py` does it in pytest; `python tests/every_dataset.py` prints the table.
"""

import csv
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fake_layouts import Layout, tables_of_fakes
from prepose.data.catalog import add_dataset, get_dataset
from prepose.data.dataset import PoseDataset
from prepose.data.doctor import examine_store, images_to_see
from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Recipe
from scored import OUTCOMES, score_perfect_network, score_perfectly, score_shifted

# All of the small splits; of the large ones a part that is large enough for each check.
MOST_IMAGES, MOST_SCORED = 40, 20

CLEAN = "nothing found"

LAYOUTS: tuple[Layout, ...] = tuple(layout for module in tables_of_fakes() for layout in module.LAYOUTS)


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
