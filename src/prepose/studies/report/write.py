"""A study's report: results.json with every number, tables/*.csv, report.md and one self-contained report.html.

Reads what the trials left, needs no torch and no network. Images are shown where the stores are still there.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prepose.errors import DataError
from prepose.files import inside, read_object, read_regular_file, write_whole
from prepose.studies.analysis.analyse import analyse
from prepose.studies.analysis.study_analysis import FORMAT, StudyAnalysis, analysis_from, to_json
from prepose.studies.pages.parts import render
from prepose.studies.report.csv_files import write_csv_files
from prepose.studies.report.markdown import as_markdown
from prepose.studies.report.page import words
from prepose.studies.report.pictures import Pictures, pictures_of, pictures_of_page
from prepose.studies.report.plots import colours_of, script_data
from prepose.studies.results.study_results import read_study

# Of the whole page. Mail and code hosts take it, and a browser opens it at once.
MOST_BYTES = 2_900_000
NO_PICTURES = Pictures((), None, [], [], [], "")


def write_study_report(folder: Path) -> Path:
    """Write the report of a study's folder, as far as its trials are done.

    A study that was published without its trials (`results/` of this project) is rendered from its results.json, with
    the images that its page holds.

    Returns:
        The page's path.

    Raises:
        DataError: the folder holds no study or one of another version, nothing is finished, a file is damaged, or
            trials were not measured alike.
    """
    if _is_published(folder):
        return _write_published(folder)
    results = read_study(folder)
    found = analyse(results)
    write_whole(folder / "results.json", as_lines(to_json(found)))
    _write_tables(folder, found)
    left = MOST_BYTES - len(_page(found, NO_PICTURES).encode())
    return write_whole(folder / "report.html", _page(found, pictures_of(results, colours_of(found), most_bytes=left)))


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
        return analysis_from(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{file}: is damaged ({where}: {first['msg']}); restore it; without trials/ it cannot be computed again"
        ) from error


def _write_published(folder: Path) -> Path:
    """Render the report of a study that was published without its trials: results.json and the page's images."""
    found, page = _published(inside(folder, "results.json")), inside(folder, "report.html")
    pictures = replace(NO_PICTURES, note="the study was published without them")
    if page.is_file():
        try:
            pictures = pictures_of_page(read_regular_file(page).decode(), colours_of(found))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{page}: damaged ({type(error).__name__}: {error}); restore it, or remove it to render the report "
                "without images"
            ) from error
    text = _page(found, pictures)
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
