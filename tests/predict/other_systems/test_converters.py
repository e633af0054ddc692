"""The converters of docs/score.md run as they stand, on stand-ins that answer as each system's documentation says.

A stand-in knows the people of the store by the grey of their image and tells the truth in the system's own form: its
keys, shapes, joints, unit and axes. What the script writes must then score 0.
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.predict.other_systems.score_file import score_predictions

PAGE = (Path(__file__).parents[3] / "docs" / "score.md").read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"^### ([^(\n]+?) \([^\n]*\n.*?```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
# Two people in b and in d.
NAMES = ("a", "b", "b", "c", "d", "d")
GREY = {name: 40 + 50 * number for number, name in enumerate(dict.fromkeys(NAMES))}


class People:
    """The people of the store, by image, in the joints of a system."""

    def __init__(self, dataset):
        self.cam = dataset.array("joints_cam").astype(float)
        self.img = dataset.array("joints_img").astype(float)
        self.boxes = dataset.array("box_xywh").astype(float)

    def of(self, image, names):
        """(3D, 2D, boxes) of an image's people; joints that the store does not label lie at the first one."""
        rows = [row for row, name in enumerate(NAMES) if name == image]
        places = [MPII_16.joints.index(name) if name in MPII_16.joints else 0 for name in names]
        return self.cam[rows][:, places], self.img[rows][:, places], self.boxes[rows]

    def in_skeleton(self, image, name):
        mapping = joint_map(MPII_16, get_skeleton(name))
        rows = [row for row, other in enumerate(NAMES) if other == image]
        return (np.nan_to_num(mapping.apply(joints[rows])) for joints in (self.cam, self.img))


def image_of(pixels):
    """Whose image it is, by its grey."""
    return min(GREY, key=lambda name: abs(GREY[name] - float(np.mean(np.asarray(pixels)))))


@pytest.fixture
def store(scene, tmp_path):
    samples = [
        replace(one, source=f"labels.json[{row}]: {name}.jpg", action="video", frame=row)
        for row, (one, name) in enumerate(zip(scene.dataset, NAMES, strict=True))
    ]
    write_store(tmp_path / "store", StoreDescription("flat", MPII_16), "test", samples, total=len(samples))
    return tmp_path / "store"


@pytest.fixture
def people(store):
    return People(open_store(store, "test"))


def mediapipe(people, patch, folder):
    """Landmarks as parts of the image's size, world landmarks in m about the hips; the first person of an image."""

    def process(image):
        name, size = image_of(image), np.array(image.shape[1::-1])
        if name == "c":
            return SimpleNamespace(pose_landmarks=None, pose_world_landmarks=None)
        cam, img, _ = people.of(name, get_skeleton("mediapipe-33").joints)
        hips = people.of(name, ["l_hip", "r_hip"])[0].mean(axis=1, keepdims=True)

        def points(rows):
            return SimpleNamespace(landmark=[SimpleNamespace(x=x, y=y, z=z, visibility=0.9) for x, y, z in rows])

        places = np.column_stack([(img[0] + 0.5) / size, np.zeros(33)])
        return SimpleNamespace(pose_landmarks=points(places), pose_world_landmarks=points((cam - hips)[0] / 1000))

    def pose(*, static_image_mode, model_complexity):
        assert static_image_mode and model_complexity == 1
        return SimpleNamespace(process=process)

    module = ModuleType("mediapipe")
    module.solutions = SimpleNamespace(pose=SimpleNamespace(Pose=pose))
    patch.setitem(sys.modules, "mediapipe", module)


