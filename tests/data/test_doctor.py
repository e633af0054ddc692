import io
import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console

from fakes import fake_lsp_extended
from fakes_coco import fake_coco
from fakes_h36m import fake_h36m
from planted import FAULTS, simple_samples
from prepose import cli
from prepose.data.catalog import add_dataset
from prepose.data.chip import Chips, chip_of
from prepose.data.dataset import dataset_of
from prepose.data.doctor import (
    CHECKS,
    MOST_IMAGES,
    Examination,
    as_plain,
    examine,
    examine_store,
    images_to_see,
    print_examinations,
    write_sheet,
)
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError


def store_of(folder, **splits):
    for split, samples in splits.items():
        write_store(folder, StoreDescription("sticks", samples[0].skeleton), split, samples, total=len(samples))
    return folder


def test_a_store_without_a_fault_is_clean(tmp_path):
    store = store_of(tmp_path / "store", train=list(simple_samples(30)), test=list(simple_samples(30, seed=1)))
    examinations = examine_store(store)
    assert [(each.split, each.samples, each.images) for each in examinations] == [("test", 30, 30), ("train", 30, 30)]
    assert all(each.is_clean for each in examinations)


def test_what_an_adapter_made_of_sound_files_is_clean(tmp_path):
    fake_lsp_extended(tmp_path / "lspet", np.random.default_rng(0), count=30)
    add_dataset("lsp-extended", tmp_path / "lspet", tmp_path / "store")
    for each in examine_store(tmp_path / "store"):
        assert [finding.text for finding in each.findings if finding.severity == "fault"] == []


@pytest.mark.parametrize(("name", "fake"), [("coco", fake_coco), ("h36m", fake_h36m)])
@pytest.mark.parametrize("chips", [Chips(64), Chips(128)], ids=str)
def test_person_chips_are_as_clean_as_their_photographs_and_tell_exchanged_pictures(tmp_path, name, fake, chips):
    fake(tmp_path / "root", np.random.default_rng(8), count=60)
    add_dataset(name, tmp_path / "root", tmp_path / "store", splits=["train"])
    full = open_store(tmp_path / "store", "train")
    samples = list(full)
    sound = examine(dataset_of([chip_of(sample, chips) for sample in samples], skeleton=full.skeleton))
    assert [finding.text for finding in sound.findings] == []
    if chips.size < 100:
        return  # people of 25 px tell nothing
    exchanged = [replace(sample, image=samples[index - 1].image) for index, sample in enumerate(samples)]
    found = examine(dataset_of([chip_of(sample, chips) for sample in exchanged], skeleton=full.skeleton))
    assert [finding.check for finding in found.findings] == ["pairing"]


def test_pictures_in_two_splits_are_found_from_either(tmp_path):
    samples = list(simple_samples(30))
    store = store_of(tmp_path / "store", train=samples[:20], test=samples[18:])
    both = examine_store(store)
    (one,) = examine_store(store, split="test")
    assert [[finding.check for finding in each.findings] for each in both] == [["copies"], ["copies"]]
    assert one == both[0]
    assert one.findings[0].samples == (0, 1)
    assert not one.is_clean


def test_splits_that_select_the_same_people_are_noted_and_hide_no_other_overlap(tmp_path):
    samples = list(simple_samples(30))
    meant = {"train": samples[:20], "train-all": samples[:24], "test": samples[24:]}
    by_split = {each.split: each for each in examine_store(store_of(tmp_path / "meant", **meant))}
    assert all(each.is_clean for each in by_split.values())
    assert [finding.check for finding in by_split["train"].findings] == ["copies"]
    leaking = store_of(tmp_path / "leaking", **{**meant, "test": samples[18:]})
    train, train_all = (examine_store(leaking, split=split)[0] for split in ("train", "train-all"))
    assert (train.findings[0].severity, train.findings[0].samples) == ("fault", (18, 19))
    assert not train_all.is_clean


def test_the_number_of_pictures_is_limited_but_not_that_of_labels():
    samples = FAULTS["metres for mm"].plant(list(simple_samples(40)), np.array([7]))
    seen = []
    found = examine(
        dataset_of(samples, skeleton=samples[0].skeleton),
        most_images=5,
        progress=lambda split, done, total: seen.append((split, done, total)),
    )
    assert found.images == 5
    assert seen[-1] == ("all", 5, 5)
    assert [(finding.check, finding.samples) for finding in found.findings] == [("bones", (7,))]


def test_pictures_are_spread_over_the_split():
    assert images_to_see(10, None).tolist() == list(range(10))
    assert images_to_see(101, 3).tolist() == [0, 50, 100]
    assert len(images_to_see(0, 10)) == 0


def test_faults_come_before_notes():
    samples = FAULTS["boxes of another place"].plant(list(simple_samples(60)), np.array([3, 9]))
    samples[20] = replace(samples[20], box_xywh=samples[20].box_xywh + np.array([90, 0, 0, 0]))
    samples = FAULTS["metres for mm"].plant(samples, np.array([7]))
    severities = [finding.severity for finding in examine(dataset_of(samples, skeleton=samples[0].skeleton)).findings]
    assert severities == sorted(severities)
    assert "fault" in severities


