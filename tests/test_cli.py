"""The command line: what verbs there are, and that a user's mistake ends in one line and exit code 2."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bvh_fake import write_bvh
from fakes import fake_lsp, fake_samples
from prepose import cli
from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError
from prepose.specs.builtin_recipes import RECIPES
from prepose.synthetic.bvh import JOINT_NAMES
from prepose.synthetic.rig import SEGMENTS, BodyPose, mean_proportions

# What the command line promises. Whoever changes it changes what people have in their scripts: say so in CHANGELOG.md.
VERBS = {
    "quickstart": {"--out", "--quick", "--full", "--jobs"},
    "synthesize": {
        "world", "--out", "--count", "--size", "--seed", "--workers", "--motion", "--joint-names", "--backgrounds",
    },
    "recipes": {"name"},
    "train": {
        "recipe", "--out", "--set", "--resume", "--shrink", "--accelerator", "--devices", "--nodes", "--threads",
        "--workers",
    },
    "evaluate": {"run", "--data", "--split", "--protocol", "--device", "--out", "--json"},
    "score": {
        "predictions", "--data", "--split", "--protocol", "--out", "--system", "--form", "--skeleton", "--unit",
        "--frame", "--size", "--json",
    },
    "lift": {
        "store", "--out", "--network", "--predictions", "--split", "--joint-mm", "--person-mm", "--confidence",
        "--unit",
    },
    "calibrate": {"network", "--data", "--split", "--out", "--device"},
    "protocols": {
        "names", "--predictions", "--data", "--split", "--form", "--skeleton", "--unit", "--frame", "--size", "--json",
    },
    "study": {
        "name", "--out", "--size", "--engine", "--jobs", "--dry-run", "--budget-scale", "--seeds", "--stores",
        "--trials-of", "--extend", "--accelerator", "--threads", "--gpus", "--json",
    },
    "studies": {"name", "--size"},
    "report": {"folder", "--stores"},
    "compare": {"runs", "--data", "--split", "--protocol", "--page", "--device", "--json"},
    "angles": {"network", "--out", "--data", "--split", "--protocol", "--device", "--json"},
    "plan": {
        "studies", "--have-2d", "--have-3d", "--budget", "--next", "--set", "--training", "--measure", "--json",
    },
    "predict": {
        "inputs", "--out", "--webcam", "--seconds", "--box", "--boxes", "--detector", "--score", "--whole-image",
        "--smooth", "--focal", "--fov", "--camera", "--skeleton", "--threshold", "--format", "--export", "--angles",
        "--draw", "--overwrite", "--device",
    },
    "export": {"network", "--out", "--format", "--flip-test", "--calibrate"},
    "import-checkpoint": {"file", "--out", "--skeleton", "--size", "--pixels", "--readout"},
    "push": {"network", "name", "--to-folder", "--evaluation", "--license", "--private", "--terms-read"},
    "serve": {
        "network", "--host", "--port", "--detector", "--score", "--max-mb", "--max-megapixels", "--max-frames",
        "--device",
    },
    "train-detector": {
        "--out", "--backgrounds", "--photographs", "--images", "--people", "--size", "--rate", "--start", "--seed",
        "--workers",
    },
    "version": set(),
    "skeletons": {"source", "target"},
    "data add": {
        "name", "root", "--out", "--split", "--partial", "--by-reference", "--size", "--margin", "--workers",
    },
    "data check": {"store", "--split", "--sheet", "--all-images", "--json"},
    "data list": {"what", "--json"},
    "data show": {"store", "--split", "--out", "--count", "--seed"},
}  # fmt: skip


def verbs_of(command, name=""):
    if hasattr(command, "commands"):
        for inner, found in command.commands.items():
            yield from verbs_of(found, f"{name} {inner}".strip())
    else:
        options = {
            (parameter.opts[0] if parameter.param_type_name == "option" else parameter.name)
            for parameter in command.params
        }
        yield name, options - {"--help"}


def test_the_verbs_and_their_options_are_these():
    assert dict(verbs_of(typer.main.get_command(cli.app))) == VERBS


@pytest.mark.parametrize("verb", ["", "data", *VERBS])
def test_every_verb_explains_itself_and_its_options(verb):
    result = CliRunner().invoke(cli.app, [*verb.split(), "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert "Usage: " in result.output
    assert all(option in result.output for option in VERBS.get(verb, set()))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A store with the splits that the recipes ask for."""
    folder = tmp_path_factory.mktemp("cli") / "lab"
    generator = np.random.default_rng(0)
    for split in ("train", "validation"):
        samples = [sample for sample in fake_samples(12, MPII_16, generator) if sample.camera is not None]
        write_store(folder, StoreDescription("lab", MPII_16), split, samples, total=6)
    return folder


