"""What a word of the command line means: a network or an input."""

import shutil
from pathlib import Path

import pytest

from prepose.errors import DataError
from prepose.predict import networks
from prepose.predict.networks import DEFAULT, find_weights, network_and_inputs, shipped_networks


@pytest.fixture
def shipped(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One network ships, of another name than real ones."""
    folder = tmp_path / "networks"
    folder.mkdir()
    monkeypatch.setattr(networks, "FOLDER", folder)
    return Path(shutil.copy(weights, folder / "tiny-net.safetensors"))


def test_a_network_that_ships_is_found_by_name(shipped: Path) -> None:
    assert find_weights(Path("tiny-net")) == shipped
    with pytest.raises(DataError, match=r"tiny-nett: .*did you mean 'tiny-net'"):
        find_weights(Path("tiny-nett"))


def test_the_first_word_may_be_a_network(shipped: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.json").write_text("{}")
    for word in ("tiny-net", str(run), "model.safetensors", "old/model.pth"):
        assert network_and_inputs([word, "a.jpg", "b.jpg"]) == (Path(word), ["a.jpg", "b.jpg"])
        with pytest.raises(DataError, match=r"is a network; name one or more images"):
            network_and_inputs([word])


def test_without_one_the_network_that_ships_is_taken(shipped: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.touch()
    for first in (str(photo), str(tmp_path), "photos/*.jpg"):
        assert network_and_inputs([first, "b.mp4"]) == (Path(DEFAULT), [first, "b.mp4"])


@pytest.mark.parametrize("word", ["runs/mistyped", "tiny-nett", "none.jpg"])
def test_a_mistyped_network_does_not_become_another_one(shipped: Path, word: str) -> None:
    with pytest.raises(DataError, match=rf"{word}: .*tiny-net"):
        network_and_inputs([word, "a.jpg"])


def test_the_default_ships_small_enough_for_the_package() -> None:
    assert DEFAULT in shipped_networks()
    assert sum(path.stat().st_size for path in shipped_networks().values()) < 8e6
