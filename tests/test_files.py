import json

import pytest

from prepose.errors import DataError
from prepose.files import flush_folder, inside, read_object, read_object_if_any, shortened, write_json


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


def test_a_name_from_a_file_leads_below_its_folder(tmp_path):
    assert inside(tmp_path, "images/a.jpg") == tmp_path / "images" / "a.jpg"
    assert inside(tmp_path, "./images//./a.jpg") == tmp_path / "images" / "a.jpg"
    # Characters that are odd, but no way out.
    for name in ("a b", "Fuß.jpg", "..jpg", "a..", "...", "~", "-rf", "12:30.jpg", "\udcff.jpg"):
        assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    ["..", "../x", "a/../../x", "a/..", "/etc/passwd", "//etc/x", "a\\b", "..\\x", "C:/x", "c:x", "\\\\host\\share"],
)
def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"plan\.json: names .* leads out of"):
        inside(tmp_path, name, named_by=tmp_path / "plan.json")


@pytest.mark.parametrize("name", ["", ".", "./", "a\0b", "\ud800", None, 3, ["a"], True])
def test_a_name_that_is_no_path_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="which is not a path"):
        inside(tmp_path, name)


@pytest.mark.parametrize("kind", ["file", "folder", "dead", "within"])
def test_no_link_is_followed_whatever_it_points_to(tmp_path, kind):
    folder, other = tmp_path / "set", tmp_path / "other"
    (folder / "real").mkdir(parents=True)
    (other / "deep").mkdir(parents=True)
    (other / "a.jpg").write_bytes(b"")
    target = {"file": other / "a.jpg", "folder": other, "dead": other / "none", "within": folder / "real"}[kind]
    (folder / "link").symlink_to(target)
    name = "link" if kind in ("file", "dead") else "link/deep/a.jpg"
    with pytest.raises(DataError, match=r"link is a link; links are not followed"):
        inside(folder, name)


def test_the_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "a.jpg") == tmp_path / "link" / "a.jpg"


def test_a_long_name_is_shortened_in_the_message(tmp_path):
    with pytest.raises(DataError, match="characters") as caught:
        inside(tmp_path, "../" + "x" * 100_000)
    assert len(str(caught.value)) < 500 + 2 * len(str(tmp_path))
    assert shortened("ab" * 60) == "ab" * 60
    assert all(len(shortened("x" * count)) <= 120 for count in (121, 10**6))