@pytest.fixture
def train_only_3d(lab):
    """The words of a training that could begin."""
    return ("train", "only-3d", "--shrink", "--set", f"sources.lab.store={lab}", "--set", f"validation.store={lab}")


@pytest.fixture
def lab_run(tmp_path, train_only_3d):
    """The folder that a training which stopped early left: its recipe, and no weights."""
    from prepose.recipes.run import create_run
    from prepose.specs.overrides import override, shrink

    changes = [word for word in train_only_3d if "=" in word]
    return create_run(tmp_path / "run", shrink(override(RECIPES["only-3d"](), changes))).folder


def weights_for(path, **spec):
    from prepose.models.checkpoint import save_weights
    from prepose.models.pose_net import build_pose_net
    from prepose.specs.model import ModelSpec

    return save_weights(build_pose_net(ModelSpec(backbone="small-0.7m", decoder="light", size=64, **spec)), path)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    return weights_for(tmp_path_factory.mktemp("weights") / "net.safetensors")


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))[1])
    return path


# --- what works ---


def test_the_version_is_printed(run):
    from prepose import __version__

    assert run("version") == (0, f"{__version__}\n", "")


def test_the_lists_name_everything(run):
    from prepose.body.skeletons import SKELETONS
    from prepose.data.catalog import DATASETS
    from prepose.metrics.protocols import PROTOCOLS

    for words, names in (
        (("recipes",), RECIPES),
        (("protocols",), PROTOCOLS),
        (("data", "list"), DATASETS),
        (("skeletons",), SKELETONS),
    ):
        code, out, err = run(*words)
        # A narrow terminal breaks names at their hyphens.
        shown = "".join(out.split())
        assert (code, err) == (0, "")
        assert all(name[:6] in shown for name in names), words


def test_no_verb_at_all_shows_the_help(run):
    for words in ((), ("data",)):
        code, out, err = run(*words)
        assert code == 2 and "Usage: prepose" in out + err


def test_a_photograph_becomes_a_drawing_and_numbers(run, weights, photograph, tmp_path):
    code, out, _ = run("predict", weights, photograph, "--out", tmp_path / "poses", "--box", "10,5,40,50")
    written, drawing = tmp_path / "poses/poses.jsonl", tmp_path / "poses/photograph_pose.png"
    assert (code, out) == (0, f"{written}\n{drawing}\n") and drawing.is_file()
    numbers = json.loads(written.read_text())
    assert {"skeleton", "joints_img", "joints_cam", "joints_root", "confidence", "units", "axes"} <= numbers.keys()
    assert numbers["box_xywh"] == [10, 5, 40, 50]


def test_a_score_as_json_is_nothing_but_json(run, weights, lab):
    code, out, _ = run("evaluate", weights, "--data", lab, "--split", "validation", "--json")
    assert code == 0
    assert json.loads(out)["num_samples"] == 6


def test_a_score_as_a_table(run, weights, lab):
    code, out, _ = run("evaluate", weights, "--data", lab, "--split", "train")
    assert code == 0 and "lab/train: 6 samples, worlds-mpjpe-true-root-depth" in out
    assert "worlds-mpjpe-true-root-depth is the default of lab for a network of mpii-16" in out


def test_a_protocol_in_full(run):
    code, out, err = run("protocols", "mpii-pckh-50")
    assert (code, err) == (0, "") and "0.6 of the diagonal of the head box" in " ".join(out.split())


def test_a_contact_sheet_is_written(run, lab, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "show", lab, "--out", sheet, "--count", 4) == (0, f"{sheet}\n", "")
    assert cv2.imread(str(sheet)) is not None


