"""Settings for every test: one thread a process, nothing from a network, no test on a clock."""

import os
import sys

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

# A busy machine fails nothing, and the same command twice draws the same inputs; `--hypothesis-profile=default` draws
# others.
settings.register_profile("prepose", deadline=None, derandomize=True)
settings.load_profile("prepose")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command line in this process: exit code, standard output, standard error."""
    from prepose import cli

    def run_line(*words):
        monkeypatch.setattr(sys, "argv", ["prepose", *map(str, words)])
        # The command line silences warnings, which are errors in tests.
        monkeypatch.setattr(sys, "warnoptions", ["error"])
        # Under `python -m pytest` the program would be taken for a part of pytest.
        monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run_line


@pytest.fixture
def refused(run):
    """The one line that a mistake ends with; it is all there is on standard error, and the code is 2."""

    def refused_line(*words):
        code, _, err = run(*words)
        assert code == 2, err
        assert err.startswith("prepose: ") and err.endswith("\n") and err.count("\n") == 1, err
        return err.removeprefix("prepose: ").strip()

    return refused_line
