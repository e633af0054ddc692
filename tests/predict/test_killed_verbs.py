"""Each verb that writes files is killed before each of its changes to the disk, and run again: it ends alike."""

import hashlib
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from deaths import killed_everywhere
from fakes_checkpoints import state_of_simple_baseline
from fakes_evaluation import drawn_evaluation
from prepose.cli import app
from prepose.errors import DataError
from prepose.hub import repository
from prepose.metrics import evaluation_tables
from prepose.metrics.protocols import get_protocol
from prepose.models import checkpoint, export
from prepose.models.imported import read_imported
from prepose.models.person_detector import build_detector, save_detector
from prepose.models.weights_file import read_weights
from prepose.predict import calibrate, files, scoring
from prepose.predict.other_systems import score_file
from prepose.predict.predictor import Predictor
from prepose.recipes import detector

# What a verb says that was killed after its very last change, when all was done.
DONE = ("exists; remove it", "is not an empty folder")
VERBS = {
    "predict": "predict {in}/net.safetensors {in}/photo.png {in}/walk.gif --out {out} --overwrite --format csv "
    "--angles",
    "evaluate": "evaluate {in}/net.safetensors --data {in} --out {out}",
    "score": "score {in}/other.npz --data {in} --out {out}",
    "calibrate": "calibrate {in}/net.safetensors --data {in} --out {out}/net.safetensors",
    "calibrate in place": "calibrate {out}/net.safetensors --data {in}",
    "export": "export {in}/net.safetensors --out {out}/half.safetensors --format half",
    "import-checkpoint": "import-checkpoint {in}/other.pth --out {out} --size 64",
    "push": "push {in}/net.safetensors me/net --to-folder {out}",
    "train-detector": "train-detector --out {out} --people 2",
}
# The least that each changes: the folder, the lock, and for each file four changes and more.
LEAST = {"predict": 25, "evaluate": 12, "score": 12, "push": 12}


@pytest.fixture(scope="module")
def inputs(weights, photograph, tmp_path_factory):
    """A folder with a network, pictures and a checkpoint."""
    folder = tmp_path_factory.mktemp("inputs")
    shutil.copy(weights, folder / "net.safetensors")
    Image.fromarray(photograph).save(folder / "photo.png")
    frames = [Image.fromarray(np.roll(photograph, 9 * number, 1)) for number in range(2)]
    frames[0].save(folder / "walk.gif", save_all=True, append_images=frames[1:], duration=40)
    torch.save(state_of_simple_baseline(), folder / "other.pth")
    return folder


@pytest.fixture
def quick(inputs, monkeypatch):
    """What takes time and writes nothing is done once, or not at all."""
    predictor = Predictor.load(inputs / "net.safetensors")
    monkeypatch.setattr(Predictor, "load", staticmethod(lambda path, *, device: predictor))
    monkeypatch.setattr(files, "draw_predictions", lambda pixels, people: pixels)
    found = replace(drawn_evaluation(num_samples=60), protocol=get_protocol("mean-person"), dataset="lab")
    monkeypatch.setattr(scoring, "score_run", lambda *_, **__: found)
    monkeypatch.setattr(score_file, "score_predictions", lambda *_, **__: found)
    monkeypatch.setattr(evaluation_tables, "print_evaluation", lambda evaluation: None)
    shared = repository.repository_of(inputs / "net.safetensors", "me/net")
    monkeypatch.setattr(repository, "repository_of", lambda *_, **__: shared)
    monkeypatch.setattr(calibrate, "open_store", lambda *_: None)
    monkeypatch.setattr(calibrate, "store_splits", lambda *_: ("validation",))
    monkeypatch.setattr(calibrate, "_measured", lambda *_, **__: calibrate.fitted(found))
    monkeypatch.setattr(export, "_difference", lambda *_, **__: (0.0, 0.0))
    small = replace(read_imported(inputs / "other.pth"), weights=read_weights(inputs / "net.safetensors"))
    monkeypatch.setattr(checkpoint, "read_imported", lambda *_, **__: small)
    net = build_detector("random")
    monkeypatch.setattr(detector, "build_detector", lambda seed: net)
    monkeypatch.setattr(detector, "draw_cutouts", no_people)
    monkeypatch.setattr(detector, "_learn", lambda net, recipe, material, file, *_: save_detector(net, file))


def no_people(folder, order, count, *, workers, progress):
    """In place of renderings, whose own deaths `test_synthesize` sees to."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files, start=1):
        cv2.imwrite(str(file), np.full((32, 32, 4), 90, np.uint8))
        progress(number, count)
    return files


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("verb", VERBS)
def test_killed_before_any_change_to_the_disk_a_verb_ends_alike(verb, inputs, tmp_path):
    def command(out):
        if verb == "calibrate in place" and not (out / "net.safetensors").exists():
            out.mkdir(exist_ok=True)
            shutil.copy(inputs / "net.safetensors", out)
        try:
            app([word.format_map({"in": inputs, "out": out}) for word in VERBS[verb].split()], standalone_mode=False)
        except DataError as error:
            assert any(said in str(error) for said in DONE), error

    def written(out):
        paths = sorted(path for path in out.rglob("*") if path.is_file())
        return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def same(out):
        assert written(out) == whole

    command(tmp_path / "whole")
    whole = written(tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    assert killed_everywhere(command, tmp_path / "killed", same) >= LEAST.get(verb, 6)
