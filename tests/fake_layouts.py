"""The tables that each `fakes*.py` of a dataset ends with, and all of them together.

    FAKES        dataset -> writes its usual layout: `(root, generator, *, count) -> sized`, a sample for each item
    LAYOUTS      every public form of it, large enough to be looked at by the doctor, trained on and scored
    SMALL_FAKES  the same and its variants, as small as they go, for tests that write and damage many

What the doctor would find in a fake fails its test, so its people must be sound: in a 3D set each bone keeps its length
within a person (draw them with `fake_people`, which do), 2D joints are the projections of the 3D ones, and no two
pictures are copies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

Write = Callable[[Path, np.random.Generator], object]


@dataclass(frozen=True)
class Layout:
    """One public form of a dataset.

    Attributes:
        dataset: Its name in the catalogue.
        name: What tells the layout from the others.
        write: Writes a fake of it into a folder.
        splits: The splits that are tried.
        partial: Whether only some of the labels' pictures are written, and added by `--partial`.
        unplaced: Whether its poses have no place in their pictures, so that they can be scored but not trained on.
    """

    dataset: str
    name: str
    write: Write
    splits: tuple[str, ...]
    partial: bool = False
    unplaced: bool = False

    def __str__(self) -> str:
        return f"{self.dataset}, {self.name}"


@dataclass(frozen=True)
class SmallFake:
    """A layout of a dataset.

    Attributes:
        dataset: Its name in the catalogue.
        layout: What tells it from the dataset's other ones.
        write: Writes it into a folder.
        options: What `prepose data add` needs, as the fake is not the whole dataset.
    """

    dataset: str
    layout: str
    write: Callable[[Path, np.random.Generator], object]
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.dataset}-{self.layout}" if self.layout else self.dataset

    def write_into(self, root: Path) -> Path:
        root.mkdir(parents=True)
        self.write(root, np.random.default_rng(8))
        return root


def tables_of_fakes() -> list[ModuleType]:
    """The files of fakes that hold datasets, by name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("fakes*.py"))
    return [module for module in map(import_module, names) if hasattr(module, "LAYOUTS")]