def sam_3d_body(people, patch, folder):
    """A list of dicts: 70 joints in m, `pred_cam_t` apart, boxes by their corners; RGB in."""
    ours = [name for name in MPII_16.joints if name[:2] in ("l_", "r_") or name in ("neck", "nose")]
    spelled = [name.replace("l_", "left-").replace("r_", "right-") for name in ours]
    fingers = [f"{side}-finger-{number}" for number in range(29) for side in ("left", "right")]
    names = [*spelled, *fingers]
    assert len(names) == 70

    class SAM3DBodyEstimator:
        def __init__(self, model, config):
            assert (model, config) == ("model", "config")

        def process_one_image(self, image):
            cam, img, boxes = people.of(image_of(image), [*ours, *["pelvis"] * (70 - len(ours))])
            for joints, places, box in zip(cam / 1000, img, boxes, strict=True):
                yield {
                    "pred_keypoints_3d": joints - joints.mean(axis=0),
                    "pred_cam_t": joints.mean(axis=0),
                    "pred_keypoints_2d": places,
                    "bbox": np.concatenate([box[:2], box[:2] + box[2:]]),
                }

    def load_sam_3d_body(checkpoint, *, device, mhr_path):
        return "model", "config"

    package, metadata, joints = (ModuleType(f"sam_3d_body{end}") for end in ("", ".metadata", ".metadata.mhr70"))
    package.SAM3DBodyEstimator, package.load_sam_3d_body = SAM3DBodyEstimator, load_sam_3d_body
    joints.mhr_names = names
    for module in (package, metadata, joints):
        patch.setitem(sys.modules, module.__name__, module)


