"""LSP and LSP-Extended in their authors' file format, and samples of any skeleton."""

import struct
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import scipy.io
import simplejpeg

from fake_layouts import Layout, SmallFake
from fake_people import STANDING_WH, fake_jpeg, standing_people
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import LSP_14
from prepose.camera.camera import Camera
from prepose.data.adapters import lsp
from prepose.data.sample import JointState, PoseSample

# LSP-Extended holds out blocks of 50 images; fakes have fewer images than ten blocks, so that each is a block here.
lsp.BLOCK = 1


def fake_lsp(
    root: Path,
    generator: np.random.Generator,
    *,
    count: int = 1004,
    pictures: tuple[int, ...] | None = None,
    size_wh: tuple[int, int] = STANDING_WH,
) -> np.ndarray:
    """LSP: 1-based places and a flag that is 1 where a joint is occluded; returns the (count, 14, 2) true px.

    Args:
        root: Where `joints.mat` and `images/` go.
        generator: Draws the people; every 7th joint is occluded.
        count: Records; the test split begins at record 1001.
        pictures: The records (from 1) whose image is written; all of them without it.
        size_wh: Size of the images.
    """
    true_img = standing_people(LSP_14, count, generator, size_wh=size_wh)
    occluded = (np.arange(count * 14).reshape(count, 14) % 7 == 0).astype(float)
    joints = np.concatenate([true_img + 1, occluded[..., None]], axis=2).transpose(2, 1, 0)
    _write_joints_and_images(root, joints, true_img, digits=4, pictures=pictures, size_wh=size_wh)
    return true_img


def fake_lsp_extended(
    root: Path,
    generator: np.random.Generator,
    *,
    count: int = 30,
    pictures: tuple[int, ...] | None = None,
    size_wh: tuple[int, int] = STANDING_WH,
) -> np.ndarray:
    """LSP-Extended: 0-based places and a flag that is 1 where a joint is labelled; returns true px, NaN where not."""
    true_img = standing_people(LSP_14, count, generator, size_wh=size_wh)
    labelled = np.arange(count * 14).reshape(count, 14) % 8 != 0
    written = np.where(labelled[..., None], true_img, np.array([0.0, -26.1]))
    joints = np.concatenate([written, labelled[..., None]], axis=2).transpose(1, 2, 0)
    _write_joints_and_images(root, joints, true_img, digits=5, pictures=pictures, size_wh=size_wh)
    return np.where(labelled[..., None], true_img, np.nan)


def _write_joints_and_images(
    root: Path,
    joints: np.ndarray,
    true_img: np.ndarray,
    *,
    digits: int,
    pictures: tuple[int, ...] | None,
    size_wh: tuple,
) -> None:
    (root / "images").mkdir(parents=True)
    scipy.io.savemat(root / "joints.mat", {"joints": joints}, do_compression=True)
    for number in pictures if pictures is not None else range(1, len(true_img) + 1):
        data = fake_jpeg(true_img[number - 1], LSP_14, size_wh)
        (root / "images" / f"im{number:0{digits}d}.jpg").write_bytes(data)


def fake_samples(
    count: int, skeleton: Skeleton, generator: np.random.Generator, *, start: int = 0, has_3d: bool = True
) -> list[PoseSample]:
    """Samples of any skeleton: joints in front of a camera, projected, in a plain picture; numbered by `frame`."""
    camera = Camera(K=np.array([[120.0, 0, 63.5], [0, 121, 47.5], [0, 0, 1]]), size_wh=(128, 96), name="side")
    picture = simplejpeg.encode_jpeg(np.full((96, 128, 3), 127, np.uint8))
    samples = []
    for number in range(start, start + count):
        joints_cam = generator.normal(0, 350, (len(skeleton), 3)) + np.array([0, 0, 4000.0])
        joints_img = camera.project(joints_cam)
        joints_img[number % len(skeleton)] = np.nan
        low, high = np.nanmin(joints_img, axis=0), np.nanmax(joints_img, axis=0)
        samples.append(
            PoseSample(
                image=picture,
                skeleton=skeleton,
                box_xywh=np.concatenate([low, high - low + 1]),
                joints_img=joints_img,
                joints_cam=joints_cam if has_3d else np.full_like(joints_cam, np.nan),
                states=(np.arange(len(skeleton)) % len(JointState)).astype(np.uint8),
                camera=camera if number % 2 == 0 else None,
                subject=f"person {number % 3}",
                action=("walk", "sit")[number % 2],
                frame=number,
                source=f"fake {number}",
                details=f'{{"seed": {number}}}',
            )
        )
    return samples


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def turned_jpeg(image: np.ndarray, orientation: int) -> bytes:
    """A JPEG of the pixels as they are stored, with an EXIF segment that holds nothing but the orientation."""
    jpeg = simplejpeg.encode_jpeg(image, quality=95)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


FAKES = {"lsp": fake_lsp, "lsp-extended": fake_lsp_extended}
LAYOUTS = (
    Layout(
        "lsp",
        "joints.mat",
        # The test split begins at the 1,001st of the labels.
        partial(fake_lsp, count=1024, pictures=(*range(1, 31), *range(1001, 1025))),
        ("train", "test"),
        partial=True,
    ),
    Layout("lsp-extended", "joints.mat", partial(fake_lsp_extended, count=60), ("train", "validation", "test", "all")),
)
SMALL_FAKES = (
    SmallFake("lsp", "", partial(fake_lsp, count=12), ("--split", "train")),
    SmallFake("lsp-extended", "", partial(fake_lsp_extended, count=12)),
)
