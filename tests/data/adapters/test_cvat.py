import numpy as np
import pytest

from fakes_labels import fake_cvat, flags_of
from prepose.body.skeletons import COCO_17
from prepose.data.adapters.cvat import cvat, cvat_splits, is_cvat
from prepose.data.sample import JointState
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *splits, partial=False) -> list:
    found = [cvat(root, split, partial=partial) for split in splits or cvat_splits(root)]
    return [sample for one in found for sample in one.samples(0, one.total)]


def edit(root, old, new, count=-1) -> None:
    text = (root / "annotations.xml").read_text()
    assert old in text
    (root / "annotations.xml").write_text(text.replace(old, new, count))


@pytest.mark.parametrize("grouped", [False, True], ids=["skeletons", "grouped points"])
def test_places_and_states_are_as_labelled(tmp_path, generator, grouped):
    true_img = fake_cvat(tmp_path, generator, grouped=grouped)
    assert cvat_splits(tmp_path) == ("train", "validation")
    samples = all_of(tmp_path)
    assert {sample.skeleton for sample in samples} == {COCO_17}
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    meant = np.array([JointState.UNKNOWN, JointState.OCCLUDED, JointState.VISIBLE])[flags_of(12, COCO_17)]
    np.testing.assert_array_equal(np.stack([sample.states for sample in samples]), meant)
    assert samples[0].image == (tmp_path / "images/000000.jpg").resolve()


def test_a_box_of_the_same_group_is_the_persons(tmp_path, generator):
    fake_cvat(tmp_path, generator, grouped=True)
    edit(tmp_path, "</image>", '<box label="person" xtl="1" ytl="2" xbr="61" ybr="99" group_id="1"/></image>', 1)
    np.testing.assert_array_equal(all_of(tmp_path)[0].box_xywh, [1, 2, 60, 97])


def test_names_come_from_the_points_where_the_file_lists_none(tmp_path, generator):
    true_img = fake_cvat(tmp_path, generator)
    text = (tmp_path / "annotations.xml").read_text()
    (tmp_path / "annotations.xml").write_text(text[: text.index("<meta>")] + text[text.index("</meta>") + 7 :])
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in all_of(tmp_path)]), true_img, atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<skeleton", "<track/><skeleton", "form for videos; export it as"),
        ('label="left_ear"', 'label="tail"', "labels 'tail', which is not among its key-points"),
        ('label="left_eye"', 'label="right_eye"', "image '000000.jpg': 'right_eye' occurs twice in one person"),
        ('points="', 'points="1,2;', "expected 2 numbers, found '1,2;"),
        ('points="', 'points="nan,', "expected 2 numbers"),
        ("<annotations>", '<!DOCTYPE a [<!ENTITY x "x">]><annotations>', "declares a document type"),
        ("</annotations>", "", "is truncated or not XML"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path, generator, old, new, message):
    fake_cvat(tmp_path, generator)
    edit(tmp_path, old, new, 1)
    with pytest.raises(DataError, match=message):
        cvat(tmp_path, "train", partial=False)


def test_missing_images_files_and_splits_are_errors(tmp_path, generator):
    with pytest.raises(DataError, match=r"annotations\.xml: there is no such file"):
        cvat(tmp_path, "train", partial=False)
    assert is_cvat(tmp_path) is None
    fake_cvat(tmp_path, generator)
    assert is_cvat(tmp_path) == tmp_path / "annotations.xml"
    with pytest.raises(DataError, match="labels nobody in the split 'test'; it has train, validation"):
        cvat(tmp_path, "test", partial=False)
    (tmp_path / "images/000000.jpg").unlink()
    with pytest.raises(DataError, match="2 of 8 labels have no image"):
        cvat(tmp_path, "train", partial=False)
    assert len(all_of(tmp_path, "train", partial=True)) == 6
    (tmp_path / "annotations.xml").write_text("<annotations></annotations>")
    with pytest.raises(DataError, match="has no points or skeletons"):
        cvat(tmp_path, "train", partial=False)
