"""Test images of a study with the poses that its arms estimate, where the stores are still there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prepose.body.drawing import side_colour
from prepose.body.skeletons import get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.errors import DataError
from prepose.files import inside, parse_json, read_object
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.studies.analysis.matrix import store_name
from prepose.studies.pages.gallery import Case, cases_of
from prepose.studies.results.study_results import StudyResults, TrialResult

MOST_ARMS = 4
MOST_SETS = 4


@dataclass(frozen=True)
class Pictures:
    """What the page shows of the test sets.

    Attributes:
        arms: Arms whose poses are shown; the first ranks the samples.
        seed: Of their trainings; None where they share none.
        gallery: For each set its `title` and `cases`.
        bones: Pairs of joints.
        bone_colours: One for each bone.
        note: Why there are none, or not of every set; empty otherwise.
    """

    arms: tuple[str, ...]
    seed: int | None
    gallery: Sequence[Mapping[str, Any]]
    bones: list[list[int]]
    bone_colours: list[str]
    note: str

    def words(self) -> dict[str, Any]:
        """What the template names."""
        return {
            "gallery": self.gallery,
            "shown_arms": [{"name": name} for name in self.arms],
            "seed": self.seed,
            "picture_note": self.note,
        }

    def data(self) -> dict[str, Any]:
        """What the script draws: poses to turn, by the key of their case."""
        found: list[Case] = [case for each in self.gallery for case in each["cases"]]
        return {
            "bones": self.bones,
            "bone_colours": self.bone_colours,
            "cases": {case.key: case.to_json() for case in found},
            "gallery": {
                "arms": list(self.arms),
                "seed": self.seed,
                "sets": [
                    {"title": each["title"], "cases": [case.key for case in each["cases"]]} for each in self.gallery
                ],
                "note": self.note,
            },
        }


def pictures_of_page(html: str, colours: Mapping[str, str]) -> Pictures:
    """The images that a study's page holds, to render it again without its trials and stores.

    Args:
        html: The page, of this version's form.
        colours: arm -> colour, which may have changed since.

    Raises:
        ValueError: the page holds no data.
        KeyError: its data are of another form.
    """
    start, end = '<script id="data" type="application/json">', "</script>"
    _, opened, rest = html.partition(start)
    data, closed, _ = rest.partition(end)
    if not opened or not closed:
        raise ValueError("no data in the page")
    held = parse_json(data.encode())
    cases = {key: Case.from_json(key, said) for key, said in held["cases"].items()}
    for case in cases.values():
        case.arms[:] = [replace(arm, colour=colours.get(arm.name, arm.colour)) for arm in case.arms]
    said = held["gallery"]
    gallery = [{"title": each["title"], "cases": [cases[key] for key in each["cases"]]} for each in said["sets"]]
    return Pictures(tuple(said["arms"]), said["seed"], gallery, held["bones"], held["bone_colours"], said["note"])


def pictures_of(results: StudyResults, colours: Mapping[str, str], *, most_bytes: int) -> Pictures:
    """Best, median and worst cases of each set, fewer where they would take more than `most_bytes`.

    Args:
        results: The study.
        colours: arm -> colour.
        most_bytes: Of all images together, in base64.
    """
    arms = shown_arms(results)
    seed, skeleton, gallery, notes, left = _shared_seed(results, arms), "", [], [], most_bytes
    sets = [*_one_of_each_store(results)][:MOST_SETS]
    for place, name in enumerate(sets):
        title = results.study.title_of(name)
        try:
            dataset, evaluations = _opened(results, name, arms, seed)
        except DataError as error:
            notes.append(f"{title}: {error}")
            continue
        wanted = left // (len(sets) - place)
        for number in (2, 1):
            cases = cases_of(name, dataset, evaluations, colours, ranked_by=next(iter(evaluations)), each=number)
            size = sum(len(panel.jpeg) for case in cases for panel in case.panels)
            if size <= wanted:
                break
        else:
            notes.append(f"{title}: its images would make the page too large")
            continue
        left -= size
        found = next(iter(evaluations.values())).protocol.skeleton
        if skeleton in ("", found):
            skeleton = found
            gallery.append({"title": title, "cases": cases})
    return _with_bones(arms, seed, gallery, skeleton, "; ".join(notes))


def _with_bones(
    arms: tuple[str, ...], seed: int | None, gallery: list[dict[str, Any]], skeleton: str, note: str
) -> Pictures:
    if not skeleton:
        return Pictures(arms, seed, [], [], [], note)
    bones = get_skeleton(skeleton)
    colours = ["#{:02x}{:02x}{:02x}".format(*side_colour(child)) for _, child in bones.bones]
    return Pictures(arms, seed, gallery, bones.bone_indices.tolist(), colours, note)


def shown_arms(results: StudyResults) -> tuple[str, ...]:
    """The arms that the study compares, in the order in which it does; any where it compares none."""
    from prepose.studies.analysis.planned import pairs_of

    there = [arm.name for arm in results.arms]
    compared = [
        name
        for planned in results.study.comparisons
        for _, arm, baseline in [*pairs_of(results, planned)][-1:]
        for name in (arm, baseline)
        if name in there
    ]
    return tuple(dict.fromkeys([*compared, *(() if compared else there)]))[:MOST_ARMS]


def _shared_seed(results: StudyResults, arms: Sequence[str]) -> int | None:
    seeds = [{trial.seed for trial in results.of_arm(arm)} for arm in arms]
    return min(set.intersection(*seeds), default=None)


def _one_of_each_store(results: StudyResults) -> Iterator[str]:
    seen = set()
    for name, each in results.sets.items():
        if (each.store, each.split) not in seen:
            seen.add((each.store, each.split))
            yield name


def _opened(
    results: StudyResults, set_name: str, arms: Sequence[str], seed: int | None
) -> tuple[PoseDataset, dict[str, Evaluation]]:
    each = results.sets[set_name]
    folder = store_folder(results, each.store)
    if folder is None:
        raise DataError(f"store {each.store} no longer exists, so its images cannot be shown")
    dataset = open_store(folder, each.split)
    evaluations = {}
    for arm in arms:
        trials = [trial for trial in results.measured(arm, set_name) if seed in (None, trial.seed)]
        if trials:
            evaluations[arm] = load_evaluation(trials[0].evaluation_file(set_name))
    if not evaluations or max(evaluation.index.max() for evaluation in evaluations.values()) >= len(dataset):
        raise DataError(f"{folder}: does not contain the evaluated samples, so its images cannot be shown")
    return dataset, evaluations


def store_folder(results: StudyResults, name: str) -> Path | None:
    """Where a store of the study is, or was drawn: its own path, the study's folder, or beside stores of a trial."""
    spec = results.study.stores[name]
    shared = f"{name}-{spec.digest}"
    candidates = [Path(spec.path).expanduser()] if spec.path else [results.folder / "stores" / name]
    for folder in _trial_stores(results.done[0]):
        if store_name(results.study, str(folder)) == name:
            candidates.append(folder)
        candidates.append(folder.parent / shared)
    return next((folder for folder in candidates if (folder / "store.json").is_file()), None)


def _trial_stores(trial: TrialResult) -> list[Path]:
    recipe = read_object(inside(trial.folder, "recipe.json"), advice="run the trial again")
    return [Path(spec["store"]) for spec in recipe["sources"].values()]
