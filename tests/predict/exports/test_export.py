import sys

import pytest

from mocap_fakes import moving_person
from prepose.body.skeletons import COCO_17, MPII_16
from prepose.errors import DataError
from prepose.predict.exports.export import FORMATS, check_formats, export_sequences


def test_every_format_of_two_people(tmp_path):
    people = [moving_person(2, person=1), moving_person(2, person=2)]
    made = export_sequences(people, tmp_path / "out", tuple(FORMATS), angles=True)
    names = {f"clip_person{number}{ending}" for number in (1, 2) for ending in (".bvh", ".trc", ".c3d", ".glb")}
    assert {path.name for path in made.files} == names | {"poses.coco.json", "angles.csv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in made.files}
    assert any(note.startswith("poses.coco.json: ") for note in made.notes)


def test_images_of_one_name_do_not_replace_each_other(tmp_path):
    people = [moving_person(1, source="a/x.jpg"), moving_person(1, source="b/x.png")]
    made = export_sequences(people, tmp_path, ["trc"])
    assert [path.name for path in made.files] == ["x_person1.trc", "x_person1_2.trc"]


def test_nothing_is_written_where_a_file_exists(tmp_path):
    (tmp_path / "clip_person1.trc").write_text("mine")
    with pytest.raises(DataError, match=r"clip_person1\.trc: exists"):
        export_sequences([moving_person(2)], tmp_path, ["bvh", "trc"])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    export_sequences([moving_person(2)], tmp_path, ["bvh", "trc"], overwrite=True)
    assert (tmp_path / "clip_person1.trc").read_text().startswith("PathFileType")


def test_nobody_gives_an_empty_result(tmp_path):
    made = export_sequences([], tmp_path, tuple(FORMATS))
    assert [path.name for path in made.files] == ["poses.coco.json"]


def test_what_cannot_be_written_is_known_beforehand(monkeypatch):
    with pytest.raises(DataError, match="did you mean 'bvh'"):
        check_formats(["bvhh"])
    check_formats(["trc", "c3d", "coco"], COCO_17)
    check_formats(["bvh", "gltf"], MPII_16)
    with pytest.raises(DataError, match="coco-17"):
        check_formats(["bvh"], COCO_17)
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(DataError, match="pip install"):
        check_formats(["c3d"])
