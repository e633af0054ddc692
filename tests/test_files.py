import json

import pytest

from prepose.errors import DataError
from prepose.files import flush_folder, read_object, read_object_if_any, write_json


def test_json_goes_there_and_back_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"a": [1, 2.5, None]})
    write_json(path, {"a": [1, 2.5, "again"]})
    assert read_object(path, advice="no") == {"a": [1, 2.5, "again"]}
    assert [each.name for each in tmp_path.iterdir()] == ["facts.json"]
    assert path.read_text().endswith("}\n")


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "facts.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1', "is damaged .*delimiter"),
        (b"", "is damaged"),
        (b"\xff\xfe", "is damaged .*utf-8"),
        (b'{"a": NaN}', "is damaged .holds NaN"),
        (b'{"a": [-Infinity]}', "is damaged .holds -Infinity"),
        (b"[1, 2]", "is damaged .holds list, expected an object"),
        (None, "does not exist"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, content, message):
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"facts.json: {message}.*; write it again"):
        read_object(path, advice="write it again")


def test_a_file_that_need_not_exist(tmp_path):
    assert read_object_if_any(tmp_path / "none.json", advice="") is None
    (tmp_path / "none.json").mkdir()
    with pytest.raises(DataError, match="is damaged"):
        read_object_if_any(tmp_path / "none.json", advice="")


def test_a_folder_can_be_flushed(tmp_path):
    flush_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush_folder(tmp_path / "none")
