import base64
import json
import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes_study import Fake, fake_study, write
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.studies.report import pictures
from prepose.studies.report.pictures import pictures_of, shown_arms, stores_below
from prepose.studies.report.write import MOST_BYTES, write_study_report
from prepose.studies.results.study_results import read_study

COLOURS = {"pretrained": "#111111", "only-3d": "#222222"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The folder of a study with its stores."""
    return fake_study(tmp_path_factory.mktemp("drawn") / "study", Fake(drawn=True, samples=9, people=3))


def shown(folder, stores=()):
    return pictures_of(read_study(folder), COLOURS, most_bytes=MOST_BYTES, stores=dict(stores))


@pytest.fixture(scope="session")
def _audited():
    """Where an audit hook, which can never be removed, puts the files that are opened: a list, or None."""
    sinks = [None]
    sys.addaudithook(lambda event, found: event == "open" and sinks[0] is not None and sinks[0].append(found[0]))
    return sinks


@pytest.fixture
def opened_files(_audited):
    """A context that gives the paths that Python opens in it."""

    @contextmanager
    def watch():
        paths, _audited[0] = [], []
        try:
            yield paths
        finally:
            found, _audited[0] = _audited[0], None
            paths += [Path(os.fsdecode(each)) for each in found if isinstance(each, str | bytes | os.PathLike)]

    return watch()


def test_each_set_shows_its_best_median_and_worst_cases(drawn):
    found = shown(drawn)
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
        gallery = pictures_of(results, COLOURS, most_bytes=most, stores={}).gallery
        return sum(len(panel.jpeg) for each in gallery for case in each["cases"] for panel in case.panels)

    whole = size(MOST_BYTES)
    assert 0 < size(whole - 1) < whole
    none = pictures_of(results, COLOURS, most_bytes=1000, stores={})
    assert none.gallery == [] and none.note.count("its images would make the page too large") == 2


def test_a_study_without_its_stores_says_so(studied):
    found = shown(studied)
    assert found.gallery == [] and found.data()["cases"] == {}
    assert "lab test: store lab is not in the study's folder" in found.note


def test_a_store_with_fewer_samples_is_not_what_was_measured(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / "study")
    other = fake_study(tmp_path / "other", Fake(drawn=True, samples=4, people=2))
    shutil.rmtree(folder / "stores" / "lab")
    shutil.copytree(other / "stores" / "lab", folder / "stores" / "lab")
    found = shown(folder)
    assert [each["title"] for each in found.gallery] == ["wild test"]
    assert "does not contain the evaluated samples" in found.note


@pytest.fixture
def moved(drawn, tmp_path):
    """A copy of it whose files name the folder in which its stores now are, outside of its own."""
    folder, elsewhere = shutil.copytree(drawn, tmp_path / "study"), tmp_path / "elsewhere"
    shutil.move(folder / "stores", elsewhere)
    study = json.loads((folder / "study.json").read_text())
    study["study"]["stores"] = {name: {"path": str(elsewhere / name)} for name in ("lab", "wild")}
    write(folder / "study.json", study)
    for recipe in folder.glob("trials/*/recipe.json"):
        write(recipe, {"sources": {n: {"store": str(elsewhere / n), "labels": "3d"} for n in ("lab", "wild")}})
    return folder


def test_a_store_is_not_opened_where_a_file_of_the_study_says(moved, monkeypatch):
    monkeypatch.setattr(pictures, "open_store", None)
    found = shown(moved)
    assert found.gallery == []
    assert found.note.count("is not in the study's folder") == 2


def test_a_report_reads_nothing_outside_its_folder(moved, opened_files):
    with opened_files as opened:
        write_study_report(moved)
    assert any(path.is_relative_to(moved) for path in opened)
    assert [path for path in opened if path.is_relative_to(moved.parent / "elsewhere")] == []


def test_a_store_is_opened_where_the_caller_says(moved):
    elsewhere = moved.parent / "elsewhere"
    titles = ["lab test", "wild test"]
    assert [each["title"] for each in shown(moved, {n: elsewhere / n for n in ("lab", "wild")}).gallery] == titles
    study = read_study(moved).study
    named = {"lab": elsewhere / "lab", "wild": elsewhere / f"wild-{study.stores['wild'].digest}"}
    (elsewhere / "wild").rename(named["wild"])
    assert stores_below(study, elsewhere) == named
    (elsewhere / "lab").rename(elsewhere / "other")
    (elsewhere / "lab").symlink_to("other")
    with pytest.raises(DataError, match="is a link"):
        stores_below(study, elsewhere)


def test_a_store_that_is_a_link_is_not_opened(moved):
    (moved / "stores").symlink_to("../elsewhere")
    found = shown(moved)
    assert found.gallery == [] and found.note.count("stores is a link") == 2


def test_images_outside_a_store_of_the_study_are_not_shown(drawn, tmp_path):
    folder = shutil.copytree(drawn, tmp_path / "study")
    for split in ("test", "train"):
        there = open_store(folder / "stores" / "lab", split)
        (tmp_path / "private").mkdir(exist_ok=True)
        samples = []
        for i, sample in enumerate(there):
            (tmp_path / "private" / f"{split}{i}.jpg").write_bytes(there.image_bytes(i))
            samples.append(replace(sample, image=tmp_path / "private" / f"{split}{i}.jpg"))
        write_store(tmp_path / "new", StoreDescription("lab", there.skeleton), split, samples, total=len(samples))
    shutil.rmtree(folder / "stores" / "lab")
    shutil.move(tmp_path / "new", folder / "stores" / "lab")
    found = shown(folder)
    assert [each["title"] for each in found.gallery] == ["wild test"]
    assert "lab test" in found.note and "private/test" in found.note
    assert len(shown(folder, {"lab": folder / "stores" / "lab"}).gallery) == 2


def test_arms_shown_are_those_that_are_compared(crossed, studied):
    assert shown_arms(read_study(studied)) == ("pretrained", "only-3d")
    assert shown_arms(read_study(crossed)) == (
        "2d-first / wild-3d / whole",
        "only-3d / wild-3d / whole",
        "mixed / wild-3d / whole",
    )
