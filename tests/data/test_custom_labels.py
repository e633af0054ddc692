import csv
import json

import numpy as np
import pytest

from fakes_custom import fake_custom, fake_custom_csv
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16
from prepose.data.custom_labels import TEXT_COLUMNS, read_custom_labels
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
        (lambda c: c.update(skeleton="h37m"), r"no skeleton is named 'h37m' .*did you mean 'h36m"),
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


def own(content, spell, **more) -> None:
    """Give the fake a skeleton of its own whose joints are spelled otherwise."""
    content["skeleton"] = {"name": "ours", "joints": [spell(joint) for joint in MPII_16.joints], **more}
    for sample in content["samples"]:
        for part in ("joints_2d", "joints_3d", "states"):
            sample[part] = {spell(joint): value for joint, value in sample[part].items()}


SIDE = {"l": "left", "r": "right"}
SPELLINGS = {
    "left_knee": lambda joint: f"{SIDE[joint[0]]}_{joint[2:]}" if joint[1] == "_" else joint,
    "L_knee": lambda joint: joint[0].upper() + joint[1:] if joint[1] == "_" else joint,
    "knee_l": lambda joint: f"{joint[2:]}_{joint[0]}" if joint[1] == "_" else joint,
    "LeftKnee": lambda joint: f"{SIDE[joint[0]]}_{joint[2:]}".title().replace("_", "") if joint[1] == "_" else joint,
    "Left Knee": lambda joint: f"{SIDE[joint[0]]} {joint[2:]}".title() if joint[1] == "_" else joint,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_usual_spellings_of_sides_are_the_same_joints(root, spell):
    as_named = read_custom_labels(root)
    change(root, lambda content: own(content, spell, root="pelvis"))
    labels = read_custom_labels(root)
    assert labels.skeleton.joints == MPII_16.joints
    assert joint_map(labels.skeleton, MPII_16).truly_labelled.all()
    assert (labels.skeleton.mirror == MPII_16.mirror).all()
    assert labels.samples == as_named.samples
    assert (
        f"12 of 16 joint names are read by their usual spelling here: {spell('r_ankle')} as r_ankle" in labels.notes[0]
    )
    assert not any("bear a name that no known skeleton has" in note for note in labels.notes)
    # The same names serve a known skeleton.
    change(root, lambda content: content.update(skeleton="mpii-16"))
    assert read_custom_labels(root).samples == as_named.samples
    # Labels may spell the joints of the skeleton otherwise than the skeleton does.
    change(root, lambda content: content.update(skeleton={"name": "ours", "joints": list(MPII_16.joints)}))
    assert read_custom_labels(root).notes[0].startswith("12 of 16 joint names are read by their usual spelling here")


def test_names_that_no_skeleton_knows_are_said(root):
    change(root, lambda content: own(content, lambda joint: joint.replace("ankle", "malleolus")))
    assert any(
        note.startswith("2 of 16 joints bear a name that no known skeleton has") and "r_malleolus, l_malleolus" in note
        for note in read_custom_labels(root).notes
    )


def test_two_names_of_one_joint_are_refused(root):
    change(root, lambda c: c["samples"][2]["joints_2d"].update(left_knee=[1, 2]))
    with pytest.raises(DataError, match=r"labels\.json\[2\]: joints_2d: the joints 'l_knee' and 'left_knee' are one"):
        read_custom_labels(root)
    change(root, lambda c: c["samples"][2]["joints_2d"].pop("left_knee"))
    change(root, lambda c: own(c, lambda joint: joint))
    change(root, lambda c: c["skeleton"]["joints"].append("R-Ankle"))
    with pytest.raises(DataError, match=r"labels\.json: the joints 'r_ankle' and 'R-Ankle' are one"):
        read_custom_labels(root)


EDGES = [("r_ankle", "r_knee"), ("r_knee", "r_hip"), ("r_hip", "l_hip"), ("l_hip", "pelvis"), ("r_hip", "pelvis")]


@pytest.mark.parametrize("key", ["bones", "edges", "skeleton"])
@pytest.mark.parametrize("first", [None, 0, 1])
def test_edges_are_read_as_bones(root, key, first):
    edges = [*EDGES, ("thorax", "l_wrist"), ("r_ankle", "l_ankle")]
    if first is not None:
        edges = [[MPII_16.index(joint) + first for joint in edge] for edge in edges]
    change(root, lambda content: own(content, lambda joint: joint, root="pelvis", **{key: edges}))
    labels = read_custom_labels(root)
    assert labels.skeleton.bones == (
        ("pelvis", "l_hip"), ("pelvis", "r_hip"), ("r_hip", "r_knee"), ("r_knee", "r_ankle"),
        ("r_ankle", "l_ankle"), ("thorax", "l_wrist"),
    )  # fmt: skip
    assert "bones are read as edges, which hang from pelvis; 1 close a loop or repeat another one" in labels.notes[0]


@pytest.mark.parametrize(
    ("bones", "message"),
    [
        ([["pelvis", "tail"]], "a bone names 'tail', which is not among its joints"),
        ([[1, 2]], "bones number joints from 1 to 2 of 16, so that it cannot be told whether from 0 or 1"),
        ([[0, 16]], "bones number joints from 0 to 16 of 16"),
        ([[-1, 16]], "bones number joints from -1 to 16 of 16"),
    ],
)
def test_bones_that_cannot_be_read_are_named(root, bones, message):
    change(root, lambda content: own(content, lambda joint: joint, bones=bones))
    with pytest.raises(DataError, match=message):
        read_custom_labels(root)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_separate_columns_too(tmp_path, delimiter, start):
    fake_custom_csv(tmp_path, np.random.default_rng(4))
    path = tmp_path / "labels.csv"
    as_usual = read_custom_labels(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(start + text.replace(",", delimiter), encoding="utf-8")
    assert read_custom_labels(path).samples == as_usual.samples


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_decimal_comma_is_read_and_noted(tmp_path, delimiter):
    fake_custom_csv(tmp_path, np.random.default_rng(4))
    path = tmp_path / "labels.csv"
    as_usual = read_custom_labels(path)
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    columns = rows[0]
    for row in rows[1:]:
        row[:] = [c.replace(".", ",") if n not in TEXT_COLUMNS else c for n, c in zip(columns, row, strict=True)]
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    found = read_custom_labels(path)
    assert found.samples == as_usual.samples
    assert set(found.notes) - set(as_usual.notes) == {note for note in found.notes if "decimal comma" in note} != set()


@pytest.mark.parametrize(
    ("delimiter", "cells", "told"),
    [
        (",", ("12,5", "3"), r"line 2: pelvis\.x is '12,5', and commas also separate the columns"),
        (";", ("12,5", "3.5"), r"line 2: pelvis\.x is '12,5', but in line 2 pelvis\.y is '3\.5'"),
        (";", ("1.234,5", "2,5"), r"line 2: pelvis\.y is '2,5', but in line 2 pelvis\.x is '1\.234,5'"),
        (";", ("1,234", "-12,345"), r"line 2: pelvis\.x is '1,234', which may be a decimal or a thousands separator"),
        (";", ("12,5", "three"), r"pelvis\.y is 'three'"),
    ],
)
def test_a_comma_that_may_be_something_else_is_refused(tmp_path, delimiter, cells, told):
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [["image", "skeleton", "pelvis.x", "pelvis.y"], ["a", "mpii-16", *cells]]
        csv.writer(file, delimiter=delimiter).writerows(rows)
    with pytest.raises(DataError, match=told):
        read_custom_labels(tmp_path)


def test_the_note_of_a_decimal_comma_gives_a_number(tmp_path):
    lines = [
        "image;skeleton;pelvis.x;pelvis.y;pelvis.state",
        "a,b.jpg;mpii-16;1,234;3;visible",
        "c;mpii-16;-1,5E-02;2;",
    ]
    (tmp_path / "labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    found = read_custom_labels(tmp_path)
    assert [sample.joints_2d["pelvis"] for sample in found.samples] == [[1.234, 3], [-0.015, 2]]
    assert found.notes == ("numbers are read with a decimal comma: pelvis.x in line 2, '1,234', is 1.234",)
