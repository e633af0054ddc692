import hashlib
import json
import multiprocessing
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import fake_samples
from prepose.body.skeletons import LSP_14, MPII_16, SKELETONS
from prepose.data import store as store_module
from prepose.data.store import (
    StoreDescription,
    describe_store,
    finished_samples,
    is_complete,
    open_store,
    store_splits,
    verify_store,
    write_store,
)
from prepose.errors import DataError

DESCRIPTION = StoreDescription("fake", MPII_16, "free", "nobody, 2020", {"command": "fake", "count": 10})


def samples(count: int, start: int = 0) -> list:
    # One generator a sample, so that any sample can be made alone.
    return [
        fake_samples(1, MPII_16, np.random.default_rng(number), start=number)[0]
        for number in range(start, start + count)
    ]


def dying(samples: list, at: int):
    for number, sample in enumerate(samples):
        if number == at:
            raise KeyboardInterrupt
        yield sample


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("shard_size", [1, 3, 10, 1024])
def test_what_is_written_is_read(tmp_path, shard_size):
    written = samples(10)
    write_store(tmp_path / "s", DESCRIPTION, "train", iter(written), total=10, shard_size=shard_size)
    dataset = open_store(tmp_path / "s", "train")
    assert (dataset.name, dataset.split, dataset.licence, dataset.citation) == ("fake", "train", "free", "nobody, 2020")
    assert dataset.skeleton == MPII_16
    assert [sample.frame for sample in dataset] == list(range(10))
    np.testing.assert_array_equal(
        dataset.array("joints_cam"), np.stack([sample.joints_cam for sample in written]).astype(np.float32)
    )
    assert dataset.image_bytes(7) == written[7].image
    verify_store(tmp_path / "s", "train")


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_is_kept_in_full(tmp_path, skeleton):
    description = StoreDescription("fake", skeleton)
    write_store(tmp_path / "s", description, "all", fake_samples(2, skeleton, np.random.default_rng(0)))
    assert open_store(tmp_path / "s", "all").skeleton == skeleton


def test_a_skeleton_nobody_knows_is_kept_in_full(tmp_path):
    skeleton = replace(LSP_14, name="my-own")
    write_store(
        tmp_path / "s", StoreDescription("own", skeleton), "all", fake_samples(2, skeleton, np.random.default_rng(0))
    )
    assert open_store(tmp_path / "s", "all").skeleton == skeleton


def test_splits_live_side_by_side_and_say_how_they_were_made(tmp_path):
    other = replace(DESCRIPTION, made_by={"command": "fake", "count": 2})
    write_store(tmp_path, DESCRIPTION, "train", samples(10), total=10)
    write_store(tmp_path, other, "test", samples(2, start=10))
    summary = describe_store(tmp_path)
    assert store_splits(tmp_path) == ("test", "train")
    assert {split: (one.samples, one.complete, one.made_by["count"]) for split, one in summary.splits.items()} == {
        "train": (10, True, 10),
        "test": (2, True, 2),
    }
    assert summary.description == replace(DESCRIPTION, made_by={})
    assert open_store(tmp_path, "test")[0].frame == 10


