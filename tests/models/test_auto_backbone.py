"""Backbones of `transformers`: tiny ones of each family, saved to a folder as the hub's are."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import CONFIG_MAPPING, AutoBackbone, AutoModel, VitPoseConfig, VitPoseForPoseEstimation

from prepose.errors import DataError, RecipeError
from prepose.models.checkpoint import load_weights, save_weights
from prepose.models.flops import count_flops, flop_counter
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.models.weights_file import read_weights
from prepose.recipes.optimiser import frozen_modules
from prepose.specs.model import ModelSpec

PLAIN: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 32}
STAGES: dict[str, Any] = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
HEADS: dict[str, Any] = {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]}
ALL_STRIDES = (4, 8, 16, 32)
# Configuration, a size that fits, the strides of the maps.
FAMILIES: dict[str, tuple[dict[str, Any], int, tuple[int, ...]]] = {
    "dinov2": ({**PLAIN, "patch_size": 14, "image_size": 28}, 224, (16,)),
    "dinov2_with_registers": ({**PLAIN, "patch_size": 14, "image_size": 28}, 224, (16,)),
    "dinov3_vit": ({**PLAIN, "intermediate_size": 32, "num_register_tokens": 2}, 64, (16,)),
    "vit": ({**PLAIN, "intermediate_size": 32}, 64, (16,)),
    "vit_mae": ({**PLAIN, "intermediate_size": 32}, 64, (16,)),
    "vitpose_backbone": ({**PLAIN, "image_size": [32, 16], "patch_size": [16, 16]}, 64, (16,)),
    "vitdet": ({**PLAIN, "pretrain_image_size": 32}, 64, (16,)),
    "beit": ({**PLAIN, "intermediate_size": 32, "use_relative_position_bias": True}, 64, (16,)),
    "convnext": (STAGES, 64, ALL_STRIDES),
    "convnextv2": (STAGES, 64, ALL_STRIDES),
    "dinov3_convnext": (STAGES, 64, ALL_STRIDES),
    "pvt_v2": ({**STAGES, "num_attention_heads": [1, 1, 2, 2]}, 64, ALL_STRIDES),
    "swin": ({**HEADS, "window_size": 4, "image_size": 64}, 96, ALL_STRIDES),
    "hiera": ({**HEADS, "image_size": [64, 64]}, 96, ALL_STRIDES),
}
WITHOUT_STEM = {"dinov3_convnext", "pvt_v2"}


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A folder of each family, as its authors publish it: the whole model, not the backbone."""
    root = tmp_path_factory.mktemp("published")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for family, (settings, _, _) in FAMILIES.items():
            config = CONFIG_MAPPING[family](**settings)
            build = AutoBackbone if family == "vitpose_backbone" else AutoModel
            net = build.from_config(config)
            for tensor in net.parameters():
                tensor.data += 0.02 * torch.randn_like(tensor)  # nothing is what a constructor would set
            net.save_pretrained(root / family)
    return root


def spec_of(folder: Path, family: str, **changes: Any) -> ModelSpec:
    return ModelSpec(backbone=f"hf:{folder / family}", decoder="light", size=FAMILIES[family][1], **changes)


def picture(size: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (2, 3, size, size), generator=draw, dtype=torch.uint8)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_hands_over_its_strides_and_takes_part_in_a_training_step(published: Path, family: str) -> None:
    _, size, strides = FAMILIES[family]
    net = build_pose_net(spec_of(published, family), seed=1).train()
    assert net.trunk.strides == strides
    maps = net.trunk(torch.zeros(2, 3, size, size))
    assert [tuple(each.shape) for each in maps] == [
        (2, channels, size // stride, size // stride)
        for channels, stride in zip(net.trunk.channels, strides, strict=True)
    ]
    net = net.to(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in net.named_parameters()}
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0)
    with torch.autocast("cpu", torch.bfloat16):
        output = net(picture(size))
    assert output.joints_crop.isfinite().all()
    (output.joints_crop.square().mean() + output.heatmaps.square().mean()).backward()
    optimiser.step()
    moved = [name for name, tensor in net.named_parameters() if not torch.equal(tensor, before[name])]
    assert sum(name.startswith("trunk.") for name in moved) > 10
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())


