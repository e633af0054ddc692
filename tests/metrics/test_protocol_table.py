import pytest
from rich.console import Console

from prepose.metrics.protocol_table import print_protocols
from prepose.metrics.protocols import PROTOCOLS


@pytest.fixture(scope="module")
def lines():
    console = Console(record=True, width=400)
    print_protocols(console)
    return console.export_text().splitlines()


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_is_listed_with_its_measure_and_source(lines, protocol):
    (row,) = [line for line in lines if line[1:].split("│")[0].strip() == protocol.name]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [protocol.name, protocol.skeleton, protocol.headline, protocol.source]
