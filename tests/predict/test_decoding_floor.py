from dataclasses import replace

import numpy as np
import pytest

from prepose.body.skeletons import MPII_16, PREPOSE_27
from prepose.data.dataset import dataset_of
from prepose.metrics.protocols import get_protocol
from prepose.predict.evaluate import VARIANT, with_decoding_floor
from prepose.predict.score import score
from prepose.specs.model import ModelSpec

PROTOCOL = get_protocol("true-root-depth")


def floor_of(people, *, size=256, readout="argmax", protocol=PROTOCOL):
    evaluation = score(people.perfect(people.dataset), people.dataset, protocol, facts={})
    assert evaluation.skeleton is MPII_16
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=size, readout=readout)
    return with_decoding_floor(evaluation, spec, people.dataset).per_variant()[VARIANT]["mpjpe_mm"]


@pytest.mark.parametrize("readout", ["argmax", "integral"])
def test_finer_maps_cost_less(people, readout):
    coarse, fine = (floor_of(people, size=size, readout=readout) for size in (64, 512))
    assert fine < coarse
    assert fine < 3


def test_the_published_reading_costs_more_than_a_fine_one(people):
    fine, cells = (floor_of(people, size=64, readout=readout) for readout in ("argmax", "argmax-cell"))
    # Cells of 4 of 64 px of a person's crop: several centimetres.
    assert cells > 2 * fine
    assert 30 < cells < 150


def test_a_joint_that_the_crop_cuts_off_is_found_at_its_border(people):
    tight = np.array([1, 1, 0.3, 0.3])
    cut = [replace(sample, box_xywh=sample.box_xywh * tight) for sample in people.samples(3)]
    few = dataset_of(cut, skeleton=PREPOSE_27, name="lab", split="test")
    assert floor_of(replace(people, dataset=few)) > 10 * floor_of(people)


def test_the_floor_knows_no_more_joints_than_the_truth(people):
    evaluation = score(people.perfect(people.dataset), people.dataset, PROTOCOL, facts={})
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=64)
    pose = with_decoding_floor(evaluation, spec, people.dataset).variants[VARIANT]
    np.testing.assert_array_equal(np.isnan(pose), np.isnan(evaluation.truth_mm))


def test_without_3d_truth_there_is_no_floor(people):
    evaluation = score(people.perfect(people.dataset), people.dataset, PROTOCOL, facts={})
    flat = replace(evaluation, truth_mm=np.full_like(evaluation.truth_mm, np.nan), variants={})
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=64)
    assert VARIANT not in with_decoding_floor(flat, spec, people.dataset).variants
