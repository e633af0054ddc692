from dataclasses import replace

import h5py
import numpy as np
import pytest
import scipy.io

from fake_mat import struct_array
from fakes_flic import fake_flic, fake_flic_full
from prepose.body.skeletons import FLIC_11, FLIC_29
from prepose.data.adapters.flic import (
    SCENE_FRAMES,
    WITHOUT_DOUBTFUL_SIDES,
    flic,
    flic_full,
    keep_or_drop_doubtful_sides,
    mark_sides,
    near_test_frames,
    side_orders,
)
from prepose.data.labelled_people import people_of
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(found) -> list:
    return list(found.samples(0, found.total))


def joints_of(found) -> np.ndarray:
    return np.stack([sample.joints_img for sample in all_of(found)])


def test_flic_prefers_the_persons_own_sides(tmp_path, generator):
    true_img = fake_flic(tmp_path, generator, behind=6)
    train, test = (flic(tmp_path, split, partial=False) for split in ("train", "test"))
    assert (train.total, test.total) == (30, 10)
    np.testing.assert_allclose(np.concatenate([joints_of(train), joints_of(test)]), true_img, atol=1e-9)
    assert "train_personcentric.h5: sides are the person's by the file's name" in train.notes
    assert "train_personcentric.h5: the sides of 6 people differ from those of train.h5" in train.notes
    assert "24 of 30 people whose order is clear have left on the picture's right" in train.notes
    assert train.facts == {"labels": "train_personcentric.h5"}
    assert "330 places count pixels from 1 and are moved by 1" in train.notes


def test_flic_says_when_sides_are_the_viewers(tmp_path, generator):
    fake_flic(tmp_path, generator, behind=6, flavours=("",))
    found = flic(tmp_path, "train", partial=False)
    assert "train.h5: sides are the viewer's by the file's name" in found.notes
    assert "30 of 30 people whose order is clear have left on the picture's right" in found.notes
    assert any(note.startswith("the sides are the viewer's: whoever is seen from behind") for note in found.notes)


def test_flic_full_gives_the_true_pixels(tmp_path, generator):
    true_img = fake_flic_full(tmp_path, generator)
    train, test, everything = (flic_full(tmp_path, split, partial=False) for split in ("train", "test", "all"))
    assert (train.total, test.total, everything.total) == (28, 10, 40)
    np.testing.assert_allclose(np.concatenate([joints_of(train), joints_of(test)]), true_img, atol=1e-9)
    assert train.skeleton == FLIC_29
    assert "14 of 28 examples were not checked by the authors (isunchecked)" in train.notes
    assert "2 examples that the authors call bad are left out (isbad); the split all has them" in train.notes
    assert f"0 training frames lie within {SCENE_FRAMES} frames of a test frame of their film" in train.notes


@pytest.mark.parametrize(("fake", "find"), [(fake_flic, flic), (fake_flic_full, flic_full)])
def test_boxes_leave_room_for_the_head(tmp_path, generator, fake, find):
    fake(tmp_path, generator)
    for sample in all_of(find(tmp_path, "train", partial=False)):
        low = np.nanmin(sample.joints_img, axis=0)
        extent = np.nanmax(sample.joints_img, axis=0) - low
        assert sample.box_xywh[1] - 0.5 <= low[1] - 0.19 * extent.max()


def test_contradictory_sides_are_marked_and_nobody_is_swapped(tmp_path, generator):
    true_img = fake_flic(tmp_path, generator, flavours=("",))
    with h5py.File(tmp_path / "annot" / "train.h5", "a") as file:
        part = file["part"][:]
        eyes = [FLIC_11.index("l_eye"), FLIC_11.index("r_eye")]
        part[3, eyes] = part[3, eyes[::-1]]
        file["part"][:] = part
    found = flic(tmp_path, "train-all", partial=False)
    samples = all_of(found)
    assert "1 people have contradictory sides (marked in details)" in found.notes
    assert any(
        note.startswith("1 of 30 people have sides in doubt, and are kept, as published") for note in found.notes
    )
    assert [row for row, sample in enumerate(samples) if sample.details != "{}"] == [3]
    assert samples[3].details == '{"sides": "contradictory"}'
    np.testing.assert_allclose(samples[3].joints_img[eyes], true_img[3, eyes[::-1]], atol=1e-9)
    without = flic(tmp_path, "train", partial=False)
    assert any(note.startswith("1 of 30 people have sides in doubt, and are left out") for note in without.notes)
    assert [one.source for one in all_of(without)] == [one.source for one in samples if one is not samples[3]]


