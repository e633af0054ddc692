"""What people's folders are really like, for every layout of every dataset, through the command line.

Whatever is wrong, the outcome is the right store or one line and exit code 2; never a traceback, never a store that
opens as complete with fewer samples and does not say so.
"""

import json
import pickle
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from prepose import cli
from prepose.data import catalog, store
from prepose.data.catalog import DATASETS
from prepose.data.store import open_store
from prepose.errors import DataError
from small_fakes import SMALL_FAKES, SmallFake

BY_NAME = {str(fake): fake for fake in SMALL_FAKES}
FIRST_LAYOUTS = [
    fake for fake in SMALL_FAKES if fake.dataset not in {one.dataset for one in SMALL_FAKES[: SMALL_FAKES.index(fake)]}
]
PICTURES = {".jpg", ".png", ".avi", ".zip"}


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `prepose` with arguments; gives the exit code, what was printed, and the lines of the message."""

    def run(*arguments: object) -> tuple[int, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["prepose", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        # Progress bars are no message.
        return int(ended.value.code or 0), out, [line for line in err.splitlines() if line.strip() and "━" not in line]

    return run


@pytest.fixture
def add(command):
    def run(fake: SmallFake, root: Path, out: Path, *more: object) -> tuple[int, str, list[str]]:
        return command("data", "add", fake.dataset, root, "--out", out, "--workers", 1, *fake.options, *more)

    return run


@dataclass(frozen=True)
class Sound:
    """A layout's files, written once (who damages them, mends them), and what they give."""

    root: Path
    digests: dict[str, list[str]]
    samples: int


@pytest.fixture
def sound(add, tmp_path_factory):
    def sound_of(fake: SmallFake) -> Sound:
        if str(fake) not in _WRITTEN:
            folder = tmp_path_factory.mktemp("sound")
            root = fake.write_into(folder / "root")
            assert add(fake, root, folder / "right")[0] == 0
            _WRITTEN[str(fake)] = Sound(root, digests(folder / "right"), samples_of(folder / "right"))
        return _WRITTEN[str(fake)]

    return sound_of


_WRITTEN: dict[str, Sound] = {}


def told(code: int, lines: list[str]) -> bool:
    return code == 2 and len(lines) == 1 and lines[0].startswith("prepose: ")


def digests(out: Path) -> dict[str, list[str]]:
    """The sums of the shards of each split that is complete."""
    records = {path.parent.name: json.loads(path.read_text()) for path in out.glob("*/split.json")}
    return {
        split: [shard["sha256"] for shard in record["shards"]]
        for split, record in records.items()
        if record["complete"]
    }


def samples_of(out: Path) -> int:
    return sum(len(open_store(out, split)) for split in digests(out))


def one_of_each_kind(root: Path) -> Iterator[Path]:
    """One file of each name but for its numbers, folders' names included; the last, which is read last."""
    kinds = {
        re.sub(r"\d+", "#", path.relative_to(root).as_posix()): path
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    pictures = [path for path in kinds.values() if path.suffix in PICTURES]
    yield from (path for path in kinds.values() if path.suffix not in PICTURES)
    yield from pictures[-2:]


@pytest.mark.parametrize("fake", SMALL_FAKES, ids=str)
def test_a_truncated_file_is_told_or_does_no_harm(add, sound, tmp_path, fake):
    root, right, out = sound(fake).root, sound(fake).digests, tmp_path / "out"
    generator = np.random.default_rng(4)
    for path in one_of_each_kind(root):
        whole = path.read_bytes()
        # A cut near the end is the hardest to see; a picture is read by one reader in every layout.
        lengths = {int(generator.integers(len(whole))), len(whole) - 3}
        for length in lengths if path.suffix not in (".jpg", ".png") else sorted(lengths)[-1:]:
            path.write_bytes(whole[:length])
            code, _, lines = add(fake, root, out)
            path.write_bytes(whole)
            where = f"{path.relative_to(root)} cut to {length} of {len(whole)} bytes: {code}, {lines}"
            assert told(code, lines) or (code == 0 and digests(out) == right), where
            assert all(right[split] == found for split, found in digests(out).items()), where
            shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize("fake", SMALL_FAKES, ids=str)
def test_a_layout_half_there_is_told(add, sound, tmp_path, fake):
    root, whole, aside = sound(fake).root, sound(fake).samples, tmp_path / "aside"
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    for number, path in enumerate([*one_of_each_kind(root), *folders[:2]]):
        path.rename(aside)
        out = tmp_path / f"out{number}"
        code, said, lines = add(fake, root, out)
        aside.rename(path)
        where = f"without {path.relative_to(root)}: {code}, {lines}, {said}"
        assert told(code, lines) or code == 0, where
        if code == 0 and samples_of(out) < whole:
            assert re.search(r"\d+ .*left out|nothing of|there are:", said), where


@pytest.mark.parametrize("fake", SMALL_FAKES, ids=str)
def test_a_split_that_does_not_exist_is_named(add, sound, tmp_path, fake):
    code, _, lines = add(fake, sound(fake).root, tmp_path / "out", "--split", "bogus")
    assert told(code, lines)
    assert f"{fake.dataset} has no split 'bogus'; it has {', '.join(DATASETS[fake.dataset].splits)}" in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fake", SMALL_FAKES, ids=str)
def test_an_image_without_label_is_told(add, sound, tmp_path, fake):
    root = sound(fake).root
    pictures = sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".png"))
    if not pictures:
        pytest.skip("its pictures are in an archive of the authors")
    numbered = re.fullmatch(r"(.*?)(\d+)", pictures[-1].stem)
    assert numbered
    extra = pictures[-1].with_name(f"{numbered[1]}{int(numbered[2]) + 7:0{len(numbered[2])}d}{pictures[-1].suffix}")
    shutil.copy(pictures[-1], extra)
    code, said, lines = add(fake, root, tmp_path / "out")
    extra.unlink()
    assert told(code, lines) or re.search(r"\d+ images (have no label|beside)", said), (code, said, lines)
    if code == 2:
        assert "no label" in lines[0]


