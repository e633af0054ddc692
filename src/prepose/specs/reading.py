"""A recipe or a study from plain data or a file, with one clear line that names all that is wrong."""

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args

from pydantic import BaseModel, ValidationError

from prepose.errors import RecipeError, nearest, shortened, unknown_name
from prepose.files import parse_json, read_regular_file
from prepose.specs.recipe import Recipe
from prepose.specs.study import Study

MAX_SHOWN = 80
MOST_FAULTS = 6

Size = Literal["cpu", "gpu"]
Studies = Mapping[str, Callable[[str], Study]]
FORMAT = 1
MOST_TIMES = 10**6

M = TypeVar("M", bound=BaseModel)


def recipe_from(data: Any, where: str) -> Recipe:
    """The recipe that plain data (as read from JSON) describe.

    Args:
        data: A nesting of dicts, lists and values.
        where: What the message calls the data: a file's path, or a recipe's name.

    Raises:
        RecipeError: the data do not describe a recipe; one line names everything that is wrong.
    """
    return model_from(Recipe, data, where)


def model_from(kind: type[M], data: Any, where: str) -> M:
    """The model that plain data describe: a recipe, or anything made of fields like one.

    Args:
        kind: The model's class.
        data: A nesting of dicts, lists and values.
        where: What the message calls the data.

    Raises:
        RecipeError: the data do not describe one; one line names everything that is wrong.
    """
    model, faults = checked(kind, data)
    if model is None:
        raise RecipeError(f"{where}: {listed(faults)}")
    return model


def checked(kind: type[M], data: Any) -> tuple[M | None, list[str]]:
    """The model that plain data describe, or None and everything that is wrong with them."""
    try:
        return kind.model_validate(data), []
    except ValidationError as error:
        problems = error.errors(include_url=False)
    # A list whose items are wrong is also too short for pydantic, as it counts the right ones.
    problems = [each for each in problems if each["type"] != "too_short"] or problems
    faults = [line for each in problems for line in _lines(each, _readable(each["loc"], data), kind)]
    return None, list(dict.fromkeys(faults))


def listed(faults: Sequence[str]) -> str:
    """Faults in one line: a single one as it is, several with numbers, and not endlessly many."""
    if len(faults) == 1:
        return faults[0]
    shown = [f"({number}) {fault}" for number, fault in enumerate(faults[:MOST_FAULTS], 1)]
    more = len(faults) - len(shown)
    return f"{len(faults)} faults: {'; '.join(shown)}" + (f"; and {more} more" if more else "")


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


def study_named(name: str, *, studies: Studies, size: str | None = None) -> Study:
    """A study that ships, or one in a JSON file.

    Args:
        name: A key of `studies`, or a file: a study, or the `study.json` of a study's folder.
        studies: name -> size -> study.
        size: For a study that ships: `cpu` (the default) or `gpu`.

    Raises:
        RecipeError: there is no such study or size, or the file does not hold a study.
    """
    if size is not None and size not in get_args(Size):
        raise RecipeError(f"--size {size}: expected {' or '.join(get_args(Size))}")
    if name in studies:
        return studies[name](size or get_args(Size)[0])
    if name.endswith(".json") or Path(name).is_file():
        if size is not None:
            raise RecipeError(
                f"{name}: a study from a file has no sizes; leave out --size {size}, or use --budget-scale"
            )
        return read_study_file(Path(name))
    raise RecipeError(f"{unknown_name('study', name, studies)}, or a JSON file")


def read_study_file(path: Path) -> Study:
    """The study in a JSON file; where that is the `study.json` of a folder, the study at that folder's budget.

    Raises:
        RecipeError: the file is missing, is not JSON or does not describe a study.
    """
    data = read_plain(path, "study")
    if isinstance(data, dict) and "format" in data and "study" in data:
        return at_scale(study_from(data["study"], str(path)), _scale(data.get("budget_scale", 1.0), f"{path}: "))
    return study_from(data, str(path))


def study_from(data: Any, where: str) -> Study:
    """The study that plain data (as read from JSON) describe.

    Args:
        data: A nesting of dicts, lists and values.
        where: What the message calls the data.

    Raises:
        RecipeError: the data do not describe a study; one line names everything that is wrong.
    """
    of_base: list[str] = []
    if isinstance(data, dict) and not isinstance(data.get("base", ""), str):
        # A base may be a name or a recipe: what is wrong in a recipe is told better by itself.
        of_base = checked(Recipe, data["base"])[1]
        data = data | {"base": "told already"} if of_base else data
    study, faults = checked(Study, data)
    faults = [f"base: {fault}" for fault in of_base] + faults
    if study is None or faults:
        raise RecipeError(f"{where}: {listed(faults)}")
    return study


def _scale(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_TIMES:
        found = shortened(repr(value), 60)
        raise RecipeError(f"{where}budget_scale: found {found}, expected a number above 0, at most {MOST_TIMES:,}")
    return float(value)


def at_scale(study: Study, scale: float) -> Study:
    """The study with so many times its budget, whatever the budget's rule."""
    if scale == 1.0:
        return study
    if study.budget.amount is not None:
        budget = study.budget.model_copy(update={"amount": study.budget.amount * scale})
        return study.model_copy(update={"budget": budget})
    first, *others = study.factors
    levels = tuple(level.model_copy(update={"budget": level.budget * scale}) for level in first.levels)
    return study.model_copy(update={"factors": (first.model_copy(update={"levels": levels}), *others)})


def with_seeds(study: Study, count: int) -> Study:
    """The study with so many seeds: its first ones, and the smallest numbers beside them where it names fewer."""
    others = (seed for seed in range(count + len(study.seeds) + 1) if seed not in study.seeds)
    searched = study.search.seed if study.search else None
    seeds = [seed for seed in (*study.seeds, *others) if seed != searched][:count]
    return study.model_copy(update={"seeds": tuple(seeds)})


def _lines(problem: Any, path: str, kind: type[BaseModel]) -> list[str]:
    """A problem as pydantic tells it, which is several where a model's own check found several."""
    if problem["type"] == "faults":
        return [f"{path}: {fault}" if path else fault for fault in problem["ctx"]["faults"]]
    return [_describe(problem, path, kind)]


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
        if part == "[key]":
            # Pydantic's sign for a dict's key, which the part before it names already.
            continue
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
