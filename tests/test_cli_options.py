import pytest
import typer

from prepose.cli_options import stoppable


def test_ctrl_c_says_how_to_go_on_and_exits_with_130(capsys):
    with pytest.raises(typer.Exit) as ended, stoppable("run it again"):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "prepose: stopped; run it again\n"


def test_an_interruption_that_knows_better_is_quoted(capsys):
    with pytest.raises(typer.Exit), stoppable("run it again"):
        raise KeyboardInterrupt("saved at step 7; go on with --resume")
    assert capsys.readouterr().err == "prepose: saved at step 7; go on with --resume\n"


def test_what_is_kept_is_asked_for_once_it_has_stopped(capsys):
    kept = ["nothing"]
    with pytest.raises(typer.Exit), stoppable(lambda: f"{kept[-1]} is kept"):
        kept.append("step 7")
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "prepose: stopped; step 7 is kept\n"
