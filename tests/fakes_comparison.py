"""A finished comparison in a folder, as a quickstart leaves it, but without any training.

Stores, run folders, logs, weights and evaluations are real files written by the real functions; only the figures are
made up: the ground truth with noise, more of it for an arm and a world that do worse.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import simplejpeg

from prepose.body.drawing import draw_skeleton
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.camera.crop import crop_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.sample import JointState, PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.data.target import image_targets
from prepose.files import write_json
from prepose.metrics.evaluation import Evaluation, with_mean_pose
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import save_weights
from prepose.models.pose_net import build_pose_net
from prepose.predict.score import CropPredictions, mean_pose_of, score
from prepose.recipes.run import Run, create_run, environment
from prepose.recipes.train import log_columns
from prepose.specs.builtin_recipes import base_recipe
from prepose.specs.recipe import Recipe
from prepose.studies.quickstart.conduct import PROTOCOL, TITLES, Size, quickstart_study
from prepose.studies.run.folder import claim_folder, definition, keep_plan, plan_of
from prepose.studies.run.stores import store_folders
from prepose.studies.trials import arms_of, on_stores, trials_of
from prepose.synthetic.rig import draw_proportions

SIDE = 96
COUNTS = {
    "wild": {"train": 6, "validation": 4, "test": 9},
    "lab": {"train": 6, "validation": 4, "test": 9},
    "occluded": {"test": 9},
}
SIZE = Size("quick", COUNTS, SIDE, 6_400, (0, 1), 3_200)
SECONDS = {"synthesis": 12.25, "training and evaluation": 30.5}
# Spread of the noise that stands for each arm's error, crop px of 64; and how much more of it there is in a world.
NOISE = {"only-3d": 4.0, "mixed": 2.0, "pretrain-finetune": 1.9}
HARDER = {"lab": 0.5, "wild": 1.0, "occluded": 1.3}


def person_in_picture(generator: np.random.Generator, number: int) -> PoseSample:
    """A person of the rig's rest pose, turned and jittered, before a camera; with a drawn picture and every state."""
    angle = generator.uniform(-np.pi, np.pi)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    camera = camera_from_field_of_view((SIDE, SIDE), 45.0)
    # World z up, camera y down.
    rest = draw_proportions(generator).rest @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T
    joints_cam = rest @ turn.T + generator.normal(0, 25, rest.shape)
    joints_cam += np.array([0, 0, 3600.0]) - joints_cam[PREPOSE_27.root_index]
    joints_img = camera.project(joints_cam)
    low, high = joints_img.min(axis=0), joints_img.max(axis=0)
    plain = np.full((SIDE, SIDE, 3), generator.integers(60, 200, 3), np.uint8)

    return PoseSample(
        image=simplejpeg.encode_jpeg(draw_skeleton(plain, joints_img, PREPOSE_27), quality=85),
        skeleton=PREPOSE_27,
        box_xywh=np.array([*low, *(high - low + 1)]),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=generator.choice(
            [JointState.VISIBLE, JointState.OCCLUDED_BY_OBJECT, JointState.OCCLUDED_BY_BODY], len(PREPOSE_27)
        ).astype(np.uint8),
        camera=camera,
        subject=f"person {number % 3}",
        action=("walking", "sitting")[number % 2],
        source=f"person {number}",
    )


