"""Whole trainings on real stores: they end, save, resume after any death, and do not depend on the machine."""

import itertools
import json
import math
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from io import StringIO
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from deaths import killed_again_and_again
from prepose.body.skeletons import MPII_16
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError, RecipeError
from prepose.files import LOCK, locked
from prepose.metrics.protocols import get_protocol
from prepose.models.checkpoint import load_weights
from prepose.models.pose_net import build_pose_net
from prepose.models.weights_file import read_weights
from prepose.predict.evaluate import evaluate
from prepose.recipes.budget import training_flops
from prepose.recipes.checkpoint import checkpoints
from prepose.recipes.log import RunLog, Value, read_log
from prepose.recipes.run import Run
from prepose.recipes.stopping import TrainingStopped
from prepose.recipes.train import Machine, log_columns, run_recipe
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.overrides import override, shrink
from prepose.specs.recipe import Recipe

OnStores = Callable[[Recipe, Path], Recipe]

ALONE = Machine(accelerator="cpu", threads=1)
# A checkpoint after every step: that is where a process is most likely to die then.
OFTEN = Machine(accelerator="cpu", threads=1, checkpoint_seconds=0.0)


@pytest.fixture(scope="module")
def longer(stores: Path, on_stores: OnStores) -> Recipe:
    """Three stages of twelve steps with everything that has a state: average, clipping, validation, rows of 3 steps."""
    recipe = shrink(on_stores(RECIPES["pretrain-finetune"](), stores))
    lengths = [f"{stage.name}.samples=48" for stage in recipe.stages]
    return override(recipe, [*lengths, "log_every=12", "validation.every=24", "ema_decay=0.9", "clip_norm=1.0"])


