"""From files to files: everybody's poses in images, animations and videos as JSON lines, tables and drawings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import TracebackType

import cv2

from prepose.body.skeletons import get_skeleton
from prepose.errors import OUT_OF_SPACE, DataError, one_line, unknown_name
from prepose.files import LOCK, locked, write_whole
from prepose.predict.drawing import draw_overlay
from prepose.predict.frames import Frame, Source
from prepose.predict.pose_files import FORMATS, JSON_LINES, PoseWriter
from prepose.predict.prediction import Prediction, conversion, draw_predictions
from prepose.predict.predictor import Predictor
from prepose.predict.stream import Settings, frames_of, opened, predict_frames
from prepose.predict.video import WriteFrame, require_av, video_file

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Output:
    """What is written where.

    Attributes:
        folder: The folder to write into.
        formats: Names of `pose_files.FORMATS` that are written beside the JSON lines.
        skeleton: The skeleton to convert to; None for the network's.
        draw: Whether each image and video is drawn with its people: NAME_pose.png, NAME_pose.mp4.
        overwrite: Whether files that exist are replaced.
        exports: What else is made of the poses in the folder once they are all there, given that folder and whether
            files that exist are replaced; None for nothing.
    """

    folder: Path
    formats: Sequence[str] = ()
    skeleton: str | None = None
    draw: bool = True
    overwrite: bool = False
    exports: Callable[[Path, bool], list[Path]] | None = None


@dataclass
class Outcome:
    """What became of the inputs.

    Attributes:
        files: The files written.
        frames: Images and frames that were looked at.
        poses: Poses in them.
        empty: Inputs in which nobody was found.
        problems: Inputs that could not be used, wholly or in part, in one line each.
        conversion: How the joints of the skeleton that was asked for follow from the network's, in a line.
        untrained: Parts of the network that nothing has trained.
    """

    files: list[Path] = field(default_factory=list)
    frames: int = 0
    poses: int = 0
    empty: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    conversion: str = ""
    untrained: tuple[str, ...] = ()


def predict_files(
    run: Path,
    inputs: Sequence[Path | Source],
    output: Output,
    settings: Settings | None = None,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Outcome:
    """The poses of everybody in each image, animation and video; damaged ones are reported, the others processed.

    `poses.jsonl` has a line for each person of each frame. Nothing is written before the first image has been read.

    Args:
        run: A run's folder, a weights file, an exported model or a checkpoint to import.
        inputs: The images, animations and videos; or sources that are open, such as a camera.
        output: What is written where.
        settings: How people are found and followed; None: the whole image is one person.
        device: Where to run the network.
        progress: Called with (frames done, frames in all where that is known).

    Raises:
        DataError: there are no weights, the only input cannot be used, a file to write exists, another process
            predicts into the folder, the disk is full (the
            poses so far are kept), or the network's joints are not finite or no pose.
    """
    if not inputs:
        raise DataError("there is no image to predict; name one or more images, videos or folders")
    target = None if output.skeleton is None else get_skeleton(output.skeleton)
    settings = settings or Settings()
    seen = _Problems(alone=len(inputs) == 1)
    sources = opened(inputs, seen.unread)
    paths = [each if isinstance(each, Path) else each.path for each in inputs]
    drawings = _drawings(output, sources, paths)
    _check_free(output, list(drawings.values()))
    outcome = Outcome()
    predictor = replace(Predictor.load(run, device=device), threshold=settings.threshold)
    outcome.untrained = () if predictor.net.ledger is None else predictor.net.ledger.untrained
    if target is not None:
        outcome.conversion = conversion(predictor.net.skeleton, target)
    lines = output.folder / JSON_LINES
    found: dict[Path, int] = {}
    # Of two runs into one folder, the later would replace what the earlier is still writing.
    with locked(output.folder / LOCK, f"predicts into {output.folder}"), _full_disk_told(lines, outcome):
        # Again, as another run may have ended while the network was loaded.
        _check_free(output, list(drawings.values()))
        with PoseWriter(lines) as writer, _Drawer(drawings) as drawer:
            frames = seen.counted(frames_of(sources, seen.unread))
            for source, frame, people in predict_frames(predictor.poses, frames, settings, seen.unfound):
                shown = people if target is None else [each.in_skeleton(target) for each in people]
                writer.write(shown)
                outcome.frames, outcome.poses = outcome.frames + 1, writer.rows
                drawer.draw(source, frame, shown)
                found[source.path] = found.get(source.path, 0) + len(shown)
                if progress is not None:
                    progress(outcome.frames, _total(sources, outcome.frames))
            drawer.finish()
        if found:
            made = [FORMATS[each](lines, lines.with_suffix(f".{each}")) for each in dict.fromkeys(output.formats)]
            outcome.files = [lines, *made, *drawer.written]
            if output.exports is not None:
                outcome.files += output.exports(output.folder, output.overwrite)
    outcome.problems = seen.told(paths)
    outcome.empty = [path for path, poses in found.items() if not poses and path not in seen.lines]
    return outcome


def _total(sources: Sequence[Source], done: int) -> int | None:
    totals = [source.total for source in sources]
    # The number of frames that a video's header tells of may be too small.
    return max(done, sum(each or 0 for each in totals)) if all(totals) else None


@dataclass
class _Problems:
    """What is wrong with which input; the only input is refused at once where nothing of it can be used."""

    alone: bool
    frames: int = 0
    lines: dict[Path, list[str]] = field(default_factory=dict)

    def counted(self, frames: Iterable[tuple[Source, Frame]]) -> Iterator[tuple[Source, Frame]]:
        for each in frames:
            self.frames += 1
            yield each

    def unread(self, path: Path, error: DataError) -> None:
        if self.alone and not self.frames:
            raise error
        self.lines.setdefault(path, []).append(one_line(error))

    def unfound(self, path: Path, error: DataError) -> None:
        if self.alone and self.frames == 1:
            raise error
        self.lines.setdefault(path, []).append(one_line(error))

    def told(self, inputs: Sequence[Path]) -> list[str]:
        """One line for each input: the first that is wrong, and how much more."""
        found = [self.lines[path] for path in inputs if path in self.lines]
        return [lines[0] + (f" (and {len(lines) - 1:,} more)" if len(lines) > 1 else "") for lines in found]


@contextmanager
def _full_disk_told(lines: Path, outcome: Outcome) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise
        reason = (error.strerror or "the disk is full").lower()
        kept = f"the {outcome.poses:,} poses of {outcome.frames:,} frames are kept in {lines.name}"
        raise DataError(f"{lines.parent}: {reason}; {kept}; free some space and rerun with --overwrite") from error


def _drawings(output: Output, sources: Sequence[Source], inputs: Sequence[Path]) -> dict[Path, Path]:
    """Input -> the drawing of it; names that would be another input's or another drawing's get a number."""
    if not output.draw:
        return {}
    taken = {each.resolve() for each in inputs}
    drawings = {}
    for source in sources:
        ending = ".mp4" if source.moving else ".png"
        names = (f"{source.path.stem}_pose{f'_{number}' if number > 1 else ''}{ending}" for number in count(1))
        drawing = next(each for each in (output.folder / name for name in names) if each.resolve() not in taken)
        taken.add(drawing.resolve())
        drawings[source.path] = drawing
    if any(source.moving for source in sources):
        require_av()
    return drawings


def _check_free(output: Output, drawings: Sequence[Path]) -> None:
    folder = output.folder
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; --out must be a folder")
    unknown = [each for each in output.formats if each not in FORMATS]
    if unknown:
        raise DataError(unknown_name("format", unknown[0], FORMATS))
    # Tables that are not asked for would be of other poses.
    targets = [folder / JSON_LINES, *(folder / f"poses.{each}" for each in FORMATS), *drawings]
    there = [each for each in targets if each.exists()]
    if there and not output.overwrite:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise DataError(f"{there[0]}{more}: exists; choose another --out, or --overwrite to replace it")


class _Drawer:
    """Draws each source with its people: an image as soon as it is there, a video frame by frame."""

    def __init__(self, targets: Mapping[Path, Path]) -> None:
        self.written: list[Path] = []
        self._targets = targets
        self._stack = ExitStack()
        self._video: tuple[Path, WriteFrame] | None = None

    def draw(self, source: Source, frame: Frame, people: Sequence[Prediction]) -> None:
        target = self._targets.get(source.path)
        if self._video is not None and self._video[0] != target:
            self.finish()
        if target is None:
            return
        if not source.moving:
            _, encoded = cv2.imencode(".png", draw_predictions(frame.pixels, people)[..., ::-1].copy())
            self.written.append(write_whole(target, encoded.tobytes()))
            return
        if self._video is None:
            self._video = target, self._stack.enter_context(video_file(target))
        self._video[1](draw_overlay(frame.pixels, [each.figure for each in people]), frame.time)

    def finish(self) -> None:
        """Close the video that is being drawn."""
        if self._video is not None:
            self._stack.close()
            self.written.append(self._video[0])
            self._video = None

    def __enter__(self) -> "_Drawer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)
