"""A small fake of every layout of every dataset, for tests that write and damage many of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from fakes import fake_lsp, fake_lsp_extended
from fakes_3dhp import fake_npz_lists, fake_test_set, fake_training
from fakes_3dpw import fake_3dpw
from fakes_coco import fake_coco
from fakes_custom import fake_custom, fake_custom_csv
from fakes_flic import fake_flic, fake_flic_full
from fakes_h36m import Lab, draw_lab, write_challenge, write_fetched, write_lists, write_npz, write_recordings
from fakes_labels import fake_coco_style, fake_cvat, fake_label_studio, fake_penn_action, fake_yolo_pose
from fakes_mpii import fake_mpii
from fakes_occlusion_person import fake_occlusion_person


@dataclass(frozen=True)
class SmallFake:
    """A layout of a dataset.

    Attributes:
        dataset: Its name in the catalogue.
        layout: What tells it from the dataset's other ones.
        write: Writes it into a folder.
        options: What `prepose data add` needs, as the fake is not the whole dataset.
    """

    dataset: str
    layout: str
    write: Callable[[Path, np.random.Generator], object]
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.dataset}-{self.layout}" if self.layout else self.dataset

    def write_into(self, root: Path) -> Path:
        root.mkdir(parents=True)
        self.write(root, np.random.default_rng(8))
        return root


@cache
def _lab() -> Lab:
    return draw_lab(np.random.default_rng(11), frames=2, subjects=(1, 8, 9))


def _h36m(layout: str, writer: Callable[..., object], *options: str, **settings: bool) -> SmallFake:
    return SmallFake("h36m", layout, lambda root, generator: writer(root, _lab(), **settings), options)


def _occlusion_person(images: str) -> SmallFake:
    write = partial(fake_occlusion_person, counts={"train": 4, "validation": 2}, images=images)
    return SmallFake("occlusion-person", images, write)


SMALL_FAKES = (
    SmallFake("lsp", "", partial(fake_lsp, count=12), ("--split", "train")),
    SmallFake("lsp-extended", "", partial(fake_lsp_extended, count=12)),
    SmallFake("mpii", "json", fake_mpii),
    SmallFake("mpii", "json-no-heads", partial(fake_mpii, heads=False)),
    SmallFake("mpii", "h5", partial(fake_mpii, layout="h5")),
    SmallFake("mpii", "h5-no-heads", partial(fake_mpii, layout="h5", heads=False)),
    SmallFake("mpii", "mat", partial(fake_mpii, layout="mat")),
    SmallFake("flic", "persons", partial(fake_flic, count=8)),
    SmallFake("flic", "viewers", partial(fake_flic, count=8, flavours=("",))),
    SmallFake("flic-full", "", partial(fake_flic_full, count=8)),
    SmallFake("coco", "", fake_coco),
    _h36m("challenge-csv", write_challenge),
    _h36m("challenge-both", write_challenge, cache=True),
    _h36m("challenge-cache", write_challenge, csv=False, cache=True),
    _h36m("frames", write_recordings, "--partial"),
    _h36m("fetched", write_fetched, "--partial"),
    _h36m("json", write_lists, "--partial"),
    _h36m("npz", write_npz, "--partial"),
    _occlusion_person("zip"),
    _occlusion_person("folder"),
    SmallFake(
        "mpi-inf-3dhp", "training", partial(fake_training, subjects=(1, 8), frames=11, cameras=(0, 1)),
        ("--partial", "--split", "train", "--split", "validation"),
    ),
    SmallFake("mpi-inf-3dhp", "test", partial(fake_test_set, frames=3), ("--split", "test")),
    SmallFake("mpi-inf-3dhp", "npz", fake_npz_lists),
    SmallFake("3dpw", "", partial(fake_3dpw, frames=3)),
    SmallFake("coco-style", "", partial(fake_coco_style, count=6)),
    SmallFake("penn-action", "", fake_penn_action),
    SmallFake("yolo-pose", "", partial(fake_yolo_pose, count=6)),
    SmallFake("cvat", "", partial(fake_cvat, count=6)),
    SmallFake("label-studio", "", partial(fake_label_studio, count=6)),
    SmallFake("custom", "json", fake_custom),
    SmallFake("custom", "csv", fake_custom_csv),
)  # fmt: skip
