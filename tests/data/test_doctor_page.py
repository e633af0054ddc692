import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console

from planted import FAULTS, simple_samples
from prepose.data.doctor import MOST_IMAGES, Examination, examine_store
from prepose.data.doctor_page import print_examinations, write_sheet
from prepose.data.store import StoreDescription, write_store


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
