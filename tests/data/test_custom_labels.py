import csv
import json

import numpy as np
import pytest

from fakes_custom import fake_custom, fake_custom_csv
from prepose.data.custom_labels import read_custom_labels
from prepose.errors import DataError


@pytest.fixture
def root(tmp_path):
    fake_custom(tmp_path, np.random.default_rng(4))
    return tmp_path


def change(root, edit) -> None:
    content = json.loads((root / "labels.json").read_text())
    edit(content)
    (root / "labels.json").write_text(json.dumps(content))


def write_csv(path, *rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_a_folder_or_its_file_may_be_named(root):
    one, two = read_custom_labels(root), read_custom_labels(root / "labels.json")
    assert one.path == two.path
    assert list(one.sources[:2]) == ["labels.json[0]", "labels.json[1]"]
    assert len(one.samples) == 6


def test_json_may_describe_a_csv(tmp_path):
    fake_custom_csv(tmp_path, np.random.default_rng(4), unit="cm")
    alone = read_custom_labels(tmp_path)
    assert (alone.description.unit, alone.skeleton.name) == ("cm", "mpii-16")
    description = {"skeleton": "mpii-16", "first_pixel": 1, "samples": "labels.csv"}
    (tmp_path / "labels.json").write_text(json.dumps(description))
    described = read_custom_labels(tmp_path)
    assert described.samples == alone.samples
    assert (described.description.unit, described.description.first_pixel) == ("cm", 1)
    (tmp_path / "labels.json").write_text(json.dumps(description | {"unit": "m"}))
    with pytest.raises(DataError, match=r"its columns are in cm, and labels\.json says unit 'm'"):
        read_custom_labels(tmp_path)
    (tmp_path / "labels.json").write_text(json.dumps(description | {"samples": "../labels.csv"}))
    with pytest.raises(DataError, match=r"samples must name a CSV file beside it, found '\.\./labels\.csv'"):
        read_custom_labels(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(skeleton="h37m"), "no skeleton is named 'h37m'; known: mpii-16"),
        (lambda c: c.update(skeleton={"name": "coco-17", "joints": ["a", "b"]}), "is named 'coco-17' like a known one"),
        (
            lambda c: c.update(skeleton={"name": "me", "joints": ["l_a", "b"]}),
            r"\['l_a'\] have no joint on the other side",
        ),
        (lambda c: c.update(skeleton={"name": "me", "joints": ["a", "b"]}), "me has no joint '.*'; it has a, b"),
        (lambda c: c.update(first_pixel=2), "first_pixel: Value error, should be 0, 0.5 or 1"),
        (lambda c: c.pop("unit"), r"labels\.json\[0\]: has 3D joints without a unit; say mm, cm or m"),
        (
            lambda c: c.update(unit="inch"),
            r"labels\.json: unit: Input should be 'mm', 'cm' or 'm'; see docs/custom\.md",
        ),
        (lambda c: c.update(colour=1), "colour: Extra inputs are not permitted"),
        (
            lambda c: c["samples"][3].update(camera="south"),
            r"labels\.json\[3\]: no camera is named 'south'; described: north",
        ),
        (
            lambda c: c["samples"][3].pop("camera"),
            r"labels\.json\[3\]: has 3D joints in the world's frame, and no camera",
        ),
        (lambda c: c["samples"][3]["joints_2d"].update(tail=[1, 2]), r"\[3\]: mpii-16 has no joint 'tail'"),
        (lambda c: c["samples"][3]["joints_2d"].update(pelvis=[1]), "samples.*pelvis: List should have at least 2"),
        (lambda c: c["samples"][3].update(split="val"), "split: Input should be 'train', 'validation' or 'test'"),
        (lambda c: c["samples"][3].update(states={"pelvis": "seen"}), "Input should be 'unknown', 'visible'"),
        (lambda c: c.update(samples=[]), "holds no samples"),
        (lambda c: c.pop("samples"), "samples: Field required"),
    ],
)
def test_a_fault_in_json_is_named(root, edit, message):
    change(root, edit)
    with pytest.raises(DataError, match=message):
        read_custom_labels(root)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["image", "pelvis.x", "pelvis.y"], ["a.jpg", 1, 2]], "does not say which skeleton its joints belong to"),
        ([["picture"], ["a.jpg"]], "the first line must name up to 2000 different columns, 'image' among them"),
        ([["image", "image"], ["a.jpg", "b"]], "different columns"),
        ([["image", "skeleton", "pelvis.x_inch"], ["a", "mpii-16", 1]], "a column is named 'pelvis.x_inch'; expected"),
        ([["image", "colour"], ["a", "red"]], "a column is named 'colour'"),
        ([["image", "pelvis.x_mm", "pelvis.y_m"], ["a", 1, 2]], "its columns are in m and mm; use one unit"),
        ([["image", "skeleton"], ["a", "mpii-16", "more"]], r"labels\.csv line 2: has another number of cells"),
        ([["image", "skeleton"], ["a"]], r"line 2: has another number of cells"),
        ([["image", "skeleton"], ["a", "mpii-16"], ["b", "coco-17"]], r"several skeletons \(coco-17, mpii-16\)"),
        ([["image", "skeleton", "pelvis.x", "pelvis.y"], ["a", "mpii-16", "x", 2]], r"line 2: joints_2d\.pelvis\.0"),
        ([["image", "skeleton", "pelvis.x", "pelvis.y"], ["a", "mpii-16", 1]], "another number of cells"),
        ([["image", "skeleton", "tail.x", "tail.y"], ["a", "mpii-16", 1, 2]], "mpii-16 has no joint 'tail'"),
        ([["image", "skeleton", "frame"], ["a", "mpii-16", "two"]], "line 2: frame: Input should be a valid integer"),
        ([["image", "skeleton", "box.x", "box.y"], ["a", "mpii-16", 1, 2]], r"line 2: box_xywh\.2"),
        ([["image", "skeleton"]], "does not say which skeleton|holds no samples"),
    ],
)
def test_a_fault_in_csv_is_named(tmp_path, rows, message):
    write_csv(tmp_path / "labels.csv", *rows)
    with pytest.raises(DataError, match=message):
        read_custom_labels(tmp_path)


