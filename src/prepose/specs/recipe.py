"""What a recipe says: sources, stages and how to choose the model. Plain data, validated, JSON in and out."""

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from prepose.errors import nearest
from prepose.metrics.protocols import PROTOCOLS
from prepose.specs.augmentation import Augmentation
from prepose.specs.fields import (
    BatchSize,
    Count,
    Factor,
    Name,
    NonNegative,
    Number,
    Part,
    PathText,
    Positive,
    PositiveFactor,
    Seed,
    one_of,
    refuse,
)
from prepose.specs.model import COARSEST_STRIDE, ModelSpec

# What `prepose.losses` computes; a test compares the two.
LOSSES = (
    "heatmap",
    "heatmap_cross_entropy",
    "joint",
    "joint_depth",
    "depth",
    "depth_at_label",
    "bone_ratio",
    "bone_ratio_at_label",
)

Defect = Literal["mispaired-labels", "integer-labels", "missing-at-origin"]

HIGHER_IS_BETTER = frozenset({"pck2d", "pck2d_box"})


KnownProtocol = Annotated[str, one_of("protocol", PROTOCOLS)]


class PseudoLabelSpec(BaseModel):
    """3D labels that the training's own network makes, of people who have 2D labels (`predict.pseudo_labels`).

    It predicts them once, as it is when the first stage begins that draws from the source; the predictions, mirror
    images included, count as training FLOPs.

    Attributes:
        samples: So many samples of the source are predicted, drawn by the recipe's seed; the others, and those whose
            pose does not agree with the labels, keep their 2D labels alone.
        joint_mm: A joint may lie this far from its label, mm at the person.
        person_mm: Half of a person's joints must lie no further than this from their labels, mm.
        confidence: The least confidence of a joint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: Count
    joint_mm: PositiveFactor = 150.0
    person_mm: PositiveFactor = 90.0
    confidence: Annotated[NonNegative, Field(le=1)] = 0.0


class SourceSpec(BaseModel):
    """Where samples come from.

    Attributes:
        store: Folder of a dataset store.
        split: Which of its splits.
        labels: `2d` uses image joints only, even where the store knows more; `3d` uses both.
        cap: At most so many samples an epoch, drawn again each epoch; None: all.
        keep: This part of the samples is all there is, chosen once; a smaller part lies within a larger one.
        take: Which part that is: drawn by the recipe's seed, or the first samples of the split.
        box_scale: The person's box is taken this many times as large.
        pseudo_labels: 3D labels by the network that the stages before have trained, in place of the store's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: PathText
    split: str = "train"
    labels: Literal["2d", "3d"]
    cap: Count | None = None
    keep: Annotated[Positive, Field(le=1)] = 1.0
    take: Literal["random", "first"] = "random"
    # Beyond these a crop shows nothing that could be learnt.
    box_scale: Annotated[Positive, Field(ge=0.01, le=100)] = 1.0
    pseudo_labels: PseudoLabelSpec | None = None

    @model_validator(mode="after")
    def _labels_are_3d_where_made(self) -> "SourceSpec":
        if self.pseudo_labels is not None and self.labels != "3d":
            raise ValueError("pseudo_labels are 3D labels; expected labels '3d', found '2d'")
        return self

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Almost all sources have their own labels; trials are named by the hash of this.
        return {name: value for name, value in handler(self).items() if name != "pseudo_labels" or value}


