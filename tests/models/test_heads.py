"""Decoders and read-outs: maps with a known answer give that answer."""

import pytest
import torch

from prepose.camera.crop import resize_matrix, transform
from prepose.loss_maps import gaussian_maps
from prepose.models.heads import DECODERS, READOUTS, STRIDE, read_argmax, read_integral

CELLS, SIZE = 16, 64


def crop_of(cells: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(transform(resize_matrix(float(STRIDE)), cells.double().numpy()))


def places(low: float, high: float, *, count: int = 2000) -> torch.Tensor:
    return low + (high - low) * torch.rand(1, count, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("size", [64, 96])
def test_decoders_end_at_stride_four(name: str, size: int) -> None:
    channels = (16, 32, 48, 64)
    stages = tuple(torch.randn(2, c, size // s, size // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True))
    decoder = DECODERS[name](channels, (4, 8, 16, 32))
    assert decoder(stages).shape == (2, decoder.channels, size // STRIDE, size // STRIDE)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_argmax_finds_the_centre_of_a_gaussian_below_the_cell_even_at_the_border(sigma: float) -> None:
    cells = places(-0.49, CELLS - 0.51)
    maps = gaussian_maps(cells, torch.ones(1, 2000, dtype=torch.bool), CELLS, sigma)
    found = read_argmax(maps, torch.zeros_like(maps), SIZE).joints_crop[..., :2]
    # 0.02 cells; measured in the crop.
    assert (found - crop_of(cells)).abs().max() < 0.02 * STRIDE


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_argmax_never_leaves_the_highest_cell(noise: float) -> None:
    maps = torch.rand(3, 5, CELLS, CELLS, generator=torch.Generator().manual_seed(1)) * noise
    joints = read_argmax(maps, torch.zeros_like(maps), SIZE).joints_crop
    cell = maps.flatten(2).argmax(-1)
    centres = crop_of(torch.stack([cell % CELLS, cell // CELLS], -1))
    assert (joints[..., :2] - centres).abs().max() <= STRIDE / 2


def test_integral_finds_the_centre_of_a_distribution() -> None:
    cells = places(5, CELLS - 6)
    maps = -((torch.arange(CELLS) - cells[..., None]) ** 2) / 2
    logits = maps[:, :, 1, :, None] + maps[:, :, 0, None, :]
    found = read_integral(logits, torch.zeros_like(logits), SIZE)
    assert (found.joints_crop[..., :2] - crop_of(cells)).abs().max() < 1e-3 * STRIDE
    assert found.confidence.min() > 0.6


def test_a_flat_integral_map_means_the_middle_of_the_crop_without_confidence() -> None:
    output = read_integral(torch.zeros(1, 1, CELLS, CELLS), torch.full((1, 1, CELLS, CELLS), 0.25), SIZE)
    torch.testing.assert_close(output.joints_crop[0, 0], torch.tensor([31.5, 31.5, 0.25 * SIZE]))
    assert output.confidence.item() < 0.05


@pytest.mark.parametrize("name", ["integral", "argmax"])
def test_depth_is_read_where_the_joint_is_and_carries_a_gradient(name: str) -> None:
    cells = torch.tensor([[[4.3, 9.6]]])
    ramp = torch.arange(CELLS).float()
    depth_maps = ((ramp[:, None] + 2 * ramp[None, :]) / 100)[None, None].requires_grad_()
    maps = gaussian_maps(cells, torch.ones(1, 1, dtype=torch.bool), CELLS, 1.0)
    heatmaps = maps.log() if name == "integral" else maps
    depth = READOUTS[name](heatmaps, depth_maps, SIZE).joints_crop[0, 0, 2]
    assert depth.item() == pytest.approx(SIZE * (9.6 + 2 * 4.3) / 100, rel=1e-3)
    depth.backward()
    assert depth_maps.grad.sum().item() == pytest.approx(SIZE, rel=1e-4)


@pytest.mark.parametrize("name", READOUTS)
def test_outputs_are_float32_and_confidence_lies_between_zero_and_one(name: str) -> None:
    maps = torch.randn(2, 3, CELLS, CELLS).bfloat16() * 4
    with torch.autocast("cpu", torch.bfloat16):
        output = READOUTS[name](maps, maps, SIZE)
    assert all(part.dtype == torch.float32 for part in output)
    assert ((output.confidence >= 0) & (output.confidence <= 1)).all()
    assert not output.confidence.requires_grad


def test_the_published_reading_is_coarse_and_lopsided() -> None:
    maps = gaussian_maps(torch.tensor([[[12.3, 9.6]]]), torch.ones(1, 1, dtype=torch.bool), CELLS, 1.0)
    depth_maps = torch.arange(CELLS * CELLS).float().view(1, 1, CELLS, CELLS)
    x, y, depth = READOUTS["argmax-cell"](maps, depth_maps, SIZE).joints_crop[0, 0].tolist()
    stride = SIZE / CELLS
    assert x == pytest.approx(12 * stride + (stride - 1) / 2)
    assert y == pytest.approx((10 + 12 / CELLS) * stride + (stride - 1) / 2)
    assert depth == SIZE * (10 * CELLS + 12)


@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_never_waits_for_the_device(name: str) -> None:
    """Tensors without storage raise an error as soon as somebody asks for a value."""
    maps = torch.zeros(2, 3, CELLS, CELLS, device="meta")
    assert all(part.is_meta for part in READOUTS[name](maps, maps, SIZE))
