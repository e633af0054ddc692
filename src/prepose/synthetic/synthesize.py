"""Writing a world to a store: many processes draw, one writes, and the samples come in the same order as from one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import cv2

from prepose import __version__
from prepose.body.skeletons import PREPOSE_27
from prepose.data.sample import PoseSample
from prepose.data.store import StoreDescription, describe_store, finished_samples, write_store
from prepose.errors import PoseError, RecipeError
from prepose.files import LOCK, locked
from prepose.synthetic.backgrounds import Backgrounds, open_backgrounds
from prepose.synthetic.bvh import JointNames, MotionClip, poses_from_bvh, read_joint_names
from prepose.synthetic.worlds import VISIT, draw_sample, find_world
from prepose.worker import map_in_order

Progress = Callable[[int, int], None]

# Samples of one task: whole visits, long enough to make passing them cheap, short enough to share the last round.
_TASK = 2 * VISIT
# What can be lost when the command is killed.
_SHARD = 256
# Sides of an image, px: a person fills 32, and the renderer's memory 1024.
SMALLEST_PX, LARGEST_PX = 32, 1024


@dataclass(frozen=True)
class Order:
    """The samples of one split: what they are a function of.

    Attributes:
        world: A name of `worlds.WORLDS`.
        split: A name of `worlds.SPLITS`.
        seed: Which series of samples.
        size: Side of the pictures, px.
        motion: BVH files that half of the poses are taken from.
        joint_names: What rigs unknown to prepose call their joints, in those files.
        backgrounds: Folder or store that most backgrounds are taken from; None for none.
    """

    world: str
    split: str
    seed: int
    size: int
    motion: tuple[str, ...] = ()
    joint_names: tuple[JointNames, ...] = ()
    backgrounds: Path | None = None

    def clips(self) -> tuple[MotionClip, ...]:
        """The clips, read from their files."""
        return tuple(poses_from_bvh(path, names=self.joint_names) for path in self.motion)

    def scenery(self) -> Backgrounds | None:
        """The backgrounds, opened."""
        return None if self.backgrounds is None else open_backgrounds(self.backgrounds)


def synthesize(  # noqa: PLR0913 - what to draw, where to, how
    world: str,
    *,
    out: Path,
    counts: Mapping[str, int],
    size: int = 128,
    seed: int = 0,
    workers: int = 1,
    motion: Sequence[Path] = (),
    joint_names: Sequence[Path] = (),
    backgrounds: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Draw samples of a world and write them to a store; go on where the same command was interrupted.

    Args:
        world: A name of `worlds.WORLDS`.
        out: The store.
        counts: Samples of each split.
        size: Side of the pictures, px.
        seed: Which series of samples.
        workers: Processes; the samples are the same for any number of them.
        motion: BVH files that half of the poses are taken from.
        joint_names: JSON tables of what rigs unknown to prepose call their joints (`bvh.read_joint_names`).
        backgrounds: Folder of images without people, or a store, whose surroundings of people are taken: the real
            background of most samples.
        progress: Called with (samples that are there, samples of all splits).

    Raises:
        RecipeError: the world or a split is unknown, or a number is out of range.
        DataError: `out` holds something else, or all of this already; another process writes to it; or a motion file,
            a table or a background cannot be read.
        PoseError: a worker process died.
    """
    paths, tables = tuple(str(path) for path in motion), tuple(read_joint_names(path) for path in joint_names)
    orders = {split: Order(world, split, seed, size, paths, tables, backgrounds) for split in counts}
    _check(orders, counts, workers)
    if tables and not paths:
        raise RecipeError("--joint-names names the joints of motion files, and no --motion is given")
    clips = next(iter(orders.values())).clips()
    total, done = sum(counts.values()), 0
    with locked(Path(out) / LOCK, f"is writing the store {out}"):
        todo = _unfinished(Path(out), orders, counts)
        for split, count in counts.items():
            if split in todo:
                report = None if progress is None else _shifted(progress, done, total)
                _write_split(Path(out), orders[split], count, clips=clips, workers=workers, progress=report)
            done += count


def describe(order: Order, count: int) -> StoreDescription:
    """How a store names what an order of `count` samples draws."""
    scenery = order.scenery()
    return StoreDescription(
        name=order.world,
        skeleton=PREPOSE_27,
        licence="CC0-1.0" if scenery is None else _terms(scenery),
        citation=f"prepose {__version__}, synthetic world {order.world!r}",
        made_by={"command": "synthesize", **_plain(order), "samples": count, "version": __version__},
    )


