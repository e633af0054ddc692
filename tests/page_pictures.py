"""Pictures of sections of a study's page for docs/study-report.md, as a browser draws them.

`python tests/page_pictures.py results/pretraining-longer/report.html docs/images/study answer comparisons compute cases`
writes docs/images/study-answer.jpg, ...; the sections are the page's own ids.
"""

import sys
import tempfile
from pathlib import Path

import cv2

from browser import find_chromium, open_page

MARGIN = 12


def main(page: Path, stem: str, sections: list[str]) -> None:
    """Write one picture a section.

    Args:
        page: A report.html.
        stem: Where the pictures go; `-SECTION.jpg` is put behind it.
        sections: Ids of the page's sections.
    """
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no chromium or google-chrome on this machine to draw the page with")
    with tempfile.TemporaryDirectory() as profile, open_page(chromium, page, Path(profile)) as tab:
        tab.wait_for("document.documentElement?.dataset.ready === 'true'")
        for section in sections:
            box = f"(({{x, y, width, height}}) => [x + scrollX, y + scrollY, width, height])(document.getElementById('{section}').getBoundingClientRect())"
            # What is drawn only when it comes into view.
            tab.value(f"document.getElementById('{section}').scrollIntoView()")
            tab.next_frame()
            x, y, width, height = tab.value(box)
            picture = tab.picture(x=x - MARGIN, y=y - MARGIN, width=width + 2 * MARGIN, height=height + 2 * MARGIN)
            cv2.imwrite(f"{stem}-{section}.jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
            print(f"{stem}-{section}.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
