"""What specs know of the code that carries them out, which takes torch: their names are the same."""

from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from prepose import losses
from prepose.models import backbones, heads
from prepose.recipes import optimiser, sources
from prepose.specs import model, recipe
from prepose.specs.augmentation import AUGMENTATIONS, Augmentation
from prepose.specs.model import ModelSpec
from prepose.specs.recipe import Stage


def choices(spec: type[BaseModel], field: str) -> tuple[str, ...]:
    return get_args(spec.model_fields[field].annotation)


@pytest.mark.parametrize(
    ("names", "carried_out"),
    [
        (recipe.LOSSES, losses.LOSSES),
        (model.BACKBONES, backbones.BACKBONES),
        (choices(ModelSpec, "decoder"), heads.DECODERS),
        (choices(ModelSpec, "readout"), heads.READOUTS),
        (choices(Stage, "schedule"), optimiser.SCHEDULES),
        (choices(Stage, "trained"), optimiser.TRAINED),
        (get_args(recipe.Defect), sources.DEFECTS),
    ],
    ids=["losses", "backbones", "decoders", "read-outs", "schedules", "trained parts", "defects"],
)
def test_what_may_be_asked_for_is_what_there_is(names, carried_out) -> None:
    assert sorted(names) == sorted(carried_out)


@pytest.mark.parametrize(
    ("field", "value", "near"), [("backbone", "resnet50", "resnet-50"), ("skeleton", "mpii16", "mpii-16")]
)
def test_a_name_that_nothing_has_is_told_with_a_near_one(field: str, value: str, near: str) -> None:
    with pytest.raises(ValidationError, match=rf"no {field} is named '{value}' \(did you mean '{near}'\?\)"):
        ModelSpec.model_validate({field: value})


def test_settings_of_views_are_frozen_and_know_their_ranges() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AUGMENTATIONS["strong"].scale = 0.1
    with pytest.raises(ValidationError, match="less than 1"):
        Augmentation(scale=1)
