import io

import pytest
from rich.console import Console

from prepose.recipes import meter as room
from prepose.recipes.meter import meter


def test_a_terminal_gets_a_live_bar_with_loss_speed_and_time_left() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with meter(console, "pretrain", total=100, done=20) as shown:
        shown.advance(30)
        shown.show(0.12345, 640.4)
    assert "pretrain" in text.getvalue() and "50/100" in text.getvalue()
    assert "loss 0.1235  640 samples/s" in text.getvalue()
    assert ":" in text.getvalue()


def test_elsewhere_there_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=False, width=200)
    with meter(console, "pretrain", total=10_000, done=2000) as shown:
        shown.show(0.5, 1.0)
        shown.advance(30)
        assert text.getvalue() == ""
        monkeypatch.setattr(room, "LINE_SECONDS", 0.0)
        shown.advance(70)
    line = text.getvalue()
    assert line.startswith("pretrain: 2,100/10,000 samples, loss 0.5000, ") and line.endswith(" s left\n")
    assert line.count("\n") == 1


def test_without_a_console_nothing_is_shown() -> None:
    with meter(None, "pretrain", total=10, done=0) as shown:
        shown.advance(10)
        shown.show(0.1, 1.0)
