"""MuPoTS-3D in its authors' layout: two or three people before one camera a sequence, labels in MATLAB cells.

Everything is a tenth of the real size, and the lenses with it. As in the real files, the spine of the first person of
TS1 lies in another place in 2D than in 3D.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io
import simplejpeg

from fake_layouts import Layout, SmallFake
from fake_people import fake_camera, fake_picture
from fakes_3dhp import OF_28, placed
from prepose.body.skeletons import MPI_INF_3DHP_17
from prepose.camera.camera import Camera
from prepose.synthetic.rig import draw_proportions

SPINE = MPI_INF_3DHP_17.index("spine")
MISPLACED_PX = 20.0
BESIDE_MM = 800.0


@dataclass(frozen=True, eq=False)
class FakeSequence:
    """Labels (frames, people, 17, 2 or 3) in px and mm, which are valid and which joints occluded, and the camera."""

    joints_img: np.ndarray
    joints_cam: np.ndarray
    valid: np.ndarray
    occluded: np.ndarray
    camera: Camera
    univ_scale: np.ndarray


def fake_mupots_3d(
    root: Path, generator: np.random.Generator, *, count: int = 3, sequences: tuple[int, ...] = tuple(range(1, 21))
) -> dict[str, FakeSequence]:
    """Sequences of `count` frames; in frame 1 the last person's label is invalid, in frame 2 everybody's."""
    written = {}
    for number in sequences:
        people = 3 if number % 10 == 3 else 2
        camera = fake_camera(generator, (204, 204) if number <= 5 else (192, 108))
        builds = [draw_proportions(generator) for _ in range(people)]
        aside = BESIDE_MM * (np.arange(people) - (people - 1) / 2)[:, None, None] * camera.rotation[0]
        world = np.stack([[placed(generator, build)[OF_28] for build in builds] + aside for _ in range(count)])
        cam = camera.cam_from_world(world)
        img = camera.project(cam)
        valid = np.ones((count, people), bool)
        valid[1:2, -1], valid[2:3] = False, False
        sequence = FakeSequence(
            img, cam, valid, generator.random((count, people, 17)) < 0.2, camera, generator.uniform(0.85, 0.96, people)
        )
        if number == 1:
            sequence.joints_img[:, 0, SPINE] += [0, -MISPLACED_PX]
        folder = root / "MultiPersonTestSet" / f"TS{number}"
        write_sequence(folder, sequence)
        for frame in range(count):
            shown = fake_picture(camera.project(cam[frame]), MPI_INF_3DHP_17, camera.size_wh)
            (folder / f"img_{frame:06d}.jpg").write_bytes(simplejpeg.encode_jpeg(shown, quality=90))
        written[folder.name] = sequence
    return written


def write_sequence(folder: Path, sequence: FakeSequence) -> None:
    """`annot.mat` and `occlusion.mat`."""
    folder.mkdir(parents=True, exist_ok=True)
    annotations, occlusion = (np.empty(sequence.valid.shape, object) for _ in range(2))
    for frame, person in np.ndindex(*sequence.valid.shape):
        cam = sequence.joints_cam[frame, person]
        pelvis = cam[MPI_INF_3DHP_17.root_index]
        annotations[frame, person] = {
            "annot2": sequence.joints_img[frame, person].T,
            "annot3": cam.T,
            "univ_annot3": (pelvis + sequence.univ_scale[person] * (cam - pelvis)).T,
            "isValidFrame": np.uint8(sequence.valid[frame, person]),
        }
        occlusion[frame, person] = sequence.occluded[frame, person].astype(np.uint8)[None]
    scipy.io.savemat(folder / "annot.mat", {"annotations": annotations}, do_compression=True)
    scipy.io.savemat(folder / "occlusion.mat", {"occlusion_labels": occlusion}, do_compression=True)


def fake_people_of(root: Path, generator: np.random.Generator, *, count: int = 3) -> np.ndarray:
    """The whole dataset; returns the joints of its samples, px."""
    written = fake_mupots_3d(root, generator, count=count)
    return np.concatenate([sequence.joints_img[sequence.valid] for sequence in written.values()])


FAKES = {"mupots-3d": fake_people_of}
LAYOUTS = (Layout("mupots-3d", "MultiPersonTestSet", partial(fake_mupots_3d, count=2), ("test",)),)
SMALL_FAKES = (SmallFake("mupots-3d", "", partial(fake_mupots_3d, sequences=(1, 6)), ("--partial",)),)
