import pickle
import shutil

import numpy as np
import pytest

from fakes_h36m import draw_lab, write_challenge
from prepose.data.h36m.challenge import challenge_root, read_challenge, read_pose
from prepose.data.h36m.frames import SPLITS
from prepose.errors import DataError

LAB = draw_lab(np.random.default_rng(12), frames=2, subjects=(8, 9))
TEST = SPLITS["test"]
CACHE = "HM36_eccv_challenge_Val_keypoint_jnt_bbox_db.pkl"


def rewrite(root, change) -> None:
    records = pickle.loads((root / CACHE).read_bytes())
    (root / CACHE).write_bytes(pickle.dumps(change(records)))


def test_it_is_found_at_the_root_or_one_level_below(tmp_path):
    assert challenge_root(tmp_path) is None
    write_challenge(tmp_path / "HM36_eccv_challenge", LAB)
    assert challenge_root(tmp_path) == tmp_path / "HM36_eccv_challenge"
    assert len(read_challenge(tmp_path, TEST, partial=False)) == 16


def test_the_cache_alone_is_enough_and_says_the_same(tmp_path):
    write_challenge(tmp_path / "both", LAB, cache=True)
    write_challenge(tmp_path / "cache", LAB, csv=False, cache=True)
    both, cache = (read_challenge(tmp_path / name, TEST, partial=False) for name in ("both", "cache"))
    assert both.images == cache.images
    np.testing.assert_allclose(both.joints_cam, cache.joints_cam, atol=1e-3)
    np.testing.assert_array_equal(both.joints_img, cache.joints_img)
    np.testing.assert_array_equal(both.given, cache.given)


def test_the_caches_joints_and_boxes_are_in_image_px(tmp_path):
    write_challenge(tmp_path, LAB, cache=True)
    frames = read_challenge(tmp_path, TEST, partial=False)
    true = np.concatenate([shot.joints_img for shot in LAB.shots() if shot.subject == 9])
    assert np.median(np.linalg.norm(frames.joints_img - true, axis=-1)) < 2
    inside = (frames.joints_img > frames.given[:, None, :2]) & (
        frames.joints_img < (frames.given[:, :2] + frames.given[:, 2:])[:, None]
    )
    assert inside.all()


def test_the_order_of_the_caches_records_plays_no_part(tmp_path):
    write_challenge(tmp_path, LAB, cache=True)
    straight = read_challenge(tmp_path, TEST, partial=False)
    rewrite(tmp_path, lambda records: records[::-1])
    turned = read_challenge(tmp_path, TEST, partial=False)
    np.testing.assert_array_equal(straight.joints_img, turned.joints_img)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda records: {"records": records}, "is not the challenge's cache; expected a list of dicts"),
        (lambda records: [], "is not the challenge's cache; expected a list of dicts"),
        (lambda records: records[:5], "has no record of 11 of 16 images"),
        (lambda records: [{"joints_3d": np.zeros((18, 3))}], "some of its records name no image"),
        (
            lambda records: [{"image": record["image"]} for record in records],
            r"cache \(KeyError 'joints_3d_relative'\)",
        ),
        (
            lambda records: [
                {**record, "joints_3d_relative": record["joints_3d_relative"] * 1.1} for record in records
            ],
            r"its poses differ from Val/POSE by up to \d+ mm",
        ),
        (lambda records: [{**record, "joints_3d": np.zeros((24, 3))} for record in records], "has 24 joints"),
    ],
)
def test_another_cache_is_one_clear_line(tmp_path, change, line):
    write_challenge(tmp_path, LAB, cache=True)
    rewrite(tmp_path, change)
    with pytest.raises(DataError, match=line):
        read_challenge(tmp_path, TEST, partial=False)


class Runs:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_hostile_cache_runs_nothing(tmp_path):
    write_challenge(tmp_path, LAB, csv=False, cache=True)
    rewrite(tmp_path, lambda records: [{**records[0], "bone_len": Runs(tmp_path / "written")}])
    with pytest.raises(DataError, match="open"):
        read_challenge(tmp_path, TEST, partial=False)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1,2,3\n", "has 3 numbers, expected 17 x 3 finite ones"),
        ("a,b\n", "contains a non-numeric value"),
        ("", "is empty"),
        ("nan,0,0\n" * 17, "has 51 numbers, expected 17 x 3 finite ones"),
    ],
)
def test_a_damaged_pose_is_named(tmp_path, text, line):
    path = tmp_path / "00001.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"00001\.csv: {line}"):
        read_pose(path)


def test_partial_takes_the_images_that_are_there(tmp_path):
    write_challenge(tmp_path, LAB)
    (tmp_path / "Val/IMG/00003.jpg").unlink()
    frames = read_challenge(tmp_path, TEST, partial=True)
    assert len(frames) == 15
    assert "IMG/00003.jpg" not in frames.images
    shutil.rmtree(tmp_path / "Val/IMG")
    with pytest.raises(DataError, match="the challenge's images are missing"):
        read_challenge(tmp_path, TEST, partial=True)


def test_a_pose_that_was_cut_within_its_last_number_is_found_beside_whole_ones(tmp_path):
    write_challenge(tmp_path, LAB)
    path = tmp_path / "Val/POSE/00003.csv"
    path.write_bytes(path.read_bytes()[:-3])
    assert read_pose(path).shape == (17, 3), "it still holds 51 numbers"
    with pytest.raises(DataError, match=r"00003\.csv: ends within a line, as 15 of 16 files do not"):
        read_challenge(tmp_path, TEST, partial=True)
    for each in (tmp_path / "Val/POSE").iterdir():
        each.write_text(each.read_text().rstrip("\n"))
    read_challenge(tmp_path, TEST, partial=False)


def test_the_cache_of_one_part_alone_is_half_a_layout(tmp_path):
    write_challenge(tmp_path, LAB, cache=True)
    (tmp_path / CACHE).unlink()
    with pytest.raises(DataError, match=r"Val: has no cache of 2D joints, but HM36_.*Train.*\.pkl is there for Train"):
        read_challenge(tmp_path, TEST, partial=False)
    assert "no 2D joints" in " ".join(read_challenge(tmp_path, TEST, partial=True).notes)
