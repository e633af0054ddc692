import math
from dataclasses import replace
from pathlib import Path

import pytest

from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.metrics.protocols import get_protocol
from prepose.models.flops import count_flops
from prepose.models.pose_net import build_pose_net
from prepose.predict.evaluate import evaluate
from prepose.recipes.validation import Validator
from prepose.specs.overrides import override
from prepose.specs.recipe import Recipe, WatchSpec


def test_it_measures_the_whole_split_as_an_evaluation_does(tiny: Recipe) -> None:
    recipe = override(tiny, ["validation.limit=null"])
    assert recipe.validation is not None
    net = build_pose_net(recipe.model, seed=1)
    found = Validator(recipe).validate(net, recipe.validation)
    dataset = open_store(Path(recipe.validation.store), "validation")
    protocol = replace(get_protocol("true-root-depth"), split="validation")
    expected = evaluate(net, dataset, protocol, flip_test=False).overall()
    assert found.measures["mpjpe_mm"] == expected["mpjpe_mm"]
    assert found.measures["pck2d"] == expected["pck2d"]
    assert found.flops == 6 * count_flops(recipe.model).forward
    assert not any(math.isnan(value) for value in found.measures.values())


def test_a_limit_takes_samples_from_the_whole_split(tiny: Recipe) -> None:
    recipe = override(tiny, ["validation.limit=2"])
    assert recipe.validation is not None
    net = build_pose_net(recipe.model, seed=1)
    dataset = open_store(Path(recipe.validation.store), "validation").select([0, 5])
    protocol = replace(get_protocol("true-root-depth"), split="validation")
    expected = evaluate(net, dataset, protocol, flip_test=False).overall()["mpjpe_mm"]
    assert Validator(recipe).validate(net, recipe.validation).measures["mpjpe_mm"] == expected


def test_a_missing_split_is_found_before_the_training(tiny: Recipe) -> None:
    with pytest.raises(DataError, match="has no split 'held-out'"):
        Validator(override(tiny, ["pretrain.validation.split=held-out"]))


def test_watched_samples_are_measured_and_choose_nothing(tiny: Recipe) -> None:
    assert tiny.validation is not None
    watch = WatchSpec(store=tiny.validation.store, limit=2)
    recipe = tiny.model_copy(update={"watched": {"same": watch}})
    net = build_pose_net(recipe.model, seed=1)
    alone = Validator(tiny).validate(net, tiny.validation)
    found = Validator(recipe).validate(net, tiny.validation)
    assert found.measures == alone.measures
    assert found.flops == alone.flops + 2 * count_flops(recipe.model).forward
    limited = tiny.validation.model_copy(update={"limit": 2})
    only_two = tiny.model_copy(update={"validation": limited})
    assert found.watched == {"same": Validator(only_two).validate(net, limited).measures["mpjpe_mm"]}


def test_a_test_set_cannot_be_watched() -> None:
    with pytest.raises(ValueError, match="held-out part of the training data"):
        WatchSpec(store="data/wild", split="test")
