"""Training in several processes: the same result as one process on the same global batch.

Three things differ between one process and several that share a batch: gradients (DDP averages them), the statistics of
BatchNorm, and losses that divide by how many joints are labelled. The last two are handled here.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx


class _SumOverProcesses(Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class GlobalBatchNorm(nn.BatchNorm2d):
    """BatchNorm over the batches of all processes together, on any device.

    PyTorch's `SyncBatchNorm` refuses CPU tensors. The mean comes first and the variance about it second: two small
    sums, without the cancellation of mean square minus square mean.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1.
    """

    def forward(self, input: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Normalised maps; while training also moves the running statistics."""
        if not self.training:
            return super().forward(input)
        values = input.float()
        processes = dist.get_world_size()
        mean = _SumOverProcesses.apply(values.mean((0, 2, 3))) / processes
        centred = values - mean[:, None, None]
        variance = _SumOverProcesses.apply(centred.square().mean((0, 2, 3))) / processes
        self._remember(mean, variance, processes * values.numel() // values.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        self.num_batches_tracked += 1


def share_batch_norm(net: nn.Module, device: torch.device) -> None:
    """Let every BatchNorm of the net see the batches of all processes, keeping parameters, statistics and names."""
    for module in list(net.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, _shared(child, device))


def _shared(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    kind = nn.SyncBatchNorm if device.type == "cuda" else GlobalBatchNorm
    shared = kind(norm.num_features, eps=norm.eps, momentum=norm.momentum, device="meta")
    shared.weight, shared.bias = norm.weight, norm.bias
    shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
    shared.num_batches_tracked = norm.num_batches_tracked
    return shared.train(norm.training)


def process_count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
