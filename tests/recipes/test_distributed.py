from pathlib import Path

import pytest
import torch
from torch import nn

from prepose.recipes.distributed import GlobalBatchNorm, process_count, share_batch_norm


@pytest.mark.slow
def test_two_processes_normalise_like_one_with_the_whole_batch(two_processes: Path) -> None:
    inputs = torch.load(two_processes / "inputs.pt")
    parts = [torch.load(two_processes / f"norm-{rank}.pt") for rank in range(2)]
    norm = nn.BatchNorm2d(3).double()
    x = inputs["x"].double().requires_grad_()
    y = norm(x)
    (y * inputs["weight"]).sum().backward()
    assert norm.weight.grad is not None and x.grad is not None
    torch.testing.assert_close(torch.cat([part["y"] for part in parts]).double(), y.detach(), atol=5e-3, rtol=0)
    torch.testing.assert_close(torch.cat([part["gradient"] for part in parts]).double(), x.grad, atol=5e-2, rtol=1e-3)
    torch.testing.assert_close(sum(part["weight"] for part in parts).double(), norm.weight.grad, atol=2e-2, rtol=0)
    for part in parts:
        state = part["state"]
        torch.testing.assert_close(state["0.running_mean"].double(), norm.running_mean)
        torch.testing.assert_close(state["0.running_var"].double(), norm.running_var, rtol=1e-4, atol=0)
        assert state["0.num_batches_tracked"] == 1


def test_sharing_keeps_parameters_statistics_and_names() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.BatchNorm2d(2)))
    before, parameters = net.state_dict(), list(net.parameters())
    share_batch_norm(net, torch.device("cpu"))
    share_batch_norm(net, torch.device("cpu"))
    assert isinstance(net[1][0], GlobalBatchNorm)
    assert all(a is b for a, b in zip(parameters, net.parameters(), strict=True))
    after = net.state_dict()
    assert list(after) == list(before)
    assert all(after[name].data_ptr() == before[name].data_ptr() for name in before)


def test_at_rest_it_is_batch_norm() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(GlobalBatchNorm(3).eval()(x), nn.BatchNorm2d(3).eval()(x))


def test_a_process_alone_is_one() -> None:
    assert process_count() == 1
