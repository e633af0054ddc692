"""A recipe from plain data, with one clear line where it is wrong."""

import types
import typing
from pathlib import Path
from typing import Any, TypeVar, Union

from pydantic import BaseModel, ValidationError

from prepose.errors import RecipeError
from prepose.files import parse_json, read_regular_file
from prepose.recipes.spelling import nearest
from prepose.recipes.stage import Recipe

MAX_SHOWN = 80

M = TypeVar("M", bound=BaseModel)


def recipe_from(data: Any, where: str) -> Recipe:
    """The recipe that plain data (as read from JSON) describe.

    Args:
        data: A nesting of dicts, lists and values.
        where: What the message calls the data: a file's path, or a recipe's name.

    Raises:
        RecipeError: the data do not describe a recipe; one line names the first field that is wrong.
    """
    return model_from(Recipe, data, where)


def model_from(kind: type[M], data: Any, where: str) -> M:
    """The model that plain data describe: a recipe, or anything made of fields like one.

    Args:
        kind: The model's class.
        data: A nesting of dicts, lists and values.
        where: What the message calls the data.

    Raises:
        RecipeError: the data do not describe one; one line names the first field that is wrong.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_one_line(error, data, kind)}") from None


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON file.

    Raises:
        RecipeError: the file is missing, is not JSON or does not describe a recipe.
    """
    return recipe_from(read_plain(path, "recipe"), str(path))


def read_plain(path: Path, what: str) -> Any:
    """The content of a JSON file.

    Args:
        path: The file.
        what: What the message says that it should hold: a recipe.

    Raises:
        RecipeError: the file is missing or is not JSON.
    """
    try:
        return parse_json(read_regular_file(path))
    except OSError as error:
        raise RecipeError(f"{path}: the {what} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("; ")[0]
        raise RecipeError(f"{path}: expected a {what} as JSON, found something else ({reason})") from None


def _one_line(error: ValidationError, data: Any, kind: type[BaseModel]) -> str:
    problems = error.errors(include_url=False)
    # A list whose items are wrong is also too short for pydantic, as it counts the right ones.
    problems = [each for each in problems if each["type"] != "too_short"] or problems
    first = problems[0]
    path = _readable(first["loc"], data)
    line = _describe(first, path, kind)
    return line if len(problems) == 1 else f"{line} (and {len(problems) - 1} more)"


def _describe(problem: Any, path: str, kind: type[BaseModel]) -> str:
    field = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        known = _fields_at(problem["loc"][:-1], kind)
        return f"{path}: no such field{nearest(field, known)}; known: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{path}: missing, and it has no default"
    if problem["type"] == "int_parsing_size":
        problem = problem | {"msg": "expected a number of at most 18 digits"}
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if problem["type"] == "value_error":
        return f"{path}: {message}" if path else message
    found = repr(problem["input"])
    shown = found if len(found) <= MAX_SHOWN else found[:MAX_SHOWN] + "..."
    return f"{path or kind.__name__.lower()}: found {shown}, {message}"


def _readable(location: tuple[int | str, ...], data: Any) -> str:
    """`stages, 1, samples` as `finetune.samples`, the way `--set` names it; other lists keep their name."""
    parts: list[str] = []
    inside = data
    for part in location:
        inside = _inside(inside, part)
        name = inside.get("name") if isinstance(inside, dict) else None
        if not isinstance(part, int):
            parts.append(str(part))
        elif parts == ["stages"]:
            parts = [name if isinstance(name, str) else f"stages.{part}"]
        else:
            parts.append(name if isinstance(name, str) else str(part))
    return ".".join(parts)


def _inside(data: Any, part: int | str) -> Any:
    try:
        return data[part]
    except (LookupError, TypeError):
        # A missing field, or the name of a branch of a union.
        return None


def _fields_at(location: tuple[int | str, ...], kind: type[BaseModel]) -> list[str]:
    """The field names of the model that a location in a model leads to."""
    found: Any = kind
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