def test_an_empty_cell_is_not_labelled(tmp_path):
    write_csv(
        tmp_path / "labels.csv",
        ["image", "skeleton", "pelvis.x", "pelvis.y"],
        ["a", "mpii-16", "", ""],
        ["b", "mpii-16", 1, ""],
    )
    one, two = read_custom_labels(tmp_path).samples
    assert one.joints_2d == {}
    assert two.joints_2d == {"pelvis": [1, None]}


def test_other_files_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"holds neither labels\.json nor labels\.csv; name the file itself"):
        read_custom_labels(tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        read_custom_labels(tmp_path / "none.json")
    (tmp_path / "labels.txt").write_text("image")
    with pytest.raises(DataError, match=r"a custom dataset is a \.json or \.csv file of labels"):
        read_custom_labels(tmp_path / "labels.txt")
    (tmp_path / "labels.csv").write_bytes(b"image,\xff\xfe\n")
    with pytest.raises(DataError, match="is not a CSV file in UTF-8"):
        read_custom_labels(tmp_path / "labels.csv")
    (tmp_path / "labels.json").write_text('{"skeleton": ')
    with pytest.raises(DataError, match="is truncated or not JSON"):
        read_custom_labels(tmp_path)


def test_a_csv_that_was_cut_within_its_last_number_is_refused(tmp_path):
    fake_custom_csv(tmp_path, np.random.default_rng(4))
    path = tmp_path / "labels.csv"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"labels\.csv: ends within its last line, as a truncated file does"):
        read_custom_labels(path)
