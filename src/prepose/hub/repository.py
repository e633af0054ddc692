"""The files of a shared network: weights, model card, recipe and scores. Nothing of any dataset is among them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

from prepose.errors import DataError
from prepose.files import inside, read_object_if_any
from prepose.hub.card import CardFacts, card_of
from prepose.hub.scores import scores_of
from prepose.models.checkpoint import load_weights
from prepose.models.hub import WEIGHTS_NAME, check_repository
from prepose.models.weights_file import Weights, write_weights
from prepose.predict.evaluate import weights_digest
from prepose.predict.networks import find_weights
from prepose.specs.ledger import Ledger, ledger_from_json, terms_to_check
from prepose.specs.model import HUB_PREFIX

CARD_NAME, RECIPE_NAME, SCORES_NAME = "README.md", "recipe.json", "scores.json"
NAMES = (CARD_NAME, WEIGHTS_NAME, RECIPE_NAME, SCORES_NAME)
_ADVICE = "the run's folder is damaged; share its weights file instead"


@dataclass(frozen=True)
class Repository:
    """What is shared.

    Attributes:
        name: OWNER/NAME.
        files: Name -> content.
        terms: Why its data's terms have to be read before others get it, in a line; None where they are free.
        notes: What was left out or changed, in a line each.
    """

    name: str
    files: Mapping[str, bytes]
    terms: str | None
    notes: tuple[str, ...]


def repository_of(
    network: Path, name: str, *, evaluations: Sequence[Path] = (), licence: str | None = None
) -> Repository:
    """The files of a network as others are to get it.

    Absolute paths in recipe and weights, which tell of a machine and its user, are cut to their last part.

    Args:
        network: A run's folder, a weights file, or the name of a network that ships.
        name: OWNER/NAME on the hub.
        evaluations: JSON files of saved evaluations, beside those in the run's folder.
        licence: The licence of the weights, as the hub spells it ("cc-by-4.0", "other" ...); None: none is stated.

    Raises:
        DataError: the name is none, there are no weights, they cannot be read, or an evaluation is of others.
    """
    check_repository(name)
    if licence is not None and not re.fullmatch(r"[\w.-]{1,60}", licence):
        raise DataError(
            f"licence {licence!r}: expected an identifier of the hub, such as apache-2.0, cc-by-4.0 or other"
        )
    source = find_weights(network)
    net = load_weights(source)
    spec = shareable(net.spec.model_dump(mode="json"))
    ledger = None if net.ledger is None else ledger_from_json(shareable(net.ledger.model_dump(mode="json")))
    digest = weights_digest(net)
    scores, notes = scores_of(network, digest, tuple(evaluations))
    run = network if (network / RECIPE_NAME).is_file() else None
    recipe = None if run is None else read_object_if_any(inside(run, RECIPE_NAME), advice=_ADVICE)
    environment = None if run is None else read_object_if_any(inside(run, "environment.json"), advice=_ADVICE)
    facts = CardFacts(
        name=name,
        spec=spec,
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        weights=digest,
        ledger=ledger,
        scores=tuple(scores),
        recipe=None if recipe is None else shareable(recipe),
        environment=environment,
        licence=licence,
    )
    files = {CARD_NAME: card_of(facts).encode()}
    files[WEIGHTS_NAME] = _weights_bytes(Weights(spec, net.skeleton.joints, net.state_dict(), ledger))
    if recipe is not None:
        files[RECIPE_NAME] = _json(shareable(recipe))
    if scores:
        files[SCORES_NAME] = _json([score.model_dump(mode="json") for score in scores])
    return Repository(name, files, sharing_terms(net.ledger), tuple(notes))


def sharing_terms(ledger: Ledger | None) -> str | None:
    """Why whoever shares weights has to read terms first; None where their data are known and not restricted."""
    lines = [terms_to_check(ledger)]
    if ledger is None:
        lines.append("what these weights learnt from is not recorded; make sure that you may share them")
    elif ledger.unrecorded:
        names = ", ".join(ledger.unrecorded)
        lines.append(f"what {names} learnt from is not recorded; make sure that you may share what came of it")
    return "; ".join(filter(None, lines)) or None


def shareable(value: Any) -> Any:
    """Plain data whose absolute paths are cut to their last part."""
    if isinstance(value, dict):
        return {key: shareable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shareable(each) for each in value]
    if not isinstance(value, str):
        return value
    prefix = HUB_PREFIX if value.startswith(HUB_PREFIX) else ""
    path = value.removeprefix(prefix)
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or path.startswith("~")
    if not absolute:
        return value
    last = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    return f"{prefix}./{last}" if prefix else last


def _weights_bytes(weights: Weights) -> bytes:
    with TemporaryDirectory() as folder:
        return write_weights(weights, Path(folder) / WEIGHTS_NAME).read_bytes()


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
