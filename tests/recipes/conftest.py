"""Tiny stores, written the way real ones are, and recipes that train on them in a second."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.data.sample import JointState, PoseSample
from prepose.data.store import StoreDescription, write_store
from prepose.files import write_json
from prepose.models.pose_net import PoseNet
from prepose.recipes.log import RunLog
from prepose.recipes.loop import Setting
from prepose.recipes.validation import Validated
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Recipe, ValidationSpec
from prepose.synthetic.rig import SEGMENTS, BodyPose, draw_proportions, pose_joints

SIDE = 96


def _turn(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _stick_figure(index: int, *, hidden: float = 0.0) -> PoseSample:
    """A turned T-pose drawn as sticks; a part `hidden` of its joints is not labelled."""
    generator = np.random.default_rng([7, index])
    local = np.stack([np.eye(3)] * len(SEGMENTS))
    local[0] = _turn(generator.uniform(-np.pi, np.pi))
    world, _ = pose_joints(draw_proportions(generator), BodyPose(local, np.zeros(3)))
    camera = camera_from_field_of_view((SIDE, SIDE), 45.0)
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
            samples = (_stick_figure(1000 * number + first + i, hidden=0.3) for i in range(count))
            write_store(folder / name, StoreDescription(name, MPII_16), split, samples, total=count)
    return folder


def _on_stores(recipe: Recipe, stores: Path) -> Recipe:
    """The recipe with its 2D sources in `wild` and its 3D sources and validations in `lab`, and a small net."""
    changes = [
        f"sources.{name}.store={stores / ('lab' if s.labels == '3d' else 'wild')}" for name, s in recipe.sources.items()
    ]
    changes += ["model.weights=random", "model.size=64"]
    if recipe.model.backbone.startswith("resnet"):
        changes += ["model.backbone=small-0.7m", "model.decoder=light"]
    for path in ["validation", *(f"{stage.name}.validation" for stage in recipe.stages if stage.validation)]:
        changes.append(f"{path}.store={stores / 'lab'}")
    return override(recipe, changes)


@pytest.fixture(scope="session")
def stick_figure() -> Callable[..., PoseSample]:
    """The function that draws the samples of the stores."""
    return _stick_figure


@pytest.fixture(scope="session")
def on_stores() -> Callable[[Recipe, Path], Recipe]:
    """The function that puts a recipe onto the stores."""
    return _on_stores


@pytest.fixture(scope="session")
def together(stores: Path) -> Recipe:
    """The recipe that `two_processes` ran."""
    return _together(stores)


@pytest.fixture
def tiny(stores: Path) -> Recipe:
    """`pretrain-finetune`, each stage two steps of four samples, in fp32."""
    return override(shrink(_on_stores(RECIPES["pretrain-finetune"](), stores)), ["precision=fp32"])


TOGETHER = """
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from prepose.recipes.distributed import share_batch_norm
from prepose.recipes.train import Machine, run_recipe
from prepose.specs.reading import read_recipe

out = Path(sys.argv[1])
machine = Machine(accelerator="cpu", checkpoint_seconds=0.0)
run_recipe(read_recipe(out / "together.json"), out / "together", machine=machine)

# Beside the run: the normalisation alone, on the inputs that `test_distributed` compares with one process.
rank = dist.get_rank()
inputs = torch.load(out / "inputs.pt")
net = nn.Sequential(nn.BatchNorm2d(3))
share_batch_norm(net, torch.device("cpu"))
mine = inputs["x"].chunk(2)[rank].clone().requires_grad_()
result = net(mine)
(result * inputs["weight"].chunk(2)[rank]).sum().backward()
torch.save(
    {"y": result.detach(), "gradient": mine.grad, "state": net.state_dict(), "weight": net[0].weight.grad},
    out / f"norm-{rank}.pt",
)
dist.destroy_process_group()
"""


@pytest.fixture(scope="session")
def two_processes(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes on the CPU, launched by torchrun and talking over gloo, left in a folder."""
    out = tmp_path_factory.mktemp("two-processes")
    write_json(out / "together.json", _together(stores).model_dump(mode="json"))
    generator = torch.Generator().manual_seed(5)
    shape = (4, 3, 5, 5)
    # Far from zero, where a variance by mean square minus square mean would have no digits left.
    x = 1000 + torch.randn(shape, generator=generator) * torch.tensor([1.0, 5.0, 0.1])[:, None, None]
    torch.save({"x": x, "weight": torch.randn(shape, generator=generator)}, out / "inputs.pt")
    (out / "script.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(out / "script.py"), str(out)], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr
    return out


def _together(stores: Path) -> Recipe:
    """A recipe for comparing processes: uneven masks, all stages, clipping; SGD, which does not magnify rounding."""
    recipe = override(shrink(_on_stores(RECIPES["pretrain-finetune"](), stores)), ["precision=fp32", "clip_norm=0.5"])
    changes = [
        f"{stage.name}.{change}"
        for stage in recipe.stages
        for change in ("optimiser=sgd", "samples=12", "learning_rate=0.02")
    ]
    return override(recipe, [*changes, "finetune.shares.lab=0.2", "log_every=8"])


@pytest.fixture
def setting_for() -> Callable[..., Setting]:
    """A setting on one CPU thread: where rows go, and a validation that gives these values in turn."""

    def make(log: RunLog | None, values: Sequence[float] = (), *, stop_after: int = 10**9) -> Setting:
        results, asked = iter(values), iter(range(10**9))

        def validate(net: PoseNet, spec: ValidationSpec) -> Validated:
            return Validated({spec.metric: next(results)}, 1000.0)

        fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
        return Setting(fabric, log, None, validate, lambda: next(asked) >= stop_after)

    return make
