"""The examples of the page: synthetic people, in small files that ship; `tests/serve_examples.py` rendered them."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Example:
    """A file to try the page with.

    Attributes:
        file: Its name in `FOLDER`.
        title: What it shows.
        boxes: Each person's box: x, y, width, height, px.
    """

    file: str
    title: str
    boxes: tuple[tuple[int, int, int, int], ...]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.file

    @property
    def boxes_text(self) -> str:
        """The boxes as the page's field for them has them: one person a line."""
        return "\n".join(", ".join(map(str, box)) for box in self.boxes)


EXAMPLES = (
    Example("running.jpg", "one person", ((114, 51, 115, 291),)),
    Example("occluded.jpg", "partly occluded", ((98, 31, 187, 325),)),
    Example("two-people.jpg", "two people", ((58, 61, 85, 286), (176, 38, 150, 304))),
    Example("exercise.mp4", "a video", ((78, 25, 99, 206),)),
)
