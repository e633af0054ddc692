import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prepose.errors import DataError, shortened
from prepose.files import (
    flush_folder,
    inside,
    is_left_over,
    locked,
    output_file,
    read_object,
    read_object_if_any,
    whole_file,
    write_json,
    write_whole,
)


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
    with pytest.raises(ValueError, match="nan"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1', "is damaged .*delimiter"),
        (b'{"a": 1e400}', "is damaged .holds 1e400"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is damaged .holds a number of more than 4,300 digits"),
        (b"[" * 100_000, "is damaged .nested too deeply"),
        (b'{"a": 1e' + b"9" * 100_000 + b"}", "is damaged .holds 1e99.*100,002 characters"),
        (b"", "is damaged"),
        (b"\xff\xfe", "is damaged .not UTF-8"),
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
    with pytest.raises(DataError, match=r"none\.json: cannot be read \(is a folder"):
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


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_only_regular_files_are_read(tmp_path, kind):
    """A pipe would block for ever, /dev/zero fill the memory."""
    path = tmp_path / "facts.json"
    {"fifo": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero"), "folder": path.mkdir}[kind]()
    with pytest.raises(DataError, match=r"facts\.json: cannot be read \(is a .*, not a regular file\)"):
        read_object(path, advice="")


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def denied(path, flags):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("prepose.files.os.open", denied)
    with pytest.raises(DataError, match=r"a\.json: cannot be read \(Permission denied\); ask its owner"):
        read_object(tmp_path / "a.json", advice="ask its owner")


def test_text_and_bytes_are_written_whole(tmp_path):
    path = tmp_path / "new" / "page.html"
    assert write_whole(path, "Fuß \udcff") == path
    assert path.read_bytes() == "Fuß \\udcff".encode()
    write_whole(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


def test_a_writer_that_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    path = write_whole(tmp_path / "a.bin", b"old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as aside:
        aside.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_taken_over_by_the_next(tmp_path):
    path = tmp_path / "net.safetensors"
    code = f"import os; from pathlib import Path; from prepose.files import whole_file; path = Path({str(path)!r})\n"
    code += "with whole_file(path) as aside: aside.write_bytes(b'half' * 100); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    assert is_left_over(left)
    write_whole(path, b"whole")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"whole"


def test_writers_of_one_file_do_not_mix(tmp_path):
    path, contents = tmp_path / "a.txt", [bytes([65 + n]) * 300_000 for n in range(4)]
    writers = [threading.Thread(target=lambda c=c: [write_whole(path, c) for _ in range(10)]) for c in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert not path.exists() or path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["a.txt", ".a.txt.partial"])
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_no_link_or_pipe_is_written_through(tmp_path, place, kind):
    """Whoever sends a study could put one where prepose is going to write."""
    folder, victim = tmp_path / "study", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"precious")
    {"link": lambda: (folder / place).symlink_to(victim), "fifo": lambda: os.mkfifo(folder / place)}[kind]()
    write_whole(folder / "a.txt", b"new")
    assert (victim.read_bytes(), (folder / "a.txt").read_bytes()) == (b"precious", b"new")
    assert not (folder / "a.txt").is_symlink()
    assert [each.name for each in folder.iterdir()] == ["a.txt"]


def hold(path: Path) -> subprocess.Popen:
    code = f"import sys; from pathlib import Path; from prepose.files import locked; path = Path({str(path)!r})\n"
    code += "with locked(path, 'x'): print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    return process


def test_what_another_process_holds_is_refused_until_it_ends(tmp_path):
    path = tmp_path / "study" / ".lock"
    process = hold(path)
    with (
        pytest.raises(DataError, match=rf"another process \({process.pid} on .*\) runs it; wait"),
        locked(path, "runs it"),
    ):
        pass
    # However it ends.
    process.kill()
    process.communicate()
    assert is_left_over(path)
    with locked(path, "runs it"):
        assert path.read_text().startswith(f"{os.getpid()} on ")
    assert list(path.parent.iterdir()) == []


def test_a_file_that_a_command_will_write_is_kept_for_it(tmp_path):
    path = tmp_path / "out" / "net.onnx"
    with output_file(path):
        # As another process would find it.
        said = rf"another process \({os.getpid()} on .*\) is writing {path}; wait"
        with pytest.raises(DataError, match=said), output_file(path):
            pass
        write_whole(path, b"net")
    assert [each.name for each in path.parent.iterdir()] == ["net.onnx"]
    with pytest.raises(DataError, match=rf"--out {path}: exists; remove it, or name another file"), output_file(path):
        pass
    with output_file(path, new=False):
        write_whole(path, b"other")
    for folder in (path.parent, path / "below"):
        with pytest.raises(DataError, match=r"exists; remove|is a file, expected a folder"), output_file(folder):
            pass
    assert [each.name for each in path.parent.iterdir()] == ["net.onnx"] and path.read_bytes() == b"other"


def test_what_fails_to_be_written_is_named(tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(OSError, match="No space") as told, whole_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert told.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".lock").symlink_to(victim)
    with locked(tmp_path / ".lock", "runs"):
        assert victim.read_bytes() == b"precious"


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    monkeypatch.setattr("prepose.files.fcntl", None)
    with locked(tmp_path / ".lock", "runs"), locked(tmp_path / ".lock", "runs"):
        write_whole(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
