"""A network of torch, ready to predict."""

import numpy as np
import pytest

from prepose.errors import DataError
from prepose.models.checkpoint import load_weights
from prepose.predict.torch_network import load_torch_network, torch_network


def test_a_network_of_torch_flips_where_asked(weights):
    net = load_weights(weights).train()
    network = torch_network(net)
    assert not net.training
    assert network.flip_test is None
    crops = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64), np.uint8)
    assert np.abs(network.run(crops, True).joints_crop - network.run(crops, False).joints_crop).max() > 0


def test_no_such_device(weights):
    with pytest.raises(DataError, match="device 'abacus' cannot be used here"):
        load_torch_network(weights, "abacus")
