"""An evaluation drawn from known distributions, with gaps, actions, subjects and every state."""

import numpy as np

from prepose.body.pose import root_relative
from prepose.body.skeletons import get_skeleton
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.protocols import get_protocol

STATES = ("unknown", "visible", "occluded", "occluded_by_object", "occluded_by_body", "outside")


def drawn_evaluation(*, num_samples: int = 40, seed: int = 0, noise_mm: float = 50.0) -> Evaluation:
    """Normal errors in place of a network's; a tenth of the joints is not labelled, the first sample not at all."""
    generator = np.random.default_rng(seed)
    protocol = get_protocol("true-root-depth")
    skeleton = get_skeleton(protocol.skeleton)
    shape = (num_samples, len(skeleton))
    truth = root_relative(generator.normal(0, 300, (*shape, 3)), skeleton)
    truth_img = generator.uniform(0, 200, (*shape, 2))
    gaps = generator.uniform(size=shape) < 0.1
    gaps[:, skeleton.index("pelvis")] = False
    gaps[0] = True
    truth[gaps], truth_img[gaps] = np.nan, np.nan
    prediction = np.nan_to_num(truth) + generator.normal(0, noise_mm, truth.shape)
    return Evaluation(
        protocol=protocol,
        dataset="lab",
        split="test",
        weights="abc",
        index=np.arange(num_samples),
        subjects=tuple(f"S{i % 3}" for i in range(num_samples)),
        actions=tuple(("walk", "sit", "walk", "lie")[i % 4] for i in range(num_samples)),
        states=generator.integers(0, len(STATES), shape).astype(np.uint8),
        state_names=STATES,
        boxes_xywh=np.tile([0.0, 0, 100, 200], (num_samples, 1)),
        head_boxes_xywh=np.tile([0.0, 0, 30, 40], (num_samples, 1)),
        confidence=generator.uniform(size=shape).astype(np.float32),
        prediction_img=(np.nan_to_num(truth_img) + generator.normal(0, 8, truth_img.shape)).astype(np.float32),
        truth_img=truth_img.astype(np.float32),
        prediction_mm=root_relative(prediction, skeleton).astype(np.float32),
        truth_mm=truth.astype(np.float32),
        root_depth_mm=np.full(num_samples, 4000.0),
    )
