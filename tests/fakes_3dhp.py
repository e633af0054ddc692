"""MPI-INF-3DHP in its authors' layout: labels in MATLAB cells, calibrations as text, videos or frames, a test set.

A studio of 14 cameras around people in made-up poses. Everything is a tenth of the real size, and the lenses with it.
"""

import pickle
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io
import simplejpeg

from fake_layouts import Layout, SmallFake
from fake_people import fake_camera, fake_picture, fake_posed, turned
from prepose.body.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28
from prepose.camera.camera import Camera
from prepose.synthetic.rig import Proportions, draw_proportions

SIZE_WH = (204, 204)
TEST_SIZES = {**dict.fromkeys(("TS1", "TS2", "TS3", "TS4"), (204, 204)), "TS5": (192, 108), "TS6": (192, 108)}
UNIV_SCALE = 0.9
OF_28 = [MPI_INF_3DHP_28.index(joint) for joint in MPI_INF_3DHP_17.joints]
FIELDS_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
ALL_CAMERAS = tuple(range(14))
# Frames 0, 10, 20, ... are taken.
EVERY = 10


@dataclass(frozen=True, eq=False)
class FakeRecording:
    """People of a training recording: joints in the world (frames, 28, 3) mm, and the cameras."""

    world: np.ndarray
    cameras: tuple[Camera, ...]

    def cam(self, camera: int) -> np.ndarray:
        return self.cameras[camera].cam_from_world(self.world)

    def img(self, camera: int) -> np.ndarray:
        return self.cameras[camera].project(self.cam(camera))


def fake_recording(generator: np.random.Generator, person: Proportions, *, frames: int) -> FakeRecording:
    """A person somewhere in the studio, in another pose in each frame."""
    cameras = []
    for _ in range(14):
        camera = fake_camera(generator, SIZE_WH)
        off = np.array([[0, 0, 0.6], [0, 0, -0.4], [0, 0, 0]])  # the authors' axes do not pass through the middle
        cameras.append(replace(camera, K=camera.K * [[1, 1, 1], [1, 0.99, 1], [1, 1, 1]] + off))
    world = np.stack([placed(generator, person) for _ in range(frames)])
    return FakeRecording(world, tuple(cameras))


def placed(generator: np.random.Generator, person: Proportions) -> np.ndarray:
    joints = turned(fake_posed(generator, MPI_INF_3DHP_28, person), generator.uniform(-np.pi, np.pi))
    # The real files have the joint `head` a third of the way from the neck to the top of the head.
    neck, head, top = (MPI_INF_3DHP_28.index(name) for name in ("neck", "head", "head_top"))
    joints[head] = joints[neck] + (joints[top] - joints[neck]) / 3
    return joints + np.array([*generator.uniform(-300, 300, 2), 0])


def write_labels(folder: Path, recording: FakeRecording, *, size: str = "204 204", frames_from: int = 0) -> None:
    """`annot.mat` and `camera.calibration`; `size` is what the calibration says of the image size."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = {name: np.empty((14, 1), object) for name in ("annot2", "annot3", "univ_annot3")}
    for camera in range(14):
        cam = recording.cam(camera)
        pelvis = cam[:, MPI_INF_3DHP_28.root_index, None]
        values = {"annot2": recording.img(camera), "annot3": cam, "univ_annot3": pelvis + UNIV_SCALE * (cam - pelvis)}
        for name, joints in values.items():
            cells[name][camera, 0] = joints.reshape(len(cam), -1)
    rows = np.arange(frames_from, frames_from + len(recording.world), dtype=float)[:, None]
    content = {**cells, "cameras": np.arange(14.0)[:, None], "frames": rows}
    scipy.io.savemat(folder / "annot.mat", content, do_compression=True)
    (folder / "camera.calibration").write_text(calibration_text(recording, size))


def calibration_text(recording: FakeRecording, size: str) -> str:
    lines = ["Skeletool Camera Calibration File V1.0"]
    for number, camera in enumerate(recording.cameras):
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[:3, :3], extrinsic[:3, :3], extrinsic[:3, 3] = camera.K, camera.rotation, camera.translation
        lines += [
            f"name          {number}", "  sensor      10 10", f"  size        {size}", "  animated    0",
            "  intrinsic   " + " ".join(f"{value:.9g}" for value in intrinsic.ravel()) + " ",
            "  extrinsic   " + " ".join(f"{value:.9g}" for value in extrinsic.ravel()) + " ",
            "  radial      0",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def write_video(path: Path, recording: FakeRecording, camera: int, *, frames: int | None = None) -> None:
    """A motion-JPEG video; the shade of its upper left corner is the number of the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, SIZE_WH)
    for frame in range(len(recording.world) if frames is None else frames):
        video.write(picture(recording, camera, frame)[..., ::-1])
    video.release()


