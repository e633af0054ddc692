import json
from pathlib import Path

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.predict.boxes_file import read_boxes
from prepose.predict.frames import Frame

INPUTS = [Path("left/a.jpg"), Path("right/a.jpg"), Path("clip.mp4"), Path("000000000785.jpg")]


def write(folder, content, name="boxes.csv"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def people(boxes, source, frame=0):
    found = boxes(Frame(source, frame, 0.0, np.zeros((400, 400, 3), np.uint8)))
    return [(each.box_xywh.tolist(), each.person) for each in found]


def test_a_table_gives_the_people_of_each_frame(tmp_path):
    text = "image,frame,x,y,w,h,person\nclip.mp4,0,10,20,30,40,7\nclip.mp4,0,1,2,3,4,\nclip.mp4,5,11,20,30,40,7\n"
    boxes = read_boxes(write(tmp_path, text + "left/a.jpg,,5,6,7,8,\n"), INPUTS)
    assert people(boxes, "clip.mp4") == [([10, 20, 30, 40], 7), ([1, 2, 3, 4], None)]
    assert people(boxes, "clip.mp4", 5) == [([11, 20, 30, 40], 7)]
    assert people(boxes, "clip.mp4", 1) == [] == people(boxes, "right/a.jpg")
    assert people(boxes, "left/a.jpg") == [([5, 6, 7, 8], None)]
    assert boxes.notes == ()


def test_a_list_of_objects_is_the_same(tmp_path):
    rows = [
        {"image": "clip.mp4", "frame": 2, "box": [1, 2, 30, 40], "person": 3},
        {"image": "x/left/a.jpg", "box": [1, 2, 3, 4]},
    ]
    boxes = read_boxes(write(tmp_path, rows, "boxes.json"), INPUTS)
    assert people(boxes, "clip.mp4", 2) == [([1, 2, 30, 40], 3)]
    assert people(boxes, "left/a.jpg") == [([1, 2, 3, 4], None)]


def test_coco_detections_are_persons_above_a_score(tmp_path):
    rows = [
        {"image_id": 785, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9},
        {"image_id": 785, "category_id": 1, "bbox": [5, 2, 30, 40], "score": 0.3},
        {"image_id": 785, "category_id": 18, "bbox": [9, 2, 30, 40], "score": 0.9},
        {"image_id": 139, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9},
    ]
    boxes = read_boxes(write(tmp_path, rows, "detections.json"), INPUTS)
    assert people(boxes, "000000000785.jpg") == [([1, 2, 30, 40], None)]
    notes = "\n".join(boxes.notes)
    assert "1 of 4 boxes are not of category 1" in notes
    assert "1 of 3 boxes have a score below 0.5" in notes
    assert "1 images that are not among the inputs (image_id 139)" in notes
    low = read_boxes(write(tmp_path, rows, "detections.json"), INPUTS, least_score=0.2)
    assert len(people(low, "000000000785.jpg")) == 2


def test_coco_labels_name_their_images(tmp_path):
    labels = {
        "images": [{"id": 3, "file_name": "clip.mp4"}],
        "annotations": [{"image_id": 3, "category_id": 1, "bbox": [1, 2, 30, 40], "id": 99, "keypoints": []}],
    }
    assert people(read_boxes(write(tmp_path, labels, "a.json"), INPUTS), "clip.mp4") == [([1, 2, 30, 40], None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,x,y,w\na.jpg,1,2,3\n", "no column h"),
        ("image,x,y,w,h\nclip.mp4,1,2,wide,4\n", "line 2: is not a box .*wide"),
        ("image,x,y,w,h\nclip.mp4,1,2,3,4\nclip.mp4,1,2,,4\n", "line 3: is not a box"),
        ("image,x,y,w,h\nclip.mp4,1,2,0,4\n", "line 2: .*size 0 x 4 px"),
        ("image,x,y,w,h\nclip.mp4,1,2,nan,4\n", "line 2: .*not finite"),
        ("image,x,y,w,h,frame\nclip.mp4,1,2,3,4,1.5\n", "line 2: .*frame is 1.5"),
        ("image,x,y,w,h,person\nclip.mp4,1,2,3,4,-1\n", "line 2: .*person is -1"),
        ("image,x,y,w,h,person\nclip.mp4,1,2,3,4,1\nclip.mp4,1,2,3,4,1\n", "line 3: person 1 has a box"),
        ("image,x,y,w,h\na.jpg,1,2,3,4\n", "line 2: a.jpg may be left/a.jpg or right/a.jpg"),
        ("image,x,y,w,h\nnone.jpg,1,2,3,4\n", "no box is of any of the 4 inputs; it has none.jpg"),
        ("[1, 2]", "is not a list of boxes"),
        ('[{"image": "clip.mp4"}]', "entry 0: is not a box"),
        ('[{"image": "clip.mp4", "box": [1, 2, 3]}]', r"entry 0: .*its box is \[1, 2, 3\]"),
        ('[{"box": [1, 2, 3, 4]}]', "entry 0: .*names no image"),
        ('{"boxes": []}', "without images"),
        ("[{", "is not valid JSON"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_row(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"boxes\.csv.*{message}"):
        read_boxes(write(tmp_path, text), INPUTS)


def test_a_file_that_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: the boxes cannot be read"):
        read_boxes(tmp_path / "none.csv", INPUTS)


def test_a_file_without_boxes_finds_nobody(tmp_path):
    assert people(read_boxes(write(tmp_path, "[]", "a.json"), INPUTS), "clip.mp4") == []


def test_a_box_outside_its_image_is_said_with_file_and_frame(tmp_path):
    boxes = read_boxes(write(tmp_path, "image,frame,x,y,w,h\nclip.mp4,4,900,20,30,40\n"), INPUTS)
    with pytest.raises(DataError, match=r"boxes\.csv: clip\.mp4, frame 4: the box 900,20,30,40 lies outside"):
        people(boxes, "clip.mp4", 4)