@pytest.mark.parametrize(
    ("fake", "find", "kept", "dropped"),
    [(fake_flic, flic, "test", "test-clean"), (fake_flic_full, flic_full, "test", "test-clean"),
     (fake_flic_full, flic_full, "all", "train")],
)  # fmt: skip
def test_nobody_is_trained_on_whose_sides_are_in_doubt(tmp_path, generator, monkeypatch, fake, find, kept, dropped):
    def doubts(people, skeleton):
        details = people.details.copy()
        details[2] = '{"sides": "contradictory"}'
        return replace(people, details=details), ()

    fake(tmp_path, generator)
    monkeypatch.setattr("prepose.data.adapters.flic.mark_sides", doubts)
    found, clean = (find(tmp_path, split, partial=False) for split in (kept, dropped))
    assert [row for row, one in enumerate(all_of(found)) if one.details != "{}"] == [2]
    assert all(one.details == "{}" for one in all_of(clean))
    assert any("1 of" in note and "are kept" in note for note in found.notes)
    assert any("1 of" in note and "are left out; --split" in note for note in clean.notes)


def test_frames_near_a_test_frame_are_found():
    films = ["a"] * 5 + ["b"]
    frames = [1, 100, 100 + SCENE_FRAMES, 101 + SCENE_FRAMES, 9000, 100]
    examples = [{"moviename": film, "currframe": frame} for film, frame in zip(films, frames, strict=True)]
    is_test = np.array([False, True, False, False, True, False])
    assert near_test_frames(examples, is_test).tolist() == [True, False, True, False, False, False]