@pytest.mark.parametrize("dies_at", range(11))
def test_an_interrupted_store_goes_on_to_the_same_bytes(tmp_path, dies_at):
    write_store(tmp_path / "whole", DESCRIPTION, "train", samples(10), total=10, shard_size=3)
    broken = tmp_path / "broken"
    if dies_at < 10:
        with pytest.raises(KeyboardInterrupt):
            write_store(broken, DESCRIPTION, "train", dying(samples(10), dies_at), total=10, shard_size=3)
        with pytest.raises(
            DataError, match=rf"'train' was interrupted after {dies_at // 3 * 3} of 10 samples.*go on.*fake"
        ):
            open_store(broken, "train")
    done = finished_samples(broken, "train", DESCRIPTION)
    assert done == (0 if dies_at == 10 else dies_at // 3 * 3)
    rest = samples(10 - done, start=done)
    write_store(broken, DESCRIPTION, "train", rest, total=10, shard_size=3, resume_from=done)
    assert fingerprint(broken) == fingerprint(tmp_path / "whole")


@pytest.mark.parametrize("step", ["write_shard", "write_record"])
@pytest.mark.parametrize("number", range(6))
def test_a_store_that_dies_within_a_write_goes_on_to_the_same_bytes(tmp_path, monkeypatch, step, number):
    write_store(tmp_path / "whole", DESCRIPTION, "train", samples(10), total=10, shard_size=3)
    broken = tmp_path / "broken"
    real, calls = getattr(store_module, step), []

    def fails(*args):
        calls.append(1)
        if len(calls) > number:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(store_module, step, fails)
        try:
            write_store(broken, DESCRIPTION, "train", samples(10), total=10, shard_size=3)
        except KeyboardInterrupt:
            done = finished_samples(broken, "train", DESCRIPTION)
        else:
            assert len(calls) <= number
            return
    write_store(broken, DESCRIPTION, "train", samples(10 - done, start=done), total=10, shard_size=3, resume_from=done)
    assert fingerprint(broken) == fingerprint(tmp_path / "whole")


def test_never_more_than_a_shard_is_held(tmp_path):
    read = []

    def watched():
        for sample in samples(10):
            read.append(sample.frame)
            yield sample

    seen_on_disk = []

    def progress(done: int, total: int | None) -> None:
        there = describe_store(tmp_path).splits["train"].samples
        seen_on_disk.append((done, total, there))

    write_store(tmp_path, DESCRIPTION, "train", watched(), shard_size=4, progress=progress)
    assert all(done - there <= 4 for done, _, there in seen_on_disk)
    assert [done for done, _, _ in seen_on_disk] == list(range(1, 11))


def test_large_images_end_a_shard_early(tmp_path, monkeypatch):
    one = samples(1)[0]
    monkeypatch.setattr(store_module, "SHARD_BYTES", 2 * len(one.image))
    write_store(tmp_path, DESCRIPTION, "train", samples(5))
    assert len(list((tmp_path / "train").glob("shard-*.arrow"))) == 3
    assert [sample.frame for sample in open_store(tmp_path, "train")] == list(range(5))


def test_a_dataset_travels_to_a_spawned_process(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(8), shard_size=3)
    dataset = open_store(tmp_path, "train").select([6, 1])
    assert len(pickle.dumps(dataset)) < 3000
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        # A method of the dataset itself runs there, on files that the process has opened anew.
        assert pool.apply(dataset.array, ("frame",)).tolist() == [6, 1]


def test_a_split_counts_as_complete_only_as_described(tmp_path):
    assert not is_complete(tmp_path / "s", "train", DESCRIPTION)
    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path / "s", DESCRIPTION, "train", dying(samples(5), 4), shard_size=2)
    assert not is_complete(tmp_path / "s", "train", DESCRIPTION)
    write_store(tmp_path / "s", DESCRIPTION, "train", samples(1, start=4), shard_size=2, resume_from=4)
    assert is_complete(tmp_path / "s", "train", DESCRIPTION)
    assert not is_complete(tmp_path / "s", "test", DESCRIPTION)
    assert not is_complete(tmp_path / "s", "train", replace(DESCRIPTION, made_by={}))
    assert not is_complete(tmp_path / "s", "train", replace(DESCRIPTION, licence="none"))


def test_images_by_path_may_lie_beside_the_samples(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.jpg").write_bytes(b"a picture")
    write_store(tmp_path / "s", DESCRIPTION, "train", [replace(samples(1)[0], image=Path("../pictures/one.jpg"))])
    assert open_store(tmp_path / "s", "train").image_bytes(0) == b"a picture"


def test_a_complete_split_is_not_written_again(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(2))
    with pytest.raises(DataError, match="'train' is complete already, with 2 samples; choose another --out"):
        write_store(tmp_path, DESCRIPTION, "train", samples(2))


@pytest.mark.parametrize("change", [{"name": "other"}, {"licence": "none"}, {"skeleton": LSP_14}])
def test_another_dataset_is_not_mixed_in(tmp_path, change):
    write_store(tmp_path, DESCRIPTION, "train", samples(2))
    with pytest.raises(DataError, match=rf"holds another dataset, 'fake' \(other {next(iter(change))}\)"):
        write_store(tmp_path, replace(DESCRIPTION, **change), "test", [])


def test_an_interrupted_split_is_not_gone_on_with_by_another_command(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path, DESCRIPTION, "train", dying(samples(5), 4), shard_size=2)
    other = replace(DESCRIPTION, made_by={"command": "fake", "count": 11})
    with pytest.raises(DataError, match=r"interrupted after 4 samples of .*\"count\": 10.*, not of .*\"count\": 11"):
        finished_samples(tmp_path, "train", other)


def test_an_interrupted_split_without_a_sample_does_not_stand_in_the_way_of_another_command(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path, DESCRIPTION, "train", dying(samples(5), 0), shard_size=2)
    other = replace(DESCRIPTION, made_by={"command": "fake", "count": 11})
    assert finished_samples(tmp_path, "train", other) == 0
    write_store(tmp_path, other, "train", samples(1))
    assert describe_store(tmp_path).splits["train"].made_by == other.made_by


def test_a_complete_split_with_fewer_samples_than_it_says_is_damaged(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(3), total=3, shard_size=2)
    path = tmp_path / "train" / "split.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"shards": content["shards"][:1]}))
    with pytest.raises(DataError, match=r"complete with 3 samples by its .*, and its shards hold 2"):
        open_store(tmp_path, "train")


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match="is not empty and not a store; choose another --out"):
        write_store(tmp_path, DESCRIPTION, "train", samples(1))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_killed_in_its_very_first_write_can_be_begun_again(tmp_path):
    (tmp_path / ".store.json.partial").write_text('{"form')
    write_store(tmp_path, DESCRIPTION, "train", samples(1))
    assert len(open_store(tmp_path, "train")) == 1


