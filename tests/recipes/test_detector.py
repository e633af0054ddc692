import cv2
import numpy as np
import pytest
import torch

from fakes import fake_samples
from prepose.body.skeletons import MPII_16
from prepose.data.store import StoreDescription, write_store
from prepose.errors import DataError, RecipeError, TrainingDiverged
from prepose.models.person_detector import DetectorMaps, build_detector, load_detector, save_detector
from prepose.recipes import detector
from prepose.recipes.detector import DetectorRecipe, detector_loss, targets_of, train_detector
from prepose.recipes.detector_scenes import DetectorScene


def scene(boxes, unknown=None, side=64):
    nothing = np.zeros((side, side), bool)
    return DetectorScene(
        np.zeros((side, side, 3), np.uint8),
        np.array(boxes, float).reshape(-1, 4),
        nothing if unknown is None else unknown,
    )


def perfect(targets):
    centre = torch.where(targets.centre == 1, 20.0, -20.0)
    return DetectorMaps(centre, targets.reach + 1e-3)


def test_cells_about_the_middle_learn_the_box():
    targets = targets_of([scene([[16, 8, 24, 40]])])
    rows, columns = np.nonzero(targets.centre[0].numpy() == 1)
    # The middle (27.5, 27.5) is that of cell (3, 3).
    assert (rows.tolist(), columns.tolist()) == ([3], [3])
    assert targets.reach[0, :, 3, 3].tolist() == [12, 20, 12, 20]
    assert targets.weight[0].sum() == pytest.approx(1) and targets.weight[0, 3, 3] == targets.weight.max()
    assert targets.centre[0, 4, 3] > targets.centre[0, 3, 4] == 0, "the bump is as tall as the box"


def test_the_nearer_of_two_people_is_the_smaller():
    targets = targets_of([scene([[12, 12, 16, 16], [0, 0, 64, 64]])])
    assert targets.reach[0, :, 2, 2].tolist() == [8, 8, 8, 8]
    assert int((targets.centre == 1).sum()) == 2


def test_the_right_maps_cost_nothing_and_wrong_ones_do():
    targets = targets_of([scene([[16, 8, 24, 40]]), scene([])])
    right = perfect(targets)
    assert float(detector_loss(right, targets)) < 1e-2
    missed = right._replace(centre=torch.full_like(right.centre, -20.0))
    shifted = right._replace(reach=right.reach + 8)
    invented = right._replace(centre=right.centre.clone())
    invented.centre[1, 5, 5] = 20.0
    assert all(float(detector_loss(wrong, targets)) > 0.5 for wrong in (missed, shifted, invented))


def test_nothing_is_learnt_where_nobody_knows():
    unknown = np.zeros((64, 64), bool)
    unknown[:, 40:] = True
    targets = targets_of([scene([[0, 8, 24, 40]], unknown)])
    wrong = perfect(targets)
    wrong.centre[0, 5, 6] = 20.0
    assert float(detector_loss(wrong, targets)) < 1e-2


@pytest.fixture
def backgrounds(tmp_path):
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    return folder


TINY = {"images": 4, "cutouts": 6, "size": 64, "batch_size": 2}


def plain_people(folder, order, count, *, workers, progress):
    """Grey squares, in place of renderings, which take longer."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files, start=1):
        pixels = np.full((32, 32, 4), 90, np.uint8)
        pixels[..., 3] = 0
        pixels[8:24, 12:20] = 255
        cv2.imwrite(str(file), pixels)
        progress(number, count)
    return files


def test_a_training_learns_and_can_be_gone_on_with(tmp_path, backgrounds, monkeypatch):
    monkeypatch.setattr(detector, "build_detector", lambda seed: build_detector("random", seed=seed))
    monkeypatch.setattr(detector, "draw_cutouts", plain_people)
    store = tmp_path / "store"
    samples = fake_samples(3, MPII_16, np.random.default_rng(0))
    write_store(store, StoreDescription("photos", MPII_16, licence="research only"), "train", samples)
    seen = []
    file = train_detector(
        tmp_path / "out",
        DetectorRecipe(**TINY),
        backgrounds=[backgrounds],
        photographs=[store],
        progress=lambda what, done, total, facts: seen.append((what, done, total)),
    )
    assert ("people", 6, 6) in seen and seen[-1] == ("scenes", 4, 4)
    net = load_detector(file)
    assert [each.dataset for each in net.ledger.datasets] == [
        "synthetic people",
        "photos",
        "backgrounds of backgrounds",
    ]
    start = build_detector("random").state_dict()
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, start[name].half().float())}
    assert any(name.startswith("blocks.5") for name in changed)
    again = train_detector(tmp_path / "out", DetectorRecipe(**TINY), backgrounds=[backgrounds], start=file)
    assert "photos" in [each.dataset for each in load_detector(again).ledger.datasets], "what it learnt before stays"


def test_a_training_that_diverges_ends_and_writes_no_weights(tmp_path, backgrounds, monkeypatch):
    monkeypatch.setattr(detector, "build_detector", lambda seed: build_detector("random", seed=seed))
    monkeypatch.setattr(detector, "draw_cutouts", plain_people)
    monkeypatch.setattr(detector, "detector_loss", lambda maps, targets: maps.centre.sum() * float("nan"))
    with pytest.raises(TrainingDiverged, match=r"step 1: the loss is nan; use a lower --rate than 0\.002"):
        train_detector(tmp_path / "out", DetectorRecipe(**TINY), backgrounds=[backgrounds])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["people"]


def test_what_cannot_be_trained_is_said_before_anything_is_written(tmp_path, backgrounds):
    with pytest.raises(RecipeError, match="multiple of 32"):
        DetectorRecipe(size=100)
    for rate in (float("nan"), float("inf"), -1.0):
        with pytest.raises(RecipeError, match="rate must be from 0 to 1, found"):
            DetectorRecipe(rate=rate)
    with pytest.raises(RecipeError, match="images must be at least 16"):
        DetectorRecipe(images=3)
    out = tmp_path / "out"
    with pytest.raises(DataError, match="no such folder"):
        train_detector(out, DetectorRecipe(**TINY), backgrounds=[tmp_path / "none"])
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no")
    with pytest.raises(DataError, match=r"bad\.safetensors"):
        train_detector(out, DetectorRecipe(**TINY), backgrounds=[backgrounds], start=bad)
    assert not out.exists()


def test_a_detector_finds_what_its_weights_say(tmp_path):
    from prepose.predict.detectors import own_detector

    net = build_detector("random").eval()
    torch.nn.init.constant_(net.centre[-1].bias, 2.0)
    torch.nn.init.zeros_(net.centre[-1].weight)
    torch.nn.init.zeros_(net.reach[-1].weight)
    found = own_detector(save_detector(net, tmp_path / "net.safetensors"))(np.zeros((300, 640, 3), np.uint8))
    # Everywhere a box of 64 px of the 320 that the longer side has there, twice as large here.
    assert found.boxes_xywh[:, 2:] == pytest.approx(128, abs=1) and found.scores == pytest.approx(0.8808, abs=1e-3)