@pytest.mark.parametrize("family", FAMILIES)
def test_pretrained_weights_are_those_of_the_folder_and_random_ones_are_not(published: Path, family: str) -> None:
    saved = list(load_file(published / family / "model.safetensors").values())

    def found(net: PoseNet) -> set[str]:
        tensors = net.trunk.state_dict()
        return {name for name in tensors if any(_same(tensors[name], each) for each in saved)}

    net = build_pose_net(spec_of(published, family, weights="pretrained"))
    resampled = {"net.embeddings.position_embeddings"} if family in ("hiera", "vitpose_backbone") else set()
    own = {name for name, _ in net.trunk.named_parameters() if "hidden_states_norms" not in name} - resampled
    assert own <= found(net)
    assert not own & found(build_pose_net(spec_of(published, family)))
    added = [tensor for name, tensor in net.trunk.named_parameters() if "hidden_states_norms" in name]
    assert all((tensor == 1).all() or (tensor == 0).all() for tensor in added)


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.shape == second.shape and torch.equal(first, second)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_weights_file_needs_no_folder(published: Path, family: str, tmp_path) -> None:
    shutil.copytree(published / family, tmp_path / family)
    spec = spec_of(tmp_path, family, weights="pretrained")
    net = build_pose_net(spec, seed=3).eval()
    path = save_weights(net, tmp_path / "weights.safetensors")
    shutil.rmtree(tmp_path / family)
    loaded = load_weights(path).eval()
    assert loaded.spec == net.spec and loaded.spec.backbone == spec.backbone
    with torch.no_grad():
        assert torch.equal(loaded(picture(spec.size)).joints_crop, net(picture(spec.size)).joints_crop)


@pytest.mark.parametrize("family", FAMILIES)
def test_groups_that_may_be_frozen_hold_every_parameter_once(published: Path, family: str) -> None:
    net = build_pose_net(spec_of(published, family))
    count = 4 if family in WITHOUT_STEM else 5
    assert len(net.trunk.stages()) == count
    grouped = [id(p) for module in frozen_modules(net, count) for p in module.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in net.trunk.parameters())
    with pytest.raises(RecipeError, match=rf"frozen_groups is {count + 1}.* has {count} groups"):
        frozen_modules(net, count + 1)