class ValidationSpec(BaseModel):
    """How the best weights are chosen: on a part of the training data, never on a test set.

    Attributes:
        store: Folder of a dataset store.
        split: Which of its splits; `test` is refused.
        metric: The measure that chooses, a key of `Evaluation.overall`.
        protocol: A name of `metrics.protocols.PROTOCOLS`; its flip test is left out, which halves the cost.
        every: Samples seen between two validations (one more comes at the end of each stage).
        limit: At most so many samples, spread evenly over the split; None: all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: PathText
    split: str = "validation"
    metric: Literal["mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "error_px", "pck2d", "pck2d_box"] = "mpjpe_mm"
    protocol: KnownProtocol = "true-root-depth"
    every: Count = 8000
    limit: Count | None = None

    @model_validator(mode="after")
    def _is_not_the_test_set(self) -> "ValidationSpec":
        if self.split == "test":
            raise ValueError("expected a held-out part of the training data, such as split 'validation'")
        return self


class WatchSpec(BaseModel):
    """Samples that are measured at each validation for the log alone: they choose nothing.

    Attributes:
        store: Folder of a dataset store.
        split: Which of its splits; `test` is refused, so that nobody tunes on it by looking.
        limit: At most so many samples, spread evenly over the split; None: all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: PathText
    split: str = "validation"
    limit: Count | None = None

    @model_validator(mode="after")
    def _is_not_the_test_set(self) -> "WatchSpec":
        if self.split == "test":
            raise ValueError("expected a held-out part of the training data, such as split 'validation'")
        return self


