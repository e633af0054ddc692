"""Training of the person detector: targets, losses and its loop.

Source: Liu et al., "Training-Time-Friendly Network for Real-Time Object Detection", AAAI 2020, sections 3.2 and 3.3.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor
from torch.nn import functional

from prepose.camera.crop import corners_of_box
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.errors import RecipeError, TrainingDiverged
from prepose.files import LOCK, locked
from prepose.models.detector_maps import MULTIPLE, STRIDE
from prepose.models.person_detector import (
    DetectorMaps,
    PersonDetector,
    build_detector,
    load_detector,
    save_detector,
)
from prepose.models.weights_file import FILE_NAME
from prepose.recipes.detector_scenes import DetectorScene, Material, draw_detector_scene
from prepose.recipes.stopping import TrainingStopped, stop_requests
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.synthetic.backgrounds import Backgrounds, open_backgrounds
from prepose.synthetic.cutouts import CutoutOrder, draw_cutouts

# The part of a box's sides about its middle within which cells learn it.
_INNER = 0.54
# Source: Law and Deng, "CornerNet", ECCV 2018, equation 1.
_FOCUS, _NEARNESS = 2.0, 4.0
_BOX_WEIGHT = 5.0
_DECAY, _WARM_UP, _CLIP, _TRUNK_RATE = 1e-4, 0.05, 5.0, 0.3
# The saved weights are an average over about so many steps.
_AVERAGED = 200
_SAVED_EVERY = 50

Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class DetectorRecipe:
    """How a detector is trained.

    Attributes:
        images: How many scenes it sees.
        cutouts: How many scenes with drawn people are rendered for them.
        size: Side of the scenes, px, a multiple of 32.
        batch_size: Scenes of a step.
        rate: Highest learning rate; the backbone's is a third of it.
        seed: Seed of everything that is drawn.
    """

    images: int = 60_000
    cutouts: int = 6_000
    size: int = 192
    batch_size: int = 16
    rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("images", self.batch_size), ("cutouts", 1), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise RecipeError(f"{name} must be at least {least}, found {getattr(self, name)}")
        if self.size % MULTIPLE or self.size < 2 * MULTIPLE:
            raise RecipeError(f"size must be a multiple of {MULTIPLE} from {2 * MULTIPLE} on, found {self.size}")
        if not 0 <= self.rate <= 1:
            raise RecipeError(f"rate must be from 0 to 1, found {self.rate}")


class DetectorTargets(NamedTuple):
    """What the maps are to say.

    Attributes:
        centre: (B, h, w) 1 at the middles of people, a bump about them.
        reach: (B, 4, h, w) to the sides of the box, px.
        weight: (B, h, w) how much a cell counts for the box; those of one person add up to 1.
        known: (B, h, w) whether it is known what is here.
    """

    centre: Float[Tensor, "B h w"]
    reach: Float[Tensor, "B 4 h w"]
    weight: Float[Tensor, "B h w"]
    known: Bool[Tensor, "B h w"]


def train_detector(  # noqa: PLR0913 - what it learns from, how, and where to
    out: Path,
    recipe: DetectorRecipe,
    *,
    backgrounds: Sequence[Path] = (),
    photographs: Sequence[Path] = (),
    start: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Render people, put them into scenes and train a person detector on those.

    Args:
        out: A folder, for the rendered people and the weights; a second training there uses the same people.
        recipe: How long, on what.
        backgrounds: Folders of images without people, or stores, whose surroundings of people are taken.
        photographs: Stores whose images are used as they are, each with its labelled person; of the rest of those
            images nothing is learnt. Their split `train` is taken.
        start: A detector's weights to begin with; the backbone's ImageNet weights without them.
        workers: Processes that render.
        progress: Called with (what is done, how much, of how much, what else there is to say).

    Returns:
        The weights file.

    Raises:
        DataError: a store, folder or weights file cannot be read, or another process writes to `out`.
        RecipeError: the ImageNet weights are not installed.
        TrainingStopped: it was stopped; the weights so far are saved.
        TrainingDiverged: the loss is no longer finite; the weights saved before stay.
    """
    scenery = tuple(open_backgrounds(path) for path in backgrounds)
    stores = tuple(open_store(path, "train") for path in photographs)
    net = build_detector(seed=recipe.seed) if start is None else load_detector(start)
    net.ledger = net.ledger.merged(_learnt(recipe, scenery, stores))
    out.mkdir(parents=True, exist_ok=True)
    with locked(out / LOCK, f"is training the detector {out}"), stop_requests() as stopped:

        def drawn(done: int, total: int) -> None:
            if progress is not None:
                progress("people", done, total, "")
            if stopped():
                raise TrainingStopped("stopped; the people that were rendered are kept: rerun the command to go on")

        cutouts = draw_cutouts(
            out / "people", CutoutOrder(seed=recipe.seed), recipe.cutouts, workers=workers, progress=drawn
        )
        file = out / FILE_NAME
        _learn(net, recipe, Material(cutouts, scenery, stores), file, stopped, progress)
    return file


def _learnt(recipe: DetectorRecipe, scenery: Sequence[Backgrounds], stores: Sequence[PoseDataset]) -> Ledger:
    sets = [("synthetic people", recipe.cutouts, "CC0-1.0")]
    sets += [(store.name, len(store), store.licence) for store in stores]
    for each in scenery:
        known = each.people
        terms = "the terms of its images" if known is None else known.licence
        sets.append((f"backgrounds of {each.origin.name if known is None else known.name}", len(each), terms))
    return Ledger(
        datasets=tuple(
            TrainedOn(dataset=name, split="train", samples=count, labels="2d", licence=licence)
            for name, count, licence in sets
        )
    )


