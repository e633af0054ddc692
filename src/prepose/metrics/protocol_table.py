"""The protocols as a table for the terminal."""

from rich.console import Console
from rich.table import Table

from prepose.metrics.protocols import PROTOCOLS


def print_protocols(console: Console | None = None) -> None:
    """Every protocol: skeleton, scale rule, and where it comes from."""
    console = console or Console()
    table = Table("protocol", "skeleton", "headline", "source", title="Protocols", title_justify="left")
    table.columns[0].no_wrap = True
    for protocol in PROTOCOLS.values():
        table.add_row(protocol.name, protocol.skeleton, protocol.headline, protocol.source, end_section=True)
    console.print(table)
