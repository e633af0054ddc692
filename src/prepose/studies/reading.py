"""A study by its name or from a file, with one clear line where it is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from prepose.errors import RecipeError, shortened
from prepose.recipes.reading import model_from, read_plain, recipe_from
from prepose.recipes.spelling import nearest
from prepose.studies.study import Study

Size = Literal["cpu", "gpu"]
Studies = Mapping[str, Callable[[str], Study]]
FORMAT = 1
MOST_TIMES = 10**6


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
    raise RecipeError(
        f"no study is named {name!r}{nearest(name, studies)}; known: {', '.join(studies)}, or a JSON file"
    )


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
        RecipeError: the data do not describe a study; one line names the first field that is wrong.
    """
    if isinstance(data, dict) and not isinstance(data.get("base", ""), str):
        # A base may be a name or a recipe: what is wrong in a recipe is told better by itself.
        recipe_from(data["base"], f"{where}: base")
    return model_from(Study, data, where)


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
    others = (seed for seed in range(count + len(study.seeds)) if seed not in study.seeds)
    seeds = [*study.seeds, *others][:count]
    return study.model_copy(update={"seeds": tuple(seeds)})