def _terms(scenery: Backgrounds) -> str:
    terms = "" if scenery.people is None else f": {scenery.people.name}, {scenery.people.licence}"
    return f"CC0-1.0 but for the backgrounds, which keep the terms of their images{terms}"


def _plain(order: Order) -> Mapping[str, object]:
    """As it comes back from JSON; without tables and backgrounds it is as it was before there were any."""
    plain = asdict(replace(order, joint_names=()))
    del plain["backgrounds"]
    scenery = order.scenery()
    images = {} if scenery is None else {"backgrounds": {"images": len(scenery), "digest": scenery.digest}}
    tables = {"joint_names": [dict(table.joints) for table in order.joint_names]} if order.joint_names else {}
    return (
        {key: value for key, value in plain.items() if key != "joint_names"}
        | {"motion": list(order.motion)}
        | tables
        | images
    )


def _check(orders: Mapping[str, Order], counts: Mapping[str, int], workers: int) -> None:
    if not orders:
        raise RecipeError("nothing to draw: give a number of samples for a split, such as train=1000")
    if workers < 1:
        raise RecipeError(f"workers must be at least 1, found {workers}")
    for split, order in orders.items():
        world = find_world(order.world)
        if split not in world.people:
            raise RecipeError(f"world {world.name!r} has no split {split!r}; it has {', '.join(world.people)}")
        if counts[split] < 1:
            raise RecipeError(f"split {split!r}: the number of samples must be at least 1, found {counts[split]}")
        if not SMALLEST_PX <= order.size <= LARGEST_PX:
            raise RecipeError(f"size must be {SMALLEST_PX} to {LARGEST_PX} px, found {order.size}")
        if order.seed < 0:
            raise RecipeError(f"seed must be at least 0, found {order.seed}")


def _unfinished(out: Path, orders: Mapping[str, Order], counts: Mapping[str, int]) -> set[str]:
    """The splits that are still to be written; all of them where all are complete, so that the store can refuse."""
    summaries = describe_store(out).splits if (out / "store.json").exists() else {}
    complete = {
        split
        for split, order in orders.items()
        if split in summaries
        and summaries[split].complete
        and dict(summaries[split].made_by) == dict(describe(order, counts[split]).made_by)
    }
    return set(orders) - complete or set(orders)


def _write_split(
    out: Path,
    order: Order,
    count: int,
    *,
    clips: tuple[MotionClip, ...],
    workers: int,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    description = describe(order, count)
    first = finished_samples(out, order.split, description)
    samples = _drawn(order, first, count, clips) if workers == 1 else _drawn_by_many(order, first, count, workers)
    try:
        write_store(
            out,
            description,
            order.split,
            samples,
            total=count,
            shard_size=_SHARD,
            resume_from=first,
            progress=progress,
        )
    except BrokenProcessPool as error:
        raise PoseError(
            f"{out}: a drawing process died while split {order.split!r} was written (out of memory?); finished samples "
            "are safe: run the command again to go on, with fewer workers"
        ) from error


def _shifted(progress: Progress, before: int, total: int) -> Callable[[int, int | None], None]:
    return lambda done, _: progress(before + done, total)


def _drawn(order: Order, first: int, last: int, clips: tuple[MotionClip, ...]) -> Iterator[PoseSample]:
    world = find_world(order.world)
    scenery = order.scenery()
    for index in range(first, last):
        yield draw_sample(world, order.split, order.seed, index, order.size, clips=clips, backgrounds=scenery)


def _drawn_by_many(order: Order, first: int, last: int, workers: int) -> Iterator[PoseSample]:
    """The same samples in the same order."""
    starts = range(first - first % _TASK, last, _TASK)
    tasks = [(max(start, first), min(start + _TASK, last)) for start in starts]
    set_up = partial(_start_worker, order)
    for batch in map_in_order(partial(_task, order), tasks, workers=workers, set_up=set_up):
        yield from batch


# The clips of a worker process: read once, when it starts.
_worker_clips: tuple[MotionClip, ...] = ()


def _start_worker(order: Order) -> None:
    global _worker_clips
    cv2.setNumThreads(1)
    _worker_clips = order.clips()


def _task(order: Order, numbers: tuple[int, int]) -> list[PoseSample]:
    return list(_drawn(order, *numbers, _worker_clips))
