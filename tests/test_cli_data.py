import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes import fake_lsp_extended
from prepose.cli_data import data_app
from prepose.errors import DataError


@pytest.fixture(scope="module")
def original_files(tmp_path_factory):
    root = tmp_path_factory.mktemp("lspet")
    fake_lsp_extended(root, np.random.default_rng(0))
    return root


def run(*arguments):
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def test_a_dataset_is_added_shown_and_checked(original_files, tmp_path):
    added = run("add", "lsp-extended", original_files, "--out", tmp_path / "store")
    assert added.exit_code == 0 and "samples in split train" in added.stdout
    shown = run("show", tmp_path / "store", "--out", tmp_path / "sheet.png", "--count", 4)
    assert shown.exit_code == 0 and (tmp_path / "sheet.png").stat().st_size > 1000
    checked = run("check", tmp_path / "store")
    assert checked.exit_code in (0, 1)
    assert "train" in checked.stdout


def test_person_chips_are_added_with_their_size_and_margin(original_files, tmp_path):
    out = tmp_path / "store"
    added = run("add", "lsp-extended", original_files, "--out", out, "--size", 48, "--margin", 1.5, "--workers", 1)
    assert added.exit_code == 0
    sheet = run("show", out, "--out", tmp_path / "sheet.png", "--count", 4)
    assert sheet.exit_code == 0
    again = run("add", "lsp-extended", original_files, "--out", out, "--size", 64, "--workers", 1)
    assert isinstance(again.exception, DataError) and '"size": 48' in str(again.exception)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--size", 64, "--by-reference"), "--size and --by-reference exclude each other"),
        (("--margin", 2), "give their --size, too"),
        (("--size", 8), "'--size': Input should be greater than or equal to 32"),
        (("--size", 64, "--margin", 0.5), "'--margin': Input should be greater than or equal to 1"),
    ],
)
def test_options_of_chips_that_make_no_sense_are_told(original_files, tmp_path, options, line):
    refused = run("add", "lsp-extended", original_files, "--out", tmp_path / "store", *options)
    assert refused.exit_code == 2 and line in " ".join(refused.output.replace("│", " ").split())


def test_the_list_names_every_dataset():
    from prepose.data.catalog import DATASETS

    listed = run("list").stdout
    assert all(name in listed for name in DATASETS)


def test_the_list_is_for_machines_too_and_needs_no_torch(tmp_path):
    code = "import sys; from prepose.cli import app; app(['data', 'list', '--json'], standalone_mode=False); "
    code += "print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout)["stores"] == []
    assert done.stderr.strip() == "False"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("add", "lsp-extend", ".", "--out", "x"), "no dataset is named 'lsp-extend' (did you mean 'lsp-extended'?)"),
        (("show", "nowhere"), "nowhere"),
        (("check", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_told(arguments, line):
    result = run(*arguments)
    assert isinstance(result.exception, DataError) and line in str(result.exception)
