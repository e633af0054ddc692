"""Pictures of sections of a study's page, as a browser draws them; docs/study-report.md shows some.

`python tests/page_pictures.py results/pretraining-longer/report.html docs/images/study comparisons cases:640` writes
docs/images/study-comparisons.jpg and the first 640 px of the other; sections go by the ids of the page.
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
        sections: Ids of sections of the page, with `:PX` where the picture should be no higher.
    """
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no chromium or google-chrome on this machine to draw the page with")
    with tempfile.TemporaryDirectory() as profile, open_page(chromium, page, Path(profile)) as tab:
        tab.wait_for("document.documentElement?.dataset.ready === 'true'")
        for wanted in sections:
            section, _, highest = wanted.partition(":")
            found = f"document.getElementById('{section}')"
            if not tab.value(f"{found} !== null"):
                raise SystemExit(f"{page}: has no section {section!r}")
            # Some parts are drawn only when they come into view.
            tab.value(f"{found}.scrollIntoView()")
            tab.next_frame()
            x, y, width, height = tab.value(
                f"(r => [r.x + scrollX, r.y + scrollY, r.width, r.height])({found}.getBoundingClientRect())"
            )
            height = min(height + 2 * MARGIN, float(highest or "inf"))
            picture = tab.picture(x=x - MARGIN, y=y - MARGIN, width=width + 2 * MARGIN, height=height)
            if not cv2.imwrite(f"{stem}-{section}.jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82]):
                raise SystemExit(f"{stem}-{section}.jpg: could not be written")
            print(f"{stem}-{section}.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
