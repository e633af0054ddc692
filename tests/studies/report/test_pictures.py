import base64
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fakes_study import Fake, fake_study, write
from prepose.specs.study import StoreSpec
from prepose.studies.report.pictures import pictures_of, shown_arms, store_folder
from prepose.studies.report.write import MOST_BYTES
from prepose.studies.results.study_results import read_study

COLOURS = {"pretrained": "#111111", "only-3d": "#222222"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The folder of a study with its stores."""
    return fake_study(tmp_path_factory.mktemp("drawn") / "study", Fake(drawn=True, samples=9, people=3))


def test_each_set_shows_its_best_median_and_worst_cases(drawn):
    found = pictures_of(read_study(drawn), COLOURS, most_bytes=MOST_BYTES)
    assert (found.arms, found.seed, found.note) == (("pretrained", "only-3d"), 0, "")
    assert [each["title"] for each in found.gallery] == ["lab test", "wild test"]
    assert [len(each["cases"]) for each in found.gallery] == [6, 6]
    data = found.data()
    assert len(data["bones"]) == len(data["bone_colours"]) == 15
    assert set(data["cases"]) == {case.key for each in found.gallery for case in each["cases"]}
    case = next(iter(data["cases"].values()))
    assert [arm["name"] for arm in case["arms"]] == ["pretrained", "only-3d"] and len(case["truth"]) == 16
    jpeg = base64.b64decode(found.gallery[0]["cases"][0].panels[1].jpeg)
    assert np.ptp(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)) > 50


def test_pictures_keep_within_their_bytes(drawn):
    results = read_study(drawn)

    def size(most):
        gallery = pictures_of(results, COLOURS, most_bytes=most).gallery
        return sum(len(panel.jpeg) for each in gallery for case in each["cases"] for panel in case.panels)

    whole = size(MOST_BYTES)
    assert 0 < size(whole - 1) < whole
    none = pictures_of(results, COLOURS, most_bytes=1000)
    assert none.gallery == [] and none.note.count("its images would make the page too large") == 2


def test_a_study_without_its_stores_says_so(studied):
    found = pictures_of(read_study(studied), COLOURS, most_bytes=MOST_BYTES)
    assert found.gallery == [] and found.data()["cases"] == {}
    assert "lab test: store lab no longer exists" in found.note


def test_a_store_with_fewer_samples_is_not_what_was_measured(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / "study")
    other = fake_study(tmp_path / "other", Fake(drawn=True, samples=4, people=2))
    shutil.rmtree(folder / "stores" / "lab")
    shutil.copytree(other / "stores" / "lab", folder / "stores" / "lab")
    found = pictures_of(read_study(folder), COLOURS, most_bytes=MOST_BYTES)
    assert [each["title"] for each in found.gallery] == ["wild test"]
    assert "does not contain the evaluated samples" in found.note


def test_shared_stores_are_found_beside_those_of_a_trial(own_study, tmp_path):
    results = read_study(own_study)
    spec = results.study.stores["wild"]
    shared = tmp_path / "stores" / f"wild-{spec.digest}"
    write(shared / "store.json", {})
    write(
        results.done[0].folder / "recipe.json",
        {"sources": {"lab": {"store": str(tmp_path / "stores" / "lab-01234567"), "labels": "3d"}}},
    )
    assert store_folder(results, "wild") == shared
    assert store_folder(results, "lab") is None


def test_a_store_with_a_path_is_taken_from_there(own_study, tmp_path):
    results = read_study(own_study)
    write(tmp_path / "mine" / "store.json", {})
    stores = results.study.stores | {"lab": StoreSpec(path=str(tmp_path / "mine"))}
    results = replace(results, study=results.study.model_copy(update={"stores": stores}))
    assert store_folder(results, "lab") == tmp_path / "mine"


def test_arms_shown_are_those_that_are_compared(crossed, studied):
    assert shown_arms(read_study(studied)) == ("pretrained", "only-3d")
    assert shown_arms(read_study(crossed)) == (
        "2d-first / wild-3d / whole",
        "only-3d / wild-3d / whole",
        "mixed / wild-3d / whole",
    )