def _learn(
    net: PersonDetector,
    recipe: DetectorRecipe,
    material: Material,
    file: Path,
    stopped: Callable[[], bool],
    progress: Progress | None,
) -> None:
    net.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    for module in net.frozen():
        module.requires_grad_(requires_grad=False)
    of_trunk = [*net.stem.parameters(), *net.blocks.parameters()]
    own = {id(parameter) for parameter in of_trunk}
    groups = [
        {"params": [p for p in of_trunk if p.requires_grad], "lr": _TRUNK_RATE * recipe.rate},
        {"params": [p for p in net.parameters() if id(p) not in own], "lr": recipe.rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=_DECAY)
    steps = recipe.images // recipe.batch_size
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step / steps))
    average = deepcopy(net)
    for step in range(steps):
        # The statistics of few images of such a mixture tell less than ImageNet's.
        net.train()
        for module in (net.stem, net.blocks):
            module.eval()
        scenes = [
            draw_detector_scene(np.random.default_rng([recipe.seed, step, row]), material, recipe.size)
            for row in range(recipe.batch_size)
        ]
        image = torch.from_numpy(np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2))
        loss = detector_loss(net(image), targets_of(scenes))
        if not loss.isfinite():
            raise TrainingDiverged(
                f"step {step + 1:,}: the loss is {float(loss.detach())}; use a lower --rate than {recipe.rate:g}"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
        _blend(average, net, 1 / min(_AVERAGED, 1 + step))
        done = step + 1
        if progress is not None:
            facts = f"loss {float(loss.detach()):.2f}"
            progress("scenes", done * recipe.batch_size, steps * recipe.batch_size, facts)
        if done == steps or done % _SAVED_EVERY == 0 or stopped():
            save_detector(average, file)
            if stopped() and done < steps:
                raise TrainingStopped(f"stopped after {done:,} of {steps:,} steps; the weights so far are in {file}")


def _rate(part: float) -> float:
    return part / _WARM_UP if part < _WARM_UP else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part))


@torch.no_grad()
def _blend(average: PersonDetector, net: PersonDetector, share: float) -> None:
    for mine, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        mine.lerp_(new, share) if mine.is_floating_point() else mine.copy_(new)


def targets_of(scenes: Sequence[DetectorScene]) -> DetectorTargets:
    """The maps that scenes of one size ask for."""
    parts = [_targets(scene) for scene in scenes]
    centre, reach, weight, known = (torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True))
    return DetectorTargets(centre, reach, weight, known)


def _targets(scene: DetectorScene) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    height, width = (side // STRIDE for side in scene.image.shape[:2])
    centre, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    reach = np.zeros((4, height, width), np.float32)
    known = cv2.resize(scene.unknown.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) < 0.5
    x, y = (STRIDE * (np.arange(side, dtype=np.float32) + 0.5) - 0.5 for side in (width, height))
    low, high = corners_of_box(scene.boxes_xywh)
    # The smaller ones last: where two overlap, a cell says what it can of the one that has fewer.
    for person in np.argsort(-np.prod(high - low, axis=1)):
        (left, top), (right, bottom) = low[person], high[person]
        bump = _bump(x, left, right)[None, :] * _bump(y, top, bottom)[:, None]
        if not bump.any():
            continue
        inside = bump > 0
        centre = np.maximum(centre, bump)
        known |= inside
        edges = np.broadcast_arrays(x[None, :] - left, y[:, None] - top, right - x[None, :], bottom - y[:, None])
        reach[:, inside] = np.stack(edges)[:, inside]
        weight[inside] = (bump / bump.sum())[inside]
    return centre, reach, weight, known


def _bump(cells: Float32[np.ndarray, "n"], low: float, high: float) -> Float32[np.ndarray, "n"]:
    """1 at the cell nearest to the middle, a Gaussian about it, 0 beyond the inner part of the side."""
    middle, reach = (low + high) / 2, max(_INNER * (high - low) / 2, STRIDE / 2)
    nearest = cells[np.abs(cells - middle).argmin()]
    sigma = (2 * reach + STRIDE) / 6
    return np.where(np.abs(cells - nearest) <= reach, np.exp(-((cells - nearest) ** 2) / (2 * sigma**2)), 0).astype(
        np.float32
    )


def detector_loss(maps: DetectorMaps, targets: DetectorTargets) -> Float[Tensor, ""]:
    """Focal loss of the middles plus the boxes' generalised IoU, per person."""
    people = max(float((targets.centre == 1).sum()), 1.0)
    chance = maps.centre.float().sigmoid()
    hit = -((1 - chance) ** _FOCUS) * functional.logsigmoid(maps.centre.float())
    miss = -(chance**_FOCUS) * functional.logsigmoid(-maps.centre.float()) * (1 - targets.centre) ** _NEARNESS
    focal = torch.where(targets.centre == 1, hit, miss)
    lost = 1 - _generalised_iou(maps.reach.float(), targets.reach)
    boxes = (lost * targets.weight).sum() / max(float(targets.weight.sum()), 1.0)
    return (focal * targets.known).sum() / people + _BOX_WEIGHT * boxes


def _generalised_iou(reach: Float[Tensor, "B 4 h w"], true: Float[Tensor, "B 4 h w"]) -> Float[Tensor, "B h w"]:
    """Of two boxes about the same point. Source: Rezatofighi et al., CVPR 2019, algorithm 1."""
    inner, outer = torch.minimum(reach, true), torch.maximum(reach, true)

    def area(edges: Tensor) -> Tensor:
        return (edges[:, 0] + edges[:, 2]).clamp(min=0) * (edges[:, 1] + edges[:, 3]).clamp(min=0)

    shared, about = area(inner), area(outer).clamp(min=1)
    union = (area(reach) + area(true) - shared).clamp(min=1)
    return shared / union - (about - union) / about
