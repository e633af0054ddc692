"""Sharing a network: the files and the card, into a folder and to a stub of the hub."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fakes_evaluation import drawn_evaluation
from fakes_hub import point_client_to, small_weights
from prepose.errors import DataError, RecipeError
from prepose.hub.push import push, write_to_folder
from prepose.hub.repository import cell, repository_of, shareable, sharing_terms
from prepose.hub.scores import score_of
from prepose.metrics.evaluation_files import save_evaluation
from prepose.models.checkpoint import load_weights
from prepose.predict.evaluate import weights_digest
from prepose.predict.networks import find_weights
from prepose.specs.builtin_recipes import mixed
from prepose.specs.ledger import Ledger
from stub_hub import serving

# The client's own way to upload large files warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FREE = {"dataset": "wild", "split": "train", "samples": 1234, "labels": "3d", "licence": "CC0-1.0"}
BOUND = {"dataset": "l|sp", "split": "train", "samples": 10, "labels": "2d", "licence": "research <b>only</b>"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run's folder: weights that are free to share, recipe, environment, and an evaluation of these weights."""
    folder = tmp_path_factory.mktemp("share") / "run"
    weights = small_weights(folder / "weights/best.safetensors", datasets=[FREE], pretrained=["imagenet"])
    recipe = mixed().model_dump(mode="json")
    recipe["sources"]["lab"]["store"] = "/home/joe/secret/lab"
    (folder / "recipe.json").write_text(json.dumps(recipe))
    (folder / "environment.json").write_text(json.dumps({"prepose": "0.1.0", "git_commit": "abc", "cpu": "A | CPU"}))
    digest = weights_digest(load_weights(weights))
    save_evaluation(replace(drawn_evaluation(), weights=digest), folder / "evaluations", "lab-test")
    save_evaluation(drawn_evaluation(), folder / "evaluations", "old")
    return folder


@pytest.fixture(scope="module")
def shared(made):
    return repository_of(made, "me/net", licence="cc0-1.0")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serving() as stub:
        point_client_to(stub, monkeypatch, tmp_path / "cache")
        yield stub


def test_a_run_becomes_a_folder_that_hf_reads(shared, made, tmp_path):
    assert shared.terms is None and len(shared.notes) == 1 and "old.json: is of other weights (abc)" in shared.notes[0]
    files = write_to_folder(shared, tmp_path / "out")
    assert [path.name for path in files] == ["README.md", "weights.safetensors", "recipe.json", "scores.json"]
    card = (tmp_path / "out/README.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["library_name"] == "prepose" and header["license"] == "cc0-1.0"
    score = json.loads((tmp_path / "out/scores.json").read_text())[0]
    assert score["low"] < score["value"] < score["high"] and score["protocol"] == "true-root-depth"
    for told in (
        "| wild | train | 3D | 1,234 | CC0-1.0 |",
        "started from published weights: imagenet",
        f"| lab/test | `true-root-depth` | MPJPE | {score['value']:.1f} mm | {score['low']:.1f} to {score['high']:.1f}",
        'prepose.load("hf:me/net")',
        "Trained with prepose 0.1.0, commit abc, on A \\| CPU.",
        "## Limits",
    ):  # fmt: skip
        assert told in card, told
    assert "joe" not in card + (tmp_path / "out/recipe.json").read_text()
    found = load_weights(find_weights(tmp_path / "out"))
    assert weights_digest(found) == weights_digest(load_weights(find_weights(made)))
    assert found.ledger.pretrained == ("imagenet",)
    with pytest.raises(DataError, match="is not an empty folder"):
        write_to_folder(shared, tmp_path / "out")
    # What a full disk or a kill leaves is completed; what is of others is not touched.
    (tmp_path / "out/weights.safetensors").unlink()
    assert write_to_folder(shared, tmp_path / "out") == files
    (tmp_path / "out/weights.safetensors").unlink()
    (tmp_path / "out/README.md").write_text("mine")
    with pytest.raises(DataError, match="is not an empty folder"):
        write_to_folder(shared, tmp_path / "out")
    assert (tmp_path / "out/README.md").read_text() == "mine"


def test_a_push_is_one_commit_that_comes_back_whole(shared, hub):
    assert push(shared, private=True) == f"{hub.address}/me/net"
    there = hub.repositories["me/net"]
    assert {name: there[name] for name in shared.files} == dict(shared.files) and hub.private["me/net"] in (
        True,
        "private",
    )
    assert sum("/commit/" in line for line in hub.asked) == 1
    assert find_weights(Path("hf:me/net")).read_bytes() == shared.files["weights.safetensors"]
    # A later push of weights alone leaves no recipe of others beside them.
    push(replace(shared, files={name: shared.files[name] for name in ("README.md", "weights.safetensors")}))
    assert {"recipe.json", "scores.json"} & {*there} == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("me/bert", r"me/bert: holds something else already \(model\.bin, tokenizer\.json\)"),
        ("them/net", r"hf:them/net: http://\S+ refuses access .*nothing was uploaded, though the repository may be"),
        ("me/gated", "access has to be requested"),
    ],
)
def test_a_push_that_may_not_be_is_refused(shared, hub, name, told):
    hub.repositories["me/bert"] = {"model.bin": b"x", "tokenizer.json": b"{}", "README.md": b"mine"}
    hub.read_only.add("them")
    hub.gated.add("me/gated")
    with pytest.raises(DataError, match=told):
        push(replace(shared, name=name))
    assert hub.repositories["me/bert"]["README.md"] == b"mine"


