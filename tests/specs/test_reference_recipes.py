from prepose.recipes.optimiser import learning_rate
from prepose.specs.reference_recipes import H36M_EPOCH, MPII_EPOCH, reference_3d_only, reference_pretrain_finetune


def test_the_stages_are_as_long_as_published() -> None:
    pretrain, finetune, geometry = reference_pretrain_finetune().stages
    assert pretrain.samples == 140 * MPII_EPOCH
    # 60 and 10 epochs of as many 3D as 2D samples.
    assert finetune.samples == 60 * 2 * MPII_EPOCH
    assert geometry.samples == 10 * 2 * MPII_EPOCH
    assert reference_3d_only().stages[0].samples == 70 * H36M_EPOCH


def test_the_rates_fall_at_the_published_epochs() -> None:
    pretrain, finetune, geometry = reference_pretrain_finetune().stages
    found = [learning_rate(pretrain, epoch * MPII_EPOCH + 1) for epoch in (0, 89, 90, 119, 120, 139)]
    assert found == [1e-3, 1e-3, 1e-4, 1e-4, 1e-3 * 0.1**2, 1e-3 * 0.1**2]
    assert [learning_rate(finetune, epoch * 2 * MPII_EPOCH + 1) for epoch in (44, 45)] == [1e-3, 1e-4]
    assert learning_rate(geometry, MPII_EPOCH) == 1e-4


def test_both_arms_weigh_depth_alike() -> None:
    finetune = reference_pretrain_finetune().stages[1]
    assert finetune.losses == reference_3d_only().stages[0].losses
