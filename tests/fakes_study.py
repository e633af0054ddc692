"""A finished study in a folder, as `prepose study` leaves it, but without any training.

study.json, plan.json, run folders, logs, costs and evaluations are real files; only the figures are made up: the truth
with noise, whose size is a function of the arm, the set, the seed and the person.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fakes_comparison import noised_evaluation, person_in_picture
from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import save_evaluation
from prepose.metrics.protocols import get_protocol

PROTOCOL = "true-root-depth"
STATES = ("unknown", "visible", "occluded", "occluded_by_object", "occluded_by_body", "outside")
ENVIRONMENT = {
    "command": ["prepose", "study", "fake"],
    "date": "2026-11-23T04:00:00+00:00",
    "prepose": "0.1.0",
    "git_commit": "0123456789abcdef0123456789abcdef01234567",
    "python": "3.11.7",
    "platform": "Linux-6.1-x86_64",
    "cpu": "A processor",
    "cpu_count": 2,
    "threads": 1,
    "gpus": [],
    "torch": "2.13.0+cpu",
    "packages": {"numpy": "2.0.0"},
}
# A standing person of mpii-16 seen from the front, cm, relative to the pelvis: x right, y down, z away.
STANDING_CM = {
    "r_ankle": (12, 85, 2), "r_knee": (11, 43, -2), "r_hip": (11, 0, 0), "l_hip": (-11, 0, 0), "l_knee": (-11, 43, -2),
    "l_ankle": (-12, 85, 2), "pelvis": (0, 0, 0), "thorax": (0, -45, 2), "upper_neck": (0, -53, 0),
    "head_top": (0, -78, -2), "r_wrist": (24, 2, -8), "r_elbow": (22, -22, 0), "r_shoulder": (17, -46, 2),
    "l_shoulder": (-17, -46, 2), "l_elbow": (-22, -22, 0), "l_wrist": (-24, 2, -8),
}  # fmt: skip

Levels = Mapping[str, str]
ErrorOf = Callable[[Levels, str, int], float]


def two_arms(levels: Levels, set_name: str, seed: int) -> float:
    """Spread of the noise of each coordinate, mm: pre-training helps in the wild, not in the lab."""
    gain = {"lab": 0.0, "wild": 18.0}.get(set_name, 9.0) if levels.get("training") == "pretrained" else 0.0
    return {"lab": 60.0}.get(set_name, 90.0) - gain + 0.7 * seed


@dataclass(frozen=True)
class Fake:
    """What a fake study is made of.

    Attributes:
        factors: factor -> level -> its budget.
        sets: set -> (store, protocol).
        comparisons: As study.json holds them.
        seeds: Of the trials.
        samples: In each set.
        people: In each set.
        error: The spread of the noise.
        train_stores: levels -> the stores that 3D labels come from.
        shared_by: level -> stage -> number of trainings.
        left_out: Combinations of levels without a trial.
        drawn: Whether the sets are pictures in stores of the study's folder.
    """

    factors: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: {"training": {"pretrained": 1.0, "only-3d": 1.0}}
    )
    sets: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {"lab": ("lab", PROTOCOL), "wild": ("wild", PROTOCOL)}
    )
    comparisons: Sequence[Mapping[str, Any]] = (
        {
            "statement": "2D pre-training lowers the error",
            "arm": {"training": "pretrained"},
            "baseline": {"training": "only-3d"},
            "sets": ["lab", "wild"],
            "metric": "mpjpe_mm",
        },
    )
    seeds: Sequence[int] = (0, 1, 2)
    samples: int = 48
    people: int = 8
    error: ErrorOf = two_arms
    train_stores: Callable[[Levels], Sequence[str]] = lambda levels: ("lab",)
    shared_by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    left_out: Sequence[Levels] = ()
    drawn: bool = False

    def arms(self) -> list[dict[str, str]]:
        """Every combination of levels that is run."""
        combinations = [dict(zip(self.factors, levels, strict=True)) for levels in product(*self.factors.values())]
        return [each for each in combinations if not any(left.items() <= each.items() for left in self.left_out)]

    def name(self, levels: Levels) -> str:
        """As `studies.trials.arm_name` makes it."""
        varied = [levels[factor] for factor, known in self.factors.items() if len(known) > 1]
        return " / ".join(varied or levels.values())


def fake_study(folder: Path, fake: Fake | None = None) -> Path:
    """Write a finished study; returns its folder."""
    fake = fake or Fake()
    write(folder / "study.json", {"format": 1, "study": study_content(fake), "size": "cpu", "budget_scale": 1.0})
    trials = [(levels, seed) for seed in fake.seeds for levels in fake.arms()]
    plan = {
        "arms": [_arm(fake, levels) for levels in fake.arms()],
        "trials": [{"id": trial_id(levels, seed), "arm": fake.name(levels), "seed": seed} for levels, seed in trials],
    }
    write(folder / "plan.json", plan)
    if fake.drawn:
        for store in study_content(fake)["stores"]:
            _draw(folder / "stores" / store, store, fake.samples)
    for levels, seed in trials:
        _trial(folder, fake, levels, seed)
    return folder


def _draw(folder: Path, name: str, count: int) -> None:
    for split in ("train", "test"):
        generator = np.random.default_rng([len(name), *name.encode(), len(split)])
        people = (person_in_picture(generator, i) for i in range(count))
        write_store(folder, StoreDescription(name, PREPOSE_27), split, people, total=count)


def study_content(fake: Fake) -> dict[str, Any]:
    """The study, as `Study.model_dump` gives it."""
    stores = sorted({store for store, _ in fake.sets.values()} | {"lab"})
    return {
        "name": "fake",
        "question": "Do 2D labels help?",
        "base": "only-3d",
        "changes": [],
        "factors": [
            {"name": name, "levels": [{"name": level, "budget": budget} for level, budget in levels.items()]}
            for name, levels in fake.factors.items()
        ],
        "left_out": [dict(levels) for levels in fake.left_out],
        "seeds": list(fake.seeds),
        "budget": {"rule": "flops", "amount": 1e12},
        "stores": {name: {"world": "lab", "counts": {"train": 8, "test": 8}, "size": 96} for name in stores},
        "sets": {
            name: {"store": store, "split": "test", "protocol": protocol, "title": f"{name} test"}
            for name, (store, protocol) in fake.sets.items()
        },
        "comparisons": [dict(each) for each in fake.comparisons],
    }


def trial_id(levels: Levels, seed: int) -> str:
    """Twelve hex digits, the same for the same trial."""
    text = json.dumps([sorted(levels.items()), seed])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _flops(fake: Fake, levels: Levels) -> float:
    budgets = [fake.factors[name][level] for name, level in levels.items()]
    return 1e12 * float(np.prod(budgets))


def _arm(fake: Fake, levels: Levels) -> dict[str, Any]:
    flops, shared = _flops(fake, levels), _shared(fake, levels)
    counted = sum(flops / 2 / shared.get(stage, 1) for stage in ("pretrain", "finetune"))
    return {
        "name": fake.name(levels),
        "levels": dict(levels),
        "train_flops": flops,
        "counted_flops": counted,
        "images": round(flops / 1e8),
        "parameters": 123_456,
        "shared_by": shared,
        "stages": [{"name": name, "samples": 5000, "train_flops": flops / 2} for name in ("pretrain", "finetune")],
    }


def _shared(fake: Fake, levels: Levels) -> dict[str, int]:
    return {stage: n for level in levels.values() for stage, n in fake.shared_by.get(level, {}).items()}


def _trial(folder: Path, fake: Fake, levels: Levels, seed: int) -> None:
    run = folder / "trials" / trial_id(levels, seed)
    run.mkdir(parents=True)
    sources = {store: {"store": f"/somewhere/{store}-0a1b2c3d", "labels": "3d"} for store in fake.train_stores(levels)}
    sources["wild-2d"] = {"store": "/somewhere/wild", "labels": "2d"}
    write(run / "recipe.json", {"sources": sources})
    write(run / "environment.json", ENVIRONMENT)
    write_log(run / "log.csv", fake, levels, seed)
    for name, (store, protocol) in fake.sets.items():
        noise = fake.error(levels, name, seed)
        if fake.drawn:
            splits = [
                open_store(folder / "stores" / place, split) for place, split in ((store, "test"), ("lab", "train"))
            ]
            evaluation = noised_evaluation(splits[0], splits[1], noise / 20, seed=seed + len(name))
        else:
            generator = np.random.default_rng([seed, *trial_id(levels, seed).encode()])
            evaluation = fake_evaluation(name, protocol, fake, noise=noise, generator=generator, dataset=store)
        save_evaluation(evaluation, run / "evaluations", name)
    flops = _flops(fake, levels)
    costs = {
        "parameters": 123_456, "forward_flops": 3e7, "train_flops": flops, "counted_flops": flops,
        "stages": {}, "validation_flops": 0.1 * flops, "evaluation_flops": 0.02 * flops, "images_seen": 10_000,
        "train_seconds": 100.0 + seed, "validation_seconds": 8.0, "evaluation_seconds": 3.0, "device": "cpu",
        "threads": 1, "peak_memory_bytes": 700 * 2**20, "energy_joules": None, "energy_source": None,
    }  # fmt: skip
    write(run / "costs.json", costs)


def fake_evaluation(
    name: str, protocol: str, fake: Fake, *, noise: float, generator: np.random.Generator, dataset: str
) -> Evaluation:
    """The same people for every trial of a set, with a trial's own noise."""
    same = np.random.default_rng([len(name), *name.encode()])
    count, joints = fake.samples, len(MPII_16)
    person = np.arange(count) % fake.people
    standing = 10.0 * np.array([STANDING_CM[joint] for joint in MPII_16.joints])
    truth = standing * same.uniform(0.9, 1.1, fake.people)[person][:, None, None] + same.normal(
        0, 40, (count, joints, 3)
    )
    truth -= truth[:, [MPII_16.root_index]]
    truth_img = 48 + 0.05 * truth[..., :2]
    # People differ in how hard they are; the hands are worse than the trunk.
    hard = same.uniform(0.8, 1.2, fake.people)[person][:, None, None] * np.linspace(0.7, 1.3, joints)[None, :, None]
    off = noise * hard * generator.normal(size=truth.shape)
    off[:, MPII_16.root_index] = 0
    prediction = truth + off
    states = same.choice(len(STATES), (count, joints), p=(0, 0.7, 0, 0.15, 0.1, 0.05)).astype(np.uint8)
    flat = np.concatenate([truth[..., :2], np.zeros((count, joints, 1))], axis=-1)
    return Evaluation(
        protocol=get_protocol(protocol),
        dataset=dataset,
        split="test",
        weights=f"noise {noise:g}",
        index=np.arange(count),
        subjects=tuple(f"person {i}" for i in person),
        actions=tuple(("walking", "sitting", "waving")[i % 3] for i in range(count)),
        states=states,
        state_names=STATES,
        boxes_xywh=np.tile([8.0, 4.0, 80.0, 88.0], (count, 1)),
        head_boxes_xywh=np.full((count, 4), np.nan),
        confidence=np.clip(1 - np.linalg.norm(off, axis=-1) / 400, 0, 1).astype(np.float32),
        prediction_img=(truth_img + 0.05 * off[..., :2]).astype(np.float32),
        truth_img=truth_img.astype(np.float32),
        prediction_mm=prediction.astype(np.float32),
        truth_mm=truth.astype(np.float32),
        root_depth_mm=np.full(count, 3500.0),
        variants={
            "mean-pose": np.broadcast_to(standing, truth.shape).astype(np.float32),
            "true-2d-flat-depth": flat.astype(np.float32),
            "true-2d-predicted-depth": np.concatenate([truth[..., :2], prediction[..., 2:]], -1).astype(np.float32),
            "predicted-2d-true-depth": np.concatenate([prediction[..., :2], truth[..., 2:]], -1).astype(np.float32),
        },
        facts={},
    )


