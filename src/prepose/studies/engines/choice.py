"""Where trials run, by the name that the command line gives."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from prepose.errors import RecipeError
from prepose.studies.engines.local import Engine, run_jobs


def _local() -> Engine:
    return run_jobs


def _ray() -> Engine:
    # Ray is an extra: who does not ask for it need not have it.
    from prepose.studies.engines.on_ray import run_jobs_on_ray

    return run_jobs_on_ray


ENGINES: Mapping[str, Callable[[], Engine]] = MappingProxyType({"local": _local, "ray": _ray})


def engine_named(name: str) -> Engine:
    """The engine of that name.

    Raises:
        RecipeError: there is none.
    """
    if name not in ENGINES:
        raise RecipeError(f"--engine {name}: expected {' or '.join(ENGINES)}")
    return ENGINES[name]()
