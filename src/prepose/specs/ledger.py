"""The ledger of weights: which datasets they learnt from, on which terms, and which pretrained weights went in."""

import re
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer

NOT_RECORDED = "not recorded"
# Words by which the dataset authors' terms forbid, or may forbid, other than research.
_RESTRICTS = re.compile(r"\b(research|academic|non-?commercial|no commercial)\b", re.IGNORECASE)


class TrainedOn(BaseModel):
    """A split of a dataset that a training drew samples from.

    Attributes:
        dataset: The dataset's name.
        split: The split.
        samples: How many samples of it the training could draw.
        labels: Which labels were learnt.
        licence: The terms that the store states.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    split: str
    samples: int = Field(ge=0)
    labels: Literal["2d", "3d"]
    licence: str

    @property
    def research_only(self) -> bool:
        """Whether the terms name research, academic or non-commercial use."""
        return _RESTRICTS.search(self.licence) is not None

    def __str__(self) -> str:
        """One phrase: `lsp/train (2D, 1,000 samples, research only)`."""
        restricted = ", research only" if self.research_only else ""
        return f"{self.dataset}/{self.split} ({self.labels.upper()}, {self.samples:,} samples{restricted})"


class Ledger(BaseModel):
    """What weights come from.

    Attributes:
        datasets: The datasets that they learnt from, those of weights that they started from included.
        pretrained: Published weights that they started from, by their names in recipes ("imagenet").
        unrecorded: Weights that they started from and that do not say what they learnt from.
        untrained: Parts of the network that nothing has trained, as its origin had none of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasets: tuple[TrainedOn, ...] = ()
    pretrained: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Almost all networks are trained as a whole; their files stay what they were before the field.
        return {name: value for name, value in handler(self).items() if name != "untrained" or value}

    def merged(self, other: "Ledger") -> "Ledger":
        """Both ledgers in one, each entry once.

        What the other's weights left untrained is the depth, which 3D labels here train.
        """
        trained = any(one.labels == "3d" for one in self.datasets)
        return Ledger(
            datasets=tuple(dict.fromkeys((*self.datasets, *other.datasets))),
            pretrained=tuple(dict.fromkeys((*self.pretrained, *other.pretrained))),
            unrecorded=tuple(dict.fromkeys((*self.unrecorded, *other.unrecorded))),
            untrained=() if trained else tuple(dict.fromkeys((*self.untrained, *other.untrained))),
        )

    def __str__(self) -> str:
        """One line."""
        named = ", ".join(map(str, self.datasets)) or ("" if self.unrecorded else "no dataset")
        parts = [named] if named else []
        if self.pretrained:
            parts.append(f"pretrained: {', '.join(self.pretrained)}")
        if self.unrecorded:
            parts.append(f"{NOT_RECORDED} for {', '.join(self.unrecorded)}")
        if self.untrained:
            parts.append(f"untrained: {', '.join(self.untrained)}")
        return "; ".join(parts)


def trained_on(ledger: Ledger | None) -> str:
    """What weights learnt from, in one line; of weights without a ledger that it is not recorded."""
    return NOT_RECORDED if ledger is None else str(ledger)


def terms_to_check(ledger: Ledger | None) -> str | None:
    """A line for whoever shares the weights that names research-only data and their terms; None without such data."""
    restricted = [] if ledger is None else [one for one in ledger.datasets if one.research_only]
    if not restricted:
        return None
    named = "; ".join(f"{one.dataset}/{one.split} ({one.licence})" for one in restricted)
    return f"these weights learnt from research-only data: {named}; check the terms before you share the weights"
