"""Test images of a study with the poses that its arms estimate, where the stores are still there.

A study may come from someone else, and then its files could name any folder of this machine. So a store is opened only
in the study's own folder, or where the caller says that it is, never where a file of the study says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from prepose.body.drawing import side_colour
from prepose.body.skeletons import get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.data.store import open_store
from prepose.errors import DataError, shortened
from prepose.files import inside, parse_json
from prepose.metrics.evaluation import Evaluation
from prepose.metrics.evaluation_files import load_evaluation
from prepose.specs.study import Study
from prepose.studies.pages.gallery import Case, cases_of
from prepose.studies.results.study_results import StudyResults

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


class _HeldSet(BaseModel, frozen=True):
    title: str
    cases: list[str]


class _HeldGallery(BaseModel, frozen=True):
    arms: Annotated[tuple[str, ...], Field(min_length=1)]
    seed: int | None
    sets: list[_HeldSet]
    note: str


class _HeldPictures(BaseModel, frozen=True):
    """What the data of a page say of its images; they hold curves and more beside."""

    bones: list[list[int]]
    bone_colours: list[Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]]
    cases: dict[str, dict[str, Any]]
    gallery: _HeldGallery


def pictures_of_page(html: str, colours: Mapping[str, str]) -> Pictures:
    """The images that a study's page holds, to render it again without its trials and stores.

    Args:
        html: The page, of this version's form.
        colours: arm -> colour, which may have changed since.

    Raises:
        ValueError: the page holds no data, or data of another form.
    """
    start, end = '<script id="data" type="application/json">', "</script>"
    _, opened, rest = html.partition(start)
    data, closed, _ = rest.partition(end)
    if not opened or not closed:
        raise ValueError("no data in the page")
    held = _HeldPictures.model_validate(parse_json(data.encode()))
    cases = {key: TypeAdapter(Case).validate_python({**said, "key": key}) for key, said in held.cases.items()}
    for case in cases.values():
        case.arms[:] = [replace(arm, colour=colours.get(arm.name, arm.colour)) for arm in case.arms]
    said = held.gallery
    unknown = sorted({key for each in said.sets for key in each.cases} - set(cases))
    if unknown:
        raise ValueError(f"no case {shortened(unknown[0])}")
    gallery = [{"title": each.title, "cases": [cases[key] for key in each.cases]} for each in said.sets]
    return Pictures(said.arms if gallery else (), said.seed, gallery, held.bones, held.bone_colours, said.note)


def pictures_of(
    results: StudyResults, colours: Mapping[str, str], *, most_bytes: int, stores: Mapping[str, Path] | None
) -> Pictures:
    """Best, median and worst cases of each set, fewer where they would take more than `most_bytes`.

    Args:
        results: The study.
        colours: arm -> colour.
        most_bytes: Of all images together, in base64.
        stores: Folders of the study's stores that do not lie in its own folder; None: no store lies elsewhere.
    """
    arms = shown_arms(results)
    seed, skeleton, gallery, notes, left = _shared_seed(results, arms), "", [], [], most_bytes
    sets = shown_sets(results)
    for place, name in enumerate(sets):
        title = results.study.title_of(name)
        try:
            dataset, evaluations = _opened(results, name, arms, seed, stores)
            cases = _small_enough(name, dataset, evaluations, colours, most_bytes=left // (len(sets) - place))
        except DataError as error:
            notes.append(f"{title}: {error}")
            continue
        left -= _bytes_of(cases)
        found = next(iter(evaluations.values())).protocol.skeleton
        if skeleton in ("", found):
            skeleton = found
            gallery.append({"title": title, "cases": cases})
    return _with_bones(arms, seed, gallery, skeleton, "; ".join(notes))


def _small_enough(
    set_name: str,
    dataset: PoseDataset,
    evaluations: Mapping[str, Evaluation],
    colours: Mapping[str, str],
    *,
    most_bytes: int,
) -> list[Case]:
    for number in (2, 1):
        cases = cases_of(set_name, dataset, evaluations, colours, ranked_by=next(iter(evaluations)), each=number)
        if _bytes_of(cases) <= most_bytes:
            return cases
    raise DataError("its images would make the page too large")


def _bytes_of(cases: Sequence[Case]) -> int:
    return sum(len(panel.jpeg) for case in cases for panel in case.panels)


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


def shown_sets(results: StudyResults) -> list[str]:
    """The sets whose images are shown: the first of each store and split."""
    first: dict[tuple[str, str], str] = {}
    for name, each in results.sets.items():
        first.setdefault((each.store, each.split), name)
    return [*first.values()][:MOST_SETS]


def _opened(
    results: StudyResults, set_name: str, arms: Sequence[str], seed: int | None, stores: Mapping[str, Path] | None
) -> tuple[PoseDataset, dict[str, Evaluation]]:
    each = results.sets[set_name]
    named = (stores or {}).get(each.store)
    folder = named or own_store(results, each.store)
    if folder is None or not (folder / "store.json").is_file():
        advice = "" if stores is None else "; name the folder of the stores: prepose report FOLDER --stores DIR"
        raise DataError(f"store {each.store} is not in the study's folder, so its images cannot be shown{advice}")
    # What its own store names by path is another's word as well; a store that the caller names may hold images by path.
    dataset = replace(open_store(folder, each.split), confined=named is None)
    evaluations = {}
    for arm in arms:
        trials = [trial for trial in results.measured(arm, set_name) if seed in (None, trial.seed)]
        if trials:
            evaluations[arm] = load_evaluation(trials[0].evaluation_file(set_name))
    if not evaluations or max(evaluation.index.max() for evaluation in evaluations.values()) >= len(dataset):
        raise DataError(f"{folder}: does not contain the evaluated samples, so its images cannot be shown")
    return dataset, evaluations


def own_store(results: StudyResults, name: str) -> Path | None:
    """The folder of a store that lies in the study's own folder; None where there is none.

    Raises:
        DataError: the name leads out of the study's folder, or a link is in the way.
    """
    folder = inside(results.folder, f"stores/{name}", named_by="study.json")
    return folder if (folder / "store.json").is_file() else None


def stores_below(study: Study, parent: Path) -> dict[str, Path]:
    """The study's stores in a folder that the user named: NAME-DIGEST, NAME, or the last part of the store's own path.

    Raises:
        DataError: a name leads out of the folder, or a link is in the way.
    """
    found = {}
    for name, spec in study.stores.items():
        names = (f"{name}-{spec.digest}", name, *([PurePath(spec.path).name] if spec.path else []))
        folders = (inside(parent, each, named_by="study.json") for each in names)
        there = next((folder for folder in folders if (folder / "store.json").is_file()), None)
        if there is not None:
            found[name] = there
    return found