@pytest.fixture(scope="module")
def undisturbed(longer: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_recipe(longer, tmp_path_factory.mktemp("undisturbed") / "run", machine=ALONE)


def same_result(run: Run, other: Run) -> bool:
    """Whether weights and log are the same to the last bit, but for times."""
    timed = {"samples_per_second", "train_seconds", "validation_seconds"}
    logs = [[{k: v for k, v in row.items() if k not in timed} for row in read_log(r.folder)] for r in (run, other)]
    files = [(r.best_weights.read_bytes(), r.last_weights.read_bytes()) for r in (run, other)]
    return logs[0] == logs[1] and files[0] == files[1]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_saves_resumes_and_evaluates(
    name: str, stores: Path, on_stores: OnStores, tmp_path: Path
) -> None:
    recipe = shrink(on_stores(RECIPES[name](), stores))
    run = run_recipe(recipe, tmp_path / "run", machine=ALONE)
    rows = read_log(run.folder)
    assert [row["stage"] for row in rows] == [stage.name for stage in recipe.stages for _ in range(2)]
    assert list(rows[0]) == log_columns(recipe)
    assert float(rows[-1]["train_flops"]) == training_flops(recipe)
    assert all(math.isfinite(float(row["loss"])) and float(row["validation_error_px"]) > 0 for row in rows)
    last = run.last_weights.read_bytes()
    # Gone on with from before the last stage's end, it ends the same.
    shutil.rmtree(checkpoints(run.checkpoints)[-1])
    run.last_weights.unlink()
    assert run_recipe(recipe, run.folder, resume=True, machine=ALONE).last_weights.read_bytes() == last
    validation = open_store(stores / "lab", "validation")
    for weights in (run.best_weights, run.last_weights):
        found = evaluate(load_weights(weights), validation, get_protocol("true-root-depth")).overall()
        assert found["mpjpe_mm"] > 0


def test_the_best_weights_are_those_with_the_best_validation(undisturbed: Run, longer: Recipe, stores: Path) -> None:
    assert longer.validation is not None and longer.validation.limit == 4
    rows = [row for row in read_log(undisturbed.folder) if row["stage"] != "pretrain" and row["validation_mpjpe_mm"]]
    dataset = open_store(stores / "lab", "validation")
    dataset = dataset.select(np.linspace(0, len(dataset) - 1, 4).round().astype(int))
    protocol = get_protocol("true-root-depth")
    net = load_weights(undisturbed.best_weights)
    found = evaluate(net, dataset, protocol, flip_test=False, precision="bf16").overall()["mpjpe_mm"]
    assert found == pytest.approx(min(float(row["validation_mpjpe_mm"]) for row in rows), rel=1e-5)


def test_training_lowers_the_loss(stores: Path, on_stores: OnStores, tmp_path: Path) -> None:
    recipe = override(shrink(on_stores(RECIPES["mixed"](), stores)), ["batch_size=8", "log_every=80"])
    run = run_recipe(override(recipe, ["mixed.samples=640", "validation.every=640"]), tmp_path / "run", machine=ALONE)
    losses = [float(row["loss"]) for row in read_log(run.folder)]
    assert losses[-1] < 0.75 * losses[0]


def test_a_recipe_starts_from_all_weights_of_another_network(undisturbed: Run, tiny: Recipe, tmp_path: Path) -> None:
    still = override(tiny, ["*.learning_rate=1e-12", "*.weight_decay=0", "*.frozen_batch_norm=true", "ema_decay=null"])
    run = run_recipe(still.model_copy(update={"start": str(undisturbed.folder)}), tmp_path / "run")
    first, started = (load_weights(file).state_dict() for file in (undisturbed.best_weights, run.last_weights))
    assert set(first) == set(started)
    for name, tensor in first.items():
        torch.testing.assert_close(started[name], tensor, rtol=0, atol=1e-5)


def test_a_start_of_another_network_is_refused(undisturbed: Run, tiny: Recipe, tmp_path: Path) -> None:
    other = override(tiny, ["model.backbone=small-0.3m"]).model_copy(update={"start": str(undisturbed.folder)})
    with pytest.raises(DataError, match=r"do not fit the network"):
        run_recipe(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_left_as_it_is(undisturbed: Run, longer: Recipe) -> None:
    before = {path: path.read_bytes() for path in undisturbed.folder.rglob("*.safetensors")}
    run_recipe(longer, undisturbed.folder, resume=True, machine=ALONE)
    assert {path: path.read_bytes() for path in undisturbed.folder.rglob("*.safetensors")} == before


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_ends_the_same(undisturbed: Run, longer: Recipe, tmp_path: Path) -> None:
    # The server has imported everything, so that each victim is alive at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["prepose.recipes.train"])
    out = tmp_path / "run"
    moments = random.Random(4)
    died_at, writing = [], 0
    for attempt in range(6):
        arguments = {"resume": out.exists(), "machine": OFTEN}
        victim = context.Process(target=run_recipe, args=(longer, out), kwargs=arguments)
        victim.start()
        before = set(checkpoints(out / "checkpoints"))
        while victim.is_alive() and set(checkpoints(out / "checkpoints")) <= before:
            time.sleep(0.002)
        assert victim.pid is not None
        if attempt % 2:
            held_while_it_writes(victim, out / "checkpoints")
        else:
            time.sleep(moments.uniform(0, 0.4))
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        assert victim.exitcode == -signal.SIGKILL, "it ended before it could be killed: make the recipe longer"
        writing += bool(list((out / "checkpoints").glob(".partial-*")))
        died_at.append(checkpoints(out / "checkpoints")[-1].name)
    assert len(set(died_at)) == 6 and writing > 0
    assert same_result(run_recipe(longer, out, resume=True, machine=ALONE), undisturbed)


def held_while_it_writes(victim: BaseProcess, folder: Path) -> None:
    """Stop a process in the middle of a checkpoint; let it go on as long as it is in none."""
    assert victim.pid is not None
    while victim.is_alive():
        os.kill(victim.pid, signal.SIGSTOP)
        while victim.is_alive() and not is_held(victim.pid):
            time.sleep(0.001)
        if list(folder.glob(".partial-*")):
            return
        os.kill(victim.pid, signal.SIGCONT)
        time.sleep(0.001)


def is_held(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_saves_and_says_how_to_go_on(
    number: signal.Signals, undisturbed: Run, longer: Recipe, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    stopped = stopped_after(longer, out, 2, number)
    assert re.search(r"saved at step 2 \(8 samples\) in .*; rerun .* with --resume", stopped)
    assert not (out / "weights" / "last.safetensors").exists()
    assert same_result(run_recipe(longer, out, resume=True, machine=ALONE), undisturbed)


def stopped_after(recipe: Recipe, out: Path, rows: int, number: signal.Signals = signal.SIGINT) -> str:
    """What a run says that is asked to stop when its log has so many rows."""
    written, write = itertools.count(1), RunLog.write

    def write_and_ask(log: RunLog, row: Mapping[str, Value]) -> None:
        write(log, row)
        if next(written) == rows:
            signal.raise_signal(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "write", write_and_ask)
        with pytest.raises(TrainingStopped) as stopped:
            run_recipe(recipe, out, machine=ALONE)
    return str(stopped.value)


def test_a_full_disk_gets_one_line_and_loses_nothing(undisturbed: Run, longer: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    stopped_after(longer, out, 2)
    before = [path.name for path in checkpoints(out / "checkpoints")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses files beyond a megabyte: the weights take three.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(DataError, match=r"the disk is full .*everything up to step \d+ is saved; free some"):
            run_recipe(longer, out, resume=True, machine=OFTEN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in checkpoints(out / "checkpoints")] == before
    assert same_result(run_recipe(longer, out, resume=True, machine=ALONE), undisturbed)


def test_a_failed_first_step_does_not_block_the_second_try(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"

    def fail(*_: object) -> None:
        raise ValueError("deep inside torch")

    with monkeypatch.context() as patched:
        patched.setattr("prepose.recipes.loop._step", fail)
        with pytest.raises(ValueError, match="deep inside torch"):
            run_recipe(tiny, out, machine=ALONE)
    with pytest.raises(DataError, match=r"lost\.pth: no such file"):
        run_recipe(override(tiny, ["model.weights=lost.pth"]), out, machine=ALONE)
    assert not out.exists() or not any(out.iterdir())
    assert run_recipe(tiny, out, machine=ALONE).finished


@pytest.mark.parametrize(
    "changes",
    [{"stage": 7}, {"stage_step": 500}, {"stage": 1}, {"step": 4}, {"samples": 3}, {"stage_step": 0, "step": 0}],
    ids=str,
)
def test_a_checkpoint_of_no_moment_of_the_training_is_refused(tiny: Recipe, tmp_path: Path, changes: dict) -> None:
    out = tmp_path / "run"
    stopped_after(override(tiny, ["pretrain.samples=48"]), out, 2)
    path = checkpoints(out / "checkpoints")[-1] / "state.pt"
    state = torch.load(path)
    torch.save(state | {"position": state["position"] | changes}, path)
    with pytest.raises(DataError, match=r"checkpoints: the newest checkpoint is of step \d+ .*start the run again"):
        run_recipe(override(tiny, ["pretrain.samples=48"]), out, resume=True, machine=ALONE)


def test_a_corrupt_sample_is_named_and_loses_nothing(
    stores: Path, on_stores: OnStores, stick_figure: Callable[..., PoseSample], tmp_path: Path
) -> None:
    shutil.copytree(stores, tmp_path / "stores")
    shutil.rmtree(tmp_path / "stores" / "lab" / "train")
    recipe = shrink(on_stores(RECIPES["only-3d"](), tmp_path / "stores"))
    recipe = override(recipe, ["only-3d.samples=48", "log_every=12"])

    def write(broken: int | None) -> None:
        samples = [stick_figure(1000 + i, hidden=0.3) for i in range(24)]
        if broken is not None:
            object.__setattr__(samples[broken], "image", samples[broken].image[:300])
        write_store(tmp_path / "stores" / "lab", StoreDescription("lab", MPII_16), "train", samples, total=24)

    write(None)
    whole = run_recipe(recipe, tmp_path / "whole", machine=ALONE)
    shutil.rmtree(tmp_path / "stores" / "lab" / "train")
    write(17)
    with pytest.raises(DataError, match=r"sample 17.*; saved at step \d .*--resume") as caught:
        run_recipe(recipe, tmp_path / "run", machine=ALONE)
    assert "\n" not in str(caught.value)
    shutil.rmtree(tmp_path / "stores" / "lab" / "train")
    write(None)
    assert same_result(run_recipe(recipe, tmp_path / "run", resume=True, machine=ALONE), whole)


def test_a_loss_that_is_no_longer_finite_ends_the_run_in_one_line(longer: Recipe, tmp_path: Path) -> None:
    mad = override(longer, ["pretrain.learning_rate=1e9", "pretrain.optimiser=sgd", "clip_norm=null", "ema_decay=null"])
    with pytest.raises((RecipeError, DataError), match=r"no longer finite|not finite") as caught:
        run_recipe(mad, tmp_path / "run", machine=ALONE)
    assert "\n" not in str(caught.value)


def test_stores_are_looked_for_before_a_folder_is_made(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such store"):
        run_recipe(override(tiny, ["sources.wild.store=nowhere"]), tmp_path / "run", machine=ALONE)
    assert not list(tmp_path.glob("run/*"))


def test_a_run_is_never_overwritten(undisturbed: Run, longer: Recipe) -> None:
    with pytest.raises(DataError, match="already holds a run"):
        run_recipe(longer, undisturbed.folder, machine=ALONE)
    with pytest.raises(RecipeError, match="seed was 0 and is now 1"):
        run_recipe(override(longer, ["seed=1"]), undisturbed.folder, resume=True, machine=ALONE)


def test_a_device_that_is_not_there_gets_one_line(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"accelerator 'abacus' x 1: "):
        run_recipe(tiny, tmp_path / "run", machine=Machine(accelerator="abacus"))
    with pytest.raises(RecipeError, match="batch_size 4 cannot be shared by 3 processes"):
        run_recipe(tiny, tmp_path / "run", machine=Machine(accelerator="cpu", devices=3))


def test_workers_and_a_console_change_no_number(undisturbed: Run, longer: Recipe, tmp_path: Path) -> None:
    text = StringIO()
    machine = Machine(accelerator="cpu", threads=1, workers=2)
    run = run_recipe(longer, tmp_path / "run", machine=machine, console=Console(file=text, width=200))
    assert same_result(run, undisturbed)
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("pretrain-finetune: 3 stages, 144 samples, ")
    rows = [row for row in read_log(run.folder) if row["validation_flops"]]
    told = [line for line in lines if " samples/s" in line]
    assert len(told) == len(rows) > 2
    for line, row in zip(told, rows, strict=True):
        score = f"MPJPE {float(row['validation_mpjpe_mm']):.1f} mm"
        if row["stage"] == "pretrain":
            score = f"PCK at 0.1 box {100 * float(row['validation_pck2d_box']):.1f} %"
        assert line.startswith(f"{row['stage']}: ")
        assert f"loss {float(row['loss']):.4f}, {score}, " in line
    last = longer.validation
    best = min(float(row["validation_mpjpe_mm"]) for row in rows if row["stage"] != "pretrain")
    assert last is not None
    assert lines[-3:] == [
        f"best: MPJPE {best:.1f} mm on {last.store}/{last.split}",
        f"done: weights in {run.folder / 'weights'}",
        f"next: prepose evaluate {run.folder} --data {last.store}",
    ]


def test_global_settings_are_left_alone(tiny: Recipe, tmp_path: Path) -> None:
    threads, state, handler = torch.get_num_threads(), torch.get_rng_state(), signal.getsignal(signal.SIGINT)
    torch.set_num_threads(3)
    try:
        run = run_recipe(tiny, tmp_path / "run", machine=ALONE)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert json.loads((run.folder / "environment.json").read_text())["threads"] == 1
    assert torch.equal(torch.get_rng_state(), state)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.slow
def test_two_processes_end_like_one_with_the_same_batches(
    two_processes: Path, together: Recipe, tmp_path: Path
) -> None:
    alone = run_recipe(together, tmp_path / "run", machine=ALONE)
    found, expected = (
        read_weights(folder / "weights" / "last.safetensors").tensors
        for folder in (two_processes / "together", alone.folder)
    )
    start = build_pose_net(together.model, seed=together.seed).state_dict()
    for name, tensor in expected.items():
        if name.endswith((".weight", ".bias", ".running_mean", ".running_var")):
            # Beside rounding (some biases get no gradient but that), a thousandth of what the training changed.
            moved, apart = (tensor - start[name]).norm(), (found[name] - tensor).norm()
            assert moved > 0
            assert apart < 1e-3 * moved + 1e-6 * math.sqrt(tensor.numel()), name
    rows = [read_log(folder) for folder in (two_processes / "together", alone.folder)]
    for ours, theirs in zip(*rows, strict=True):
        assert (ours["step"], ours["stage"]) == (theirs["step"], theirs["stage"])
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-4)
    assert len(list((two_processes / "together" / "tensorboard").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dead close no files
def test_killed_before_changes_to_the_disk_and_resumed_it_ends_the_same(tiny: Recipe, tmp_path: Path) -> None:
    undisturbed, out = run_recipe(tiny, tmp_path / "whole", machine=OFTEN), tmp_path / "killed"

    def command() -> None:
        # As a person does: what the folder holds says which command is the right one.
        run_recipe(tiny, out, resume=(out / "recipe.json").exists(), machine=OFTEN)

    assert killed_again_and_again(command, step=4) > 4
    assert same_result(undisturbed, Run(out, tiny))
    left = [path.name for path in out.rglob("*") if path.name.endswith(".partial") or path.name.startswith(".")]
    assert not left


def test_two_trainings_do_not_write_one_run(tiny: Recipe, tmp_path: Path) -> None:
    run = run_recipe(tiny, tmp_path / "run", machine=ALONE)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with (
        locked(run.folder / LOCK, "x"),
        pytest.raises(DataError, match=r"another process \(\d+ on .*\) is training in"),
    ):
        run_recipe(tiny, run.folder, resume=True, machine=ALONE)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
