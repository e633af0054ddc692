"""How much a quickstart does, where it puts it, and the recipes of its arms at equal compute."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prepose.errors import DataError
from prepose.files import inside, is_left_over, read_object, write_json
from prepose.recipes.budget import equalise, training_flops
from prepose.specs.builtin_recipes import recipe_named
from prepose.specs.recipe import Recipe, WatchSpec

DAMAGED = "choose another --out or delete the folder"
ARMS = ("only-3d", "mixed", "pretrain-finetune")


@dataclass(frozen=True)
class Size:
    """How much a quickstart does.

    Attributes:
        name: What the command line calls it.
        counts: world -> split -> samples.
        stored_px: Side of the stored pictures.
        samples: Samples that each arm sees, in the budget's currency: what the only-3d arm sees.
        seeds: One training of each arm for each.
        validate_every: Samples between two validations.
    """

    name: str
    counts: Mapping[str, Mapping[str, int]]
    stored_px: int
    samples: int
    seeds: tuple[int, ...]
    validate_every: int


def _counts(*, wild: int, lab: int, test: int) -> dict[str, dict[str, int]]:
    held_out = max(100, test // 2)
    return {
        "wild": {"train": wild, "validation": held_out, "test": test},
        "lab": {"train": lab, "validation": held_out, "test": test},
        "occluded": {"test": test},
    }


SIZES: Mapping[str, Size] = MappingProxyType(
    {
        "quick": Size("quick", _counts(wild=900, lab=450, test=120), 96, 8_000, (0,), 2_000),
        "standard": Size("standard", _counts(wild=2800, lab=1000, test=200), 96, 20_000, (0, 1), 4_000),
        "full": Size("full", _counts(wild=20_000, lab=6000, test=1000), 96, 480_000, (0, 1, 2), 40_000),
    }
)


@dataclass(frozen=True)
class Plan:
    """A quickstart in one folder."""

    folder: Path
    size: Size
    jobs: int

    def store(self, world: str) -> Path:
        """Where a world's store is."""
        return self.folder / "stores" / world

    def seconds(self) -> dict[str, float]:
        """Step -> how long it has taken so far."""
        return _read(inside(self.folder, "quickstart.json"))["seconds"]

    def note_seconds(self, seconds: Mapping[str, float]) -> None:
        """Keep how long each step has taken."""
        path = inside(self.folder, "quickstart.json")
        write_json(path, _read(path) | {"seconds": dict(seconds)})

    def run(self, arm: str, seed: int) -> Path:
        """Where a training's run folder is."""
        return self.folder / "runs" / f"{arm}-seed{seed}"


def claim_folder(plan: Plan) -> None:
    """Make the folder this plan's own, so that an interrupted quickstart goes on and another is refused."""
    settings = json.loads(json.dumps({"size": asdict(plan.size)}))
    path = inside(plan.folder, "quickstart.json")
    if path.exists():
        there = _read(path)["settings"]
        if there != settings:
            size = there.get("size")
            name = size.get("name") if isinstance(size, dict) else "unknown"
            raise DataError(
                f"{plan.folder}: holds a quickstart of size {name!r} or of another version, now {plan.size.name!r} is "
                "asked for; choose another --out or delete the folder"
            )
        return
    # What a process that died in its first write leaves is no reason to refuse.
    if plan.folder.exists() and (not plan.folder.is_dir() or not all(map(is_left_over, plan.folder.iterdir()))):
        raise DataError(f"{plan.folder}: is not empty and holds no quickstart; choose another --out")
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": settings, "seconds": {}})


def _read(path: Path) -> dict[str, Any]:
    """The content of `quickstart.json`."""
    content = read_object(path, advice=DAMAGED)
    for name in ("settings", "seconds"):
        if not isinstance(content.get(name), dict):
            raise DataError(f"{path}: is damaged (no {name}); {DAMAGED}")
    return content


def arm_recipes(plan: Plan) -> dict[str, Recipe]:
    """The recipe of each arm on the plan's stores, all at the training FLOPs of the only-3d arm's samples."""
    recipes = {arm: _on_stores(recipe_named(arm), plan) for arm in ARMS}
    base = recipes["only-3d"]
    budget = training_flops(base) * plan.size.samples / base.samples
    return equalise(recipes, budget)


def _on_stores(recipe: Recipe, plan: Plan) -> Recipe:
    sources = {name: spec.model_copy(update={"store": str(plan.store(name))}) for name, spec in recipe.sources.items()}
    held_out = {"store": str(plan.store("lab")), "every": plan.size.validate_every}
    stages = tuple(
        stage.model_copy(update={"validation": stage.validation and stage.validation.model_copy(update=held_out)})
        for stage in recipe.stages
    )
    validation = recipe.validation and recipe.validation.model_copy(update=held_out)
    watched = {"wild": WatchSpec(store=str(plan.store("wild")))}
    return recipe.model_copy(
        update={"sources": sources, "stages": stages, "validation": validation, "watched": watched}
    )