def test_placeholders_and_nan_are_not_labelled(tmp_path, generator):
    fake_flic(tmp_path, generator, flavours=("",))
    with h5py.File(tmp_path / "annot" / "train.h5", "a") as file:
        part = file["part"][:]
        part[0, 0], part[1, 1], part[2, 2] = 0, -1, np.nan
        file["part"][:] = part
    joints = joints_of(flic(tmp_path, "train", partial=False))
    assert sorted(zip(*np.nonzero(np.isnan(joints[..., 0])), strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_missing_images_are_an_error_unless_partial(tmp_path, generator):
    fake_flic_full(tmp_path, generator)
    next(iter(sorted((tmp_path / "images").iterdir()))).unlink()
    with pytest.raises(DataError, match=r"1 of 28 labels have no image \(a-film-00000001\.jpg\)"):
        flic_full(tmp_path, "train", partial=False)
    assert flic_full(tmp_path, "train", partial=True).total == 27


@pytest.mark.parametrize(("find", "split"), [(flic, "valid"), (flic_full, "validation")])
def test_a_split_that_does_not_exist_is_named(tmp_path, find, split):
    with pytest.raises(DataError, match=rf"has no split '{split}'; it has train, test"):
        find(tmp_path, split, partial=False)


def test_two_flavours_of_different_length_are_an_error(tmp_path, generator):
    fake_flic(tmp_path, generator)
    with h5py.File(tmp_path / "annot" / "valid.h5", "a") as file:
        part = file["part"][:4]
        del file["part"]
        file["part"] = part
    (tmp_path / "annot" / "valid_images.txt").write_text("\n".join(["a.jpg"] * 4))
    with pytest.raises(DataError, match=r"valid_personcentric\.h5: names 4 images for 10 people"):
        flic(tmp_path, "test", partial=False)


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_truncated_file_is_an_error(tmp_path, generator, share):
    fake_flic_full(tmp_path / "full", generator)
    fake_flic(tmp_path / "flic", generator, flavours=("",))
    for path in (tmp_path / "full" / "examples.mat", tmp_path / "flic" / "annot" / "train.h5"):
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"is truncated|has no struct"):
        flic_full(tmp_path / "full", "train", partial=False)
    with pytest.raises(DataError, match="is truncated"):
        flic(tmp_path / "flic", "train", partial=False)


def test_other_files_are_told_apart(tmp_path, generator):
    with pytest.raises(DataError, match=r"holds neither train_personcentric\.h5 nor train\.h5"):
        flic(tmp_path, "train", partial=False)
    fake_flic_full(tmp_path / "full", generator)
    with pytest.raises(DataError, match=r"it holds examples\.mat: add it as flic-full"):
        flic(tmp_path / "full", "train", partial=False)
    with h5py.File(tmp_path / "train.h5", "w") as file:
        file["part"] = np.ones((3, 16, 2))
    with pytest.raises(DataError, match="16 joints, which looks like mpii, not flic"):
        flic(tmp_path, "train", partial=False)
    scipy.io.savemat(
        tmp_path / "examples.mat", {"examples": struct_array([{"coords": np.ones((2, 11)), "istest": 1}] * 2)}
    )
    with pytest.raises(DataError, match=r"example 1 lacks a filepath or coords of 2 x 29; it has coords, istest"):
        flic_full(tmp_path, "test", partial=False)
    with pytest.raises(DataError, match="none of its 2 examples belongs to the split train"):
        flic_full(tmp_path, "train", partial=False)


def test_one_split_with_the_persons_sides_and_one_with_the_viewers_are_refused(tmp_path, generator):
    fake_flic(tmp_path, generator)
    (tmp_path / "annot" / "valid_personcentric.h5").unlink()
    for split in ("train", "test"):
        with pytest.raises(DataError, match=r"annot: has valid\.h5 with the viewer's sides alone, and the other split"):
            flic(tmp_path, split, partial=False)


def test_orders_tell_from_behind_and_turned(generator):
    facing = np.array(
        [[60, 28], [66, 42], [68, 56], [40, 28], [34, 42], [32, 56], [57, 54], [43, 54], [53, 13], [47, 13], [50, 16]]
    )
    side = facing * [0.01, 1] + [50, 0]
    people = np.stack([facing, facing[FLIC_11.mirror], side]).astype(float)
    np.testing.assert_array_equal(side_orders(people, FLIC_11), [[1, 1, 1], [-1, -1, -1], [0, 0, 0]])
    people[0, FLIC_11.index("l_eye")] = np.nan
    assert side_orders(people, FLIC_11)[0].tolist() == [0, 1, 1]


def test_a_person_without_a_face_may_be_seen_from_behind(tmp_path, generator):
    true_img = fake_flic(tmp_path, generator)
    face = [FLIC_11.index(name) for name in ("l_eye", "r_eye", "nose")]
    true_img[5, face] = np.nan
    people = people_of(true_img, np.zeros((40, 11), np.uint8), ["a.jpg"] * 40, ["a"] * 40)
    marked, notes = mark_sides(people, FLIC_11)
    assert marked.details[5] == '{"sides": "from behind?"}'
    assert "the labels tell 1 of them, without a labelled face" in " ".join(notes)
    # In a file that has people seen from behind in the right order, the order is the person's own.
    mirrored = true_img.copy()
    mirrored[:4] = mirrored[:4][:, FLIC_11.mirror]
    marked, notes = mark_sides(people_of(mirrored, people.states, ["a.jpg"] * 40, ["a"] * 40), FLIC_11)
    assert (marked.details == "{}").all()
    assert notes == ("36 of 40 people whose order is clear have left on the picture's right",)


@pytest.mark.parametrize("split", ["train", "train-all", "test", "test-clean", "all"])
def test_who_is_in_doubt_is_left_out_of_some_splits_by_name(split):
    people = people_of(np.ones((4, 11, 2)), np.zeros((4, 11), np.uint8), ["a.jpg"] * 4, list("abcd"))
    assert keep_or_drop_doubtful_sides(people, ("told",), split) == (people, ("told",))
    people.details[1] = '{"sides": "contradictory"}'
    kept, (first, note) = keep_or_drop_doubtful_sides(people, ("told",), split)
    assert first == "told" and note.startswith("1 of 4 people have sides in doubt, and are ")
    assert "".join(kept.sources) == ("acd" if split in WITHOUT_DOUBTFUL_SIDES else "abcd")


def test_how_many_are_mirrored_is_said_of_real_shaped_files_whose_backs_have_faces(tmp_path, generator):
    fake_flic(tmp_path, generator, count=120, behind=5, flavours=("",))
    notes = flic(tmp_path, "train", partial=False).notes
    (told,) = [note for note in notes if "the viewer's: whoever" in note]
    # 184 of the 3,971 people of the real file; nothing in the labels tells which.
    assert "about 4.6% of FLIC's people (some 4 of these 90)" in told
    assert "only the _personcentric.h5 files of flic tell the others" in told


def test_whoever_is_mirrored_is_found_by_the_person_centric_file(tmp_path, generator):
    people = fake_flic(tmp_path, generator, count=40, behind=5)
    found = flic(tmp_path, "train", partial=False)
    assert any("the sides of 5 people differ" in note for note in found.notes)
    np.testing.assert_allclose(next(iter(found.samples(0, 1))).joints_img, people[0], atol=1e-3)