def test_an_added_dataset_is_counted_aloud(run, tmp_path):
    fake_lsp(tmp_path / "lsp", np.random.default_rng(0), pictures=(1, 2, 3))
    words = ("data", "add", "lsp", tmp_path / "lsp", "--out", tmp_path / "store", "--split", "train", "--partial")
    code, out, _ = run(*words)
    assert code == 0
    assert f"{tmp_path / 'store'}: 3 of 1,000 samples in split train" in out


@pytest.mark.slow
def test_a_recipe_trains_is_scored_and_refuses_its_folder(run, refused, train_only_3d, lab, tmp_path):
    out = tmp_path / "trained"
    code, shown, _ = run(*train_only_3d, "--out", out, "--accelerator", "cpu")
    assert code == 0 and f"done: weights in {out / 'weights'}" in shown
    assert run("evaluate", out, "--data", lab, "--split", "train")[0] == 0
    assert (out / "evaluations/lab-train-worlds-mpjpe-true-root-depth.json").is_file()
    assert "already holds a run" in refused(*train_only_3d, "--out", out)


# --- mistakes in the words themselves ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trian",), "No such command 'trian'"),
        (("data", "nothing"), "No such command 'nothing'"),
        (("recipes", "--bogus"), "No such option: --bogus"),
        (("synthesize", "wild"), "Missing option '--out'"),
        (("train", "only-3d"), "Missing option '--out'"),
        (("predict", "--out", "x"), "there is no image to predict"),
        (("train", "only-3d", "--out", "x", "--threads", "two"), "'--threads': expected a valid integer"),
        (("train", "only-3d", "--out", "x", "--devices", "0"), "'--devices': expected greater than or equal to 1"),
        (("synthesize", "wild", "--out", "x", "--size", "big"), "'--size': expected a valid integer"),
        (("quickstart", "--quick", "--full"), "--quick and --full exclude each other"),
    ],
)
def test_a_misused_option_is_named_with_the_help_that_lists_the_right_ones(refused, words, message):
    line = refused(*words)
    assert message in line
    assert f"`prepose{''.join(f' {word}' for word in words[:1] if word not in ('trian',))}" in line
    assert line.endswith("--help` shows what there is")


@pytest.mark.parametrize(
    "count", ["train", "train=", "train=0", "train=-3", "train=ten", "train=²", "train=1.5", "=5", "5"]
)
def test_a_count_is_a_split_and_a_number(refused, tmp_path, count):
    line = refused("synthesize", "wild", "--out", tmp_path / "wild", "--count", count)
    assert line.startswith(f"--count {count}: expected SPLIT=N with N at least 1")
    assert not (tmp_path / "wild").exists()


def test_a_split_is_counted_once(refused, tmp_path):
    words = ("synthesize", "wild", "--out", tmp_path / "wild", "--count", "train=5", "--count", "train=6")
    assert refused(*words) == "--count train=6: split 'train' has a number already, 5; give it once"


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1;2;3;4", "1,2,,4"])
def test_a_box_is_four_numbers(refused, weights, photograph, tmp_path, box):
    line = refused("predict", weights, photograph, "--out", tmp_path / "out", "--box", box)
    assert line.startswith(f"--box {box}: expected four numbers X,Y,W,H in px")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("nan,0,10,10", "is not finite"),
        ("0,0,inf,10", "is not finite"),
        ("-50,-20,100000,50", "less than a tenth of its area inside the image"),
        ("0,0,0,10", "has no size"),
        ("5,5,-4,10", "has no size"),
        ("500,0,10,10", r"lies outside the image, which is 80 x 60 px"),
    ],
)
def test_a_box_shows_some_of_the_picture(refused, weights, photograph, tmp_path, box, message):
    line = refused("predict", weights, photograph, "--out", tmp_path / "out", "--box", box)
    assert str(photograph) in line and message in line


