"""Synthetic people with their outlines, to be put into other images: what a person detector learns from.

A cut-out is a rendering of somebody in a drawn place whose alpha channel says what is what, so that one PNG holds the
whole scene, the person and their outline.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
from jaxtyping import UInt8

from prepose.errors import DataError
from prepose.files import write_whole
from prepose.synthetic.people import person
from prepose.synthetic.render import build_tracer, render
from prepose.synthetic.sensor import draw_sensor, expose
from prepose.synthetic.viewpoint import Views, draw_square, keep_square
from prepose.synthetic.worlds import World, draw_model, find_world
from prepose.worker import map_in_order

# The alpha of the person, and of the seat under them; all else is 0.
PERSON, SEAT = 255, 128

Cutout = UInt8[np.ndarray, "S S 4"]

# Nothing stands in front of them: what covers people is drawn when they are put together.
_WORLD: World = replace(
    find_world("wild"), occluded=0.0, severity=0.4, views=Views(share=(0.15, 1.0), fill=(0.35, 0.95), truncated=0.25)
)
# Every so many scenes in a row show one person, and every so many show nobody.
_VISIT, _EMPTY_EVERY = 4, 5


@dataclass(frozen=True)
class CutoutOrder:
    """What a series of cut-outs is a function of.

    Attributes:
        split: Which people, a name of `worlds.SPLITS`.
        seed: Which series.
        size: Side of the images, px.
    """

    split: str = "train"
    seed: int = 0
    size: int = 192

    def draw(self, index: int) -> Cutout:
        """One scene of the series, RGB and alpha; every fifth shows nobody, its alpha is 0."""
        key = [crc32(b"cutouts"), crc32(self.split.encode()), self.seed]
        numbers = _WORLD.people[self.split]
        visitor = np.random.default_rng([*key, 0, index // _VISIT]).integers(len(numbers))
        generator = np.random.default_rng([*key, 1, index])
        model = draw_model(generator, _WORLD, person(_WORLD.name, numbers[int(visitor)]), ())
        setting = _WORLD.place(generator, _WORLD, model, None)
        whole = setting.camera
        in_frame = [
            whole.project(whole.cam_from_world(points)) for points in (model.points_world[::3], model.joints_world)
        ]
        square, _ = draw_square(generator, *in_frame, views=_WORLD.views, size=self.size)
        empty = index % _EMPTY_EVERY == _EMPTY_EVERY - 1
        meshes = setting.scene.meshes if empty else (*model.meshes, *setting.scene.meshes)
        picture = render(
            build_tracer(meshes),
            camera=keep_square(whole, square),
            lights=setting.scene.lights,
            background=setting.scene.background,
        )
        image = expose(picture.image, draw_sensor(generator, _WORLD.severity), generator)
        alpha = np.zeros(image.shape[:2], dtype=np.uint8)
        if not empty:
            alpha[(picture.mesh_index >= 0) & (picture.mesh_index < len(model.meshes) + setting.near)] = SEAT
            alpha[(picture.mesh_index >= 0) & (picture.mesh_index < len(model.meshes))] = PERSON
        return np.dstack([image, alpha])


def draw_cutouts(
    folder: Path,
    order: CutoutOrder,
    count: int,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Draw the first cut-outs of a series into a folder, those that are not there yet.

    Args:
        folder: Where they go, as PNG files; made where it does not exist.
        order: The series.
        count: How many.
        workers: Processes; the images are the same for any number of them.
        progress: Called with (cut-outs that are there, all).

    Returns:
        Their files, in order.

    Raises:
        DataError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{order.split}-{order.seed}-{order.size}-{index:06d}.png" for index in range(count)]
    todo = [index for index, file in enumerate(files) if not file.is_file()]
    for done, (index, png) in enumerate(_drawn(order, todo, workers), start=count - len(todo) + 1):
        write_whole(files[index], png)
        if progress is not None:
            progress(done, count)
    return files


def read_cutout(file: Path) -> Cutout:
    """A cut-out of `draw_cutouts`, RGB and alpha.

    Raises:
        DataError: the file cannot be read.
    """
    bgra = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
        raise DataError(f"{file}: not an image with an alpha channel; delete it, so that it is drawn again")
    return cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)


def _drawn(order: CutoutOrder, indices: list[int], workers: int) -> Iterator[tuple[int, bytes]]:
    # Whole visits, as building a figure costs more than drawing it.
    tasks = [indices[first : first + 4 * _VISIT] for first in range(0, len(indices), 4 * _VISIT)]
    if workers == 1:
        for index in indices:
            yield index, _png(order.draw(index))
        return
    for batch in map_in_order(_Task(order), tasks, workers=workers):
        yield from batch


@dataclass(frozen=True)
class _Task:
    order: CutoutOrder

    def __call__(self, indices: list[int]) -> list[tuple[int, bytes]]:
        cv2.setNumThreads(1)
        return [(index, _png(self.order.draw(index))) for index in indices]


def _png(cutout: Cutout) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(cutout, cv2.COLOR_RGBA2BGRA))[1].tobytes()
