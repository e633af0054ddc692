"""A study's report: results.json with every number, tables/*.csv, report.md and one self-contained report.html.

Reads what the trials left, needs no torch and no network.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prepose.errors import DataError
from prepose.files import inside, read_object, read_regular_file, write_whole
from prepose.specs.study import Study
from prepose.studies.analysis.across import across_tasks
from prepose.studies.analysis.analyse import analyse, completed
from prepose.studies.analysis.study_analysis import FORMAT, StudyAnalysis, analysis_from, to_json
from prepose.studies.pages.parts import render
from prepose.studies.report.csv_files import write_csv_files
from prepose.studies.report.markdown import as_markdown
from prepose.studies.report.page import words
from prepose.studies.report.pictures import Pictures, pictures_of, pictures_of_page, shown_sets, stores_below
from prepose.studies.report.plots import colours_of, script_data
from prepose.studies.results.study_results import StudyResults, read_study

# Of the whole page. Mail and code hosts take it, and a browser opens it at once.
MOST_BYTES = 2_900_000
NO_PICTURES = Pictures((), None, [], [], [], "")


def write_study_report(
    folder: Path, *, stores: Mapping[str, Path] | None = None, stores_in: Path | None = None
) -> Path:
    """Write the report of a study's folder, as far as its trials are done.

    Nothing outside the folder is read, but for stores that the caller names. Without a store, the page keeps the
    images that it has.

    A study that was published without its trials (`results/` of this project) is rendered from its results.json, with
    the images that its page holds.

    Args:
        folder: The study's folder.
        stores: Folders of its stores, by name, as the study that has just run knows them.
        stores_in: The folder that holds its stores, as the user names it.

    Returns:
        The page's path.

    Raises:
        DataError: the folder holds no study or one of another version, nothing is finished, a file is damaged,
            trials were not measured alike, or `stores_in` holds none of the study's stores.
    """
    if _is_published(folder):
        if stores_in is not None:
            raise DataError(f"{folder}: has no trials/, so its page keeps its images; leave out --stores {stores_in}")
        return _write_published(folder)
    results = read_study(folder)
    folders = {**(stores or {}), **({} if stores_in is None else _named_stores(results.study, stores_in))}
    found = analyse(results)
    write_whole(folder / "results.json", as_lines(to_json(found)))
    _write_tables(folder, found)
    # Encoded as the file is written: half of a surrogate pair has no UTF-8.
    left = MOST_BYTES - len(_page(found, NO_PICTURES).encode("utf-8", errors="backslashreplace"))
    return write_whole(folder / "report.html", _page(found, _pictures(results, found, folders, most_bytes=left)))


def _named_stores(study: Study, stores_in: Path) -> dict[str, Path]:
    named = stores_below(study, stores_in)
    if not named:
        digests = ", ".join(f"{name}-{spec.digest}" for name, spec in study.stores.items())
        raise DataError(f"{stores_in}: contains none of the study's stores; expected {digests}, or the names alone")
    return named


def _pictures(results: StudyResults, found: StudyAnalysis, stores: Mapping[str, Path], *, most_bytes: int) -> Pictures:
    """Images from the stores, or those that the page has already, whichever are of more sets."""
    colours, page = colours_of(found), inside(results.folder, "report.html")
    drawn = pictures_of(results, colours, most_bytes=most_bytes, stores=stores)
    if len(drawn.gallery) == len(shown_sets(results)) or not page.is_file():
        return drawn
    try:
        held = pictures_of_page(read_regular_file(page).decode(), colours)
    except ValueError:
        return drawn
    if len(held.gallery) <= len(drawn.gallery):
        return drawn
    return replace(held, note=f"kept from the earlier report; {drawn.note}")


def analysis_of(folder: Path) -> StudyAnalysis:
    """Every number of a study's report, from its trials, or from results.json where it was published without them.

    Raises:
        DataError: see `write_study_report`.
    """
    return _published(inside(folder, "results.json")) if _is_published(folder) else analyse(read_study(folder))


def _is_published(folder: Path) -> bool:
    return not (folder / "trials").is_dir() and (folder / "results.json").is_file()


def _published(file: Path) -> StudyAnalysis:
    values = read_object(file, advice="restore it; without trials/ it cannot be computed again")
    if values.get("format") != FORMAT:
        raise DataError(
            f"{file}: format {values.get('format')!r}, expected {FORMAT}: another version of prepose wrote it, and "
            "without trials/ it cannot be computed again; render it with that version"
        )
    try:
        found = analysis_from(values)
        # Written before there was a checklist, or curves along labels: they follow from the other numbers.
        if not found.checklist:
            return completed(found)
        later = found.across is not None and found.across.labels is None
        return replace(found, across=across_tasks(found)) if later else found
    except ValidationError as error:
        raise DataError(
            f"{file}: is damaged ({_fault(error)}); restore it; without trials/ it cannot be computed again"
        ) from error


def _fault(error: ValueError) -> str:
    """In one line: where a field is at fault, the first one and what it needs."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _write_published(folder: Path) -> Path:
    """Render the report of a study that was published without its trials: results.json and the page's images."""
    found, page = _published(inside(folder, "results.json")), inside(folder, "report.html")
    pictures = replace(NO_PICTURES, note="the study was published without them")
    if page.is_file():
        try:
            pictures = pictures_of_page(read_regular_file(page).decode(), colours_of(found))
        except ValueError as error:
            raise DataError(
                f"{page}: is damaged ({_fault(error)}); restore it, or remove it to render the report without images"
            ) from error
    text = _page(found, pictures)
    # Every number of the page is in it, those too that an earlier version did not compute.
    write_whole(folder / "results.json", as_lines(to_json(found)))
    _write_tables(folder, found)
    return write_whole(page, text)


def _write_tables(folder: Path, found: StudyAnalysis) -> None:
    write_csv_files(found, inside(folder, "tables"))
    write_whole(folder / "report.md", as_markdown(found))


def _page(found: StudyAnalysis, pictures: Pictures) -> str:
    return render("study.html.j2", "study.js", words(found) | pictures.words(), script_data(found) | pictures.data())


def as_lines(values: dict[str, Any]) -> str:
    """JSON with a line for each arm, set, trial and comparison: quick to write, and a difference of two can be read."""

    def spelt(value: Any) -> str:
        if not isinstance(value, list) or not value:
            return json.dumps(value, allow_nan=False)
        return "[\n" + ",\n".join(json.dumps(each, allow_nan=False) for each in value) + "\n]"

    return "{\n" + ",\n".join(f"{json.dumps(name)}: {spelt(value)}" for name, value in values.items()) + "\n}\n"
