"""The table of CONTRIBUTING.md is what really happens: each row is walked with a toy."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fakes import fake_lsp_extended
from prepose.body import skeletons
from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import LSP_14, MPII_16, SKELETONS, get_skeleton
from prepose.data import catalog
from prepose.data.catalog import DATASETS, add_dataset
from prepose.data.store import open_store
from prepose.losses import LOSSES, masked_mean
from prepose.metrics import measures, protocol, protocols
from prepose.metrics.protocols import PROTOCOLS, get_protocol, protocols_for
from prepose.models import pose_net
from prepose.models.backbone import Backbone
from prepose.models.backbones import BACKBONES
from prepose.models.pose_net import PoseOutput, build_pose_net
from prepose.recipes import objective
from prepose.specs import builtin_recipes
from prepose.specs.builtin_recipes import RECIPES, recipe_named
from prepose.specs.builtin_studies import STUDIES
from prepose.specs.model import ModelSpec
from prepose.specs.reading import study_named
from prepose.synthetic import motion
from prepose.synthetic.motion import ACTIONS, draw_pose
from prepose.synthetic.rig import draw_proportions

ROOT = Path(__file__).parents[1]
# `model_copy` asks for no name in `specs`, whose tables the specs keep as they found them.
SMALL = ModelSpec(backbone="small-0.3m", decoder="light", size=32)


def add_a_dataset(monkeypatch, folder):
    entry = replace(DATASETS["lsp-extended"], name="toy")
    monkeypatch.setattr(catalog, "DATASETS", {**DATASETS, "toy": entry})
    fake_lsp_extended(folder / "root", np.random.default_rng(1), count=10)
    (added,) = add_dataset("toy", folder / "root", folder / "out", splits=["all"])
    assert added.samples == len(open_store(folder / "out", "all")) == 10


def add_a_skeleton(monkeypatch, _folder):
    toy = Skeleton(name="toy-14", joints=LSP_14.joints[::-1], bones=LSP_14.bones, root=None)
    for module in (skeletons, pose_net):
        monkeypatch.setattr(module, "SKELETONS", {**SKELETONS, toy.name: toy})
    assert get_skeleton("toy-14") is toy
    expected = joint_map(LSP_14, MPII_16).truly_labelled
    np.testing.assert_array_equal(joint_map(toy, MPII_16).truly_labelled, expected)
    small = SMALL.model_copy(update={"skeleton": "toy-14"})
    assert build_pose_net(small).eval()(torch.zeros(1, 3, 32, 32)).joints_crop.shape == (1, 14, 3)


def add_a_loss(monkeypatch, _folder):
    def toy(x):
        return masked_mean((x.joints_fraction - x.target_fraction).abs().amax(-1), x.batch.has_3d, x.count_3d)

    monkeypatch.setattr(objective, "LOSSES", {**LOSSES, "toy": toy})
    ours = recipe_named("only-3d").stages[0].model_copy(update={"losses": {"toy": 1.0}})
    maps = torch.zeros(1, 14, 4, 4)
    output = PoseOutput(maps, maps, torch.ones(1, 14, 3), torch.ones(1, 14))
    known = torch.ones(1, 14, dtype=torch.bool)
    batch = SimpleNamespace(joints_crop=torch.zeros(1, 14, 3), has_2d=known, has_3d=known)
    found = objective.losses_of(objective.loss_names(ours), output, batch, size=16, skeleton=LSP_14)
    torch.testing.assert_close(found, torch.tensor([1 / 16]))


def add_a_backbone(monkeypatch, _folder):
    class Toy(Backbone):
        channels = (2, 2, 2, 2)

        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList(
                torch.nn.Conv2d(channels, 2, stride, stride) for channels, stride in ((3, 4), (2, 2), (2, 2), (2, 2))
            )

        def forward(self, pixels):
            stages = []
            for layer in self.layers:
                pixels = layer(pixels)
                stages.append(pixels)
            return tuple(stages)

    monkeypatch.setattr(pose_net, "BACKBONES", {**BACKBONES, "toy": Toy})
    net = build_pose_net(SMALL.model_copy(update={"backbone": "toy"})).eval()
    assert all(part.isfinite().all() for part in net(torch.zeros(1, 3, 32, 32)))


def add_a_protocol(monkeypatch, _folder):
    row = replace(next(iter(PROTOCOLS.values())), name="toy", datasets=("lsp",))
    monkeypatch.setattr(protocols, "PROTOCOLS", {**PROTOCOLS, "toy": row})
    assert get_protocol("toy") is row
    assert row in protocols_for("lsp") and row not in protocols_for("mpii")


def add_a_recipe(monkeypatch, _folder):
    toy = recipe_named("mixed").model_copy(update={"name": "toy"})
    monkeypatch.setattr(builtin_recipes, "RECIPES", {**RECIPES, "toy": lambda: toy})
    assert recipe_named("toy") is toy


def add_a_study(_monkeypatch, _folder):
    toy = STUDIES["pretraining"]("cpu").model_copy(update={"name": "toy"})
    assert study_named("toy", studies={**STUDIES, "toy": lambda size: toy}, size="cpu") == toy


def add_an_action(monkeypatch, _folder):
    monkeypatch.setattr(motion, "ACTIONS", {**ACTIONS, "toy": ACTIONS["standing"]})
    generator = np.random.default_rng(2)
    pose = draw_pose(generator, proportions=draw_proportions(generator), actions=("toy",))
    assert pose.action == "toy"


def add_a_metric(monkeypatch, _folder):
    """Its column is a line of a dict that a function makes: here is only the place that the table names."""
    errors = np.ones((2, 14, 3))
    tables = measures.tables_3d(errors, np.zeros_like(errors), np.ones((2, 14), bool))
    assert set(tables) == protocol.MEASURES_3D
    assert set(protocol.MEASURE_TEXTS) >= protocol.MEASURES_3D
    assert all(table.shape == (2, 14) for table in tables.values())


WALKS = {
    "dataset": add_a_dataset,
    "skeleton": add_a_skeleton,
    "loss": add_a_loss,
    "metric": add_a_metric,
    "backbone": add_a_backbone,
    "protocol": add_a_protocol,
    "recipe": add_a_recipe,
    "study": add_a_study,
    "action of synthetic people": add_an_action,
}


@pytest.mark.parametrize("thing", WALKS)
def test_a_thing_is_added_as_the_table_says(thing, monkeypatch, tmp_path):
    WALKS[thing](monkeypatch, tmp_path)


def test_the_table_names_what_is_walked_and_files_that_there_are():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    assert [row[0] for row in rows[1:]] == list(WALKS)
    for _, where, _ in rows[1:]:
        for place in re.findall(r"`([^`]+)`", where):
            pattern = place.replace("NAME", "*")
            assert any((ROOT / "src/prepose").glob(f"**/{pattern}")) or any(ROOT.glob(pattern)), place
