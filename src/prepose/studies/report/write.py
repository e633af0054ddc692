"""A study's report: results.json with every figure, tables/*.csv, report.md and one self-contained report.html.

Reads what the trials left, needs no torch and no network. Pictures are shown where the stores are still there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prepose.studies.analysis.analyse import analyse
from prepose.studies.pages.parts import render, write_text
from prepose.studies.quickstart.report import write_report
from prepose.studies.report.csv_files import write_csv_files
from prepose.studies.report.markdown import as_markdown
from prepose.studies.report.page import words
from prepose.studies.report.pictures import Pictures, pictures_of
from prepose.studies.report.plots import colours_of, script_data
from prepose.studies.results.study_results import StudyResults, read_study

# Of the whole page. Mail and code hosts take it, and a browser opens it at once.
MOST_BYTES = 2_900_000
NO_PICTURES = Pictures((), None, [], [], [], "")


def write_report_of(folder: Path) -> Path:
    """Write the page of whatever the folder holds: a study, or a quickstart.

    Raises:
        DataError: it holds neither; see also `write_study_report` and `report.write_report`.
    """
    if not (folder / "study.json").is_file() and (folder / "report.json").is_file():
        return write_report(folder)
    return write_study_report(folder)


def write_study_report(folder: Path) -> Path:
    """Write the report of a study's folder, as far as its trials are done.

    Returns:
        The page's path.

    Raises:
        DataError: the folder holds no study or one of another version, nothing is finished, a file is damaged, or
            trials were not measured alike.
    """
    results = read_study(folder)
    found = analyse(results)
    write_text(folder / "results.json", as_lines(found))
    write_csv_files(found, folder / "tables")
    write_text(folder / "report.md", as_markdown(found))
    return write_text(folder / "report.html", _page(results, found))


def _page(results: StudyResults, found: dict[str, Any]) -> str:
    text, data = words(found), script_data(found)

    def page(pictures: Pictures) -> str:
        return render("study.html.j2", "study.js", text | pictures.words(), data | pictures.data())

    bare = page(NO_PICTURES)
    return page(pictures_of(results, colours_of(found), most_bytes=MOST_BYTES - len(bare.encode())))


def as_lines(found: Mapping[str, Any]) -> str:
    """JSON with a line for each arm, set, trial and comparison: quick to write, and a difference of two can be read."""

    def spelt(value: Any) -> str:
        if not isinstance(value, list) or not value:
            return json.dumps(value, allow_nan=False)
        return "[\n" + ",\n".join(json.dumps(each, allow_nan=False) for each in value) + "\n]"

    return "{\n" + ",\n".join(f"{json.dumps(name)}: {spelt(value)}" for name, value in found.items()) + "\n}\n"