# Three labels for one image that has one person: the second copy of a record, as files put together twice have it.
def _twice_in_pickle(path: Path) -> None:
    records = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps([*records, records[0]]))


def _twice_in_npz(path: Path) -> None:
    with np.load(path) as arrays:
        content = {name: np.concatenate([array, array[:1]]) for name, array in arrays.items()}
    np.savez(path, **content)


def _twice_in_hdf5(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for name in ("pose/2d", "pose/3d", "pose/3d-univ", "frame", "camera", "subject", "action"):
            doubled = np.concatenate([file[name][()], file[name][:1]])
            del file[name]
            file[name] = doubled


def _twice_in_lists(path: Path) -> None:
    content = json.loads(path.read_text())
    content["images"].append(content["images"][0])
    path.write_text(json.dumps(content))


def _twice_in_coco(path: Path) -> None:
    content = json.loads(path.read_text())
    content["annotations"].append(content["annotations"][0])
    path.write_text(json.dumps(content))


def _twice_in_custom(path: Path) -> None:
    content = json.loads(path.read_text())
    content["samples"].append(content["samples"][1])
    path.write_text(json.dumps(content))


def _twice_in_csv(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")


def _twice_as_file(path: Path) -> None:
    shutil.copy(path, path.with_name("another.pkl"))


TWICE = [
    ("h36m-challenge-cache", "*Train*.pkl", _twice_in_pickle, "1 images have two labels"),
    ("h36m-challenge-both", "*Train*.pkl", _twice_in_pickle, "1 images have two labels"),
    ("h36m-npz", "h36m_train.npz", _twice_in_npz, "1 images have two labels"),
    ("h36m-fetched", "S1/*/annot.h5", _twice_in_hdf5, "1 images have two labels"),
    ("h36m-json", "annotations/*subject1_data.json", _twice_in_lists, "the image id 0 occurs twice"),
    ("occlusion-person-zip", "annot/*train.pkl", _twice_in_pickle, "1 images have two labels"),
    ("3dpw", "sequenceFiles/train/*.pkl", _twice_as_file, "both label the sequence courtyard_walk_00"),
    ("coco", "annotations/*train*.json", _twice_in_coco, "1 labels have the id of another one (0)"),
    ("custom-json", "labels.json", _twice_in_custom, "labels the same person as labels.json[1]"),
    ("custom-csv", "labels.csv", _twice_in_csv, "labels the same person as labels.csv line 7"),
]


@pytest.mark.parametrize(("name", "pattern", "double", "message"), TWICE, ids=[name for name, *_ in TWICE])
def test_two_labels_where_one_is_expected_are_refused(add, tmp_path, name, pattern, double, message):
    root = BY_NAME[name].write_into(tmp_path / "root")
    double(next(root.glob(pattern)))
    code, _, lines = add(BY_NAME[name], root, tmp_path / "out")
    assert told(code, lines) and message in lines[0], lines
    assert samples_of(tmp_path / "out") == 0


@pytest.mark.parametrize("name", ["mpii-json", "flic-full"])
def test_two_labels_of_one_person_among_several_are_counted(add, tmp_path, name):
    root = BY_NAME[name].write_into(tmp_path / "root")
    if name == "mpii-json":
        path = root / "annot" / "train.json"
        records = json.loads(path.read_text())
        path.write_text(json.dumps([*records, records[1]]))
    else:
        path = root / "examples.mat"
        examples = scipy.io.loadmat(path, simplify_cells=False)["examples"]
        scipy.io.savemat(path, {"examples": np.concatenate([examples, examples[:, :1]], axis=1)})
    code, said, _ = add(BY_NAME[name], root, tmp_path / "out")
    assert code == 0 and "1 people repeat the label of another in the same image, and are kept" in said


@pytest.mark.parametrize("fake", FIRST_LAYOUTS, ids=str)
def test_an_interrupted_store_is_never_taken_for_whole_and_goes_on(add, command, sound, tmp_path, monkeypatch, fake):
    root, out = sound(fake).root, tmp_path / "out"
    # Shards of two samples: an interruption comes between them, not before the only one.
    monkeypatch.setattr(catalog, "write_store", partial(store.write_store, shard_size=2))
    assert add(fake, root, tmp_path / "right")[0] == 0
    real, written = store.write_shard, []

    def dies(folder, number, samples, skeleton):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(number)
        return real(folder, number, samples, skeleton)

    with monkeypatch.context() as patched:
        patched.setattr(store, "write_shard", dies)
        code, _, lines = add(fake, root, out)
    assert (code, len(lines)) == (130, 1) and "resume" in lines[0]
    halves = [path.parent.name for path in out.glob("*/split.json") if path.parent.name not in digests(out)]
    assert len(halves) == 1
    with pytest.raises(
        DataError, match=rf"split '{halves[0]}' was interrupted after \d+ of \d+ samples; to go on, run"
    ):
        open_store(out, halves[0])
    code, _, lines = command("data", "check", out)
    assert told(code, lines) and "was interrupted after" in lines[0]
    code, _, lines = add(fake, root, out, "--by-reference")
    assert told(code, lines)
    assert add(fake, root, out)[0] == 0
    assert digests(out) == digests(tmp_path / "right")
