"""The datasets as a list for the terminal."""

from rich.console import Console
from rich.padding import Padding

from prepose.data.catalog import DATASETS
from prepose.data.entry import CatalogEntry


def print_datasets(console: Console | None = None) -> None:
    """Every dataset that can be read: what it is, its labels, its terms, where its owners give it, its layouts."""
    console = console or Console()
    for entry in DATASETS.values():
        console.print(f"[bold]{entry.name}[/bold]  {entry.title}", highlight=False)
        for line in _lines(entry):
            console.print(Padding(line, (0, 0, 0, 4), expand=False), highlight=False, markup=False)
    console.print("`prepose data add NAME ROOT --out STORE` reads one; `prepose synthesize` needs none.")


def _lines(entry: CatalogEntry) -> list[str]:
    labels = "3D" if entry.has_3d else "2D"
    skeleton = "your own skeleton" if entry.skeleton is None else entry.skeleton.name
    counts = ", ".join(f"{count:,} {split}" for split, count in entry.expected.items())
    return [
        entry.about,
        f"{labels} labels, {skeleton}" + (f"; {counts}" if counts else ""),
        f"terms: {entry.licence}",
        *([f"from: {entry.home}"] if entry.home else []),
        *(f"reads: {layout}" for layout in entry.layouts),
    ]
