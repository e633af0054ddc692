from rich.console import Console

from prepose.console import counted_progress, split_progress


def test_a_bar_counts():
    console = Console(record=True, width=100, force_terminal=True)
    with counted_progress("people", console) as move:
        move(1, 3)
        move(3, 3)
    assert "people" in console.export_text() and console.is_terminal


def test_each_split_has_its_bar():
    console = Console(record=True, width=100, force_terminal=True)
    with split_progress(console) as move:
        move("train", 2, 2)
        move("test", 1, 1)
    text = console.export_text()
    assert "train" in text and "test" in text and "2/2" in text