def test_resuming_at_the_wrong_place_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has 0 finished samples, resume_from is 3"):
        write_store(tmp_path / "s", DESCRIPTION, "train", samples(1), resume_from=3)


@pytest.mark.parametrize("total", [3, 5])
def test_a_short_or_long_stream_does_not_count_as_complete(tmp_path, total):
    with pytest.raises(DataError, match=rf"announced with {total} samples, 4 came"):
        write_store(tmp_path, DESCRIPTION, "train", samples(4), total=total)
    assert not describe_store(tmp_path).splits["train"].complete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": LSP_14}, "its skeleton is lsp-14, the store's mpii-16"),
        ({"joints_img": np.full((16, 2), np.inf)}, "a joint is infinite"),
        ({"joints_cam": np.full((16, 3), -np.inf)}, "a joint is infinite"),
        ({"box_xywh": np.array([0.0, 0, 10, 0])}, "the box must be finite with positive sides"),
        ({"box_xywh": np.array([0.0, np.nan, 10, 10])}, "the box must be finite with positive sides"),
        ({"states": np.zeros(14, np.uint8)}, r"states has shape \(14,\), mpii-16 needs \(16,\)"),
    ],
)
def test_a_sample_that_is_not_valid_is_named(tmp_path, change, message):
    good, bad = samples(2)
    for name, value in change.items():
        object.__setattr__(bad, name, value)  # past the shape check that only runs in tests
    with pytest.raises(DataError, match=rf"sample 1 \(fake 1\): {message}"):
        write_store(tmp_path, DESCRIPTION, "train", [good, bad])


@pytest.mark.parametrize("split", ["../up", "", "a/b", ".hidden"])
def test_a_split_cannot_leave_the_store(tmp_path, split):
    with pytest.raises(ValueError, match="a split's name is letters"):
        write_store(tmp_path / "s", DESCRIPTION, split, samples(1))


def test_opening_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such store"):
        open_store(tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match=r"is not a store \(it has no store.json\)"):
        open_store(tmp_path, "train")
    folder = tmp_path / "s"
    write_store(folder, DESCRIPTION, "train", samples(4), shard_size=2)
    with pytest.raises(DataError, match="has no split 'test'; it has train"):
        open_store(folder, "test")
    with pytest.raises(DataError, match=r"has no split '\.\./s/train'"):
        open_store(folder, "../s/train")


def test_a_store_of_another_version_is_named(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(1))
    content = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps(content | {"format_version": 99}))
    with pytest.raises(DataError, match="is a store of format version 99, this version of prepose reads 1"):
        open_store(tmp_path, "train")


def test_a_changed_byte_is_found_by_verifying(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(3))
    shard = tmp_path / "train" / "shard-00000.arrow"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match="its bytes have changed since it was written"):
        verify_store(tmp_path, "train")


def test_no_partial_files_remain(tmp_path):
    write_store(tmp_path, DESCRIPTION, "train", samples(5), shard_size=2)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    shards = {f"train/shard-0000{number}.arrow" for number in range(3)}
    assert names == {"store.json", "train/split.json", *shards}


def test_a_path_that_is_not_utf8_is_kept_as_its_escape(tmp_path):
    made_by = {"root": "/data/na\udcffme", "title": "\U0001f600"}
    write_store(tmp_path, replace(DESCRIPTION, made_by=made_by), "train", samples(1))
    assert describe_store(tmp_path).splits["train"].made_by == {"root": r"/data/na\udcffme", "title": "\U0001f600"}
    assert is_complete(tmp_path, "train", replace(DESCRIPTION, made_by=made_by))
