"""The Python front door: the page of the docs runs as it stands, and mistakes are told in one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import prepose
from fakes_evaluation import drawn_evaluation
from prepose.specs.builtin_recipes import mixed, pretrain_finetune

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_importing_it_takes_no_torch_and_names_are_listed():
    code = "import sys, prepose; print([m for m in ('torch', 'numpy', 'rich') if m in sys.modules], dir(prepose))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"[] {sorted(prepose.__all__)}"
    assert all(getattr(prepose, name) is not None for name in prepose.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        prepose.trian  # noqa: B018


@pytest.mark.slow
def test_the_page_of_the_docs_runs_as_it_stands(tmp_path):
    for name in ("examples", "results"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = tmp_path / "page.py"
    script.write_text("\n".join(BLOCKS), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for told in (
        "PoseDataset(lab/train: 80 samples",
        "(64, 64, 3)",
        "Evaluation(wild/test: 40",
        "against only-3d",
        "AnglesMeasured(40 poses; RMSE in degrees: knee_flexion ",
        "StudyReport('results/pretraining', 60 trials",
        "2D pre-training beats 3D labels alone -> holds in",
    ):
        assert told in done.stdout  # fmt: skip


def test_the_notebook_is_the_page():
    notebook = json.loads((ROOT / "examples" / "first_steps.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    # The first cell goes to the repository's root, which the page is run from.
    assert [cell.strip() for cell in cells[1:]] == [block.strip() for block in BLOCKS]


def test_a_recipe_takes_nested_changes():
    found = prepose.recipe(
        "pretrain-finetune", seed=3, model={"size": 96}, each_stage={"samples": 640}, pretrain={"learning_rate": 1e-3},
        sources={"lab": {"store": "elsewhere", "cap": 5}},
    )  # fmt: skip
    plain = pretrain_finetune()
    assert (found.seed, found.model.size, found.model.backbone) == (3, 96, plain.model.backbone)
    assert {stage.samples for stage in found.stages} == {640} and found.stages[0].learning_rate == 1e-3
    assert found.sources["lab"].store == "elsewhere" and found.sources["wild"] == plain.sources["wild"]
    assert prepose.recipe("only-3d", only_3d={"samples": 32}).stages[0].samples == 32
    assert prepose.recipe("mixed", validation=None).validation is None
    assert prepose.recipe("mixed") == mixed()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sede": 3}, "no field or stage 'sede' (did you mean 'seed'?)"),
        ({"mixed": 5}, "mixed: is a stage; expected a dict of its fields: name, samples"),
        ({"mixed": {"sampels": 5}}, "mixed.sampels: no such field (did you mean 'samples'?)"),
        ({"batch_size": 0}, "batch_size: found 0"),
    ],
)
def test_a_wrong_change_is_told_with_the_nearest_name(changes, told):
    with pytest.raises(prepose.RecipeError, match=re.escape(told)):
        prepose.recipe("mixed", **changes)


def test_missing_things_are_told_in_one_line(tmp_path):
    with pytest.raises(prepose.RecipeError, match="no recipe is named 'mixd'"):
        prepose.recipe("mixd")
    with pytest.raises(prepose.DataError, match="nowhere"):
        prepose.open_store(str(tmp_path / "nowhere"))
    with pytest.raises(prepose.DataError, match="nowhere"):
        prepose.load(tmp_path / "nowhere")
    with pytest.raises(prepose.DataError, match="no table is named 'figure'"):
        prepose.read_study(ROOT / "results" / "occluders").to_dataframe("figure")


def test_what_it_returns_is_short_to_look_at():
    evaluation = drawn_evaluation()
    assert repr(evaluation).startswith("Evaluation(lab/test: 40 samples, true-root-depth, mpjpe_mm ")
    frame = evaluation.to_dataframe()
    row = frame[(frame["group"] == "joint") & (frame["label"] == "r_knee")].iloc[0]
    assert np.isclose(row["mpjpe_mm"], evaluation.per_joint()["r_knee"]["mpjpe_mm"])
