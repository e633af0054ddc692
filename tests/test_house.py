"""The house rules that a machine can check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (ROOT / "src/prepose").rglob("*.py") if not path.name.startswith("__"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_source_file_has_its_tests(source):
    """In the test file of its name, or in that of its package."""
    relative = source.relative_to(ROOT / "src/prepose")
    folder = ROOT / "tests" / relative.parent
    assert (folder / f"test_{relative.name}").exists() or (folder / f"test_{relative.parent.name}.py").exists()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(source):
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("word", ["utils", "core", "common", "base", "engine", "registry", "factory", "helpers"])
def test_no_room_is_named_after_nothing(word):
    assert [path for path in SOURCES if word in (path.stem, path.parent.name)] == []


def test_help_needs_no_torch():
    code = (
        "import sys; from prepose.cli import app; print([m for m in ('torch', 'datasets', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("recipes", "training FLOPs"),
        ("recipes mixed", '"stages"'),
        ("studies", "training FLOPs"),
        ("studies losses", '"factors"'),
        ("protocols", "true-root-depth"),
        ("train mixed --out nowhere --set sed=3", "did you mean 'seed'"),
        ("train mixed --out nowhere --accelerator gpus", "expected auto, cpu, cuda or mps"),
        ("train mixd --out nowhere", "did you mean 'mixed'"),
        ("study losses --out nowhere --engine lokal", "expected local or ray"),
    ],
)
def test_what_is_only_looked_up_or_mistyped_needs_no_torch(words, answer):
    """Torch takes seconds to import: what can be said without it is said at once."""
    code = (
        "import sys; from prepose.cli import main; import atexit\n"
        "atexit.register(lambda: print([m for m in ('torch', 'transformers') if m in sys.modules])); main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=False)
    assert answer in done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("[]")


def test_every_dependency_is_locked_and_has_its_reason():
    import tomllib

    lock = {line.split("==")[0].lower().replace("_", "-") for line in _lines("constraints.txt") if "==" in line}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    for requirement in wanted:
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        assert name.lower() in lock, f"{name} is not in constraints.txt"
        assert re.search(rf'"{re.escape(requirement)}",?\s+# \S', text), f"{name} has no reason beside it"


def _lines(name):
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def test_make_targets_of_the_readme_exist():
    targets = {line.split(":")[0] for line in _lines("Makefile") if re.match(r"^[a-z-]+:", line)}
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"quickstart", "test"} <= named <= targets
