"""A recipe from plain data, with one clear line where it is wrong."""

import json
import types
import typing
from pathlib import Path
from typing import Any, Union

from pydantic import BaseModel, ValidationError

from prepose.errors import RecipeError
from prepose.recipes.spelling import nearest
from prepose.recipes.stage import Recipe

MAX_SHOWN = 80


def recipe_from(data: Any, where: str) -> Recipe:
    """The recipe that plain data (as read from JSON) describe.

    Args:
        data: A nesting of dicts, lists and values.
        where: What the message calls the data: a file's path, or a recipe's name.

    Raises:
        RecipeError: the data do not describe a recipe; one line names the first field that is wrong.
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_one_line(error, data)}") from None


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON file.

    Raises:
        RecipeError: the file is missing, is not JSON or does not describe a recipe.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RecipeError(f"{path}: expected a recipe as JSON, found something else ({error})") from None
    return recipe_from(data, str(path))


def _one_line(error: ValidationError, data: Any) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    path = _readable(first["loc"], data)
    line = _describe(first, path)
    return line if len(problems) == 1 else f"{line} (and {len(problems) - 1} more)"


def _describe(problem: Any, path: str) -> str:
    field = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        known = _fields_at(problem["loc"][:-1])
        return f"{path}: no such field{nearest(field, known)}; known: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{path}: missing, and it has no default"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    found = repr(problem["input"])
    shown = found if len(found) <= MAX_SHOWN else found[:MAX_SHOWN] + "..."
    return f"{path or 'recipe'}: found {shown}, {message}"


def _readable(location: tuple[int | str, ...], data: Any) -> str:
    """`stages, 1, samples` as `finetune.samples`, the way `--set` names it."""
    parts = [str(part) for part in location]
    if len(location) >= 2 and location[0] == "stages" and isinstance(location[1], int):
        stage = data["stages"][location[1]]
        name = stage.get("name") if isinstance(stage, dict) else None
        parts = [name if isinstance(name, str) else f"stages.{location[1]}", *parts[2:]]
    return ".".join(parts)


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """The field names of the model that a location in a recipe leads to."""
    found: Any = Recipe
    for part in location:
        model = _model_in(found)
        if model is not None and isinstance(part, str) and part in model.model_fields:
            found = model.model_fields[part].annotation
        # Otherwise the part is an index or a dict's key: the annotation already names what is inside.
    model = _model_in(found)
    return list(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model class inside `tuple[Stage, ...]`, `dict[str, SourceSpec]`, `ValidationSpec | None` or the like."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (Union, types.UnionType, tuple, dict, typing.Annotated):
        return next((model for inner in arguments if (model := _model_in(inner)) is not None), None)
    return None
