"""PoseNet as a whole: shapes, counts, randomness, precision, learning."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from transformers import ConvNextBackbone, ConvNextConfig

from prepose.body.pose import mirror
from prepose.body.skeletons import SKELETONS
from prepose.camera.crop import Crop, transform
from prepose.errors import DataError, RecipeError
from prepose.models import backbones, checkpoint, pose_net
from prepose.models.backbone import Backbone
from prepose.models.backbones import BACKBONES
from prepose.models.checkpoint import load_weights, save_weights
from prepose.models.pose_net import PixelStatistics, build_pose_net, mirror_maps, predict_flipped
from prepose.specs.model import ModelSpec

SMALL = ModelSpec(backbone="small-0.7m", decoder="light", size=64)


def picture(size: int = 64, batch: int = 2) -> torch.Tensor:
    draw = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (batch, 3, size, size), generator=draw, dtype=torch.uint8)


@pytest.mark.parametrize(("backbone", "expected"), [("resnet-18", 15_380_576), ("resnet-50", 34_003_552)])
def test_parameter_counts_are_the_references(backbone: str, expected: int) -> None:
    net = build_pose_net(ModelSpec(backbone=backbone, decoder="deconv"))
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


@pytest.mark.parametrize(
    ("backbone", "millions"), [("small-0.3m", 0.3), ("small-0.7m", 0.7), ("small-1.6m", 1.6), ("small-3m", 3.0)]
)
def test_small_networks_are_as_small_as_their_names_say(backbone: str, millions: float) -> None:
    net = build_pose_net(SMALL.model_copy(update={"backbone": backbone}))
    assert sum(parameter.numel() for parameter in net.parameters()) / 1e6 == pytest.approx(millions, rel=0.08)


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("readout", ["integral", "argmax"])
def test_shapes_for_every_skeleton_and_readout(skeleton: str, readout: str) -> None:
    spec = ModelSpec(backbone="small-0.7m", decoder="light", size=64, skeleton=skeleton, readout=readout)
    net = build_pose_net(spec).eval()
    output = net(picture())
    joints = len(SKELETONS[skeleton])
    assert output.heatmaps.shape == output.depth_maps.shape == (2, joints, 16, 16)
    assert output.joints_crop.shape == (2, joints, 3)
    assert output.confidence.shape == (2, joints)
    assert output.joints_crop.isfinite().all()


@pytest.mark.parametrize("size", [32, 96, 128])
@pytest.mark.parametrize("decoder", ["deconv", "light"])
def test_maps_have_stride_four_at_every_size(size: int, decoder: str) -> None:
    net = build_pose_net(ModelSpec(backbone="small-0.7m", decoder=decoder, size=size)).eval()
    assert net(picture(size)).heatmaps.shape[-1] == size // 4


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    first, again, other = (build_pose_net(SMALL, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    states = [net.state_dict() for net in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_number_of_a_new_network_and_all_that_it_says_is_finite(backbone: str) -> None:
    net = build_pose_net(SMALL.model_copy(update={"backbone": backbone})).eval()
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        assert tensor.isfinite().all(), name
    with torch.no_grad():
        assert all(output.isfinite().all() for output in net(picture()))


class ToyTrunk(Backbone):
    """Four strided convolutions with much that is no convolution: numbers of its own, a table, a normalisation."""

    channels = (4, 4, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, stride=4)
        self.down = nn.ModuleList(nn.Conv2d(4, 4, 2, stride=2) for _ in range(3))
        self.up = nn.ConvTranspose2d(4, 4, 1)
        self.norm, self.mix, self.places = nn.LayerNorm(4), nn.Linear(4, 4), nn.Embedding(8, 4)
        self.layer_scale = nn.Parameter(torch.full((4, 1, 1), 1e-6))
        self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(4, 1, 1), std=0.02))
        self.register_buffer("order", torch.arange(4), persistent=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = self.up(self.stem(pixels)) + self.position
        maps = maps + self.layer_scale * self.mix(self.norm(maps.movedim(1, -1))).movedim(-1, 1)
        stages = [maps + self.places(self.order).sum()]
        for down in self.down:
            stages.append(down(stages[-1]))
        return tuple(stages)


class ConvNext(Backbone):
    """A published trunk of another kind, as small as it goes."""

    channels = (4, 4, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        config = ConvNextConfig(depths=[1, 1, 1, 1], hidden_sizes=list(self.channels))
        config.out_features = ["stage1", "stage2", "stage3", "stage4"]
        self.net = ConvNextBackbone(config)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.net(pixels).feature_maps


@pytest.mark.parametrize("builder", [ToyTrunk, ConvNext])
def test_a_backbone_is_a_builder_and_a_line(builder: Callable[[], Backbone], monkeypatch, tmp_path) -> None:
    add_backbone(monkeypatch, builder)
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    first, again, other = (build_pose_net(TOY, seed=seed).eval() for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    states = [dict(net.named_parameters()) for net in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0] if name.startswith("trunk."))
    assert all(tensor.isfinite().all() for tensor in states[0].values())
    # As the trunk's own constructor starts them.
    scales = [tensor for name, tensor in states[0].items() if "layer_scale" in name]
    assert scales and all((tensor == 1e-6).all() for tensor in scales)
    assert all(output.isfinite().all() for output in first(picture()))
    save_weights(first, tmp_path)
    started = build_pose_net(TOY.model_copy(update={"weights": str(tmp_path)}), seed=5).eval()
    assert all(torch.equal(tensor, states[0][name]) for name, tensor in started.trunk.named_parameters(prefix="trunk"))
    torch.testing.assert_close(load_weights(tmp_path).eval()(picture()), first(picture()))


class Unset(ToyTrunk):
    """A trunk with two tensors that nobody gives a value."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Parameter(torch.empty(3))
        self.register_buffer("places_of", torch.empty(2, dtype=torch.int64), persistent=False)


