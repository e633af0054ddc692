"""The datasets as a table for the terminal."""

from rich.console import Console
from rich.table import Table

from prepose.data.catalog import DATASETS


def print_datasets(console: Console | None = None) -> None:
    """Every dataset that can be read: what it is, its labels, its terms, where its owners give it, its layouts."""
    console = console or Console()
    table = Table("dataset", "what", "labels", "terms and home", "layouts read", title="Datasets", title_justify="left")
    for entry in DATASETS.values():
        counts = ", ".join(f"{count:,} {split}" for split, count in entry.expected.items()) or "counts not stated"
        table.add_row(
            entry.name,
            f"{entry.title}: {entry.about} ({counts})",
            f"{'3D' if entry.has_3d else '2D'}\n{entry.skeleton.name if entry.skeleton else 'your own'}",
            f"{entry.licence}\n{entry.home}",
            "\n".join(entry.layouts),
            end_section=True,
        )
    console.print(table)
    console.print("`prepose data add NAME ROOT --out STORE` reads one; `prepose synthesize` needs none.")
