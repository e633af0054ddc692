"""Images that are missing, broken, or blank."""

import numpy as np

from prepose.data.checks.finding import Finding, indices_of, named
from prepose.data.checks.records import Records

# Grey levels between the darkest and the lightest pixel of something photographed.
LEAST_CONTRAST = 8


def check_files(records: Records) -> list[Finding]:
    """Images that cannot be read, and images of one colour."""
    missing = [index for index, picture in records.pictures.items() if not picture.digest]
    broken = [index for index, picture in records.pictures.items() if picture.digest and picture.thumb is None]
    blank = [
        index
        for index, picture in records.pictures.items()
        if picture.thumb is not None and np.ptp(picture.thumb) < LEAST_CONTRAST
    ]
    findings = []
    causes = {
        "missing": (missing, "the files were moved or never unpacked; put them back or add the dataset again"),
        "broken": (broken, "a truncated download or a damaged disk; fetch them again"),
        "of a single colour": (blank, "a decoder that failed quietly, or frames of a video that were never there"),
    }
    for what, (found, cause) in causes.items():
        if found:
            samples = indices_of(np.array(sorted(found)))
            error = records.pictures[samples[0]].error
            text = f"{len(samples)} of {len(records.pictures)} images are {what} ({named(samples)}): {cause}"
            text += f"; first: {error}" if error else ""
            findings.append(Finding("files", "fault", samples, len(samples), "images", "0 images", cause, text))
    return findings