class Lazy(ToyTrunk):
    """A trunk whose numbers wait for a picture that the build does not show it."""

    def __init__(self) -> None:
        super().__init__()
        self.later = nn.LazyLinear(3)


@pytest.mark.parametrize(
    ("builder", "names"),
    [(Unset, r"trunk\.forgotten, trunk\.places_of are"), (Lazy, r"trunk\.later\.weight, trunk\.later\.bias are")],
)
def test_a_backbone_that_leaves_numbers_unset_is_refused(builder, names: str, monkeypatch) -> None:
    add_backbone(monkeypatch, builder)
    with pytest.raises(RecipeError, match=rf"backbone toy: {names} never set"):
        build_pose_net(TOY)


def test_a_backbone_without_published_weights_refuses_them(monkeypatch) -> None:
    add_backbone(monkeypatch, ToyTrunk)
    with pytest.raises(RecipeError, match=r"backbone toy: no published weights.*'imagenet'"):
        build_pose_net(TOY.model_copy(update={"weights": "imagenet"}))


TOY = SMALL.model_construct(**SMALL.model_copy(update={"backbone": "toy"}).model_dump())


def add_backbone(monkeypatch, builder: Callable[[], Backbone]) -> None:
    monkeypatch.setattr(backbones, "BACKBONES", {**BACKBONES, "toy": builder})
    monkeypatch.setattr(pose_net, "BACKBONES", {**BACKBONES, "toy": builder})
    # Its name stands in `specs`, too.
    monkeypatch.setattr(checkpoint, "spec_of", lambda _weights, _path: TOY)


def test_uint8_and_float_pixels_give_the_same() -> None:
    net = build_pose_net(SMALL).eval()
    torch.testing.assert_close(net(picture()).joints_crop, net(picture().float()).joints_crop)


def test_pixels_are_normalised_by_imagenets_statistics() -> None:
    red = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    red[:, 0] = 255
    found = PixelStatistics(ToyTrunk())(red)[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]))


@pytest.mark.parametrize(("backbone", "decoder"), [("small-0.7m", "light"), ("resnet-18", "deconv")])
def test_bfloat16_channels_last_trains_and_agrees_with_float32(backbone: str, decoder: str) -> None:
    net = build_pose_net(ModelSpec(backbone=backbone, decoder=decoder, size=64), seed=1).train()
    plain = net(picture(batch=8))
    net = net.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = net(picture(batch=8))
    assert coarse.joints_crop.dtype == torch.float32
    scale = plain.heatmaps.std()
    assert (coarse.heatmaps - plain.heatmaps).abs().mean() < 0.05 * scale
    (coarse.joints_crop.sum() + coarse.heatmaps.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_bfloat16_channels_last_on_a_gpu() -> None:
    net = build_pose_net(SMALL).cuda().to(memory_format=torch.channels_last).train()
    with torch.autocast("cuda", torch.bfloat16):
        output = net(picture().cuda())
    output.joints_crop.sum().backward()
    assert output.joints_crop.isfinite().all()


def test_it_learns_a_dot() -> None:
    """A dot of light is found after a few steps: pixels, maps and joints share one frame."""
    draw = torch.Generator().manual_seed(0)
    net = build_pose_net(SMALL.model_copy(update={"skeleton": "lsp-14"}), seed=0)
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(60):
        image, place = _dots(draw)
        loss = (net(image).joints_crop[..., :2] - place[:, None]).abs().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    image, place = _dots(draw)
    error = (net.eval()(image).joints_crop[..., :2] - place[:, None]).abs().mean()
    assert error < 6  # px of 64; the middle of the picture is 12 px away on average


def _dots(draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    place = torch.randint(8, 56, (12, 2), generator=draw)
    image = torch.zeros(12, 3, 64, 64, dtype=torch.uint8)
    for index, (x, y) in enumerate(place.tolist()):
        image[index, :, y - 3 : y + 4, x - 3 : x + 4] = 255
    return image, place.float()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("backbone", "resnet-19", "no backbone is named 'resnet-19'.*resnet-18"),
        ("skeleton", "octopus-8", "no skeleton is named 'octopus-8'"),
        ("decoder", "magic", "'deconv' or 'light'"),
        ("size", 100, "multiple of 32"),
        ("colour", "red", "Extra inputs"),
    ],
)
def test_a_wrong_specification_says_what_is_wrong(field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSpec.model_validate({field: value})


def test_a_crop_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="the network reads 64 px crops"):
        build_pose_net(SMALL)(picture(96))


