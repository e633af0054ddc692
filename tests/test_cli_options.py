import os
import subprocess
import sys

import pytest
import typer

from prepose.cli_options import stoppable, wait_passively


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


def test_idle_threads_sleep_unless_the_user_has_said_otherwise(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("words", ["predict lost.jpg --out out", "serve lost.safetensors --port 0"])
def test_predicting_verbs_say_so_before_torch_is_imported(words, tmp_path):
    """What is asked for is not there: the verbs have come no further than that."""
    code = (
        "import os, sys, builtins; from prepose.cli import main\n"
        "real, told = builtins.__import__, []\n"
        "def importing(name, *rest, **named):\n"
        "    if name.partition('.')[0] == 'torch' and not told: told.append(os.environ.get('OMP_WAIT_POLICY'))\n"
        "    return real(name, *rest, **named)\n"
        "builtins.__import__ = importing\n"
        "try: main()\n"
        "finally: print(told or [os.environ.get('OMP_WAIT_POLICY')])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", code, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (2, ["['PASSIVE']"]), done.stderr
