import numpy as np
import pytest
from typer.testing import CliRunner

from fakes import fake_lsp_extended
from prepose.cli_data import data_app
from prepose.errors import DataError


@pytest.fixture(scope="module")
def owners_files(tmp_path_factory):
    root = tmp_path_factory.mktemp("lspet")
    fake_lsp_extended(root, np.random.default_rng(0))
    return root


def run(*arguments):
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def test_a_dataset_is_added_shown_and_checked(owners_files, tmp_path):
    added = run("add", "lsp-extended", owners_files, "--out", tmp_path / "store")
    assert added.exit_code == 0 and "samples in split train" in added.stdout
    shown = run("show", tmp_path / "store", "--out", tmp_path / "sheet.png", "--count", 4)
    assert shown.exit_code == 0 and (tmp_path / "sheet.png").stat().st_size > 1000
    checked = run("check", tmp_path / "store")
    assert checked.exit_code in (0, 1)
    assert "train" in checked.stdout


def test_the_list_names_every_dataset():
    from prepose.data.catalog import DATASETS

    listed = run("list").stdout
    assert all(name in listed for name in DATASETS)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("add", "lsp-extend", ".", "--out", "x"), "no dataset is named 'lsp-extend'; did you mean 'lsp-extended'?"),
        (("show", "nowhere"), "nowhere"),
        (("check", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_told(arguments, line):
    result = run(*arguments)
    assert isinstance(result.exception, DataError) and line in str(result.exception)
