"""Model choice: a network measured on a held-out part of the training data."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.metrics.protocols import Protocol, get_protocol
from prepose.models.flops import count_flops
from prepose.models.pose_net import PoseNet
from prepose.predict.evaluate import Precision, evaluate
from prepose.specs.recipe import Recipe, ValidationSpec, WatchSpec

# What a row of the log says of a validation, where the labels can give it.
MEASURES = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px", "pck2d", "pck2d_box")


@dataclass(frozen=True)
class Validated:
    """The result of a validation.

    Attributes:
        measures: name -> value.
        flops: What it cost.
        watched: name of watched samples -> their MPJPE, mm.
    """

    measures: Mapping[str, float]
    flops: float
    watched: Mapping[str, float] = field(default_factory=dict)


class Validator:
    """The validation sets of a recipe, opened once.

    Args:
        recipe: Whose.

    Raises:
        DataError: a store or split is not there.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._precision: Precision = recipe.precision
        self._forward_flops = count_flops(recipe.model).forward
        self._datasets = {_key(spec): _held_out(spec) for spec in _specs(recipe)}
        self._watched = {name: _held_out(spec) for name, spec in recipe.watched.items()}

    def validate(self, net: PoseNet, spec: ValidationSpec) -> Validated:
        """The measures of the network on one of the recipe's validation sets."""
        dataset = self._datasets[_key(spec)]
        protocol = replace(get_protocol(spec.protocol), split=spec.split)
        overall = evaluate(net, dataset, protocol, flip_test=False, precision=self._precision).overall()
        measures = {name: overall[name] for name in MEASURES if name in overall}
        known = {name: value for name, value in measures.items() if name == spec.metric or not math.isnan(value)}
        watched = {name: self._mpjpe(net, dataset, protocol) for name, dataset in self._watched.items()}
        seen = len(dataset) + sum(len(each) for each in self._watched.values())
        return Validated(known, float(self._forward_flops * seen), watched)

    def _mpjpe(self, net: PoseNet, dataset: PoseDataset, protocol: Protocol) -> float:
        evaluation = evaluate(net, dataset, protocol, flip_test=False, precision=self._precision)
        return evaluation.overall()["mpjpe_mm"]


def _specs(recipe: Recipe) -> Iterator[ValidationSpec]:
    for stage in recipe.stages:
        spec = recipe.validation_of(stage)
        if spec is not None:
            yield spec


def _key(spec: ValidationSpec) -> tuple[str, str, int | None]:
    return spec.store, spec.split, spec.limit


def _held_out(spec: ValidationSpec | WatchSpec) -> PoseDataset:
    dataset = open_store(Path(spec.store), spec.split)
    if spec.limit is None or spec.limit >= len(dataset):
        return dataset
    # Evenly over the split: its first samples would be one subject's.
    return dataset.select(np.linspace(0, len(dataset) - 1, spec.limit).round().astype(np.int64))
