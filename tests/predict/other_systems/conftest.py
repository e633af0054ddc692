"""A small store of people in front of cameras, and what systems of any kind might write about them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.camera.camera import Camera
from prepose.data.dataset import PoseDataset
from prepose.data.sample import JointState, PoseSample
from prepose.data.store import StoreDescription, open_store, write_store
from prepose.synthetic.rig import draw_proportions

# Two people in each of the images b and c; sequences of images have equal names.
IMAGES = ("one/a.jpg", "one/b.jpg", "one/b.jpg", "two/a.jpg", "two/c.jpg", "two/c.jpg")


def turn(degrees, axis=1):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    one, other = [index for index in range(3) if index != axis]
    matrix[one, one] = matrix[other, other] = cos
    matrix[one, other], matrix[other, one] = -sin, sin
    return matrix


@dataclass(frozen=True, eq=False)
class Scene:
    """A store with one split, `test`, of mpii-16 with 3D labels."""

    store: Path
    dataset: PoseDataset

    @property
    def truth_cam(self):
        return self.dataset.array("joints_cam").astype(float)

    @property
    def truth_img(self):
        return self.dataset.array("joints_img").astype(float)

    def columns(self, skeleton="mpii-16", **changes):
        """Perfect predictions as arrays, in a skeleton."""
        mapping = joint_map(MPII_16, get_skeleton(skeleton))
        found = {
            "image": np.array(IMAGES),
            "joints_cam": mapping.apply(self.truth_cam),
            "joints_2d": mapping.apply(self.truth_img),
            "skeleton": skeleton,
        }
        return {name: value for name, value in {**found, **changes}.items() if value is not None}

    def npz(self, path, **changes):
        np.savez(path, **self.columns(**changes))
        return path


def _samples():
    generator = np.random.default_rng(4)
    camera = Camera(K=np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]), size_wh=(320, 240), rotation=turn(90))
    picture = simplejpeg.encode_jpeg(np.full((240, 320, 3), 90, np.uint8))
    for number, image in enumerate(IMAGES):
        # The people of an image stand beside each other.
        aside = 900.0 if number and IMAGES[number - 1] == image else -900.0
        rest = draw_proportions(generator).rest
        pose = joint_map(get_skeleton("prepose-27"), MPII_16).apply(rest + generator.normal(0, 60, rest.shape))
        joints_cam = pose @ np.diag([1.0, -1, -1]) + np.array([aside, 500.0, 4000.0 + 100 * number])
        joints_img = camera.project(joints_cam)
        low, high = joints_img.min(axis=0), joints_img.max(axis=0)
        yield PoseSample(
            image=picture,
            skeleton=MPII_16,
            box_xywh=np.concatenate([low, high - low]),
            joints_img=joints_img,
            joints_cam=joints_cam,
            states=np.full(16, JointState.VISIBLE, np.uint8),
            camera=camera,
            subject=f"S{number % 3}",
            action=image.partition("/")[0],
            frame=number,
            source=f"labels.json[{number}]: {image}",
        )


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene") / "store"
    write_store(folder, StoreDescription("scene", MPII_16), "test", _samples(), total=len(IMAGES))
    return Scene(folder, open_store(folder, "test"))


@pytest.fixture
def two_d(scene, tmp_path):
    """The same people without 3D labels."""
    folder = tmp_path / "flat"
    samples = (replace(sample, joints_cam=np.full((16, 3), np.nan), camera=None) for sample in _samples())
    write_store(folder, StoreDescription("flat", MPII_16), "test", samples, total=len(IMAGES))
    return Scene(folder, open_store(folder, "test"))
