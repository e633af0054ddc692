"""A dataset: samples of one skeleton in one order, read from memory-mapped columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from errno import EINVAL
from pathlib import Path

import numpy as np
from jaxtyping import Int

from prepose.body.skeleton import Skeleton
from prepose.data.columns import TEXTS, Block, Blocks, number_columns, pack
from prepose.data.sample import PoseSample
from prepose.errors import DataError
from prepose.files import inside


@dataclass(frozen=True, eq=False)
class PoseDataset:
    """Samples of one skeleton, as columns.

    Opening one reads nothing but the files' outlines; a copy for another process (pickle) opens the files anew.

    Attributes:
        name: The dataset's name, such as `lsp-extended`.
        split: The part of it, such as `train`.
        skeleton: The skeleton of every sample.
        licence: On which terms it may be used.
        citation: What to cite.
        columns: The samples as Arrow blocks.
        rows: Which rows of the columns this dataset has, in its order.
        folder: What relative image paths start from.
        confined: Whether images outside `folder` are refused: a store from someone else may name any file.
    """

    name: str
    split: str
    skeleton: Skeleton
    licence: str
    citation: str
    columns: Blocks
    rows: Int[np.ndarray, "N"]
    folder: Path
    confined: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """Name, split, length and skeleton; not the columns."""
        return f"PoseDataset({self.name}/{self.split}: {len(self):,} samples, {self.skeleton.name})"

    def __getitem__(self, index: int) -> PoseSample:
        """One sample, its image still encoded (bytes) or by path."""
        block, row = self.columns.find(self._row(index))
        return block.sample(row, self.skeleton, self.folder)

    def __iter__(self) -> Iterator[PoseSample]:
        return (self[index] for index in range(len(self)))

    def select(self, indices: Sequence[int] | Int[np.ndarray, "M"]) -> "PoseDataset":
        """The samples of those indices, in that order; shares the columns."""
        return replace(self, rows=self.rows[self._checked(indices)])

    def array(self, name: str, indices: Sequence[int] | Int[np.ndarray, "M"] | None = None) -> np.ndarray:
        """A numeric column of all samples, or of those asked for, without touching an image.

        `joints_img` (N J 2) px, `joints_cam` (N J 3) mm, `box_xywh`, `head_box_xywh` (N 4) px: float32;
        `states` (N J) uint8; `frame` (N) int64; `camera_K`, `camera_rotation` (N 3 3), `camera_translation` (N 3) mm,
        `camera_distortion` (N 5): float64, NaN where a sample has no camera; `camera_size_wh` (N 2) int32, then 0;
        `full_from_img` (N 3 3) float64, the identity but for person chips; `projected` (N) uint8, 1 where `joints_img`
        are the projected 3D joints and not labels.

        Raises:
            ValueError: no numeric column has that name.
        """
        shapes = number_columns(len(self.skeleton))
        if name not in shapes:
            raise ValueError(f"no numeric column is named {name!r}; there are {', '.join(shapes)}")
        if len(self) == 0:
            shape, dtype = shapes[name]
            return np.empty((0, *shape), dtype)
        return self.columns.gather(name, self.rows if indices is None else self.rows[self._checked(indices)])

    def texts(self, name: str, indices: Sequence[int] | Int[np.ndarray, "M"] | None = None) -> list[str]:
        """A text column: subject, action, source, details or camera_name.

        Raises:
            ValueError: no text column has that name.
        """
        if name not in TEXTS:
            raise ValueError(f"no text column is named {name!r}; there are {', '.join(TEXTS)}")
        return self.columns.gather_texts(name, self.rows if indices is None else self.rows[self._checked(indices)])

    def image_bytes(self, index: int) -> bytes:
        """The encoded picture of one sample.

        Raises:
            DataError: the picture is kept by path and cannot be read, or lies outside the folder of a confined dataset.
        """
        block, row = self.columns.find(self._row(index))
        image = block.image(row)
        if isinstance(image, bytes):
            return image
        path = inside(self.folder, image) if self.confined else self.folder / image
        try:
            # A named pipe or a device is waited for or read without end.
            if path.exists() and not path.is_file():
                raise OSError(EINVAL, "not a regular file")
            return path.read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"{path}: the image of sample {index} of {self.name}/{self.split} cannot be read "
                f"({reason}); put it back, or add the dataset again with its images inside the store"
            ) from error

    def _row(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {self.name}/{self.split}, which has {len(self)}")
        return int(self.rows[index])

    def _checked(self, indices: Sequence[int] | Int[np.ndarray, "M"]) -> Int[np.ndarray, "M"]:
        checked = np.asarray(indices, np.int64)
        if checked.size and not (-len(self) <= checked.min() and checked.max() < len(self)):
            raise IndexError(f"samples {checked.min()}..{checked.max()} of {self.name}/{self.split}, of {len(self)}")
        return checked


def dataset_of(
    samples: Sequence[PoseSample], *, skeleton: Skeleton, name: str = "memory", split: str = "all"
) -> PoseDataset:
    """Samples in memory as a dataset."""
    block = Block(pack(samples, len(skeleton)), len(skeleton))
    return PoseDataset(
        name=name,
        split=split,
        skeleton=skeleton,
        licence="",
        citation="",
        columns=Blocks([block]),
        rows=np.arange(len(samples)),
        folder=Path(),
    )
