"""Places drawn into maps and maps read at places."""

import pytest
import torch

from prepose.loss_maps import gaussian_maps, read_at

CELLS = 16


def test_gaussian_maps_follow_the_formula_below_the_cell() -> None:
    joints = torch.tensor([[[3.3, 5.8], [9.0, 2.0]]])
    maps = gaussian_maps(joints, torch.tensor([[True, False]]), CELLS, sigma=2.0)
    distance = (4 - 3.3) ** 2 + (7 - 5.8) ** 2
    assert maps[0, 0, 7, 4].item() == pytest.approx(torch.tensor(-distance / 8).exp().item())
    assert (maps[0, 1] == 0).all()
    assert gaussian_maps(joints.round(), torch.ones(1, 2, dtype=torch.bool), CELLS)[0, 0, 6, 3].item() == 1


def test_reading_at_a_place_is_bilinear_and_ends_at_the_border() -> None:
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    maps = (10 * rows + columns)[None, None].expand(1, 3, 16, 16)
    places = torch.tensor([[[3.25, 7.5], [0.0, 15.0], [-4.0, 20.0]]])
    torch.testing.assert_close(read_at(maps, places)[0], torch.tensor([78.25, 150.0, 150.0]))


def test_a_map_drawn_at_a_place_is_read_back_there() -> None:
    """Reading at a cell gives the drawn height, whatever the place: both count from the centre of the first cell."""
    draw = torch.Generator().manual_seed(0)
    places = torch.rand(4, 6, 2, generator=draw) * (CELLS - 1)
    maps = gaussian_maps(places, torch.ones(4, 6, dtype=torch.bool), CELLS, sigma=2.0)
    cells = places.round()
    expected = torch.exp(-((cells - places) ** 2).sum(-1) / 8)
    torch.testing.assert_close(read_at(maps, cells), expected)


def test_reading_passes_gradients_to_the_four_cells_around_a_place() -> None:
    maps = torch.zeros(1, 1, CELLS, CELLS, requires_grad=True)
    read_at(maps, torch.tensor([[[3.25, 7.5]]])).sum().backward()
    assert maps.grad is not None
    expected = torch.zeros(CELLS, CELLS)
    expected[7:9, 3:5] = torch.tensor([[0.75, 0.25], [0.75, 0.25]]) / 2
    torch.testing.assert_close(maps.grad[0, 0], expected)
