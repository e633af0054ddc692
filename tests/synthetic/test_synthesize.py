import json
from pathlib import Path

import numpy as np
import pytest

from bvh_fake import write_bvh
from deaths import killed_everywhere
from prepose.data.store import describe_store, open_store, store_splits
from prepose.errors import DataError, RecipeError
from prepose.files import LOCK, locked
from prepose.synthetic import synthesize as module
from prepose.synthetic.bvh import JOINT_NAMES, JointNames
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import mean_proportions
from prepose.synthetic.synthesize import Order, describe, synthesize
from prepose.synthetic.worlds import WORLDS, draw_sample

COUNTS = {"train": 7, "test": 3}


def write(out, *, counts=COUNTS, **options):
    synthesize("lab", out=out, counts=counts, **{"size": 32, "seed": 5, **options})


def test_a_store_of_the_asked_samples_opens(tmp_path):
    reports = []
    write(tmp_path / "lab", progress=lambda done, total: reports.append((done, total)))
    assert set(store_splits(tmp_path / "lab")) == set(COUNTS)
    for split, count in COUNTS.items():
        dataset = open_store(tmp_path / "lab", split)
        assert len(dataset) == count
        for index in (0, count - 1):
            drawn = draw_sample(WORLDS["lab"], split, 5, index, 32)
            stored = dataset[index]
            assert stored.image == drawn.image and stored.details == drawn.details
            np.testing.assert_array_equal(stored.states, drawn.states)
            assert np.abs(stored.camera.project(stored.joints_cam) - stored.joints_img).max() < 1e-3
    assert reports == [(done, 10) for done in range(1, 11)]


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_bytes(tmp_path):
    counts = {"train": 37}
    for workers in (1, 2):
        write(tmp_path / str(workers), counts=counts, workers=workers)
    one, two = (open_store(tmp_path / str(workers), "train") for workers in (1, 2))
    assert len(one) == len(two) == 37
    for index in range(37):
        assert one[index].image == two[index].image
        assert one[index].source == two[index].source
        np.testing.assert_array_equal(one[index].joints_cam, two[index].joints_cam)


def test_an_interrupted_store_is_gone_on_with_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SHARD", 2)
    write(tmp_path / "whole")
    calls = []

    def stop_at_fifth(world, split, seed, index, size, **named):
        calls.append((split, index))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return draw_sample(world, split, seed, index, size, **named)

    monkeypatch.setattr(module, "draw_sample", stop_at_fifth)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "cut")
    with pytest.raises(DataError, match="was interrupted after 4 of 7 samples"):
        open_store(tmp_path / "cut", "train")
    calls.clear()
    calls.append(("", 0))  # never stops again
    monkeypatch.setattr(module, "draw_sample", lambda *a, **_: calls.append(a[1:4:2]) or draw_sample(*a))
    write(tmp_path / "cut")
    assert calls[1:] == [("train", 4), ("train", 5), ("train", 6), ("test", 0), ("test", 1), ("test", 2)]
    for split in COUNTS:
        whole, cut = (open_store(tmp_path / name, split) for name in ("whole", "cut"))
        assert [sample.image for sample in whole] == [sample.image for sample in cut]


@pytest.mark.parametrize("renamed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, 13))
def test_killed_at_any_write_a_store_ends_the_same(tmp_path, monkeypatch, number, renamed):
    counts = {"train": 3, "test": 1}
    monkeypatch.setattr(module, "_SHARD", 2)
    write(tmp_path / "whole", counts=counts)
    real, writes = Path.replace, []

    def dies(aside, path):
        writes.append(path.name)
        if len(writes) == number and not renamed:
            raise KeyboardInterrupt
        real(aside, path)
        if len(writes) == number:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "cut", counts=counts)
    if not (number == 12 and renamed):  # that was the last
        write(tmp_path / "cut", counts=counts)
    for file in sorted((tmp_path / "whole").rglob("*.*")):
        assert (tmp_path / "cut" / file.relative_to(tmp_path / "whole")).read_bytes() == file.read_bytes()
    assert {split: len(open_store(tmp_path / "cut", split)) for split in counts} == counts


def test_a_complete_split_is_kept_when_another_is_still_missing(tmp_path, monkeypatch):
    write(tmp_path / "lab", counts={"train": 7})
    drawn = []
    monkeypatch.setattr(module, "draw_sample", lambda *a, **_: drawn.append(a[1]) or draw_sample(*a))
    write(tmp_path / "lab")
    assert drawn == ["test"] * 3
    with pytest.raises(DataError, match="complete"):
        write(tmp_path / "lab")