def test_an_empty_split_is_no_error():
    sample = simple_samples(1)[0]
    found = examine(dataset_of([sample], skeleton=sample.skeleton).select(np.array([], int)))
    assert (found.samples, found.images, found.findings) == (0, 0, ())


def test_json_holds_plain_numbers_only():
    samples = FAULTS["z axis of 3D backwards"].plant(list(simple_samples(20)), np.arange(20))
    found = examine(dataset_of(samples, skeleton=samples[0].skeleton))
    assert any(not np.isfinite(finding.figure) for finding in found.findings)
    plain = json.loads(json.dumps(as_plain((found,)), allow_nan=False))
    assert plain["is_clean"] is False
    first = plain["splits"]["all"]["findings"][0]
    assert set(first) == {"check", "severity", "samples", "figure", "unit", "expected", "cause", "text"}


def test_a_folder_that_is_no_store_is_an_error(tmp_path):
    with pytest.raises(DataError, match="store"):
        examine_store(tmp_path)
    store = store_of(tmp_path / "store", train=list(simple_samples(12)))
    with pytest.raises(DataError, match="no split 'test'"):
        examine_store(store, split="test")


def test_every_check_reports_under_its_own_name():
    samples = list(simple_samples(40))
    for name in (
        "left and right swapped",
        "joints off by one",
        "metres for mm",
        "image truncated",
        "samples repeated",
    ):
        broken = FAULTS[name].plant(samples, np.arange(40))
        for finding in examine(dataset_of(broken, skeleton=samples[0].skeleton)).findings:
            assert finding.check in CHECKS


@pytest.fixture
def run(capsys, monkeypatch):
    """The command line, as typed: (exit code, what it printed)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["prepose", "data", "check", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return call


def test_the_command_ends_with_0_1_or_2(run, tmp_path):
    sound = list(simple_samples(20))
    clean = store_of(tmp_path / "clean", train=sound)
    wrong = store_of(tmp_path / "wrong", train=FAULTS["centimetres for mm"].plant(sound, np.arange(20)))
    assert run(clean)[0] == 0
    code, out, _ = run(wrong, "--sheet", tmp_path / "sheet.png")
    assert code == 1
    assert "in centimetres" in out
    assert (tmp_path / "sheet.png").exists()
    code, out, _ = run(wrong, "--json", "--split", "train", "--all-images")
    assert code == 1
    assert json.loads(out)["splits"]["train"]["findings"][0]["check"] == "bones"
    code, _, err = run(tmp_path / "nowhere")
    assert code == 2
    assert err.startswith("prepose: ")
    assert len(err.splitlines()) == 1


@pytest.fixture
def store(tmp_path):
    samples = FAULTS["metres for mm"].plant(list(simple_samples(20)), np.array([3, 8]))
    samples = FAULTS["image truncated"].plant(samples, np.array([5]))
    write_store(tmp_path / "store", StoreDescription("sticks", samples[0].skeleton), "train", samples, total=20)
    return tmp_path / "store"


def printed(examinations):
    out = io.StringIO()
    print_examinations(examinations, Console(file=out, width=200))
    return out.getvalue()


def test_the_page_says_what_was_found(store):
    text = printed(examine_store(store))
    assert "train: 2 faults (20 samples, 20 of their images looked at)" in text
    assert "fault bones:" in text
    assert "in metres" in text
    assert "--all-images" not in text


def test_a_clean_split_is_called_clean_and_a_limit_told():
    text = printed((Examination("train", 5_000, MOST_IMAGES, ()),))
    assert "train: clean (5,000 samples, 2,000 of their images looked at)" in text
    assert "--all-images" in text


def test_the_sheet_shows_the_samples_that_are_named(store, tmp_path):
    sheet = cv2.imread(str(write_sheet(store, tmp_path / "sheet.png", examine_store(store))))
    # Two samples named for their unit; the broken picture cannot be shown.
    assert sheet.shape[1] > 1.8 * sheet.shape[0]


def test_a_clean_store_has_a_sheet_too(tmp_path):
    samples = list(simple_samples(12))
    write_store(tmp_path / "store", StoreDescription("sticks", samples[0].skeleton), "train", samples, total=12)
    assert write_sheet(tmp_path / "store", tmp_path / "sheet.jpg", examine_store(tmp_path / "store")).exists()


def test_each_tile_carries_the_name_of_what_was_found(store, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("prepose.data.contact_sheet.draw_text", lambda picture, text, *_, **__: drawn.append(text))
    examinations = examine_store(store)
    write_sheet(store, tmp_path / "sheet.png", examinations)
    assert drawn == ["3 bones", "8 bones"]
    also = replace(examinations[0].findings[0], check="sides", samples=(8,))
    both = replace(examinations[0], findings=(*examinations[0].findings, also))
    drawn.clear()
    write_sheet(store, tmp_path / "sheet.png", (both,))
    assert drawn == ["3 bones", "8 bones, sides"]