def write_frames(folder: Path, recording: FakeRecording, camera: int, *, name: str = "img_{:06d}.jpg") -> None:
    """Every frame as ffmpeg extracts it, counted from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(len(recording.world)):
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture(recording, camera, frame)), quality=90)
        (folder / name.format(frame + 1)).write_bytes(data)


def picture(recording: FakeRecording, camera: int, frame: int) -> np.ndarray:
    """The person in the 17 joints, and a square whose shade tells the frame."""
    if frame % EVERY:
        shown = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)  # drawing takes time, and nobody looks at these
    else:
        row = min(frame, len(recording.world) - 1)
        shown = fake_picture(recording.img(camera)[row, OF_28], MPI_INF_3DHP_17, SIZE_WH)
    shown[:16, :16] = shade(frame)
    return shown


def shade(frame: int) -> int:
    return 6 * (frame % 40)


def fake_training(
    root: Path,
    generator: np.random.Generator,
    *,
    subjects: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8),
    frames: int = 21,
    cameras: tuple[int, ...] = FIELDS_CAMERAS,
    pictures: str = "both",
) -> dict[str, FakeRecording]:
    """Training recordings; S6/Seq2's video 2 is too short, as the authors' is.

    Args:
        root: Where `S1/Seq1/` and so on go.
        generator: Draws people and cameras.
        subjects: Whose recordings.
        frames: Of each recording.
        cameras: Whose pictures are written.
        pictures: `videos`, `frames`, or `both`: videos of Seq1 and frames of Seq2.
    """
    written = {}
    for subject in subjects:
        person = draw_proportions(generator)
        for sequence in ("Seq1", "Seq2"):
            name = f"S{subject}/{sequence}"
            recording = written[name] = fake_recording(generator, person, frames=frames)
            write_labels(root / name, recording)
            for camera in cameras:
                as_video = pictures == "videos" or (pictures == "both" and sequence == "Seq1")
                short = (subject, sequence, camera) == (6, "Seq2", 2) and pictures != "frames"
                if as_video or short:
                    path = root / name / "imageSequence" / f"video_{camera}.avi"
                    write_video(path, recording, camera, frames=frames // 2 if short else None)
                else:
                    write_frames(root / name / "imageSequence" / f"video_{camera}", recording, camera)
    return written


@dataclass(frozen=True, eq=False)
class FakeTest:
    """A test recording: all frames' joints, and which are valid."""

    joints_cam: np.ndarray
    joints_img: np.ndarray
    valid: np.ndarray
    camera: Camera


def fake_test_set(root: Path, generator: np.random.Generator, *, frames: int = 5) -> dict[str, FakeTest]:
    """The test set; in frame 1 the authors mark the labels as invalid, and they are."""
    written = {}
    for name, size in TEST_SIZES.items():
        camera = fake_camera(generator, size)
        person = draw_proportions(generator)
        world = np.stack([placed(generator, person)[OF_28] for _ in range(frames)])
        cam = camera.cam_from_world(world)
        img = camera.project(cam)
        cam[1], img[1] = 0, 0
        valid = np.arange(frames) != 1
        folder = root / "mpi_inf_3dhp_test_set" / name
        (folder / "imageSequence").mkdir(parents=True)
        with h5py.File(folder / "annot_data.mat", "w") as file:
            file["annot2"], file["annot3"] = img[:, None], cam[:, None]
            file["univ_annot3"] = (cam[:, 14:15] + 1.05 * (cam - cam[:, 14:15]))[:, None]
            file["valid_frame"] = valid[:, None].astype(float)
            file["activity_annotation"] = (1 + np.arange(frames) % 7)[:, None].astype(float)
        for frame in range(frames):
            shown = fake_picture(img[frame], MPI_INF_3DHP_17, size)
            data = simplejpeg.encode_jpeg(shown, quality=90)
            (folder / "imageSequence" / f"img_{frame + 1:06d}.jpg").write_bytes(data)
        written[name] = FakeTest(cam, img, valid, camera)
    return written


