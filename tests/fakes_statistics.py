"""Studies drawn from known distributions: arms with known means, curves with a known ratio of compute."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from prepose.studies.statistics.curves import ArmCurves, ErrorCurve
from prepose.studies.statistics.scores import ArmScores


@dataclass(frozen=True)
class Source:
    """Where differences between two arms come from, as standard deviations of one arm.

    `subjects` and `interaction` are what their mean over equal subjects of the set varies by in one study, relative to
    what the mean over seeds varies by through `trainings`, so that 1 and 1 are level whatever the numbers are.
    """

    trainings: float
    subjects: float
    interaction: float = 0.0
    num_subjects: int = 7
    unlike: bool = False
    heavy: bool = False


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "trainings alone (7 subjects)": Source(1, 0),
        "trainings and 7 subjects alike": Source(1, 1),
        "trainings and 40 subjects alike": Source(1, 1, num_subjects=40),
        "7 subjects three times the trainings": Source(1, 3),
        "4 subjects three times the trainings": Source(1, 3, num_subjects=4),
        "trainings and 2 subjects alike": Source(1, 1, num_subjects=2),
        "2 subjects three times the trainings": Source(1, 3, num_subjects=2),
        "training x subject alone (7 subjects)": Source(0, 0, 1),
        "7 subjects of unlike size, skewed": Source(1, 1, unlike=True),
        "a bad training now and then (t, 3 df)": Source(1, 0.5, heavy=True),
    }
)


def drawn_pair(source: Source, num_seeds: int, generator: np.random.Generator) -> tuple[ArmScores, ArmScores]:
    """An arm and a baseline whose true means are the same, 100, scored on the same subjects."""
    subjects = source.num_subjects
    size = generator.integers(10, 400, subjects).astype(float) if source.unlike else np.full(subjects, 100.0)
    shared = 10 * generator.normal(size=subjects)  # hard and easy people are so for both arms
    arms = []
    for name in ("arm", "baseline"):
        seeds = generator.standard_t(3, num_seeds) / np.sqrt(3) if source.heavy else generator.normal(size=num_seeds)
        people = generator.normal(size=subjects)
        if source.unlike:
            people = (np.exp(people) - np.exp(0.5)) / np.sqrt(np.exp(2) - np.exp(1))
        of_people = source.subjects * people * np.sqrt(subjects / num_seeds)
        both = source.interaction * generator.normal(size=(num_seeds, subjects)) * np.sqrt(subjects)
        means = 100 + shared + source.trainings * seeds[:, None] + of_people + both
        counts = np.broadcast_to(size, means.shape)[..., None].copy()
        arms.append(ArmScores(name, tuple(range(num_seeds)), means[..., None] * counts, counts))
    return arms[0], arms[1]


def power_law(
    name: str, *, worth: float, errors: np.ndarray, scatter: float = 0.0, generator: np.random.Generator | None = None
) -> ArmCurves:
    """Curves of error = 1000 (worth * FLOPs)^-0.15 times each seed's factor, with lognormal scatter of each point."""
    flops = np.geomspace(1e3, 1e5, 12)
    noise = generator.normal(0, scatter, (len(errors), len(flops))) if generator else np.zeros((len(errors), 12))
    curves = {
        seed: ErrorCurve(flops, 1000 * (worth * flops) ** -0.15 * factor * np.exp(noise[seed]))
        for seed, factor in enumerate(errors)
    }
    return ArmCurves(name, curves)


def drawn_curves(worth: float, num_seeds: int, generator: np.random.Generator) -> tuple[ArmCurves, ArmCurves]:
    """An arm worth `worth` times the compute of a baseline, seeds differing by 3 %, points scattering by 1 %."""
    arm, baseline = (
        power_law(
            name,
            worth=value,
            errors=np.exp(generator.normal(0, 0.03, num_seeds)),
            scatter=0.01,
            generator=generator,
        )
        for name, value in (("arm", worth), ("baseline", 1.0))
    )
    return arm, baseline


def crossing_curves(num_seeds: int, generator: np.random.Generator | None) -> tuple[ArmCurves, ArmCurves]:
    """An arm that falls faster and overtakes a baseline at 1e4 FLOPs; seeds differ by 2 % given a generator."""
    flops = np.geomspace(1e3, 1e5, 12)
    arms = []
    for name, slope in (("arm", 0.2), ("baseline", 0.1)):
        factors = np.exp(generator.normal(0, 0.02, num_seeds)) if generator else np.ones(num_seeds)
        curves = {
            seed: ErrorCurve(flops, 200 * (flops / 1e4) ** -slope * factor) for seed, factor in enumerate(factors)
        }
        arms.append(ArmCurves(name, curves))
    return arms[0], arms[1]
