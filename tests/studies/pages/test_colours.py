from prepose.studies.pages.colours import ARM_COLOURS


def test_colours_are_written_as_pages_read_them_and_differ() -> None:
    assert len({colour.lower() for colour in ARM_COLOURS}) == len(ARM_COLOURS)
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in ARM_COLOURS)
