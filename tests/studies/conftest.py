"""A comparison that is finished, once for the whole package, and copies of it to spoil."""

import shutil

import pytest

from fakes_comparison import fake_comparison
from fakes_study import CROSSED, fake_study, trial_id, write
from prepose.studies.analysis.analyse import analyse
from prepose.studies.analysis.study_analysis import to_json
from prepose.studies.results.study_results import read_study

IGNORED = shutil.ignore_patterns("*.safetensors", "*.sums.npz", "report.*")


@pytest.fixture(scope="session")
def comparison(tmp_path_factory):
    """The plan of a finished comparison; look, do not touch."""
    return fake_comparison(tmp_path_factory.mktemp("comparison") / "quickstart")


@pytest.fixture
def own_comparison(comparison, tmp_path):
    """The folder of a copy that a test may spoil, without the page, and the weights, which it does not need."""
    return shutil.copytree(comparison.folder, tmp_path / "quickstart", ignore=IGNORED)


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """The folder of a finished study without stores; look, do not touch."""
    return fake_study(tmp_path_factory.mktemp("studied") / "study")


@pytest.fixture
def own_study(studied, tmp_path):
    """A copy of it that a test may spoil."""
    return shutil.copytree(studied, tmp_path / "study")


@pytest.fixture(scope="session")
def crossed(tmp_path_factory):
    """A study of training x world x budget on three sets, with a shared stage, a missing and a failed trial."""
    folder = fake_study(tmp_path_factory.mktemp("crossed") / "study", CROSSED)
    lost, failed = (folder / "trials" / trial_id(levels, 2) for levels in (CROSSED.arms()[0], CROSSED.arms()[1]))
    shutil.rmtree(lost)
    (failed / "costs.json").unlink()
    write(failed / "failure.json", {"kind": "out of memory", "message": "<killed>", "attempts": 2, "when": "today"})
    return folder


@pytest.fixture(scope="session")
def found(studied):
    """The figures of `studied`."""
    return analyse(read_study(studied))


@pytest.fixture(scope="session")
def crossed_found(crossed):
    """The figures of `crossed`."""
    return analyse(read_study(crossed))


@pytest.fixture(scope="session")
def told(found):
    """The same as results.json holds them; to change a copy of, and to read with `analysis_from`."""
    return to_json(found)


@pytest.fixture(scope="session")
def crossed_told(crossed_found):
    """Likewise."""
    return to_json(crossed_found)
