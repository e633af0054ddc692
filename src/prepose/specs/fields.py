"""Kinds of fields that specs share: names, numbers in a range, paths, names out of a list."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from prepose.errors import unknown_name

M = TypeVar("M", bound=BaseModel)


def from_json(kind: type[M], values: Any) -> M:
    """The model that its own `model_dump` wrote.

    Raises:
        ValueError: it is none of that kind; the message names the first fault.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))[:80]}: {fault['msg']}") from None


def spelt_with(pattern: str, signs: str) -> AfterValidator:
    """A check that a name matches a pattern; the error tells its signs, which a reader knows sooner than patterns."""

    def check(name: str) -> str:
        if not re.fullmatch(pattern, name):
            raise PydanticCustomError("name", "expected a name of {signs}, a letter or digit first", {"signs": signs})
        return name

    return AfterValidator(check)


def at_most(limit: int | float, reason: str) -> AfterValidator:
    """A check that a number is not above a limit; the error tells why there is one."""

    def check(value: int | float) -> int | float:
        if value > limit:
            raise PydanticCustomError(
                "limit", "expected at most {limit} ({reason})", {"limit": f"{limit:,.0f}", "reason": reason}
            )
        return value

    return AfterValidator(check)


def one_of(what: str, known: Collection[str]) -> AfterValidator:
    """A check that a name is one of a list; the error tells the list and the one most like it."""

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(unknown_name(what, name, known))
        return name

    return AfterValidator(check)


def refuse(faults: Sequence[str]) -> None:
    """End a model's check with everything that it found, where it found anything."""
    if faults:
        raise PydanticCustomError("faults", "{line}", {"line": "; ".join(faults), "faults": tuple(faults)})


def _number(value: Any) -> Any:
    # To Python, true is the number 1; in a recipe it is a slip.
    if isinstance(value, bool):
        raise PydanticCustomError("number", "expected a number")
    return value


Name = Annotated[str, spelt_with(r"[a-z0-9][a-z0-9_-]*", "lower-case letters, digits, - and _")]
Number = BeforeValidator(_number)
Positive = Annotated[float, Number, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Number, Field(ge=0, allow_inf_nan=False)]
Part = Annotated[float, Number, Field(ge=0, lt=1)]
Seed = Annotated[int, Number, Field(ge=0, lt=2**63)]

MOST_SAMPLES = 10**12
MOST_BATCH = 2**16
MOST_FACTOR = 1e9
Count = Annotated[int, Number, Field(gt=0), at_most(MOST_SAMPLES, "32 years of training at 1,000 images/s")]
BatchSize = Annotated[int, Number, Field(gt=0), at_most(MOST_BATCH, "a batch is kept in memory as a whole")]
# Rates, weights and shares are multiplied in float32, which ends at 3e38.
_in_float32 = at_most(MOST_FACTOR, "products of larger numbers leave the range of float32")
PositiveFactor = Annotated[Positive, _in_float32]
Factor = Annotated[NonNegative, _in_float32]


def at_home(path: str) -> str:
    """A path with the user's home folder in place of `~`."""
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise PydanticCustomError("home", "there is no home folder of that user") from error


# Text that names a file or folder; `~` is the user's home folder, which no shell expands in `--set FIELD=~/PATH`.
PathText = Annotated[str, AfterValidator(at_home)]
