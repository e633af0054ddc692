"""The commands of docs/tutorial.md run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
# One process for all of them: each would spend seconds on its imports.
SCRIPT = """
import shlex
from prepose.cli import app

if __name__ == "__main__":
    for command in {commands!r}:
        verb, *words = shlex.split(command)
        assert verb == "prepose"
        code = app(words, standalone_mode=False)
        assert not code, (command, code)
"""


@pytest.mark.slow
def test_the_commands_run_as_they_stand(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name, text in re.findall(r'^```json title="(.*?)"\n(.*?)^```', PAGE, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT.format(commands=COMMANDS), encoding="utf-8")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for made in ("mine.png", "runs/mine/weights/best.safetensors", "compared.html", "studies/photos/report.html"):
        assert (tmp_path / made).is_file(), made
    assert len(list((tmp_path / "poses").iterdir())) == 2
    assert "Photos lower the error" in (tmp_path / "studies/photos/report.md").read_text(encoding="utf-8")