class Stage(BaseModel):
    """A stretch of training with one mix of data, one sum of losses and one learning-rate curve.

    Attributes:
        name: Its name in `--set` and in the log.
        samples: Length in samples seen.
        shares: source name -> its part of every batch (parts are taken relative to their sum).
        losses: loss name of `prepose.losses.LOSSES` -> weight.
        learning_rate: The peak.
        schedule: The shape of the curve over the samples seen (`recipes.optimiser`).
        warm_up: Part of the stage in which the rate rises, 0 to 1.
        milestones: For `steps`: parts of the stage after which the rate is multiplied by `decay`.
        decay: For `steps`.
        optimiser: `adamw` (fused), `adam` (weight decay as L2) or `sgd`.
        momentum: For `sgd`.
        weight_decay: For every optimiser; biases and normalisation are left out.
        augmentation: What is done to the samples.
        trained: Which part of the network learns (`recipes.optimiser.TRAINED`).
        frozen_groups: So many groups of the backbone keep weights and running statistics: 1 is the stem, 5 is all.
        backbone_rate: The backbone's learning rate over the others'.
        frozen_batch_norm: Whether BatchNorm keeps its running statistics and uses them.
        validation: How this stage chooses its model; None: as the recipe does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    samples: Count
    shares: Annotated[dict[str, PositiveFactor], Field(min_length=1)]
    losses: Annotated[dict[Annotated[str, one_of("loss", LOSSES)], Factor], Field(min_length=1)]
    learning_rate: PositiveFactor
    schedule: Literal["one-cycle", "cosine", "steps", "constant"] = "one-cycle"
    warm_up: Part = 0.3
    milestones: tuple[Annotated[Positive, Field(lt=1)], ...] = ()
    decay: Annotated[Positive, Field(le=1)] = 0.1
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    momentum: Part = 0.9
    weight_decay: Factor = 0.01
    augmentation: Augmentation = Augmentation()
    trained: Literal["all", "decoder-and-heads", "heads"] = "all"
    frozen_groups: Annotated[int, Number, Field(ge=0, le=5)] = 0
    backbone_rate: PositiveFactor = 1.0
    frozen_batch_norm: bool = False
    validation: ValidationSpec | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "Stage":
        faults = []
        if not any(self.losses.values()):
            faults.append(f"every loss of stage {self.name!r} has weight 0, so that nothing would be learnt")
        if (self.schedule == "steps") != bool(self.milestones):
            faults.append(
                f"stage {self.name!r} has schedule {self.schedule!r} and milestones {list(self.milestones)}; "
                "'steps' needs milestones and nothing else takes them"
            )
        if list(self.milestones) != sorted(set(self.milestones)):
            faults.append(f"milestones of stage {self.name!r} must rise, found {list(self.milestones)}")
        refuse(faults)
        return self


class Recipe(BaseModel):
    """An experiment as plain data.

    Attributes:
        name: What the run is called in tables.
        summary: What it is, in a sentence or two.
        model: The network.
        start: Run folder or weights file of a network of the same form: training starts from all of its weights; None:
            from the backbone's as `model.weights` says, the rest random.
        sources: Datasets under the names that stages use.
        stages: In order; each starts from the weights that the one before ended with.
        validation: How the best weights are chosen; None: the last are the best.
        watched: name -> samples whose error the log follows beside the validation.
        seed: Of the first weights and of every draw.
        precision: `bf16` is mixed (weights stay float32), `fp32` is full.
        batch_size: Samples in a step, over all processes together.
        clip_norm: The gradient's largest norm; None: not clipped.
        ema_decay: Decay a step of the averaged weights that are validated and saved; None: no average.
        log_every: Samples seen between two rows of the log.
        defects: Mistakes that are made on purpose, to measure their cost (`recipes.sources`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    summary: str = ""
    model: ModelSpec
    start: PathText | None = None
    sources: Annotated[dict[Name, SourceSpec], Field(min_length=1)]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    validation: ValidationSpec | None = None
    watched: dict[Name, WatchSpec] = {}
    seed: Seed = 0
    precision: Literal["bf16", "fp32"] = "bf16"
    batch_size: BatchSize = 32
    clip_norm: PositiveFactor | None = None
    ema_decay: Annotated[Positive, Field(lt=1)] | None = None
    log_every: Count = 1600
    defects: tuple[Defect, ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        faults = [f"two stages share a name in {names}"] if len(set(names)) != len(names) else []
        faults += [
            f"a stage cannot be named {taken!r}: that is a field of the recipe, --set could mean both"
            for taken in sorted(set(names) & set(type(self).model_fields))
        ]
        for stage in self.stages:
            faults += self._faults_of(stage)
        refuse([*faults, *self._labels_before_they_can_be_made()])
        return self

    def _labels_before_they_can_be_made(self) -> Iterator[str]:
        knows_3d = self.start is not None
        for stage in self.stages:
            drawn = {name: self.sources[name] for name in stage.shares if name in self.sources}
            made = [name for name, spec in drawn.items() if spec.pseudo_labels is not None]
            if made and not knows_3d:
                yield (
                    f"stage {stage.name!r} draws from {made[0]!r}, whose pseudo_labels need a network that has learnt "
                    "3D labels; put a stage with such a source before it, or give the recipe a start"
                )
            knows_3d |= any(spec.labels == "3d" for name, spec in drawn.items() if name not in made)

    def _faults_of(self, stage: Stage) -> Iterator[str]:
        """What is wrong with a stage within this recipe."""
        # The transposed convolutions of the other decoder normalise maps of twice the size only.
        coarse = stage.trained == "all" or (stage.trained == "decoder-and-heads" and self.model.decoder == "light")
        # The coarsest maps of a batch must give BatchNorm, where it learns, more than one value a channel.
        values = self.batch_size * (self.model.size // COARSEST_STRIDE) ** 2
        if coarse and not stage.frozen_batch_norm and values < 2:
            yield (
                f"stage {stage.name!r}: BatchNorm needs more than one value a channel; batch_size "
                f"{self.batch_size} with model.size {self.model.size} has one; use a larger one, or "
                f"{stage.name}.frozen_batch_norm=true"
            )
        if self.model.readout.startswith("argmax") and stage.losses.get("joint"):
            yield (
                f"stage {stage.name!r} has the loss 'joint', but the place of readout {self.model.readout!r} has "
                "no gradient; use 'heatmap', or readout 'integral'"
            )
        for source in stage.shares:
            if source not in self.sources:
                yield (
                    f"stage {stage.name!r} draws from {source!r}{nearest(source, self.sources)}; "
                    f"the recipe's sources are {', '.join(self.sources)}"
                )

    def steps(self, stage: Stage) -> int:
        """Optimiser steps of a stage: the last batch is a whole one."""
        return math.ceil(stage.samples / self.batch_size)

    def validation_of(self, stage: Stage) -> ValidationSpec | None:
        """How a stage chooses its model."""
        return stage.validation or self.validation

    @property
    def samples(self) -> int:
        """Samples seen by all stages."""
        return sum(self.steps(stage) * self.batch_size for stage in self.stages)