# --- names that nothing has ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "only3d", "--out", "OUT"), r"no recipe is named 'only3d' (did you mean 'only-3d'?)"),
        (("train", "my.json", "--out", "OUT"), "my.json: the recipe cannot be read (No such file or directory)"),
        (("train", "only-3d", "--set", "sede=3", "--out", "OUT"), "no field or stage 'sede'"),
        (("train", "only-3d", "--set", "only-3d.lr=3", "--out", "OUT"), "only-3d.lr: no such field"),
        (("train", "only-3d", "--set", "seed", "--out", "OUT"), "--set seed: expected FIELD=VALUE"),
        (("train", "only-3d", "--set", "seed=many", "--out", "OUT"), "seed: found 'many', expected a valid integer"),
        (("train", "only-3d", "--set", "batch_size=0", "--out", "OUT"), "batch_size: found 0, expected greater than 0"),
        (("train", "only-3d", "--set", "model.size=50", "--out", "OUT"), "model.size: found 50"),
        (("train", "only-3d", "--set", "model.backbone=vgg", "--out", "OUT"), "no backbone is named 'vgg'"),
        (("synthesize", "mars", "--out", "OUT"), "no world is named 'mars'; known: wild, lab, occluded"),
        (("synthesize", "wild", "--out", "OUT", "--count", "trian=1"), "world 'wild' has no split 'trian'"),
        (("synthesize", "wild", "--out", "OUT", "--size", "7"), "size must be 32 to 1024 px, found 7"),
        (("data", "add", "lsd", "ROOT", "--out", "OUT"), "no dataset is named 'lsd' (did you mean 'lsp'?)"),
        (("data", "add", "lsp", "ROOT/nowhere", "--out", "OUT"), "there is no such folder"),
        (("data", "add", "lsp", "ROOT", "--out", "OUT"), "joints.mat"),
        (("data", "add", "lsp", "ROOT", "--out", "OUT", "--split", "val"), "lsp has no split 'val'"),
        (("data", "show", "ROOT/nowhere"), "there is no such store"),
        (("data", "show", "ROOT"), "is not a store (it has no store.json)"),
        (("data", "show", "LAB", "--split", "test", "--out", "OUT.png"), "no split 'test'"),
        (("data", "show", "LAB", "--out", "OUT.gif"), "a contact sheet is a picture"),
        (("evaluate", "ROOT/nowhere", "--data", "LAB", "--split", "train"), "there is no such run or weights file"),
        (("evaluate", "ROOT", "--data", "LAB", "--split", "train"), "is neither a run nor a folder with weights"),
        (("evaluate", "WEIGHTS", "--data", "LAB"), "has no split 'test'; name one of train, validation by --split"),
        (("evaluate", "WEIGHTS", "--data", "LAB", "--protocol", "best"), "no protocol is named 'best'"),
        (
            ("evaluate", "WEIGHTS", "--data", "LAB", "--split", "train", "--protocol", "lsp-pck-20"),
            "is made for lsp; use",
        ),
        (("protocols", "best"), "no protocol is named 'best'; `prepose protocols` lists all"),
        (("skeletons", "coco"), "no skeleton is named 'coco'"),
        (("skeletons", "coco-17", "lsp"), "no skeleton is named 'lsp'"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(refused, lab, weights, tmp_path, words, message):
    places = {"ROOT": str(tmp_path), "OUT": str(tmp_path / "out"), "LAB": str(lab), "WEIGHTS": str(weights)}
    line = refused(*(_placed(word, places) for word in words))
    assert message in line
    assert not (tmp_path / "out").exists()


def _placed(word, places):
    for name, place in places.items():
        word = word.replace(name, place)
    return word


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_a_device_that_is_not_there_is_named(refused, weights, lab, photograph, tmp_path, verb):
    words = {
        "evaluate": ("--data", lab, "--split", "train"),
        "predict": (photograph, "--out", tmp_path / "out", "--whole-image"),
    }
    line = refused(verb, weights, *words[verb], "--device", "gpu")
    assert "gpu" in line and "cpu" in line


def test_an_accelerator_that_is_not_there_is_named(refused, train_only_3d, tmp_path):
    assert "--accelerator abacus: expected auto, cpu" in refused(
        *train_only_3d, "--out", tmp_path / "out", "--accelerator", "abacus"
    )
    assert not (tmp_path / "out").exists()


# --- files that are not what they should be ---


def test_a_picture_that_is_none_is_refused(refused, weights, photograph, tmp_path):
    whole = photograph.read_bytes()
    spoiled = {
        "empty.jpg": (b"", "the image is empty (0 bytes)"),
        "truncated.jpg": (whole[: len(whole) // 2], "is a truncated or damaged JPEG"),
        "foreign.png": (b"%PDF-1.7 a letter", "is a PDF, which is not read"),
    }
    for name, (content, message) in spoiled.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert f"{path}: {message}" in refused("predict", weights, path, "--out", tmp_path / "out", "--whole-image")
    missing = tmp_path / "missing.jpg"
    line = refused("predict", weights, missing, "--out", tmp_path / "out", "--whole-image")
    assert line == f"{missing}: the image cannot be read (No such file or directory)"


def test_an_image_that_cannot_be_used_is_listed_and_the_others_are_done(run, weights, photograph, tmp_path):
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(photograph.read_bytes()[:40])
    code, out, err = run("predict", weights, torn, photograph, tmp_path / "lost.jpg", "--out", tmp_path / "out")
    assert code == 1
    assert [Path(line).name for line in out.split()] == ["poses.jsonl", "photograph_pose.png"]
    *_, head, first, second = err.splitlines()
    assert head == "prepose: 2 of 3 inputs could not be used, or not wholly:"
    assert [fault.split(":")[0].strip() for fault in (first, second)] == [str(torn), str(tmp_path / "lost.jpg")]


def test_boxes_are_people_of_one_image(run, refused, weights, photograph, tmp_path):
    boxes = ("--box", "10,5,40,50", "--box", "30,5,40,50")
    code, out, _ = run("predict", weights, photograph, "--out", tmp_path / "out", *boxes)
    assert code == 0
    assert [Path(line).name for line in out.split()] == ["poses.jsonl", "photograph_pose.png"]
    people = [json.loads(line) for line in (tmp_path / "out" / "poses.jsonl").read_text().splitlines()]
    assert [(each["person"], each["box_xywh"]) for each in people] == [(1, [10, 5, 40, 50]), (2, [30, 5, 40, 50])]
    assert "in one input, but there are 2" in refused(
        "predict", weights, photograph, tmp_path / "other.jpg", "--out", tmp_path / "out", *boxes
    )


def test_a_checkpoint_of_the_reference_code_base_is_imported_and_this_is_said(run, photograph, tmp_path):
    import torch

    keys = json.loads((Path(__file__).parent / "vectors" / "pose_resnet18.json").read_text())["keys"]
    draw = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(shape, generator=draw) / max(1, np.prod(shape[1:])) + name.endswith("running_var")
        for name, shape in keys
        if not name.endswith("num_batches_tracked")
    }
    torch.save({"epoch": 140, "state_dict": state}, tmp_path / "model.pth")
    code, _, err = run("predict", tmp_path / "model.pth", photograph, "--out", tmp_path / "out", "--whole-image")
    assert code == 0 and (tmp_path / "out" / "poses.jsonl").is_file()
    assert err == f"prepose: {tmp_path / 'model.pth'}: imported as a checkpoint of another code base\n"


def test_weights_that_are_none_are_refused(refused, weights, photograph, tmp_path):
    words = (photograph, "--out", tmp_path / "out", "--whole-image")
    for name, content in (("cut", weights.read_bytes()[:-100]), ("empty", b""), ("text", b"hello")):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        assert f"weights {path}: truncated or not a safetensors file" in refused("predict", path, *words)
    assert "has no header" in refused("predict", _foreign(tmp_path), *words).replace("prepose header", "header")


def _foreign(folder):
    import torch
    from safetensors.torch import save_file

    path = folder / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    return path


def test_weights_of_another_skeleton_are_refused(refused, weights, lab, photograph, tmp_path):
    """A skeleton of the same name with other joints: the joints in the file's header say so."""
    from dataclasses import replace

    from prepose.models.weights_file import read_weights, write_weights

    there = read_weights(weights)
    other = write_weights(replace(there, joints=there.joints[::-1]), tmp_path / "other.safetensors")
    for words in (
        ("evaluate", other, "--data", lab, "--split", "train"),
        ("predict", other, photograph, "--out", tmp_path / "out", "--whole-image"),
    ):
        assert f"weights {other}: skeleton mpii-16 had the joints l_wrist" in refused(*words)


def test_a_network_whose_people_have_no_size_is_refused(refused, photograph, tmp_path):
    flat = weights_for(tmp_path / "flat.safetensors", skeleton="lsp-14")
    line = refused("predict", flat, photograph, "--out", tmp_path / "out", "--whole-image")
    assert "the size of a person is judged by the bones of mpii-16, but lsp-14 has no upper_neck" in line


@pytest.mark.parametrize(
    "words",
    [
        ("data", "show", "STORE", "--out", "sheet.png"),
        ("evaluate", "WEIGHTS", "--data", "STORE", "--split", "train"),
        ("train", "only-3d", "--out", "OUT", "--set", "sources.lab.store=STORE"),
        ("train", "only-3d", "--out", "OUT", "--set", "sources.lab.store=LAB", "--set", "validation.store=STORE"),
        ("synthesize", "wild", "--out", "STORE", "--count", "train=1"),
    ],
)
@pytest.mark.parametrize("version", [0, 99, None])
def test_a_store_of_another_version_is_refused_everywhere(refused, lab, weights, tmp_path, words, version):
    store = tmp_path / "newer"
    store.mkdir()
    record = json.loads((lab / "store.json").read_text()) | {"format_version": version}
    (store / "store.json").write_text(json.dumps(record))
    places = {"STORE": str(store), "OUT": str(tmp_path / "out"), "LAB": str(lab), "WEIGHTS": str(weights)}
    line = refused(*(_placed(word, places) for word in words))
    assert line.startswith(f"{store}: is a store of format version {version}, this version of prepose reads 1")
    assert not (tmp_path / "out").exists()


def test_a_store_with_a_missing_or_cut_shard_is_refused(refused, tmp_path):
    store = tmp_path / "lab"
    samples = fake_samples(3, MPII_16, np.random.default_rng(0))
    write_store(store, StoreDescription("lab", MPII_16), "train", samples, total=3)
    shard = store / "train/shard-00000.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-50])
    assert f"{shard}: the shard is {len(whole) - 50} bytes long" in refused("data", "show", store)
    shard.unlink()
    assert f"{shard}: the shard is missing" in refused("data", "show", store)


def test_labels_without_their_images_are_counted(refused, tmp_path):
    fake_lsp(tmp_path / "lsp", np.random.default_rng(0), pictures=(1, 2, 3))
    line = refused("data", "add", "lsp", tmp_path / "lsp", "--out", tmp_path / "store")
    assert "1001 of 1004 labels have no image" in line and "--partial" in line
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_joints_that_are_no_numbers_are_refused(refused, tmp_path, value):
    import scipy.io

    root = tmp_path / "lsp"
    fake_lsp(root, np.random.default_rng(0), pictures=(1, 2, 3))
    joints = scipy.io.loadmat(root / "joints.mat")["joints"]
    joints[0, 3, 1] = value
    scipy.io.savemat(root / "joints.mat", {"joints": joints})
    line = refused("data", "add", "lsp", root, "--out", tmp_path / "store", "--partial")
    assert "joints.mat" in line and str(value) in line.lower()


def _bvh(folder):
    standing = BodyPose(np.stack([np.eye(3)] * len(SEGMENTS)), np.array([0.0, 0.0, 900.0]))
    return write_bvh(folder / "walk.bvh", [standing] * 3, mean_proportions(), JOINT_NAMES[0])


def test_broken_motion_files_are_refused(refused, tmp_path):
    whole = _bvh(tmp_path).read_text()
    knee = JOINT_NAMES[0].joints["l_knee"]
    spoiled = {
        "no-knee.bvh": whole.replace(knee, "Extra"),
        "short.bvh": whole.rsplit("\n", 2)[0].rsplit(" ", 4)[0],
        "no-motion.bvh": whole[: whole.index("MOTION")],
        "empty.bvh": "",
    }
    for name, text in spoiled.items():
        path = tmp_path / name
        path.write_text(text)
        words = ("--out", tmp_path / "wild", "--count", "train=1", "--motion", path)
        assert str(path) in refused("synthesize", "wild", *words)
        assert not (tmp_path / "wild").exists()


# --- folders that hold something already ---


def test_a_folder_with_a_run_is_not_trained_into(refused, train_only_3d, lab_run):
    line = refused(*train_only_3d, "--out", lab_run)
    assert line == f"{lab_run}: already holds a run; resume it with --resume, or choose another --out"


def test_a_run_goes_on_with_its_own_recipe_only(refused, train_only_3d, lab_run):
    line = refused(*train_only_3d, "--out", lab_run, "--resume", "--set", "seed=3")
    assert line.startswith(f"{lab_run}: the run was started with another recipe: seed was 0 and is now 3")
    assert "mixed" in refused("train", "mixed", *train_only_3d[2:], "--out", lab_run, "--resume",
                              "--set", f"sources.wild.store={train_only_3d[4].partition('=')[2]}")  # fmt: skip


def test_a_folder_without_a_run_cannot_be_gone_on_with(refused, train_only_3d, tmp_path):
    line = refused(*train_only_3d, "--out", tmp_path / "nowhere", "--resume")
    assert line == f"{tmp_path / 'nowhere'}: holds no run (it has no recipe.json)"


def test_a_run_without_weights_cannot_be_scored(refused, lab_run, lab):
    assert "the run has no weights yet" in refused("evaluate", lab_run, "--data", lab, "--split", "train")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "only-3d", "--set", "sources.lab.store=LAB", "--set", "validation.store=LAB"), "not a run"),
        (("synthesize", "wild", "--count", "train=1"), "is not empty and not a store"),
        (("quickstart",), "is not empty and holds no quickstart"),
    ],
)
def test_a_folder_with_other_files_is_left_alone(refused, lab, tmp_path, words, message):
    (tmp_path / "thesis.tex").write_text("ten years of work")
    line = refused(*(word.replace("LAB", str(lab)) for word in words), "--out", tmp_path)
    assert line.startswith(f"{tmp_path}: ") and message in line
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(refused, weights, photograph, lab):
    assert f"{photograph}: is a file" in refused("predict", weights, photograph, "--out", photograph, "--whole-image")
    assert str(photograph) in refused("synthesize", "wild", "--out", photograph, "--count", "train=1")
    assert str(photograph) in refused("quickstart", "--out", photograph)
    assert str(photograph) in refused("evaluate", weights, "--data", photograph)
    assert photograph.stat().st_size > 100