def write_log(path: Path, fake: Fake, levels: Levels, seed: int) -> None:
    """A log of twelve rows, every second of them with a validation whose error falls as a power of compute."""
    flops, images = _flops(fake, levels), round(_flops(fake, levels) / 1e8)
    names = ("step", "samples", "stage", "loss", "train_flops", "train_seconds", "validation_mpjpe_mm",
             "watched_wild_mpjpe_mm")  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        for row in range(1, 13):
            part = row / 12
            known = {}
            if row % 2 == 0:
                level = fake.error(levels, "wild", seed)
                known = {
                    "validation_mpjpe_mm": 1.5 * level * part**-0.3,
                    "watched_wild_mpjpe_mm": 2 * level * part**-0.2,
                }
            stage = "pretrain" if row <= 6 else "finetune"
            moved = {"samples": round(images * part), "train_flops": flops * part, "train_seconds": 100 * part}
            writer.writerow({"step": row, "stage": stage, "loss": 1 / row, **moved, **known})


def write(path: Path, content: Any) -> None:
    """JSON into a folder that may have to be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def crossed_error(levels: Levels, set_name: str, seed: int) -> float:
    """Larger at small budgets, away from the world of the 3D labels, and without 2D data."""
    budget = {"half": 1.12, "whole": 1.0}[levels["budget"]]
    training = {"only-3d": 1.0, "mixed": 0.8, "2d-first": 0.83}[levels["training"]]
    away = 1.0 if levels["labels-from"].startswith(set_name) else 1.35
    return {"lab": 50.0, "wild": 80.0, "occluded": 95.0}[set_name] * budget * training * away * (1 + 0.01 * seed)


def crossed_claim(statement: str, arm: str, baseline: str) -> dict[str, Any]:
    """A comparison on all sets, for every world and budget."""
    sets = ["lab", "wild", "occluded"]
    sides = {"arm": {"training": arm}, "baseline": {"training": baseline}}
    return {"statement": statement, **sides, "sets": sets, "metric": "mpjpe_mm"}


CROSSED = Fake(
    factors={
        "training": {"only-3d": 1.0, "mixed": 1.0, "2d-first": 1.0},
        "labels-from": {"lab-3d": 1.0, "wild-3d": 1.0},
        "budget": {"half": 0.5, "whole": 1.0},
    },
    sets={name: (name, PROTOCOL) for name in ("lab", "wild", "occluded")},
    comparisons=(
        crossed_claim("2D pre-training beats 3D labels alone", "2d-first", "only-3d"),
        crossed_claim("2D first beats mixing from the start", "2d-first", "mixed"),
    ),
    samples=24,
    people=6,
    error=crossed_error,
    train_stores=lambda levels: (levels["labels-from"].split("-")[0],),
    shared_by={"2d-first": {"pretrain": 3}},
    left_out=({"training": "2d-first", "labels-from": "wild-3d", "budget": "half"},),
)
# A factor of three levels that is not compared: the page draws the errors along it.
THREE_WORLDS = replace(
    CROSSED,
    factors={**CROSSED.factors, "labels-from": {"lab-3d": 1.0, "occluded-3d": 1.0, "wild-3d": 1.0}},
    samples=9,
    people=3,
)
