"""Each verb that writes files is killed before each of its changes to the disk, and run again: it ends alike."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from deaths import killed_everywhere
from fakes_checkpoints import state_of_simple_baseline
from prepose.cli import app
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.errors import DataError
from prepose.models import legacy
from prepose.models.imported import read_imported
from prepose.models.person_detector import build_detector
from prepose.models.weights_file import read_weights
from prepose.recipes import detector

# What a verb says that was killed after its very last change, when all was done.
DONE = ("exists; remove it", "is not an empty folder")


@pytest.fixture(scope="module")
def inputs(weights, photograph, people_of, tmp_path_factory):
    """A folder with a network, pictures, a store, predictions of another system and a checkpoint."""
    folder = tmp_path_factory.mktemp("inputs")
    shutil.copy(weights, folder / "net.safetensors")
    Image.fromarray(photograph).save(folder / "photo.png")
    frames = [Image.fromarray(np.roll(photograph, 9 * number, 1)) for number in range(2)]
    frames[0].save(folder / "walk.gif", save_all=True, append_images=frames[1:], duration=40)
    samples = people_of(60)
    write_store(folder / "lab", StoreDescription("lab", samples[0].skeleton, "CC0", "none"), "validation", samples)
    truth = open_store(folder / "lab", "validation").array("joints_cam") / 1000
    np.savez(folder / "other.npz", sample=np.arange(60), joints_cam=truth, skeleton=samples[0].skeleton.name)
    torch.save(state_of_simple_baseline(), folder / "other.pth")
    (folder / "walls").mkdir()
    cv2.imwrite(str(folder / "walls" / "a.png"), photograph)
    return folder


def no_people(folder, order, count, *, workers, progress):
    """In place of renderings, whose own deaths `test_synthesize` sees to."""
    folder.mkdir(exist_ok=True)
    pixels = np.full((32, 32, 4), 90, np.uint8)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
        progress(number + 1, count)
    return [folder / f"{number}.png" for number in range(count)]


VERBS = {
    "predict": "predict {in}/net.safetensors {in}/photo.png {in}/walk.gif --out {out} --overwrite --format csv "
    "--format npz --export bvh,trc,coco --angles",
    "evaluate": "evaluate {in}/net.safetensors --data {in}/lab --split validation --protocol mean-person --out {out}",
    "score": "score {in}/other.npz --data {in}/lab --split validation --unit m --out {out}",
    "calibrate": "calibrate {in}/net.safetensors --data {in}/lab --out {out}/net.safetensors",
    "calibrate in place": "calibrate {out}/net.safetensors --data {in}/lab",
    "export": "export {in}/net.safetensors --out {out}/half.safetensors --format half",
    "import-checkpoint": "import-checkpoint {in}/other.pth --out {out} --size 64",
    "push": "push {in}/net.safetensors me/net --to-folder {out}",
    "train-detector": "train-detector --out {out} --backgrounds {in}/walls --images 16 --people 2 --size 32",
}
# The least that each changes: the folder, the lock, and for each file five changes.
LEAST = {"predict": 40, "evaluate": 12, "score": 12, "push": 12}


@pytest.mark.parametrize("verb", VERBS)
def test_killed_before_any_change_to_the_disk_a_verb_ends_alike(verb, inputs, tmp_path, monkeypatch):
    found = read_imported(inputs / "other.pth")
    small = replace(found, weights=read_weights(inputs / "net.safetensors"))
    monkeypatch.setattr(legacy, "read_imported", lambda path, **_: small)
    monkeypatch.setattr(detector, "draw_cutouts", no_people)
    monkeypatch.setattr(detector, "build_detector", lambda seed: build_detector("random", seed=seed))

    def command(out):
        if verb == "calibrate in place" and not (out / "net.safetensors").exists():
            out.mkdir(exist_ok=True)
            shutil.copy(inputs / "net.safetensors", out)
        try:
            app([word.format_map({"in": inputs, "out": out}) for word in VERBS[verb].split()], standalone_mode=False)
        except DataError as error:
            assert any(said in str(error) for said in DONE), error

    def files(out: Path):
        return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def same(out):
        assert files(out) == whole

    command(tmp_path / "whole")
    whole = files(tmp_path / "whole")
    assert killed_everywhere(command, tmp_path / "killed", same) >= LEAST.get(verb, 6)
