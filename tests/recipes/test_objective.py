import pytest
import torch

from prepose.data.batch import PoseBatch
from prepose.models.pose_net import build_pose_net
from prepose.recipes.objective import loss_names, losses_of, weights_of
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override

STAGES = [pytest.param(name, i, id=f"{name}-{i}") for name in RECIPES for i in range(len(RECIPES[name]().stages))]


def batch_of(joints: int, *, known: float) -> PoseBatch:
    """Four images of noise, with a part `known` of the joints labelled in 2D and 3D."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(4, joints, generator=generator) < known
    return PoseBatch(
        image=torch.randint(0, 255, (4, 3, 64, 64), generator=generator).to(torch.uint8),
        joints_crop=torch.rand(4, joints, 3, generator=generator) * 40 * mask[..., None],
        has_2d=mask,
        has_3d=mask,
        img_from_crop=torch.eye(3).expand(4, 3, 3),
        source=torch.zeros(4, dtype=torch.int64),
        index=torch.arange(4),
    )


@pytest.mark.parametrize(("name", "index"), STAGES)
@pytest.mark.parametrize("known", [0.0, 0.5])
def test_every_stage_has_finite_losses_and_gradients(name: str, index: int, known: float) -> None:
    recipe = override(RECIPES[name](), ["model.backbone=small-0.7m", "model.weights=random", "model.size=64"])
    stage, net = recipe.stages[index], build_pose_net(recipe.model, seed=1)
    batch = batch_of(len(net.skeleton), known=known)
    losses = losses_of(loss_names(stage), net(batch.image), batch, size=64, skeleton=net.skeleton)
    (losses @ weights_of(stage, losses.device)).backward()
    assert losses.shape == (len(loss_names(stage)),)
    assert losses.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)
    if known == 0:
        assert losses.eq(0).all()


def test_a_loss_without_weight_is_not_computed() -> None:
    stage = override(RECIPES["mixed"](), ["mixed.losses.depth=0"]).stages[0]
    assert loss_names(stage) == ("joint", "heatmap_cross_entropy")
    assert weights_of(stage, torch.device("cpu")).tolist() == pytest.approx(
        [stage.losses["joint"], stage.losses["heatmap_cross_entropy"]]
    )
