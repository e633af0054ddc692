import os
from pathlib import Path

import pytest
import torch

from prepose.errors import DataError
from prepose.models.pose_net import PoseNet, build_pose_net
from prepose.recipes.checkpoint import (
    Position,
    Snapshot,
    checkpoints,
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from prepose.specs.builtin_recipes import RECIPES


def net(seed: int) -> PoseNet:
    return build_pose_net(RECIPES["mixed"]().model, seed=seed)


def snapshot(step: int) -> Snapshot:
    return Snapshot(Position(step=step, best=1.5, metric="mpjpe_mm"), {"a": [1]}, torch.tensor([0.1]), random_state())


def test_everything_comes_back(tmp_path: Path) -> None:
    saved, average = net(1), net(2)
    save_checkpoint(tmp_path, snapshot(7), saved, average)
    loaded, loaded_average = net(3), net(4)
    found = load_checkpoint(tmp_path, loaded, loaded_average)
    assert found is not None
    assert found.position == snapshot(7).position and found.optimiser == {"a": [1]}
    assert torch.equal(found.tally, torch.tensor([0.1]))
    for before, after in ((saved, loaded), (average, loaded_average)):
        assert all(
            torch.equal(a, b) for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
        )


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (3, 900, 1_000_000_000, 20):
        save_checkpoint(tmp_path, snapshot(step), net(1), None)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000000900-0", "step-1000000000-0"]


def test_there_is_none_at_first(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none", net(1), None) is None


def test_a_checkpoint_that_was_not_finished_is_not_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, snapshot(3), net(1), None)
    half = tmp_path / ".partial-step-000000004-0"
    half.mkdir()
    (half / "weights.safetensors").write_bytes(b"half")
    found = load_checkpoint(tmp_path, net(2), None)
    assert found is not None and found.position.step == 3
    assert not half.exists()


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_full_disk_leaves_the_earlier_ones(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, snapshot(3), net(1), None)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        if failing == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr(Path, "rename", full)
        save_checkpoint(tmp_path, snapshot(4), net(1), None)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003-0"]


def test_a_damaged_one_says_what_to_do(tmp_path: Path) -> None:
    for step in (3, 4):
        save_checkpoint(tmp_path, snapshot(step), net(1), None)
    (tmp_path / "step-000000004-0" / "state.pt").write_bytes(b"PK not a state")
    with pytest.raises(
        DataError, match=r"step-000000004-0/state\.pt: damaged .* delete the folder step-000000004-0 to resume"
    ):
        load_checkpoint(tmp_path, net(1), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": -1}, "stage is -1"),
        ({"stage": True}, "stage is True"),
        ({"stage_step": 1.5}, r"stage_step is 1\.5"),
        ({"samples": 10**400}, "samples is 1000"),
        ({"train_flops": float("nan")}, "train_flops is nan"),
        ({"train_seconds": -1.0}, r"train_seconds is -1\.0"),
        ({"metric": None}, "metric is None"),
        ({"best": "good"}, "best is 'good'"),
        ({"more": 1}, "its position has the fields"),
    ],
    ids=str,
)
def test_a_position_that_no_training_has_is_damage(tmp_path: Path, changes: dict, message: str) -> None:
    path = save_checkpoint(tmp_path, snapshot(3), net(1), None) / "state.pt"
    state = torch.load(path)
    torch.save(state | {"position": state["position"] | changes}, path)
    with pytest.raises(DataError, match=rf"state\.pt: damaged \({message}.*start the run again"):
        load_checkpoint(tmp_path, net(2), None)


@pytest.mark.parametrize(
    "changes",
    [{"optimiser": [1]}, {"tally": torch.tensor([float("nan")])}, {"tally": 3}, {"random": {"cpu": 5}}],
    ids=str,
)
def test_a_state_of_other_types_is_damage(tmp_path: Path, changes: dict) -> None:
    path = save_checkpoint(tmp_path, snapshot(3), net(1), None) / "state.pt"
    torch.save(torch.load(path) | changes, path)
    with pytest.raises(DataError, match=r"state\.pt: damaged \("):
        load_checkpoint(tmp_path, net(2), None)


def test_a_damaged_generator_is_said() -> None:
    with pytest.raises(DataError, match="state of the random generators is damaged"):
        restore_random_state({"cpu": torch.zeros(3, dtype=torch.uint8), "cuda": []})


def test_nothing_but_data_is_unpickled(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, snapshot(3), net(1), None)
    torch.save({"position": Path("x")}, path / "state.pt")
    with pytest.raises(DataError, match="damaged"):
        load_checkpoint(tmp_path, net(1), None)


def test_generators_go_on_where_they_were() -> None:
    with torch.random.fork_rng():
        state = random_state()
        first = torch.rand(3)
        restore_random_state(state)
        assert torch.equal(torch.rand(3), first)
