"""The flip test: mirroring the image mirrors the answer."""

import numpy as np
import pytest
import torch

from prepose.body.pose import mirror
from prepose.body.skeletons import SKELETONS
from prepose.camera.crop import Crop, transform
from prepose.models.flip_test import mirror_maps, predict_flipped
from prepose.models.pose_net import build_pose_net
from prepose.specs.model import ModelSpec

SIZE = 64


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("readout", ["integral", "argmax"])
def test_mirroring_the_image_mirrors_the_result(skeleton: str, readout: str) -> None:
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=SIZE, skeleton=skeleton, readout=readout)
    net = build_pose_net(spec, seed=2).eval()
    image = torch.randint(0, 256, (3, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    plain, mirrored = predict_flipped(net, image), predict_flipped(net, image.flip(-1))
    # Exact, not just close: the two sums have the same terms.
    assert torch.equal(mirrored.heatmaps, mirror_maps(plain.heatmaps, net.skeleton))
    assert torch.equal(mirrored.depth_maps, mirror_maps(plain.depth_maps, net.skeleton))
    middle = np.array([(SIZE - 1) / 2, 0, 0])
    expected = mirror(plain.joints_crop.double().numpy() - middle, net.skeleton) + middle
    np.testing.assert_allclose(mirrored.joints_crop.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(mirrored.confidence.numpy(), plain.confidence.numpy()[:, net.skeleton.mirror], atol=1e-5)


def test_the_mirror_of_the_maps_is_the_mirror_of_the_crop() -> None:
    """Cell c goes to w - 1 - c because a flipped `Crop` moves pixel x to size - 1 - x."""
    crop = Crop(((SIZE - 1) / 2, 0.0), float(SIZE), SIZE, flip=True)
    moved = transform(crop.crop_from_img, np.array([[10.0, 0.0]]))
    assert moved[0, 0] == pytest.approx(SIZE - 1 - 10)


def test_mirroring_maps_twice_is_nothing() -> None:
    skeleton = SKELETONS["mpii-16"]
    maps = torch.randn(2, 16, 8, 8)
    assert torch.equal(mirror_maps(mirror_maps(maps, skeleton), skeleton), maps)
    assert not torch.equal(mirror_maps(maps, skeleton), maps.flip(-1))