def noised_evaluation(dataset: PoseDataset, training: PoseDataset, noise_px: float, *, seed: int) -> Evaluation:
    """What a network would score whose joints are the ground truth and noise, beside the mean training pose."""
    protocol = get_protocol(PROTOCOL)
    truth = image_targets(dataset, MPII_16).astype(float)
    crops = [crop_of_box(box, 64) for box in dataset.array("box_xywh").astype(float)]
    matrices = np.stack([crop.crop_from_img for crop in crops])
    joints = np.empty_like(truth)
    joints[..., :2] = truth[..., :2] @ matrices[:, :2, :2].transpose(0, 2, 1) + matrices[:, None, :2, 2]
    joints[..., 2] = truth[..., 2] * np.array([64 / crop.side for crop in crops])[:, None]
    # Some samples are harder than others, so that best, median and worst cases differ.
    spread = noise_px * np.linspace(0.5, 1.5, len(dataset))[:, None, None]
    predictions = CropPredictions(
        skeleton=MPII_16,
        joints_crop=joints + np.random.default_rng(seed).normal(0, 1, joints.shape) * spread,
        confidence=np.full(joints.shape[:2], 0.5),
        img_from_crop=np.stack([crop.img_from_crop for crop in crops]),
        index=np.arange(len(dataset)),
        weights=f"noise {noise_px:g}",
    )
    return with_mean_pose(score(predictions, dataset, protocol, facts={}), mean_pose_of(training, protocol))


@dataclass(frozen=True)
class FakeComparison:
    """Where a made-up comparison is."""

    folder: Path
    size: Size
    recipes: Mapping[str, Recipe]

    def run(self, arm: str, seed: int) -> Path:
        return self.folder / "runs" / f"{arm}-seed{seed}"

    def store(self, world: str) -> Path:
        return self.folder / "stores" / world


def fake_comparison(folder: Path, size: Size = SIZE) -> FakeComparison:
    """Write a finished comparison; its report.json and its page are still to be made."""
    study = quickstart_study(size)
    arms = arms_of(study)
    trials = trials_of(study, arms)
    made = FakeComparison(folder, size, {arm.name: arm.recipe for arm in arms})
    claim_folder(folder, definition(study, base_recipe(study), size=size.name, budget_scale=1.0), extend=False)
    keep_plan(folder, plan_of(arms, trials), extend=False)
    for number, (world, splits) in enumerate(size.counts.items()):
        for split, count in splits.items():
            generator = np.random.default_rng([number, count, len(split)])
            people = (person_in_picture(generator, i) for i in range(count))
            write_store(made.store(world), StoreDescription(world, PREPOSE_27), split, people, total=count)
    for trial in trials:
        run = create_run(folder / trial.folder, on_stores(trial.recipe, store_folders(study, folder, None)))
        _finish(run, made, NOISE[trial.arm], trial.seed)
    write_json(folder / "environment.json", environment() | {"resumed": [environment()]})
    write_json(folder / "quickstart.json", {"seconds": SECONDS})
    return made


def _finish(run: Run, made: FakeComparison, noise: float, seed: int) -> None:
    net = build_pose_net(run.recipe.model, seed=seed)
    for path in (run.best_weights, run.last_weights):
        save_weights(net, path)
    write_log(run.folder, run.recipe, seconds=10.0 + seed)
    training = open_store(made.store("lab"), "train")
    for place, name in enumerate(TITLES):
        dataset = open_store(made.store(name), "test")
        evaluation = noised_evaluation(dataset, training, noise * HARDER[name], seed=10 * seed + place)
        save_evaluation(replace(evaluation, dataset=name), run.evaluations, name)
    write_json(run.folder / "costs.json", {"train_seconds": 10.0 + seed})


def write_log(folder: Path, recipe: Recipe, *, seconds: float) -> None:
    """A log of eight rows, every second of them with a validation whose error falls."""
    with (folder / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, log_columns(recipe), restval="", lineterminator="\n")
        writer.writeheader()
        for row in range(1, 9):
            part = row / 8
            errors = {"validation_mpjpe_mm": 300 - 20 * row, "watched_wild_mpjpe_mm": 400 - 20 * row}
            known: Mapping[str, float] = errors if row % 2 == 0 else {}
            writer.writerow(
                {
                    "step": row,
                    "samples": int(recipe.samples * part),
                    "stage": recipe.stages[0].name,
                    "loss": 1 / row,
                    "train_flops": 1e12 * part,
                    "train_seconds": seconds * part,
                    **known,
                }
            )
