"""From an uploaded file, within bounds, to poses, drawn frames and files to download."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2

from prepose.data.picture import image_header
from prepose.errors import DataError
from prepose.files import write_whole
from prepose.predict.drawing import draw_overlay
from prepose.predict.exports.export import export_sequences
from prepose.predict.frames import Frame, Source, open_source
from prepose.predict.people import Person
from prepose.predict.pose_files import JSON_LINES, PoseWriter, read_poses, write_csv
from prepose.predict.prediction import Prediction
from prepose.predict.stream import Settings, frames_of, predict_frames

# Longer sides are shown smaller, px.
_SHOWN_SIDE = 1280
_JPEG_QUALITY = 88

Poses = Callable[[Sequence[Person]], list[Prediction]]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Bounds:
    """How much of an uploaded file is taken.

    Attributes:
        most_bytes: Of a file; larger ones are refused.
        most_pixels: Of an image or a frame; larger ones are refused.
        most_frames: Of a video or an animation; the first ones are used.
    """

    most_bytes: int = 200 * 10**6
    most_pixels: int = 50 * 10**6
    most_frames: int = 300


@dataclass(frozen=True, eq=False)
class ShownFrame:
    """A frame with its people drawn on it.

    Attributes:
        picture: JPEG file, `Estimated.shrink` times as large as the frame.
        time: Presentation time, s.
        people: Who is in it, without pixels.
    """

    picture: Path
    time: float
    people: tuple[Prediction, ...]

    def person(self, number: int | None) -> Prediction | None:
        """The person of that number; None where it is not in this frame."""
        return next((each for each in self.people if each.person == number), None)


@dataclass(frozen=True, eq=False)
class Estimated:
    """What became of a file.

    Attributes:
        name: The file's name.
        folder: Where `picture`s and `downloads` are.
        frames: At least one; of an image one.
        shrink: px of a drawn picture for each px of the frame.
        downloads: Files with all poses: JSON lines, CSV, and a BVH file for each person.
        notes: What a user should know of the file, a line each.
    """

    name: str
    folder: Path
    frames: tuple[ShownFrame, ...]
    shrink: float
    downloads: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def people(self) -> list[int]:
        """The numbers of everybody who is in some frame."""
        return sorted({each.person for frame in self.frames for each in frame.people})

    def first_frame_of(self, number: int) -> int:
        """The first frame that shows a person; the first of all where none does."""
        return next((index for index, frame in enumerate(self.frames) if frame.person(number)), 0)

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def estimate(
    poses: Poses, file: Path, settings: Settings, bounds: Bounds, parent: Path, *, progress: Progress | None = None
) -> Estimated:
    """The poses of everybody in an image, an animation or a video.

    Args:
        poses: The network.
        file: The image, animation or video.
        settings: How people are found and followed.
        bounds: How much of the file is taken.
        parent: The folder that receives one for the results.
        progress: Called with (frames done, frames in all where that is known).

    Raises:
        DataError: the file is no image or video, exceeds a bound, is damaged from its first frame on, or its boxes
            cannot be used. The message names the file without its folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="result-", dir=parent))
    try:
        return _Estimation(file, settings, bounds, folder).run(poses, progress)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, DataError):
            raise DataError(str(error).replace(str(file), file.name)) from error
        raise


@dataclass
class _Estimation:
    file: Path
    settings: Settings
    bounds: Bounds
    folder: Path
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, poses: Poses, progress: Progress | None) -> Estimated:
        _check_size(self.file, self.bounds)
        source = open_source(self.file)
        if not source.moving:
            self._check_image()
        shown: list[ShownFrame] = []
        shrink = 1.0
        lines = self.folder / JSON_LINES
        with PoseWriter(lines) as writer:
            for _, frame, people in predict_frames(poses, self._frames(source), self.settings, self._failed):
                writer.write(people)
                picture = self.folder / f"frame-{frame.index:06d}.jpg"
                shrink = _draw(picture, frame, people)
                shown.append(ShownFrame(picture, frame.time, tuple(replace(each, pixels=None) for each in people)))
                if progress is not None:
                    total = None if source.total is None else min(source.total, self.bounds.most_frames)
                    progress(len(shown), total)
        if self.problems and not any(frame.people for frame in shown):
            raise DataError(self.problems[0])
        self.notes += [each.replace(str(self.file), self.file.name) for each in dict.fromkeys(self.problems)][:3]
        downloads = self._downloads(lines) if writer.rows else ()
        return Estimated(self.file.name, self.folder, tuple(shown), shrink, downloads, tuple(self.notes))

    def _failed(self, _: Path, error: DataError) -> None:
        self.problems.append(str(error))

    def _check_image(self) -> None:
        try:
            width, height = image_header(self.file).size_wh
        except DataError:
            return  # the decoder says what is wrong
        _check_pixels(self.file, width, height, self.bounds)

    def _frames(self, source: Source) -> Iterator[tuple[Source, Frame]]:
        for number, (each, frame) in enumerate(frames_of([source], self._failed)):
            if number == self.bounds.most_frames:
                of = f" of about {source.total:,}" if source.total and source.total > number else ""
                self.notes.append(f"only the first {number:,}{of} frames are used; `prepose predict` takes all")
                return
            height, width = frame.pixels.shape[:2]
            _check_pixels(self.file, width, height, self.bounds)
            yield each, replace(frame, source=self.file.name)

    def _downloads(self, lines: Path) -> tuple[Path, ...]:
        files = [lines, write_csv(lines, lines.with_suffix(".csv"))]
        try:
            made = export_sequences(read_poses(lines), self.folder, ["bvh"])
        except DataError as error:
            self.notes.append(f"no BVH: {error}".replace(f"{self.folder}/", ""))
            return tuple(files)
        self.notes += [each.replace(f"{self.folder}/", "") for each in made.notes]
        return (*files, *made.files)


def _check_size(file: Path, bounds: Bounds) -> None:
    size = file.stat().st_size
    if size > bounds.most_bytes:
        raise DataError(f"{file}: is too large: {size / 1e6:,.1f} MB; the limit is {bounds.most_bytes / 1e6:g} MB")


def _check_pixels(file: Path, width: int, height: int, bounds: Bounds) -> None:
    if width * height > bounds.most_pixels:
        found = f"{width:,} x {height:,} px ({width * height / 1e6:,.1f} megapixels)"
        raise DataError(f"{file}: is too large: {found}; the limit is {bounds.most_pixels / 1e6:g} megapixels")


def _draw(picture: Path, frame: Frame, people: Sequence[Prediction]) -> float:
    """Write a frame with its people, and give the scale of the picture."""
    drawn = draw_overlay(frame.pixels, [each.figure for each in people])
    height, width = drawn.shape[:2]
    shrink = min(1.0, _SHOWN_SIDE / max(height, width))
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", drawn[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    write_whole(picture, encoded.tobytes())
    return shrink