# --- how it ends ---


@pytest.fixture
def show_fails(run, monkeypatch, tmp_path):
    """Runs a verb that ends in an error: exit code, standard output, standard error."""

    def fail(error):
        def failing(*_args, **_named):
            raise error

        monkeypatch.setattr("prepose.data.contact_sheet.write_contact_sheet", failing)
        return run("data", "show", tmp_path)

    return fail


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left", "/d/a.png"), "/d/a.png: no space left; free some space and run"),
        (PermissionError(errno.EACCES, "Permission denied", "/d/a.png"), "/d/a.png: permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "/d/a.png"), "/d/a.png: read-only file system"),
        (OSError(errno.EISDIR, "Is a directory", "/d/.a.partial", None, "/d/a.png"), "/d/a.png: is a directory"),
        (MemoryError(), "out of memory (MemoryError)"),
        (
            UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed"),
            "'a\\udcff' cannot be written as utf-8",
        ),
        (ValueError("embedded null byte"), "contains a NUL character"),
        (DataError("a\x1b[31m.jpg:\n\tis broken"), "a\\x1b[31m.jpg: is broken"),
        (DataError(f"found {'9' * 10**6}, expected 4"), "(1,000,018 characters)"),
    ],
)
def test_what_the_machine_causes_is_one_printable_line(show_fails, error, line):
    code, out, err = show_fails(error)
    assert (code, out) == (2, "")
    assert err.startswith("prepose: ") and line in err
    assert err.count("\n") == 1 and err[:-1].isprintable() and len(err) < 1100


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), RecursionError("deep"), ValueError("an argument")])
def test_what_is_a_fault_of_prepose_is_said_and_its_traceback_kept(show_fails, monkeypatch, tmp_path, error):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = show_fails(error)
    assert (code, out, err.count("\n")) == (70, "", 1)
    (kept,) = tmp_path.glob("prepose-fault-*.txt")
    assert f"fault of prepose and not of what you gave it ({type(error).__name__}: {error})" in err and str(kept) in err
    assert "Traceback" in kept.read_text() and "in failing" in kept.read_text()


