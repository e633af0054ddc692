"""The doctor's findings on the terminal, and the samples they are about as a contact sheet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from prepose.data.doctor import MOST_IMAGES, Examination
from prepose.data.sheet_file import write_sheet_of
from prepose.data.store import open_store
from prepose.errors import printable

STYLES = {"fault": "bold red", "note": "yellow"}
MOST_SHOWN = 36


def print_examinations(examinations: Sequence[Examination], console: Console | None = None) -> None:
    """For each split a line that says whether it is clean, and what was found."""
    console = console or Console()
    for each in examinations:
        faults = sum(finding.severity == "fault" for finding in each.findings)
        verdict = "clean" if each.is_clean else f"{faults} fault{'s' if faults != 1 else ''}"
        notes = len(each.findings) - faults
        also = f", {notes} note{'s' if notes != 1 else ''}" if notes else ""
        seen = f"{each.samples:,} samples, {each.images:,} of their images looked at"
        console.print(f"[bold]{escape(printable(each.split))}[/]: {verdict}{also} ({seen})", highlight=False)
        for finding in each.findings:
            console.print(f"  [{STYLES[finding.severity]}]{finding.severity}[/] {finding.check}: ", end="")
            console.print(printable(finding.text), markup=False, highlight=False)
    if any(each.images < each.samples for each in examinations):
        console.print(f"At most {MOST_IMAGES:,} images of a split were looked at; --all-images looks at every one.")


def write_sheet(store: Path, out: Path, examinations: Sequence[Examination]) -> Path:
    """A contact sheet of the samples that the findings of the first unclean split name; of any where none is named.

    Raises:
        DataError: `out` names no image, or an image that should be on the sheet is broken.
    """
    worst = next((each for each in examinations if not each.is_clean), examinations[0])
    broken = {sample for finding in worst.findings if finding.check == "files" for sample in finding.samples}
    named = [finding.samples for finding in worst.findings if finding.check != "files"]
    # One of each finding in turn, so that a frequent one does not fill the sheet.
    turns = [samples[turn] for turn in range(MOST_SHOWN) for samples in named if turn < len(samples)]
    chosen = [sample for sample in dict.fromkeys(turns) if sample not in broken]
    sound = [sample for sample in range(worst.samples) if sample not in broken]
    spread = np.unique(np.linspace(0, len(sound) - 1, min(MOST_SHOWN, len(sound))).astype(int))
    indices = chosen[:MOST_SHOWN] or [sound[place] for place in spread]
    # A sample may be named by several checks, and is shown with all of them.
    titles = {
        index: ", ".join(dict.fromkeys(finding.check for finding in worst.findings if index in finding.samples))
        for index in indices
    }
    return write_sheet_of(open_store(store, worst.split).select(sorted(indices)), out, titles=titles)