@pytest.mark.parametrize("family", ["vit", "vit_mae", "dinov2"])
def test_the_map_holds_the_patch_tokens_in_their_places(published: Path, family: str) -> None:
    net = build_pose_net(spec_of(published, family, weights="pretrained")).eval()
    size, patch = net.spec.size, net.trunk.patch
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    asked = {"noise": torch.arange(16).expand(2, 16)} if family == "vit_mae" else {}
    whole = AutoModel.from_pretrained(published / family, **({"mask_ratio": 0.0} if asked else {})).eval()
    if family != "dinov2":
        asked["interpolate_pos_encoding"] = True
    with torch.no_grad():
        tokens = whole(pixels, **asked).last_hidden_state[:, 1:]
        by_hand = tokens.transpose(1, 2).reshape(2, 16, size // patch, size // patch)
        by_hand = functional.interpolate(by_hand, (size // 16, size // 16), mode="bilinear")
        torch.testing.assert_close(net.trunk(pixels)[0], by_hand)


def test_position_embeddings_of_one_size_are_resampled(published: Path, tmp_path) -> None:
    shutil.copytree(published / "vitpose_backbone", tmp_path / "vitpose_backbone")
    file = tmp_path / "vitpose_backbone/model.safetensors"
    tensors = load_file(file)
    key = next(name for name in tensors if name.endswith("position_embeddings"))
    tensors[key] = torch.cat([torch.full((1, 1, 16), 7.0), torch.full((1, 2, 16), 3.0)], dim=1)
    save_file(tensors, file, metadata={"format": "pt"})
    net = build_pose_net(spec_of(tmp_path, "vitpose_backbone", weights="pretrained"))
    positions = net.trunk.state_dict()["net.embeddings.position_embeddings"]
    assert positions.shape == (1, 17, 16)
    assert (positions[:, 0] == 7).all()
    torch.testing.assert_close(positions[:, 1:], torch.full((1, 16, 16), 3.0))


def test_the_backbone_of_a_whole_vitpose_is_taken(tmp_path) -> None:
    backbone = CONFIG_MAPPING["vitpose_backbone"](**FAMILIES["vitpose_backbone"][0])
    whole = VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone))
    whole.save_pretrained(tmp_path)
    net = build_pose_net(ModelSpec(backbone=f"hf:{tmp_path}", weights="pretrained", decoder="light", size=64), seed=2)
    key = "encoder.layer.2.attention.attention.query.weight"
    assert torch.equal(net.trunk.state_dict()[f"net.{key}"], whole.backbone.state_dict()[key])


def test_attention_counts_in_a_transformers_cost(published: Path) -> None:
    net = build_pose_net(spec_of(published, "vit"))
    with flop_counter() as counter:
        net.trunk(torch.zeros(1, 3, 64, 64))
    tokens, width, inner = 4 * 4 + 1, 16, 32
    layer = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * inner
    assert counter.get_total_flops() == 2 * (16 * (3 * 16**2) * width + 4 * layer)
    decoder_and_heads = count_flops(net.spec).forward - counter.get_total_flops()
    assert 0 < decoder_and_heads < count_flops(net.spec).forward


@pytest.mark.parametrize(
    ("processor", "mean", "std"),
    [
        (None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ({"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7]}, (0.5, 0.4, 0.3), (0.5, 0.6, 0.7)),
        ({"do_normalize": False}, (0, 0, 0), (1, 1, 1)),
    ],
)
def test_pixels_are_normalised_as_published(published: Path, tmp_path, processor, mean, std) -> None:
    shutil.copytree(published / "vit", tmp_path / "vit")
    if processor is not None:
        (tmp_path / "vit/preprocessor_config.json").write_text(json.dumps(processor))
    net = build_pose_net(spec_of(tmp_path, "vit"))
    torch.testing.assert_close(net.pixels.mean, 255 * torch.tensor(mean, dtype=torch.float32))
    torch.testing.assert_close(net.pixels.std, 255 * torch.tensor(std, dtype=torch.float32))


def test_a_size_that_the_patches_do_not_fill_is_refused(published: Path) -> None:
    spec = spec_of(published, "dinov2")
    for size, use in ((256, "224 or 448"), (128, "use 224"), (1024, "use 896")):
        with pytest.raises(RecipeError, match=rf"model\.size is {size} px.*14 px.*{use}"):
            build_pose_net(spec.model_copy(update={"size": size}))


def test_missing_tensors_are_an_error(published: Path, tmp_path) -> None:
    shutil.copytree(published / "vit", tmp_path / "vit")
    file = tmp_path / "vit/model.safetensors"
    tensors = load_file(file)
    tensors.pop("embeddings.cls_token")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"1 tensors of hf:.*vit are missing, such as embeddings\.cls_token"):
        build_pose_net(spec_of(tmp_path, "vit", weights="pretrained"))
    file.unlink()
    with pytest.raises(DataError, match=r"weights .*vit: cannot be read"):
        build_pose_net(spec_of(tmp_path, "vit", weights="pretrained"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"no config\.json"),
        ({"model_type": "bert", "hidden_size": 8}, "model_type 'bert'.*not a vision backbone"),
        ({"model_type": "dinov1"}, "model_type 'dinov1'.*did you mean 'dinov2'"),
        ({"hidden_size": 8}, "model_type None"),
        ({"model_type": "timm_backbone", "backbone": "resnet18"}, "model_type 'timm_backbone'"),
        ({"model_type": "vit", "num_hidden_layers": 10**9}, f"num_hidden_layers is {10**9}"),
        ({"model_type": "vit", "num_channels": 4}, "reads 4 channels"),
        ({"model_type": "vit", "hidden_act": "none"}, "cannot be built"),
    ],
)
def test_a_folder_that_is_no_vision_backbone_is_refused(tmp_path, config, message: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RecipeError, match=rf"backbone hf:.*{message}") as raised:
        build_pose_net(ModelSpec(backbone=f"hf:{tmp_path}", size=64))
    assert "\n" not in str(raised.value)


def test_broken_json_and_statistics_are_refused(published: Path, tmp_path) -> None:
    shutil.copytree(published / "vit", tmp_path / "vit")
    (tmp_path / "vit/preprocessor_config.json").write_text('{"image_std": [0, 1, 1]}')
    with pytest.raises(RecipeError, match=r"image_std .*\[0, 1, 1\], expected 3 numbers above 0"):
        build_pose_net(spec_of(tmp_path, "vit"))
    (tmp_path / "vit/config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json"):
        build_pose_net(spec_of(tmp_path, "vit"))


def test_a_hub_that_cannot_be_reached_is_an_error_and_not_random_weights() -> None:
    with pytest.raises(RecipeError, match=r"nobody/nothing cannot be read.*connect to the network"):
        build_pose_net(ModelSpec(backbone="hf:nobody/nothing", size=64))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [("imagenet", RecipeError, 'use "pretrained"'), ("/nowhere", DataError, "'/nowhere': no weights file of prepose")],
)
def test_other_weights_are_refused(published: Path, weights: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build_pose_net(spec_of(published, "vit", weights=weights))


@pytest.mark.parametrize("name", ["hf:dinov2", "hf:", "hf:a/b/c", "hf:-/../x", "HF:a/b"])
def test_a_name_of_no_form_that_is_known_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"backbone\n.*hf:OWNER/NAME"):
        ModelSpec(backbone=name)


def test_names_of_folders_lead_home() -> None:
    assert ModelSpec(backbone="hf:~/nets/vit").backbone == f"hf:{Path.home()}/nets/vit"


def test_the_configuration_is_kept_by_weights_files_of_these_backbones_alone(published: Path, tmp_path) -> None:
    fields = {"backbone", "weights", "decoder", "readout", "size", "skeleton"}
    for mode in ("python", "json"):
        assert set(ModelSpec().model_dump(mode=mode)) == fields
    assert "backbone_config" not in ModelSpec().model_dump_json()
    net = build_pose_net(spec_of(published, "vit"))
    header = read_weights(save_weights(net, tmp_path)).spec
    assert set(header) == {*fields, "backbone_config"}
    assert json.loads(header["backbone_config"])["model_type"] == "vit"
    assert "dtype" not in json.loads(header["backbone_config"])
    with pytest.raises(ValidationError, match="backbone_config belongs to hf: backbones"):
        ModelSpec(backbone="resnet-18", backbone_config="{}")


def test_a_configuration_of_a_strangers_weights_file_runs_no_code_and_stays_small(published: Path) -> None:
    whole = json.loads(str(build_pose_net(spec_of(published, "vit")).spec.backbone_config))
    spec = spec_of(published, "vit")
    for change, message in (
        ({"hidden_size": 10**6}, "hidden_size is 1000000"),
        ({"model_type": "gpt2"}, "model_type 'gpt2'"),
        ({"image_mean": "x"}, "image_mean"),
    ):
        text = json.dumps(whole | change)
        with pytest.raises(RecipeError, match=message):
            PoseNet(spec.model_copy(update={"backbone_config": text}))
    ignored = {"attn_implementation": "someone/kernel", "auto_map": {"AutoModel": "someone/code--x.Y"}}
    PoseNet(spec.model_copy(update={"backbone_config": json.dumps(whole | ignored | {"_attn_implementation": "x/y"})}))
    with pytest.raises(RecipeError, match="not a JSON object"):
        PoseNet(spec.model_copy(update={"backbone_config": "[]"}))
