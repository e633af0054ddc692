import json

import numpy as np
import pytest

from fakes_labels import fake_label_studio
from prepose.body.skeletons import COCO_17
from prepose.data.adapters.label_studio import label_studio
from prepose.errors import DataError


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(4)


def all_of(root, *, partial=False) -> list:
    found = label_studio(root, "train", partial=partial)
    return list(found.samples(0, found.total))


def change(root, edit) -> None:
    path = root / "project-1.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(edit(content) or content))


def test_percents_become_px_and_people_are_told_apart(tmp_path, generator):
    true_img = fake_label_studio(tmp_path, generator)
    samples = all_of(tmp_path)
    assert {sample.skeleton for sample in samples} == {COCO_17}
    np.testing.assert_allclose(np.stack([sample.joints_img for sample in samples]), true_img, atol=1e-9)
    assert samples[1].image.name == "000000.jpg" and samples[1].source == "project-1.json: task 0: images/000000.jpg"
    low, high = samples[0].box_xywh[:2], samples[0].box_xywh[:2] + samples[0].box_xywh[2:]
    assert (low < np.nanmin(samples[0].joints_img, axis=0)).all()
    assert (high > np.nanmax(samples[0].joints_img, axis=0)).all()


@pytest.mark.parametrize("name", ["/data/local-files/?d=a/b/000000.jpg", "s3://bucket/x/000000.jpg", "000000.jpg"])
def test_images_are_found_by_their_names(tmp_path, generator, name):
    fake_label_studio(tmp_path, generator, count=2)
    change(tmp_path, lambda tasks: tasks[0]["data"].update(img=name))
    assert all_of(tmp_path)[0].image.name == "000000.jpg"


def test_json_min_is_read(tmp_path, generator):
    """One person an image, key-points as a list of the task."""
    true_img = fake_label_studio(tmp_path, generator, count=1)

    def minimal(tasks):
        points = [
            {**one["value"], "original_width": 160, "original_height": 100}
            for one in tasks[0]["annotations"][0]["result"]
            if one["type"] == "keypointlabels"
        ]
        return [{"id": 1, "img": tasks[0]["data"]["img"], "kp-1": points, "annotator": 1}]

    change(tmp_path, minimal)
    # Two joints are shown by nobody: a side has its partner all the same.
    known = ~np.isnan(true_img[0, :, 0])
    sample = all_of(tmp_path)[0]
    assert known.sum() < 17 and sample.skeleton == COCO_17
    places = {COCO_17.joints[row]: true_img[0, row] for row in np.flatnonzero(known)}
    for joint, place in zip(sample.skeleton.joints, sample.joints_img, strict=True):
        np.testing.assert_allclose(place, places.get(joint, [np.nan, np.nan]), atol=1e-9)


def without_parents(tasks):
    for task in tasks:
        for one in task["annotations"][0]["result"]:
            one.pop("parentID", None)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (without_parents, "task 0: '.*' occurs twice in one person; draw a rectangle for each person"),
        (lambda tasks: {"a": 1}, "is not a list of tasks"),
        (lambda tasks: [*tasks, 3], "task 6: is not a task with key-points"),
        (lambda tasks: tasks[1]["data"].update(img="video.mp4"), "task 2: is not a task .*KeyError 'image'"),
        (
            lambda tasks: tasks[1]["annotations"][0]["result"][1].update(original_width=None),
            "task 2: is not a task .*TypeError",
        ),
        (
            lambda tasks: tasks[1]["annotations"][0]["result"][1]["value"].update(x=300),
            r"task 2: .*a place of \(300, .* % in 160 x 100 px",
        ),
        (lambda tasks: [task.update(annotations=[]) for task in tasks][:0], "nobody in it has a labelled key-point"),
    ],
)
def test_a_broken_file_is_an_error(tmp_path, generator, edit, message):
    fake_label_studio(tmp_path, generator)
    change(tmp_path, edit)
    with pytest.raises(DataError, match=message):
        label_studio(tmp_path / "project-1.json", "train", partial=False)


def test_cancelled_annotations_are_not_read(tmp_path, generator):
    fake_label_studio(tmp_path, generator)
    change(tmp_path, lambda tasks: tasks[0]["annotations"].append({"result": [], "was_cancelled": True}))
    assert len(all_of(tmp_path)) == 12


def test_missing_images_files_and_splits_are_errors(tmp_path, generator):
    with pytest.raises(DataError, match="holds no JSON export of Label Studio"):
        label_studio(tmp_path, "train", partial=False)
    fake_label_studio(tmp_path, generator)
    with pytest.raises(DataError, match="has no split 'test'"):
        label_studio(tmp_path, "test", partial=False)
    (tmp_path / "images/000000.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 12 labels have no image \(000000\.jpg"):
        label_studio(tmp_path, "train", partial=False)
    assert len(all_of(tmp_path, partial=True)) == 10