def fake_npz_lists(
    root: Path, generator: np.random.Generator, *, frames: int = 11, spin: bool = False, cameras: bool = True
) -> np.ndarray:
    """The lists of MMPose (17 joints) or SPIN (24): 8 actors, two cameras, every frame; and the test set.

    Returns:
        Joints of the samples of train, validation and test, px.
    """
    names, places, joints, known, taken = [], [], [], {}, []
    for subject in range(1, 9):
        recording = fake_recording(generator, draw_proportions(generator), frames=frames)
        for camera in (0, 4):
            name = f"S{subject}_Seq1_Cam{camera}"
            folder = f"S{subject}/Seq1/imageFrames/video_{camera}"
            known[name] = recording.cameras[camera]
            write_frames(root / folder if spin else root / "images", recording, camera,
                         name="frame_{:06d}.jpg" if spin else name + "_{:06d}.jpg")  # fmt: skip
            names += [f"{folder}/frame_{n:06d}.jpg" if spin else f"{name}_{n:06d}.jpg" for n in range(1, frames + 1)]
            places.append(recording.img(camera)[:, OF_28])
            joints.append(recording.cam(camera)[:, OF_28])
            taken.append(places[-1][::EVERY])
    table = root if spin else root / "annotations"
    _save_list(table / "mpi_inf_3dhp_train.npz", names, np.concatenate(places), np.concatenate(joints), spin=spin)
    if cameras and not spin:
        rows = {
            name: {
                "R": one.rotation, "T": one.translation[:, None] / 1000, "c": one.K[:2, 2:],
                "f": np.diag(one.K)[:2, None], "w": 204, "h": 204, "name": name,
            }
            for name, one in known.items()
        }  # fmt: skip
        (table / "cameras_train.pkl").write_bytes(pickle.dumps(rows))
    test = fake_test_set(root / "authors", generator)
    names = [f"{name}_{frame + 1:06d}.jpg" for name, one in test.items() for frame in np.flatnonzero(one.valid)]
    (root / "images").mkdir(exist_ok=True)
    for name in names:
        shown = root / "authors/mpi_inf_3dhp_test_set" / name[:3] / "imageSequence" / f"img{name[3:]}"
        shown.rename(root / "images" / name)
    shutil.rmtree(root / "authors")
    places, joints = ([getattr(one, what)[one.valid] for one in test.values()] for what in ("joints_img", "joints_cam"))
    _save_list(table / "mpi_inf_3dhp_test_valid.npz", names, np.concatenate(places), np.concatenate(joints), spin=spin)
    return np.concatenate([*taken, *places])


def _save_list(path: Path, names: list[str], img: np.ndarray, cam: np.ndarray, *, spin: bool) -> None:
    if spin:
        # Where SPIN keeps head_top, neck, right and left arm, legs, pelvis, spine and head of the test set's order.
        to_24 = [18, 12, 8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 14, 16, 17]
        img, cam = (_spread(joints, to_24) for joints in (img, cam))
    sure = (img != 0).any(axis=-1, keepdims=True).astype(float)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, imgname=np.array(names), center=img[:, 0], scale=np.ones(len(img)),
             part=np.concatenate([img, sure], axis=2), S=np.concatenate([cam / 1000, sure], axis=2))  # fmt: skip


def _spread(joints: np.ndarray, places: list[int]) -> np.ndarray:
    spread = np.zeros((len(joints), 24, joints.shape[-1]))
    spread[:, places] = joints
    return spread


def fake_3dhp(root: Path, generator: np.random.Generator, *, count: int = 11) -> np.ndarray:
    """The whole dataset; returns the joints of the samples of train, validation and test, px."""
    training = fake_training(root, generator, frames=max(count, 11))
    test = fake_test_set(root, generator)
    places = [
        recording.img(camera)[::EVERY, OF_28]
        for name, recording in training.items()
        for camera in FIELDS_CAMERAS
        if (name, camera) != ("S6/Seq2", 2)
    ]
    return np.concatenate([*places, *(recording.joints_img[recording.valid] for recording in test.values())])


STUDIO_SPLITS = ("train", "validation", "trainval", "train-14-cameras", "train-28-joints", "validation-28-joints")
FAKES = {"mpi-inf-3dhp": fake_3dhp}
LAYOUTS = (
    Layout(
        "mpi-inf-3dhp",
        "videos",
        partial(fake_training, frames=11, cameras=ALL_CAMERAS, pictures="videos"),
        STUDIO_SPLITS,
    ),
    # The other splits are of the same pictures.
    Layout("mpi-inf-3dhp", "frames", partial(fake_training, frames=11, pictures="frames"), STUDIO_SPLITS[:2]),
    Layout("mpi-inf-3dhp", "test set", fake_test_set, ("test",)),
    # Its test list has no univ_annot3, which a protocol of that split needs.
    Layout("mpi-inf-3dhp", "npz of MMPose", fake_npz_lists, ("train", "validation")),
)
SMALL_FAKES = (
    SmallFake(
        "mpi-inf-3dhp",
        "training",
        partial(fake_training, subjects=(1, 8), frames=11, cameras=(0, 1)),
        ("--partial", "--split", "train", "--split", "validation"),
    ),
    SmallFake("mpi-inf-3dhp", "test", partial(fake_test_set, frames=3), ("--split", "test")),
    SmallFake("mpi-inf-3dhp", "npz", fake_npz_lists),
)
