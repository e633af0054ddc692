"""The samples of a study: worlds that it draws where they are missing, and stores that are there."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prepose.data.store import describe_store
from prepose.errors import DataError, RecipeError
from prepose.specs.study import StoreSpec, Study
from prepose.synthetic.synthesize import LARGEST_PX, SMALLEST_PX, Order, describe, synthesize
from prepose.synthetic.worlds import find_world

Progress = Callable[[str, int, int | None], None]


def store_folders(study: Study, folder: Path, shared: Path | None) -> dict[str, Path]:
    """Where each store of a study is, as an absolute path.

    Args:
        study: The study.
        folder: The study's folder.
        shared: Where worlds are kept that several studies use; None: in the study's folder.
    """

    def place(name: str, spec: StoreSpec) -> Path:
        if spec.path is not None:
            return Path(spec.path).expanduser()
        return folder / "stores" / name if shared is None else shared / f"{name}-{spec.digest}"

    return {name: place(name, spec).resolve() for name, spec in study.stores.items()}


def check_worlds(study: Study) -> None:
    """Check that every world can be rendered.

    Raises:
        RecipeError: there is no such world, it has no such split, or its images are too small or too large.
    """
    for name, spec in study.stores.items():
        if spec.world is None:
            continue
        if not SMALLEST_PX <= spec.size <= LARGEST_PX:
            raise RecipeError(
                f"study {study.name!r}, store {name!r}: size {spec.size}, expected {SMALLEST_PX} to {LARGEST_PX} px"
            )
        people = find_world(spec.world).people
        unknown = [split for split in spec.counts if split not in people]
        if unknown:
            raise RecipeError(
                f"study {study.name!r}, store {name!r}: world {spec.world!r} has no split {unknown[0]!r}; it has "
                f"{', '.join(people)}"
            )


def draw_worlds(study: Study, folders: Mapping[str, Path], *, workers: int, progress: Progress | None = None) -> None:
    """Draw what is missing of the study's worlds; what an interrupted drawing left is gone on with.

    Args:
        study: The study.
        folders: Where each store is.
        workers: Processes.
        progress: Called with (`rendering STORE`, samples there, samples of all its splits).

    Raises:
        DataError: a folder holds another world, or another process draws there.
    """
    for name, spec in study.stores.items():
        if spec.world is None or not missing_splits(spec, folders[name]):
            continue
        missing = missing_splits(spec, folders[name])
        total, there = sum(spec.counts.values()), sum(spec.counts.values()) - sum(missing.values())

        def show(done: int, _: int | None, name: str = name, total: int = total, there: int = there) -> None:
            if progress is not None:
                progress(f"rendering {name}", there + done, total)

        synthesize(
            spec.world,
            out=folders[name],
            counts=missing,
            size=spec.size,
            seed=spec.seed,
            workers=workers,
            progress=show,
        )


def missing_splits(spec: StoreSpec, folder: Path) -> dict[str, int]:
    """The splits of a world that are not complete in its folder, with their numbers of samples.

    Raises:
        DataError: a complete split holds other samples than the study asks for.
    """
    if not (folder / "store.json").exists():
        return dict(spec.counts)
    there = describe_store(folder).splits
    missing = {split: count for split, count in spec.counts.items() if split not in there or not there[split].complete}
    for split, asked, found in _orders(spec, folder):
        if split not in missing and found != asked:
            changed = ", ".join(
                f"{key} {found.get(key)} and not {asked[key]}" for key in asked if found.get(key) != asked[key]
            )
            raise DataError(
                f"{folder}: split {split!r} was drawn with {changed}; delete the store, or choose another "
                "--stores or --out"
            )
    return missing


def _orders(spec: StoreSpec, folder: Path) -> Iterator[tuple[str, dict[str, object], dict[str, object]]]:
    """(split, what the study asks for, what was drawn) of the splits that are there; versions are let pass."""
    there = describe_store(folder).splits
    for split, count in spec.counts.items():
        if split in there:
            asked = dict(describe(Order(spec.world or "", split, spec.seed, spec.size), count).made_by)
            found = dict(there[split].made_by)
            for each in (asked, found):
                each.pop("version", None)
                each["motion"] = list(each.get("motion", ()))  # pyright: ignore[reportArgumentType]
            yield split, asked, found
