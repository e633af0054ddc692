"""The model card: what a network is, what it learnt from and on which terms, how it scored, and what it cannot do."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from prepose import __version__
from prepose.errors import one_line
from prepose.hub.scores import Score
from prepose.specs.ledger import Ledger
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
