"""Labels that a protocol can score, in its own skeleton, and what a network that knows them would say."""

import json

import numpy as np

from perfect import perfect_predictions
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.camera.camera import Camera
from prepose.data.dataset import PoseDataset, dataset_of
from prepose.data.sample import JointState, PoseSample
from prepose.metrics.protocols import Protocol
from prepose.predict.score import CropPredictions

CAMERA = Camera(K=np.array([[1145.0, 0, 500], [0, 1145.0, 500], [0, 0, 1]]), size_wh=(1000, 1000))
HEAD_BOX = (10.0, 20.0, 30.0, 40.0)  # a head of 0.6 * 50 px
UNIV_SCALE = 0.9


def people_of(protocol: Protocol, *, count: int = 6, seed: int = 0, skeleton: Skeleton | None = None) -> PoseDataset:
    """People with everything that the protocol asks for: camera, head box, area, image, subject, action, states."""
    generator = np.random.default_rng(seed)
    skeleton = skeleton or get_skeleton(protocol.skeleton)
    subjects = protocol.subjects or ("A", "B")
    samples = []
    for number in range(count):
        joints_cam = generator.normal(0, 300, (len(skeleton), 3)) + np.array([200.0, -100.0, 5000.0])
        samples.append(
            sample_of(
                skeleton,
                joints_cam,
                subject=subjects[number % len(subjects)],
                action=("Walking", "Sitting", "Eating")[number % 3],
                states=generator.integers(1, 6, len(skeleton)).astype(np.uint8),
                details={"area": float(generator.uniform(3000, 30000)), "image": number // 2, "univ_scale": UNIV_SCALE},
            )
        )
    name = protocol.datasets[0] if protocol.datasets else "lab"
    return dataset_of(samples, skeleton=skeleton, name=name, split=protocol.split)


def sample_of(skeleton: Skeleton, joints_cam: np.ndarray, **facts) -> PoseSample:
    """One person before the camera; the box is 20 px about the joints."""
    joints_img = CAMERA.project(joints_cam)
    low, high = joints_img.min(axis=0) - 20, joints_img.max(axis=0) + 20
    states = facts.pop("states", np.full(len(skeleton), JointState.VISIBLE, np.uint8))
    return PoseSample(
        image=b"",
        skeleton=skeleton,
        box_xywh=np.concatenate([low, high - low]),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=states,
        camera=CAMERA,
        head_box_xywh=np.array(HEAD_BOX),
        details=json.dumps(facts.pop("details", {})),
        **facts,
    )


def known_to(dataset: PoseDataset) -> CropPredictions:
    """What a network that knows a dataset's labels says, in the dataset's skeleton; no depth where that has no root."""
    perfect = perfect_predictions(dataset)
    return CropPredictions(
        perfect.skeleton,
        np.nan_to_num(perfect.joints_crop),
        perfect.confidence,
        perfect.img_from_crop,
        perfect.index,
        perfect.weights,
    )


def network_of(protocol: Protocol) -> Skeleton:
    """The skeleton of a network that the protocol scores without any approximation."""
    return MPII_16 if protocol.scale == "bone-sum-4000-legacy" else get_skeleton(protocol.skeleton)
