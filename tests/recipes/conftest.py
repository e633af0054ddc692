"""Tiny stores, written the way real ones are, and recipes that train on them in a second."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.data.sample import JointState, PoseSample
from prepose.data.store import StoreDescription, write_store
from prepose.recipes.builtin import RECIPES
from prepose.recipes.overrides import override, shrink
from prepose.recipes.stage import Recipe
from prepose.synthetic.rig import SEGMENTS, BodyPose, draw_proportions, pose_joints

SIDE = 96


def _turn(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def stick_figure(index: int, *, hidden: float = 0.0) -> PoseSample:
    """A turned T-pose drawn as sticks; a part `hidden` of its joints is not labelled."""
    generator = np.random.default_rng([7, index])
    local = np.stack([np.eye(3)] * len(SEGMENTS))
    local[0] = _turn(generator.uniform(-np.pi, np.pi))
    world, _ = pose_joints(draw_proportions(generator), BodyPose(local, np.zeros(3)))
    camera = camera_from_field_of_view((SIDE, SIDE), 45)
    # World z up, camera y down.
    joints_cam = world @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T + np.array([0, 0, 3500.0])
    joints_cam = joint_map(PREPOSE_27, MPII_16).apply(joints_cam)
    joints_img = camera.project(joints_cam)
    image = np.full((SIDE, SIDE, 3), int(generator.integers(40, 120)), np.uint8)
    for a, b in MPII_16.bone_indices:
        ends = [tuple(int(v) for v in joints_img[j].round()) for j in (a, b)]
        cv2.line(image, ends[0], ends[1], (200, 180, int(generator.integers(100, 255))), 3)
    low, high = joints_img.min(axis=0), joints_img.max(axis=0)
    drop = generator.random(16) < hidden
    drop[MPII_16.root_index] = False
    joints_img[drop], joints_cam[drop] = np.nan, np.nan
    return PoseSample(
        image=cv2.imencode(".jpg", image)[1].tobytes(),
        skeleton=MPII_16,
        box_xywh=np.array([*low, *(high - low)]),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=np.full(16, JointState.VISIBLE, np.uint8),
        camera=camera,
        action="standing",
        source=f"stick figure {index}",
    )


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stores `wild` and `lab`, each with the splits train and validation."""
    folder = tmp_path_factory.mktemp("stores")
    for number, name in enumerate(("wild", "lab")):
        for split, first, count in (("train", 0, 24), ("validation", 100, 6)):
            samples = (stick_figure(1000 * number + first + i, hidden=0.3) for i in range(count))
            write_store(folder / name, StoreDescription(name, MPII_16), split, samples, total=count)
    return folder


def on_stores(recipe: Recipe, stores: Path) -> Recipe:
    """The recipe with its 2D sources in `wild` and its 3D sources and validations in `lab`, and a small net."""
    changes = [
        f"sources.{name}.store={stores / ('lab' if s.labels == '3d' else 'wild')}" for name, s in recipe.sources.items()
    ]
    changes += ["model.weights=random", "model.size=64"]
    if recipe.model.backbone.startswith("resnet"):
        changes.append("model.backbone=resnet-18")
    for path in ["validation", *(f"{stage.name}.validation" for stage in recipe.stages if stage.validation)]:
        changes.append(f"{path}.store={stores / 'lab'}")
    return override(recipe, changes)


@pytest.fixture
def tiny(stores: Path) -> Recipe:
    """`pretrain-finetune`, each stage two steps of four samples, in fp32."""
    return override(shrink(on_stores(RECIPES["pretrain-finetune"](), stores)), ["precision=fp32"])