def metrabs(people, patch, folder):
    """Boxes with a score behind, SMPL's 24 joints in px and in mm from the camera, as tensors."""

    class Tensor:
        def __init__(self, values):
            self.values = values

        def numpy(self):
            return self.values

        def __len__(self):
            return len(self.values)

    def detect_poses(image, *, skeleton):
        assert skeleton == "smpl_24"
        cam, img = people.in_skeleton(image_of(image), "smpl-24")
        boxes = people.of(image_of(image), [])[2]
        scores = np.full((len(boxes), 1), 0.9)
        return {"boxes": Tensor(np.hstack([boxes, scores])), "poses2d": Tensor(img), "poses3d": Tensor(cam)}

    tf, hub = ModuleType("tensorflow"), ModuleType("tensorflow_hub")
    tf.io = SimpleNamespace(read_file=lambda path: Path(path).read_bytes())
    tf.image = SimpleNamespace(decode_jpeg=lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    hub.load = lambda address: SimpleNamespace(detect_poses=detect_poses)
    patch.setitem(sys.modules, "tensorflow", tf)
    patch.setitem(sys.modules, "tensorflow_hub", hub)


def nlf(people, patch, folder):
    """A list for each image of the batch: boxes with a score behind, SMPL's 24 joints in px and in mm."""

    def detect_smpl_batched(batch):
        assert batch.dtype == torch.uint8 and batch.ndim == 4 and batch.shape[:2] == (1, 3)
        cam, img = people.in_skeleton(image_of(batch), "smpl-24")
        boxes = people.of(image_of(batch), [])[2]
        rows = (np.hstack([boxes, np.full((len(boxes), 1), 0.9)]), img, cam)
        return {name: [torch.tensor(row)] for name, row in zip(("boxes", "joints2d", "joints3d"), rows, strict=True)}

    model = SimpleNamespace(detect_smpl_batched=detect_smpl_batched)
    model.cuda = model.eval = lambda: model
    vision = ModuleType("torchvision")
    vision.io = SimpleNamespace(read_image=lambda path: torch.from_numpy(cv2.imread(path).transpose(2, 0, 1).copy()))
    patch.setitem(sys.modules, "torchvision", vision)
    patch.setattr(torch.jit, "load", lambda path: model)
    patch.setattr(torch.Tensor, "cuda", lambda self: self)


def rtmw3d(people, patch, folder):
    """What the demo saves for each image: poses about the hips, stood upright, boxes in a list of their own."""
    (folder / "out").mkdir()
    for name in GREY:
        cam, img = people.in_skeleton(name, "coco-wholebody-133")
        hips = people.of(name, ["l_hip", "r_hip"])[0].mean(axis=1, keepdims=True)
        boxes = people.of(name, [])[2]
        rows = [
            {
                "keypoints": (-joints[:, [0, 2, 1]]).tolist(),
                "keypoint_scores": [0.8] * 133,
                "transformed_keypoints": places.tolist(),
                "bbox": [[*box[:2], *(box[:2] + box[2:])]],
                "bbox_score": 0.9,
            }
            for joints, places, box in zip((cam - hips) / 1000, img, boxes, strict=True)
        ]
        (folder / "out" / f"results_{name}.json").write_text(json.dumps({"meta_info": {}, "instance_info": rows}))


def motionbert(people, patch, folder):
    """X3D.npy: every frame's 17 joints over half of the shorter side, from the middle of the image."""
    (folder / "out").mkdir()
    mapping = joint_map(MPII_16, get_skeleton("h36m-17"))
    # No unit of length: scaled so that x and y are those of the image, as the lifter sees them.
    joints = np.nan_to_num(mapping.apply(people.cam))
    scale = 300 / joints[:, :1, 2:]
    # The script's px begin at the corner, the store's at the centre of the first pixel.
    middle = mapping.apply(people.img)[:, :1] + 0.5 - np.array([160, 120]) - (joints * scale)[:, :1, :2]
    flat = joints * scale + np.concatenate([middle, np.full((len(joints), 1, 1), -300.0)], axis=-1)
    np.save(folder / "out/X3D.npy", flat / (240 / 2))


# What each stand-in is, how many people it finds, and the most that the 10 joints of the limbs may then be off, mm.
SYSTEMS = {
    "MediaPipe 0.10.14": (mediapipe, 3, 0.1),
    "SAM 3D Body": (sam_3d_body, 6, 0.1),
    "MeTRAbs": (metrabs, 6, 0.1),
    "NLF": (nlf, 6, 0.1),
    "RTMW3D": (rtmw3d, 6, 0.1),
    "MotionBERT": (motionbert, 6, 0.1),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_script_of_each_system_writes_what_can_be_scored(system, people, store, tmp_path, monkeypatch):
    make, found_people, most_mm = SYSTEMS[system]
    folder = tmp_path / "work"
    (folder / "images").mkdir(parents=True)
    for name, grey in GREY.items():
        cv2.imwrite(str(folder / f"images/{name}.jpg"), np.full((240, 320, 3), grey, np.uint8))
    monkeypatch.chdir(folder)
    make(people, monkeypatch, folder)
    script = SCRIPTS[system].replace('1920, 1080, "TS1"', '320, 240, "video"')
    assert len(script.splitlines()) <= 22
    exec(compile(script, f"docs/score.md: {system}", "exec"), {})
    (written,) = folder.glob("*.npz")
    found = score_predictions(written, store, protocol="limbs-10-pa-mpjpe")
    assert found.found.sum() == found_people, found.facts
    assert found.of_found().overall()["pa_mpjpe_mm"] < most_mm, found.facts


def test_every_system_that_the_page_names_has_a_stand_in():
    assert set(SCRIPTS) == set(SYSTEMS)


def test_files_without_a_joint_that_counts_are_told_so_before_people_are_matched(scene):
    names = [f"point_{number}" for number in range(16)]
    unknown = {**scene.columns(), "joints": names}
    del unknown["skeleton"]
    with pytest.raises(DataError, match=r"none of its joints \(point_0, point_1, .*\) is one of scene's \(r_ankle, "):
        score_predictions(unknown, scene.store)
    for column, told in (("joints_cam", "3D joints"), ("joints_2d", "2D joints")):
        lost = scene.columns(**{column: np.full_like(scene.columns()[column], np.nan)})
        with pytest.raises(DataError, match=f"none of its 6 predictions has a single joint among its {told}"):
            score_predictions(lost, scene.store)
