"""Changes to a recipe from the command line (`--set`), and its two-step try-out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from prepose.errors import RecipeError, nearest, shortened
from prepose.specs.reading import checked, listed, recipe_from
from prepose.specs.recipe import Recipe, Stage, ValidationSpec

SHRUNK_BATCH = 4
SHRUNK_VALIDATION = 4


def override(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe with changes such as `pretrain.learning_rate=1e-3`, `model.backbone=resnet-50` or `seed=3`.

    A path is a field of the recipe, or a stage's name (`*`: every stage) and a field of that stage; dots lead inwards.
    A value is JSON; what is not JSON is text. In paths, `~` is the user's home folder.

    Raises:
        RecipeError: a change has no `=`, names no field, or gives a value that the field does not take.
    """
    if not changes:
        return recipe
    data = recipe.model_dump(mode="json")
    faults = []
    for change in changes:
        try:
            _change(data, change, recipe)
        except RecipeError as error:
            faults.append(str(error))
    changed, wrong = checked(Recipe, data)
    if faults:
        raise RecipeError(listed([*faults, *wrong]))
    if changed is None:
        raise RecipeError(f"--set {' '.join(map(shortened, changes))}: {listed(wrong)}")
    return changed


def _change(data: dict[str, Any], change: str, recipe: Recipe) -> None:
    path, equals, value = change.partition("=")
    if not equals or not path.strip():
        raise RecipeError(
            f"--set {shortened(change)}: expected FIELD=VALUE, such as seed=3 or {recipe.stages[0].name}.samples=9600"
        )
    for each in _spelt_out(path.strip().split("."), recipe):
        _put(data, each, value.strip(), shortened(change))


def _spelt_out(path: list[str], recipe: Recipe) -> list[list[str]]:
    if path[0] != "*":
        return [path]
    return [[stage.name, *path[1:]] for stage in recipe.stages]


def _put(data: dict[str, Any], path: list[str], value: str, change: str) -> None:
    stages = {stage["name"]: stage for stage in data["stages"]}
    first, *rest = path
    if first not in data and first not in stages:
        known = [*data, *stages]
        raise RecipeError(
            f"--set {change}: no field or stage {shortened(first)!r}{nearest(first, known)}; known: {', '.join(known)}"
        )
    group: Any = data
    if first in stages:
        if not rest:
            raise RecipeError(
                f"--set {change}: {first!r} is a stage; name one of its fields: {', '.join(stages[first])}"
            )
        group, path = stages[first], rest
    for depth, part in enumerate(path[:-1]):
        inner = group.get(part)
        if inner is None:
            inner = group[part] = {}
        if not isinstance(inner, dict):
            name = ".".join(path[: depth + 1])
            raise RecipeError(f"--set {change}: {name!r} is a value and has no field {path[depth + 1]!r}")
        group = inner
    group[path[-1]] = _parsed(value, now=group.get(path[-1]))


def _parsed(value: str, now: Any) -> Any:
    # A folder named 2024 must stay text where the field holds text.
    if isinstance(now, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def with_changes(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with changes as nested dicts: fields of the recipe, or stages by name (`_` for `-`).

    A dict changes the fields that it names and leaves the others; any other value takes the field's place.
    `each_stage` changes every stage.

    Raises:
        RecipeError: a change names no field, or gives a value that the field does not take.
    """
    data = recipe.model_dump(mode="json")
    stages = {stage["name"]: stage for stage in data["stages"]}
    for name, value in changes.items():
        stage = name.replace("_", "-")
        if name == "each_stage":
            groups = list(stages.values())
        elif name in stages or stage in stages:
            groups = [stages.get(name) or stages[stage]]
        elif name in data:
            data[name] = _merged(data[name], value)
            continue
        else:
            known = [*data, *stages, "each_stage"]
            raise RecipeError(f"no field or stage {name!r}{nearest(name, known)}; known: {', '.join(known)}")
        if not isinstance(value, Mapping):
            raise RecipeError(f"{name}: is a stage; expected a dict of its fields: {', '.join(groups[0])}")
        for group in groups:
            group.update(_merged(group, value))
    return recipe_from(data, f"recipe {recipe.name} with {', '.join(changes)}") if changes else recipe


def _merged(now: Any, value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(now, dict) and isinstance(value, Mapping):
        return {**now, **{key: _merged(now.get(key), each) for key, each in value.items()}}
    if isinstance(value, Mapping):
        return {key: _merged(None, each) for key, each in value.items()}
    return value


def shrink(recipe: Recipe) -> Recipe:
    """The same recipe as a try-out: each stage two steps of a tiny batch, each followed by a row of the log."""

    def shrunk(validation: ValidationSpec | None) -> ValidationSpec | None:
        if validation is None:
            return None
        return validation.model_copy(update={"every": SHRUNK_BATCH, "limit": SHRUNK_VALIDATION})

    def short(stage: Stage) -> Stage:
        return stage.model_copy(update={"samples": 2 * SHRUNK_BATCH, "validation": shrunk(stage.validation)})

    return recipe.model_copy(
        update={
            "batch_size": SHRUNK_BATCH,
            "log_every": SHRUNK_BATCH,
            "stages": tuple(short(stage) for stage in recipe.stages),
            "validation": shrunk(recipe.validation),
        }
    )
