"""The docs say what is there: every command, the tutorial from start to end, the generated reference."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from prepose.body.skeletons import SKELETONS
from prepose.cli import app
from prepose.metrics.protocols import PROTOCOLS
from prepose.models.backbones import BACKBONES
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.builtin_studies import STUDIES
from prepose.specs.recipe import LOSSES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Blocks of code, and code within a line.
CODE = re.compile(r"^```sh\n.*?^```|(?<!`)`(?!`)[^`\n]+`", flags=re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|`|/|-m )prepose ((?:\\\n|[^`#\n])+)", flags=re.MULTILINE)
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
TUTORIAL_COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", TUTORIAL, flags=re.MULTILINE | re.DOTALL)
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


def commands_in(text):
    return [command for code in CODE.findall(text) for command in COMMAND.findall(code)]


def unknown_words(command):
    """The verb or options of a command that the command line does not have."""
    words, verb = command.replace("\\\n", " ").split(), typer.main.get_command(app)
    while words and hasattr(verb, "commands"):
        if words[0].startswith("--"):
            return []
        if words[0] not in verb.commands:
            return [words[0]]
        verb = verb.commands[words.pop(0)]
    known = {option for param in verb.params for option in param.opts} | {"--help"}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_the_verb_and_options_that_it_uses(page):
    wrong = {command: unknown_words(command) for command in commands_in(page.read_text(encoding="utf-8"))}
    assert {command: words for command, words in wrong.items() if words} == {}


def test_a_wrong_command_would_be_found():
    found = commands_in(
        "`prepose data ad x`\n```sh\nprepose train a --out b \\\n  --resum  # c\nprepose --help\n```\nprepose is\n"
    )
    assert [unknown_words(each) for each in found] == [["ad"], ["--resum"], []]


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name, text in re.findall(r'^```json title="(.*?)"\n(.*?)^```', TUTORIAL, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT.format(commands=TUTORIAL_COMMANDS), encoding="utf-8")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for made in ("mine.png", "runs/mine/weights/best.safetensors", "compared.html", "studies/photos/report.html"):
        assert (tmp_path / made).is_file(), made
    assert len(list((tmp_path / "poses").iterdir())) == 2
    assert "Photos lower the error" in (tmp_path / "studies/photos/report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reference():
    # mkdocs, for which the page is written, is in the extra `dev` alone.
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("reference_page", ROOT / "docs/reference_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_its_row_in_the_reference(reference):
    page = reference.reference_page()
    known = [*LOSSES, *BACKBONES, *PROTOCOLS, *SKELETONS, *RECIPES, *STUDIES]
    assert [name for name in known if f"\n| `{name}` | " not in page] == []


def test_every_field_has_its_row_with_type_bounds_and_default(reference):
    page = reference.reference_page()
    assert [name for name in reference.Recipe.model_fields if f"\n| `{name}` | " not in page] == []
    for row in (
        "| `schedule` | `one-cycle`, `cosine`, `steps`, `constant` | `one-cycle` |",
        "| `decay` | number &gt; 0 and ≤ 1 | `0.1` |",
        "| `frozen_batch_norm` | true or false | `false` |",
        "| `rule` | `flops`, `images`, `none` | `flops` |",
        "| `cap` | integer &gt; 0 | `null` |",
    ):
        assert row in page


def test_every_budget_rule_is_explained_in_the_reference(reference):
    rules = reference.Study.model_json_schema()["$defs"]["Budget"]["properties"]["rule"]["enum"]
    assert set(reference.BUDGET_TEXTS) == set(rules)


def test_every_test_that_the_page_of_real_files_names_is_there():
    page = (ROOT / "docs" / "real-files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|.*$", page, flags=re.MULTILINE)
    assert rows == [str(number) for number in range(1, 32)]
    assert all("::test_" in line for line in page.splitlines() if re.match(r"\| \d", line))
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page)
    assert len(named) > 100
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).is_file() or f"def {test}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
