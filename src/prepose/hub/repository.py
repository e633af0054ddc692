"""The files of a shared network: weights, model card, recipe and scores. Nothing of any dataset is among them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from prepose import __version__
from prepose.errors import DataError, one_line
from prepose.files import inside, read_object_if_any
from prepose.hub.scores import Score, scores_of
from prepose.models.checkpoint import load_weights
from prepose.models.hub import WEIGHTS_NAME, check_repository
from prepose.models.weights_file import Weights, write_weights
from prepose.predict.evaluate import weights_digest
from prepose.predict.networks import find_weights
from prepose.specs.fields import from_json
from prepose.specs.ledger import Ledger, terms_to_check
from prepose.specs.model import HUB_PREFIX
from prepose.studies.analysis.wording import figure, interval, measure

TAGS = ("prepose", "human-pose-estimation", "pose-estimation", "3d-pose-estimation")
TEMPLATE = "card.md.j2"


@dataclass(frozen=True)
class CardFacts:
    """What a card says.

    Attributes:
        name: OWNER/NAME.
        spec: The network's specification, as JSON data.
        parameters: How many numbers it has.
        weights: Digest of its weights.
        ledger: Which data they come from; None where that is not recorded.
        scores: How it scored.
        recipe: The recipe of its training, as JSON data; None where there is none.
        environment: Where it was trained, as a run's `environment.json` says; None where that is not known.
        licence: The licence of the weights, as the hub spells it; None where none is stated.
    """

    name: str
    spec: Mapping[str, Any]
    parameters: int
    weights: str
    ledger: Ledger | None
    scores: tuple[Score, ...]
    recipe: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None
    licence: str | None = None


def card_of(facts: CardFacts) -> str:
    """The card as Markdown, with the header that the hub reads."""
    header: dict[str, Any] = {"library_name": "prepose", "pipeline_tag": "keypoint-detection", "tags": [*TAGS]}
    if facts.licence is not None:
        header["license"] = facts.licence
    # What comes from stores and recipes is untrusted text.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {"cell": cell, "json": _short}
    template = environment.from_string((files("prepose.hub") / TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        header=yaml.safe_dump(header, sort_keys=False).strip(),
        facts=facts,
        version=__version__,
        ledger=facts.ledger or Ledger(),
        rows=[_row(score) for score in facts.scores],
        untrained=() if facts.ledger is None else facts.ledger.untrained,
        restricted=facts.ledger is not None and any(one.research_only for one in facts.ledger.datasets),
        stages=() if facts.recipe is None else facts.recipe.get("stages", ()),
        origin=_origin(facts.environment),
    )


def cell(value: object) -> str:
    """A text that stays in its cell of a table and is no markup."""
    text = one_line(value, 200)
    for sign, shown in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"), ("[", "\\["), ("]", "\\]")):
        text = text.replace(sign, shown)
    return text


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return cell(", ".join(f"{name} {number:g}" for name, number in value.items()))
    return cell(f"{value:g}" if isinstance(value, float) else value)


def _row(score: Score) -> dict[str, str]:
    known = measure(score.measure)
    return {
        "set": cell(f"{score.dataset}/{score.split}"),
        "protocol": cell(score.protocol),
        "measure": cell(known.title),
        "value": figure(score.value, score.measure),
        "interval": interval(score.interval, score.measure) or "none",
        "samples": f"{score.samples:,}",
        "over": cell(score.resampled),
        "approximate": cell(score.approximate_joints),
    }


def _origin(environment: Mapping[str, Any] | None) -> str:
    """Version, commit and machine of a training, in a line; empty where none is known."""
    if environment is None:
        return ""
    names = {"prepose": "prepose", "git_commit": "commit", "torch": "torch", "cpu": "on", "date": "begun"}
    said = [f"{word} {environment[name]}" for name, word in names.items() if environment.get(name)]
    gpus = environment.get("gpus")
    return cell(", ".join([*said, *(map(str, gpus) if isinstance(gpus, list) else ())]))


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
    ledger = None if net.ledger is None else from_json(Ledger, shareable(net.ledger.model_dump(mode="json")))
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