@pytest.mark.parametrize("weights", ["imagenet", "pretrained"])
def test_published_weights_without_a_network_are_an_error_and_not_random(weights: str) -> None:
    with pytest.raises(RecipeError, match=r"microsoft/resnet-18 cannot be read.*connect to the network"):
        build_pose_net(ModelSpec(backbone="resnet-18", weights=weights))


def test_imagenet_weights_that_nobody_publishes_are_an_error() -> None:
    with pytest.raises(RecipeError, match="nobody publishes ImageNet weights"):
        build_pose_net(SMALL.model_copy(update={"weights": "imagenet"}))


def test_a_trunk_starts_from_a_weights_file_of_another_skeleton(tmp_path) -> None:
    source = build_pose_net(SMALL, seed=1)
    source.pixels.mean.fill_(7)
    save_weights(source, tmp_path)
    spec = SMALL.model_copy(update={"weights": str(tmp_path), "skeleton": "h36m-17"})
    net = build_pose_net(spec, seed=2)
    for name, tensor in net.trunk.state_dict().items():
        assert torch.equal(tensor, source.trunk.state_dict()[name])
    assert torch.equal(net.pixels.mean, source.pixels.mean)
    assert not torch.equal(net.decoder.state_dict()["norm.weight"], torch.zeros(64))


def test_a_trunk_starts_from_a_checkpoint_of_the_reference_code_base(tmp_path) -> None:
    keys = json.loads((Path(__file__).parents[1] / "vectors" / "pose_resnet18.json").read_text())["keys"]
    state = {name: torch.full(shape, 2.0) for name, shape in keys if not name.endswith("num_batches_tracked")}
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    net = build_pose_net(ModelSpec(backbone="resnet-18", weights=str(tmp_path / "model.pth"), decoder="light", size=64))
    assert (net.trunk.resnet.embedder.embedder.convolution.weight == 2).all()
    assert net.pixels.mean[0] == pytest.approx(256 * 0.406)
    assert not (net.heatmap_head.weight == 2).any()
    with pytest.raises(DataError, match=r"checkpoint .*lost\.pth: no such file"):
        build_pose_net(SMALL.model_copy(update={"weights": str(tmp_path / "lost.pth")}))


def test_a_trunk_starts_from_a_folder_of_transformers(tmp_path) -> None:
    source = build_pose_net(ModelSpec(backbone="resnet-18"), seed=1)
    source.trunk.resnet.save_pretrained(tmp_path)
    net = build_pose_net(ModelSpec(backbone="resnet-18", weights=str(tmp_path)), seed=2)
    for name, tensor in net.trunk.state_dict().items():
        assert torch.equal(tensor, source.trunk.state_dict()[name]), name


def test_a_folder_with_another_network_is_an_error(tmp_path) -> None:
    build_pose_net(ModelSpec(backbone="resnet-18")).trunk.resnet.save_pretrained(tmp_path)
    with pytest.raises(DataError, match=r"depths is \[2, 2, 2, 2\], but resnet-34 has \[3, 4, 6, 3\]"):
        build_pose_net(ModelSpec(backbone="resnet-34", weights=str(tmp_path)))


def test_a_folder_whose_file_lacks_tensors_is_an_error(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    build_pose_net(ModelSpec(backbone="resnet-18")).trunk.resnet.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("embedder.embedder.convolution.weight")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match="1 tensors of resnet-18 are missing, such as embedder"):
        build_pose_net(ModelSpec(backbone="resnet-18", weights=str(tmp_path)))


def test_weights_that_are_nowhere_are_an_error(tmp_path) -> None:
    with pytest.raises(DataError, match=r"no weights file, and no folder with a config.json"):
        build_pose_net(SMALL.model_copy(update={"weights": str(tmp_path / "nowhere")}))


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
