"""3DPW in its authors' layout: sequence pickles of Python 2, and pictures in a folder a sequence."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fake_layouts import Layout, SmallFake
from fake_people import SIZE_WH, FakePerson, fake_camera, fake_person, write_picture
from fake_pickles import write_python2_pickle
from prepose.body.skeletons import SMPL_24 as SKELETON
from prepose.data.threedpw_sequence import DETECTED
from prepose.synthetic.rig import draw_proportions

SEQUENCES = {"train": ("courtyard_walk_00",), "validation": ("downtown_bus_01",), "test": ("office_phone_00",)}


@dataclass(frozen=True, eq=False)
class FakeSequence:
    """Who is in a sequence, by person and frame, and in which frames the camera is valid."""

    people: list[list[FakePerson]]
    valid: np.ndarray


def fake_3dpw(
    root: Path,
    generator: np.random.Generator,
    *,
    frames: int = 6,
    actors: int = 2,
    pictures: bool = True,
) -> dict[str, FakeSequence]:
    """Write the dataset and return who is in it, by sequence.

    The second person's camera is invalid in frame 1, and its pose broken there too; in the last frame the first
    person's right wrist was not detected.
    """
    written = {}
    for split, names in SEQUENCES.items():
        for name in names:
            K = fake_camera(generator).K
            cameras = [replace(fake_camera(generator), K=K) for _ in range(frames)]
            people = []
            for number in range(actors):
                build, beside = draw_proportions(generator), 400.0 * (2 * number - 1)
                people.append([fake_person(generator, SKELETON, c, beside=beside, build=build) for c in cameras])
            valid = np.ones((actors, frames), int)
            valid[-1, 1] = 0
            content = sequence_content(name, people, valid)
            write_python2_pickle(root / "sequenceFiles" / split / f"{name}.pkl", content)
            written[name] = FakeSequence(people, valid)
            if pictures:
                _write_pictures(root / "imageFiles" / name, people)
    return written


def sequence_content(name: str, people: list[list[FakePerson]], valid: np.ndarray) -> dict:
    """What a sequence's pickle holds."""
    cameras = [person.camera for person in people[0]]
    poses = np.tile(np.eye(4), (len(cameras), 1, 1))
    poses[:, :3, :3] = [camera.rotation for camera in cameras]
    poses[:, :3, 3] = [camera.translation / 1000 for camera in cameras]
    detected = [np.stack([_detection(person) for person in group]) for group in people]
    detected[0][-1, :, DETECTED["r_wrist"]] = 0
    return {
        "sequence": name,
        "betas": [np.zeros((10, 1)) for _ in people],
        "poses": [np.zeros((len(cameras), 72)) for _ in people],
        "genders": ["m", "f"][: len(people)],
        "jointPositions": [np.stack([p.joints_world.ravel() / 1000 for p in group]) for group in people],
        "cam_poses": poses,
        "cam_intrinsics": cameras[0].K,
        "campose_valid": [row.astype(bool) for row in valid],
        "img_frame_ids": np.arange(0, 2 * len(cameras), 2),
        "poses2d": detected,
        "texture_maps": [],
    }


def _detection(person: FakePerson) -> np.ndarray:
    found = np.zeros((3, 18))
    for joint, column in DETECTED.items():
        found[:, column] = [*person.joints_img[SKELETON.index(joint)], 0.9]
    return found


def _write_pictures(folder: Path, people: list[list[FakePerson]]) -> None:
    for frame, together in enumerate(zip(*people, strict=True)):
        joints_img = np.stack([person.joints_img for person in together])
        write_picture(folder / f"image_{frame:05d}.jpg", joints_img, SKELETON, SIZE_WH)


def threedpw_places(root: Path, generator: np.random.Generator, *, count: int = 12) -> np.ndarray:
    """The dataset with `count` frames of people a sequence; returns the joints of those that a camera sees, px."""
    written = fake_3dpw(root, generator, frames=count // 2)
    return np.stack(
        [
            person.joints_img
            for sequence in written.values()
            for group, valid in zip(sequence.people, sequence.valid, strict=True)
            for person, there in zip(group, valid, strict=True)
            if there
        ]
    )


FAKES = {"3dpw": threedpw_places}
LAYOUTS = (Layout("3dpw", "sequence files", partial(fake_3dpw, frames=12), ("train", "validation", "test")),)
SMALL_FAKES = (SmallFake("3dpw", "", partial(fake_3dpw, frames=3)),)
