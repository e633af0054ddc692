"""From frames to predictions: who is where, who is who, the network in batches, and smoothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prepose.errors import DataError
from prepose.predict.camera_choice import CameraOf
from prepose.predict.frames import Frame, Source, open_source
from prepose.predict.people import Finder, Person, whole_image
from prepose.predict.prediction import Prediction
from prepose.predict.smoothing import Smoother
from prepose.predict.tracking import Tracker

# The network: people in, one prediction for each out.
Poses = Callable[[Sequence[Person]], list[Prediction]]
# Called with an input and what is wrong with it; the others are processed.
Failed = Callable[[Path, DataError], None]

# Pixels of frames that wait for their batch: memory that does not depend on the length of a video.
MOST_WAITING_PIXELS = 2**25


@dataclass(frozen=True)
class Settings:
    """How people are found and followed.

    Attributes:
        find: Gives the people of a frame.
        camera_of: Gives the camera of an image of some size; None for an assumed one.
        smooth: Whether videos and animations are smoothed.
        threshold: Joints of less confidence are marked.
        batch_size: Crops at a time.
    """

    find: Finder = whole_image
    camera_of: CameraOf | None = None
    smooth: bool = False
    threshold: float = 0.0
    batch_size: int = 16


def frames_of(sources: Iterable[Source], failed: Failed) -> Iterator[tuple[Source, Frame]]:
    """The frames of all sources one after the other; what is wrong with one is told, and the next one follows."""
    for source in sources:
        try:
            for frame in source.frames():
                yield source, frame
        except DataError as error:
            failed(source.path, error)


def opened(inputs: Iterable[Path | Source], failed: Failed) -> list[Source]:
    """The sources that are open or can be opened; what is wrong with the others is told."""
    sources = []
    for each in inputs:
        if isinstance(each, Source):
            sources.append(each)
            continue
        try:
            sources.append(open_source(each))
        except DataError as error:
            failed(each, error)
    return sources


def predict_frames(
    poses: Poses, frames: Iterable[tuple[Source, Frame]], settings: Settings, failed: Failed
) -> Iterator[tuple[Source, Frame, list[Prediction]]]:
    """Each frame with its people, in order.

    Boxes and cameras that cannot be used are told by `failed`, and leave their frame without people.

    Args:
        poses: The network.
        frames: Frames, those of one source one after the other.
        settings: How people are found and followed.
        failed: See above.
    """
    waiting: list[_Waiting] = []
    following = _Following(settings)
    for source, frame in frames:
        try:
            people = following.people_of(source, frame)
        except DataError as error:
            failed(source.path, error)
            people = []
        waiting.append(_Waiting(source, frame, people))
        crops = sum(len(each.people) for each in waiting)
        pixels = sum(each.frame.pixels.size // 3 for each in waiting)
        if crops >= settings.batch_size or pixels >= MOST_WAITING_PIXELS:
            yield from _predicted(poses, waiting, following)
            waiting = []
    yield from _predicted(poses, waiting, following)


@dataclass(frozen=True, eq=False)
class _Waiting:
    source: Source
    frame: Frame
    people: list[Person]


def _predicted(
    poses: Poses, waiting: Sequence[_Waiting], following: "_Following"
) -> Iterator[tuple[Source, Frame, list[Prediction]]]:
    found = iter(poses([person for each in waiting for person in each.people]))
    for each in waiting:
        rows = [following.smoothed(each.source, next(found)) for _ in each.people]
        yield each.source, each.frame, rows


@dataclass
class _Following:
    """What is known of the people of the source that is being read."""

    settings: Settings
    tracked: Source | None = None
    tracker: Tracker = field(default_factory=Tracker)
    smoothers: dict[tuple[Path, int], Smoother] = field(default_factory=dict)

    def people_of(self, source: Source, frame: Frame) -> list[Person]:
        found = self.settings.find(frame)
        camera, rule = self.settings.camera_of(frame.size_wh) if self.settings.camera_of else (None, "")
        if self.tracked is not source:
            self.tracked, self.tracker = source, Tracker()
        numbers = iter(self.tracker.follow([each.box_xywh for each in found if each.person is None], frame.time))
        return [
            Person(
                image=frame.source,
                pixels=frame.pixels,
                box_xywh=each.box_xywh,
                frame=frame.index,
                time=frame.time,
                number=next(numbers) if each.person is None else each.person,
                camera=camera,
                camera_rule=rule,
            )
            for each in found
        ]

    def smoothed(self, source: Source, prediction: Prediction) -> Prediction:
        if not self.settings.smooth or not source.moving:
            return prediction
        key = (source.path, prediction.person)
        if key not in self.smoothers:
            # Those of the sources before are done.
            self.smoothers = {each: one for each, one in self.smoothers.items() if each[0] == source.path}
            self.smoothers[key] = Smoother()
        return self.smoothers[key](prediction)