def test_another_order_does_not_mix_into_a_store(tmp_path):
    write(tmp_path / "lab", counts={"train": 2})
    with pytest.raises(DataError):
        write(tmp_path / "lab", counts={"train": 2}, seed=6)
    with pytest.raises(DataError, match="holds another dataset"):
        synthesize("wild", out=tmp_path / "lab", counts={"test": 2}, size=32)


@pytest.mark.parametrize(
    ("world", "options", "message"),
    [
        ("moon", {}, r"no world is named 'moon'; known: wild, lab, occluded"),
        ("lab", {"counts": {"dev": 3}}, r"world 'lab' has no split 'dev'; it has train, validation, test"),
        ("lab", {"counts": {"train": 0}}, r"split 'train': the number of samples must be at least 1, found 0"),
        ("lab", {"counts": {}}, r"nothing to draw"),
        ("lab", {"size": 8}, r"size must be 32 to 1024 px, found 8"),
        ("lab", {"seed": -1}, r"seed must be at least 0, found -1"),
        ("lab", {"workers": 0}, r"workers must be at least 1, found 0"),
    ],
)
def test_bad_orders_get_one_clear_line_and_write_nothing(tmp_path, world, options, message):
    with pytest.raises(RecipeError, match=message):
        synthesize(world, out=tmp_path / "new", **{"counts": {"train": 2}, **options})
    assert not (tmp_path / "new").exists()


def test_a_broken_motion_file_is_found_before_anything_is_written(tmp_path):
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nROOT Hips {")
    with pytest.raises(DataError, match=r"bad\.bvh"):
        write(tmp_path / "new", motion=[tmp_path / "bad.bvh"])
    assert not (tmp_path / "new").exists()


def test_description_names_everything_that_the_samples_depend_on():
    made_by = describe(Order("wild", "train", 3, 96, ("walk.bvh",)), 10).made_by
    expected = {"world": "wild", "split": "train", "seed": 3, "size": 96, "motion": ["walk.bvh"], "samples": 10}
    assert expected.items() <= dict(made_by).items()


def test_killed_before_any_change_to_the_disk_it_ends_the_same_when_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SHARD", 2)
    counts = {"train": 3, "test": 1}
    kept: dict[tuple[str, int], object] = {}
    monkeypatch.setattr(module, "draw_sample", lambda *a, **n: kept.setdefault((a[1], a[3]), draw_sample(*a, **n)))
    write(tmp_path / "whole", counts=counts)

    def files(out):
        return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def same(out):
        assert files(out) == files(tmp_path / "whole")

    def command(out):
        try:
            write(out, counts=counts)
        except DataError as error:
            # Killed after its very last write, when all was done.
            assert "is complete already" in str(error)

    assert killed_everywhere(command, tmp_path / "killed", same) > 15


def test_two_commands_do_not_write_one_store(tmp_path):
    with (
        locked(tmp_path / "lab" / LOCK, "x"),
        pytest.raises(DataError, match=r"another process \(\d+ on .*writing the"),
    ):
        write(tmp_path / "lab")


def test_a_table_of_joint_names_serves_a_rig_unknown_here_with_any_number_of_workers(tmp_path):
    table = {joint: f"x_{joint}" for joint in JOINT_NAMES[0].joints if joint != "skull"}
    (tmp_path / "rig.json").write_text(json.dumps(table))
    poses = [draw_pose(np.random.default_rng(seed), proportions=mean_proportions()) for seed in range(4)]
    write_bvh(tmp_path / "a.bvh", poses, mean_proportions(), JointNames("mine", {**table, "skull": "x_upper_neck"}))
    motion, names = [tmp_path / "a.bvh"], [tmp_path / "rig.json"]
    with pytest.raises(DataError, match="joints are missing"):
        write(tmp_path / "none", motion=motion)
    for workers in (1, 2):
        write(tmp_path / f"{workers}", motion=motion, joint_names=names, workers=workers)
    one, two = (open_store(tmp_path / name, "train") for name in ("1", "2"))
    np.testing.assert_array_equal(one.array("joints_cam"), two.array("joints_cam"))
    assert describe_store(tmp_path / "1").splits["train"].made_by["joint_names"] == [table]
    with pytest.raises(RecipeError, match="no --motion is given"):
        write(tmp_path / "none", joint_names=names)