def test_without_a_token_or_a_network_nothing_is_begun(shared, hub, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RecipeError, match=r"hf:me/net: http://127\.0\.0\.1:9 gives no answer"):
        push(shared)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(DataError, match="there is no token for the hub; log in with `hf auth login`"):
        push(shared)
    assert hub.asked == []


@pytest.mark.parametrize(
    "ledger", [{"datasets": [FREE, BOUND]}, {"datasets": [FREE], "unrecorded": ["/home/joe/a.pth"]}]
)
def test_terms_have_to_be_read_before_others_get_the_weights(tmp_path, hub, ledger):
    shared = repository_of(small_weights(tmp_path / "a.safetensors", **ledger), "me/net")
    with pytest.raises(DataError, match="say so by --terms-read; nothing was shared"):
        push(shared)
    assert hub.asked == []
    push(shared, terms_read=True)
    card = hub.repositories["me/net"]["README.md"].decode()
    if "unrecorded" in ledger:
        assert "not recorded:** a.pth." in card and "joe" not in card
    else:
        assert "| l\\|sp | train | 2D | 10 | research &lt;b>only&lt;/b> (**research only**) |" in card


def test_unrecorded_weights_are_said_to_be():
    assert sharing_terms(Ledger()) is None
    assert "is not recorded" in sharing_terms(None)
    assert "what old.pth learnt from" in sharing_terms(Ledger(unrecorded=("old.pth",)))


def test_a_card_names_what_is_untrained_and_unknown(tmp_path):
    weights = small_weights(tmp_path / "a.safetensors", unrecorded=["a.pth"], untrained=["depth_head"])
    card = repository_of(weights, "me/net").files["README.md"].decode()
    assert "**`depth_head` is untrained**: every joint has the root's depth" in card
    assert "Not given with these weights" in card and "Licence of the weights: none is stated" in card


def test_an_evaluation_of_other_weights_is_no_score_of_these(made, tmp_path):
    path = save_evaluation(drawn_evaluation(), tmp_path, "other")
    with pytest.raises(DataError, match=r"other\.json: is of other weights \(abc\)"):
        repository_of(made, "me/net", evaluations=[path])


def test_a_score_without_spread_has_no_interval():
    one = score_of(drawn_evaluation(num_samples=2))
    assert one is not None and one.interval is None
    assert score_of(drawn_evaluation(num_samples=1)) is None  # its only sample has no labels


@pytest.mark.parametrize(
    ("name", "licence", "told"),
    [("net", None, "expected OWNER/NAME"), ("me/net", "all mine: yes", "expected an identifier of the hub")],
)
def test_names_and_licences_are_checked_first(made, name, licence, told):
    with pytest.raises(DataError, match=told):
        repository_of(made, name, licence=licence)


def test_paths_that_tell_of_a_machine_are_cut():
    assert shareable({"a": ["/home/joe/x", "~/y/", "data/lab", "hf:/home/joe/net", "hf:me/net", 3, None]}) == {
        "a": ["x", "y", "data/lab", "hf:./net", "hf:me/net", 3, None]
    }
    assert shareable("C:\\Users\\joe\\x") == "x"


def test_a_strangers_text_stays_in_its_cell():
    assert cell("a|b\n<script> [x](y) `c`") == "a\\|b &lt;script> \\[x\\](y) 'c'"
