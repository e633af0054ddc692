import numpy as np
import pytest

from fakes_flic import fake_flic
from prepose.body.skeletons import FLIC_11
from prepose.data.adapters.flic import flic
from prepose.data.flic_sides import WITHOUT_DOUBTFUL_SIDES, keep_or_drop_doubtful_sides, mark_sides, side_orders
from prepose.data.labelled_people import people_of


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


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