def test_an_error_of_the_system_that_names_no_file_keeps_its_traceback(show_fails, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = show_fails(OSError(errno.EIO, "Input/output error"))
    assert (code, err.count("\n")) == (2, 1)
    assert "Input/output error" in err and str(next(tmp_path.glob("prepose-fault-*.txt"))) in err


def test_where_no_file_can_be_written_the_traceback_is_shown(show_fails, monkeypatch):
    def refuse(**_named):
        raise PermissionError(errno.EACCES, "Permission denied", "/tmp")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    code, _, err = show_fails(ZeroDivisionError("a bug"))
    assert code == 70 and "Traceback" in err and "a fault of prepose" in err.splitlines()[-1]


def test_numbers_are_printed_before_they_are_kept(run, monkeypatch, tmp_path):
    def refuse(*_args, **_named):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "evaluations"))

    monkeypatch.setattr("prepose.predict.scoring.score_run", lambda *_args, **_named: object())
    monkeypatch.setattr("prepose.metrics.evaluation_tables.as_plain", lambda _: {"mpjpe_mm": 81.5})
    monkeypatch.setattr("prepose.predict.scoring.keep_evaluation", refuse)
    code, out, err = run("evaluate", tmp_path, "--data", tmp_path, "--json")
    assert (code, json.loads(out)) == (2, {"mpjpe_mm": 81.5})
    assert err == f"prepose: {tmp_path / 'evaluations'}: permission denied\n"


