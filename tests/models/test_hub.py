"""Shared networks: from a folder, from the hub and its cache, and the one line where there is none."""

import sys
from pathlib import Path

import pytest

from fakes_hub import point_client_to, small_weights
from prepose.errors import DataError, RecipeError
from prepose.models.hub import hub_weights
from prepose.predict.networks import find_weights, network_and_inputs
from stub_hub import COMMIT, serving

NAME = "weights.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> bytes:
    return small_weights(tmp_path_factory.mktemp("hub") / NAME).read_bytes()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serving() as stub:
        point_client_to(stub, monkeypatch, tmp_path / "cache")
        yield stub


def test_it_is_downloaded_once_and_then_read_from_the_cache(hub, weights):
    hub.repositories["me/net"] = {NAME: weights}
    path = find_weights(Path("hf:me/net"))
    assert path.read_bytes() == weights
    asked = len(hub.asked)
    assert find_weights(Path("hf:me/net")) == path and len(hub.asked) == asked
    assert hub_weights(f"hf:me/net@{COMMIT}").read_bytes() == weights


def test_a_folder_of_the_same_form_does(tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "me/net").mkdir(parents=True)
    (tmp_path / "me/net" / NAME).write_bytes(weights)
    for name in ("me/net", "./me/net", str(tmp_path / "me/net"), "~/me/net"):
        assert find_weights(Path(f"hf:{name}")).read_bytes() == weights
    with pytest.raises(DataError, match=r"hf:\./me: the folder has no weights\.safetensors"):
        hub_weights("hf:./me")
    with pytest.raises(DataError, match=r"hf:/nowhere: the folder does not exist"):
        hub_weights("hf:/nowhere")


def test_a_word_that_begins_with_hf_is_a_network():
    assert network_and_inputs(["hf:me/net", "a.jpg"]) == (Path("hf:me/net"), ["a.jpg"])
    with pytest.raises(DataError, match="hf:me/net: is a network; name one or more images"):
        network_and_inputs(["hf:me/net"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("me/lost", "has no such repository, or it is private; check the name, or log in with"),
        ("me/gated", r"access has to be requested at http://\S+/me/gated; then log in"),
        ("me/other", r"is not a repository of prepose: it has no weights\.safetensors"),
        ("me/foreign", r"is not a repository of prepose: its weights\.safetensors has no prepose header"),
        ("me/broken", r"is not a repository of prepose: its weights\.safetensors has no prepose header"),
        ("me/net@old", "the repository has no such revision"),
        ("net", "'net' is no repository of the hub and no folder; expected OWNER/NAME"),
        ("me/net/more", "no repository of the hub and no folder"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(hub, weights, name, told):
    import torch
    from safetensors.torch import save

    foreign = {NAME: save({"x": torch.ones(1)})}
    hub.repositories |= {"me/net": {NAME: weights}, "me/other": {"model.bin": b"x"}, "me/foreign": foreign}
    hub.repositories["me/broken"] = {NAME: b"not safetensors"}
    hub.gated.add("me/gated")
    with pytest.raises(DataError, match=told) as caught:
        hub_weights(f"hf:{name}")
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_said_soon(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    with pytest.raises(
        RecipeError, match=r"hf:me/net: http://127\.0\.0\.1:9 gives no answer of use .*connect to the network"
    ):
        hub_weights("hf:me/net")


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RecipeError, match=r"pip install 'prepose\[hub\]'"):
        hub_weights("hf:me/net")