START = "import sys; sys.argv[0] = 'prepose'; from prepose.__main__ import main; main()"


def started(*words, before="", **settings):
    """The command line in a process of its own, which is what the first moments and the streams are about."""
    command = [sys.executable, "-c", before + START, *words]
    return subprocess.run(command, capture_output=True, check=False, **settings)


def test_control_c_while_it_is_imported_is_one_line():
    # As if it came in the middle of an import that the command line needs.
    before = "import sys\nclass Stop:\n def find_spec(self, name, *_):\n  if name == 'typer': raise KeyboardInterrupt\n"
    done = started("version", before=before + "sys.meta_path.insert(0, Stop())\n")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"prepose: stopped before anything was done\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("error", [None, AttributeError("partially initialized module")])
def test_a_signal_is_a_stop_whatever_a_library_makes_of_it(run, monkeypatch, tmp_path, number, error):
    """pyarrow imports pandas when it first needs it, and an import that is interrupted leaves half a module."""

    def stopped(*_args, **_named):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            if error is None:
                raise
        raise error

    monkeypatch.setattr("prepose.models.checkpoint.load_weights", stopped)
    code, out, err = run("export", "lite0-synthetic", "--out", tmp_path / "net.onnx")
    assert (code, out, err) == (130, "", "prepose: stopped; what was not finished is not kept\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_every_text_can_be_printed_through_a_pipe(tmp_path, locale):
    """What there is to list has signs that ASCII does not, and a name may be no text at all."""
    done = started("protocols", env={**os.environ, **locale})
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout
    done = started("data", "show", os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xc3\xbc"), env={**os.environ, **locale})
    assert done.returncode == 2 and done.stderr.startswith(b"prepose: ") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("said", "line"), [("", "finished shards are kept"), ("step 8 is saved", "step 8 is saved")])
def test_control_c_says_how_to_go_on(run, monkeypatch, tmp_path, said, line):
    def stopped(*_args, **_named):
        raise KeyboardInterrupt(*([said] if said else []))

    monkeypatch.setattr("prepose.synthetic.synthesize.synthesize", stopped)
    code, out, err = run("synthesize", "wild", "--out", tmp_path / "wild")
    assert (code, out) == (130, "")
    assert line in err and err.count("\n") == 1


@pytest.mark.parametrize("words", [["--out", ""], ["--out="], ["--out", " "], ["--out", "x", "--size", ""]])
def test_an_empty_value_is_not_taken_for_this_folder(refused, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    option = "--size" if "--size" in words else "--out"
    assert refused("synthesize", "lab", *words) == f"{option}: is empty; give it a value, or leave it out"
    assert "an argument: is empty" in refused("evaluate", "", "--data", "x")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_among_the_files_here_is_passed_over(run, monkeypatch, tmp_path):
    """A bare `data list` looks into every JSON file; a pipe without a writer would keep it waiting for ever."""
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    monkeypatch.chdir(tmp_path)
    code, out, err = run("data", "list")
    assert (code, err) == (0, "") and "On this disk" in out
