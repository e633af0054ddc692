"""Human3.6M in all five public layouts, filled with drawn people before four cameras that stand as in the lab.

Every writer takes the same `Lab`, so that what is read from one layout can be compared with every other and the truth.
The pictures are a quarter of the real size, and the lenses with them.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from fake_layouts import Layout, SmallFake, Write
from fake_people import fake_jpeg, joints_of_rig, turned
from prepose.body.skeletons import H36M_17
from prepose.camera.camera import Camera
from prepose.data.h36m.cameras import CAMERA_IDS, rotation_of_angles
from prepose.data.h36m.frames import ACTIONS, OF_32
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import draw_proportions, pose_joints

SIZE = (250, 250)
LIKE_THE_LAB = ("standing", "walking", "phoning", "waving", "pointing", "sitting", "eating", "bending", "crouching")
SUBJECTS = (1, 5, 6, 7, 8, 9, 11)
AS_IT_IS = np.arange(17)
LEFT_LEG_FIRST = np.array([0, 4, 5, 6, 1, 2, 3, *range(7, 17)])
BOTH_EXCHANGED = np.array([0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13])


@dataclass(frozen=True, eq=False)
class Shot:
    """What one camera saw of one recording."""

    subject: int
    action: int
    subaction: int
    camera: int
    joints_cam: np.ndarray  # (frames, 17, 3) mm
    joints_img: np.ndarray  # (frames, 17, 2) px

    @property
    def name(self) -> str:
        return f"s_{self.subject:02d}_act_{self.action:02d}_subact_{self.subaction:02d}_ca_{self.camera + 1:02d}"


@dataclass(frozen=True, eq=False)
class Lab:
    """People in the world, the cameras of each subject, and Euler angles and centres that the cameras were made of."""

    world: dict[tuple[int, int, int], np.ndarray]  # (subject, action, subaction) -> (frames, 17, 3) mm
    cameras: dict[tuple[int, int], Camera]
    w0: np.ndarray

    def part(self, subjects: tuple[int, ...], frames: int) -> "Lab":
        """Some of the people, and the first frames of each recording."""
        world = {key: joints[:frames] for key, joints in self.world.items() if key[0] in subjects}
        return Lab(world, self.cameras, self.w0)

    def shots(self) -> Iterator[Shot]:
        for (subject, action, subaction), joints in self.world.items():
            for index in range(4):
                camera = self.cameras[subject, index]
                cam = camera.cam_from_world(joints)
                yield Shot(subject, action, subaction, index, cam, camera.project(cam))

    def truth(self) -> dict[tuple[int, str, int, int], tuple[np.ndarray, np.ndarray]]:
        """(subject, action, camera, frame) -> (joints_cam mm, joints_img px); one recording an action."""
        return {
            (shot.subject, ACTIONS[shot.action], shot.camera, frame + 1): (
                shot.joints_cam[frame],
                shot.joints_img[frame],
            )
            for shot in self.shots()
            for frame in range(len(shot.joints_cam))
        }


def draw_lab(generator: np.random.Generator, *, frames: int = 6, subjects: tuple[int, ...] = SUBJECTS) -> Lab:
    """A recording of Directions of each subject, and S9's misplaced Greeting 2."""
    recordings = [(subject, 2, 1) for subject in subjects] + ([(9, 5, 2)] if 9 in subjects else [])
    world = {key: _people(generator, frames) for key in recordings}
    cameras, w0 = _cameras(generator)
    return Lab(world, cameras, w0)


def _people(generator: np.random.Generator, frames: int) -> np.ndarray:
    proportions = draw_proportions(generator)
    return np.stack([_person(generator, proportions) for _ in range(frames)])


def _person(generator: np.random.Generator, proportions) -> np.ndarray:
    pose = draw_pose(generator, proportions=proportions, actions=LIKE_THE_LAB)
    joints = joints_of_rig(pose_joints(proportions, pose)[0], H36M_17)
    place = np.array([*generator.uniform(-400, 400, 2), 0])
    return turned(joints, generator.uniform(-np.pi, np.pi)) + place


def _cameras(generator: np.random.Generator) -> tuple[dict[tuple[int, int], Camera], np.ndarray]:
    """Cameras in the corners of the lab, looking at its middle, and the 300 numbers that say so."""
    w0, cameras = np.zeros(300), {}
    lenses = np.zeros((4, 9))
    for index, corner in enumerate(((1, 1), (1, -1), (-1, 1), (-1, -1))):
        fx, fy = generator.uniform(285, 290, 2)
        cx, cy = generator.uniform(123, 129, 2)
        k1, k2, k3 = -0.2 + generator.normal(0, 0.01), 0.25 + generator.normal(0, 0.01), -0.003
        p1, p2 = generator.normal(0, 0.001, 2)
        lenses[index] = fx, fy, cx, cy, k1, k2, k3, p1, p2
        for subject in range(1, 12):
            centre = np.array([*corner, 0]) * [1800, 4800, 0] + [0, 0, 1550] + generator.normal(0, 60, 3)
            angles = _angles_of(_looking_at(centre, np.array([0.0, 0.0, 850.0])))
            rotation = rotation_of_angles(angles)
            at = 6 * (index * 11 + subject - 1)
            w0[at : at + 6] = [*angles, *centre]
            cameras[subject, index] = Camera(
                K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
                size_wh=SIZE,
                rotation=rotation,
                translation=-rotation @ centre,
                distortion=np.array([k1, k2, p1, p2, k3]),
                name=CAMERA_IDS[index],
            )
    w0[264:] = lenses.ravel()
    return cameras, w0


def _looking_at(centre: np.ndarray, target: np.ndarray) -> np.ndarray:
    z = (target - centre) / np.linalg.norm(target - centre)
    x = np.cross(z, [0, 0, 1.0])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _angles_of(rotation: np.ndarray) -> np.ndarray:
    """a, b, c of Rx(a) Ry(b) Rz(c)."""
    b = np.arcsin(rotation[0, 2])
    return np.array([np.arctan2(-rotation[1, 2], rotation[2, 2]), b, np.arctan2(-rotation[0, 1], rotation[0, 0])])


def of_32(joints: np.ndarray) -> np.ndarray:
    """The authors' 32 joints: the 17 in their places, the others doubles of some of them."""
    whole = joints[:, np.zeros(32, int)].copy()
    whole[:, list(OF_32)] = joints
    return whole


def write_metadata_xml(path: Path, w0: np.ndarray) -> None:
    numbers = " ".join(f"{number:.15g}" for number in w0)
    path.write_text(f"<?xml version='1.0'?>\n<metadata><dbcameras><w0>[{numbers}]</w0></dbcameras></metadata>\n")


def write_camera_json(
    path: Path, lab: Lab, *, transposed: bool = False, metres: bool = False, centre: bool = False
) -> None:
    intrinsics = {
        name: {
            "calibration_matrix": lab.cameras[1, index].K.tolist(),
            "distortion": lab.cameras[1, index].distortion.tolist(),
        }
        for index, name in enumerate(CAMERA_IDS)
    }
    extrinsics = {
        f"S{subject}": {
            name: dict(zip("Rt", _pose(lab.cameras[subject, index], transposed, metres, centre), strict=True))
            for index, name in enumerate(CAMERA_IDS)
        }
        for subject in SUBJECTS
    }
    path.write_text(json.dumps({"intrinsics": intrinsics, "extrinsics": extrinsics}))


def _pose(camera: Camera, transposed: bool, metres: bool, centre: bool) -> tuple[list, list]:
    shift = -camera.rotation.T @ camera.translation if centre else camera.translation
    rotation = camera.rotation.T if transposed else camera.rotation
    return rotation.tolist(), (shift / (1000 if metres else 1))[:, None].tolist()


def _write_image(path: Path, joints_img: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_picture(joints_img.tobytes()))


@cache
def _picture(joints_img: bytes) -> bytes:
    # Drawing is what takes time, and every layout shows the same people.
    return fake_jpeg(np.frombuffer(joints_img).reshape(17, 2), H36M_17, SIZE)


def write_challenge(
    root: Path, lab: Lab, *, csv: bool = True, cache: bool = False, order: np.ndarray = AS_IT_IS
) -> dict[str, np.ndarray]:
    """Layout a; returns the true root-relative joints (mm) by folder and image, such as Train/IMG/00001.jpg."""
    true = {}
    for part, subjects in (("Train", (1, 5, 6, 7, 8)), ("Val", (9, 11))):
        shots = [shot for shot in lab.shots() if shot.subject in subjects]
        poses = np.concatenate([shot.joints_cam for shot in shots])
        places = np.concatenate([shot.joints_img for shot in shots])
        records = []
        for number, (pose, place) in enumerate(zip(poses, places, strict=True), start=1):
            relative = pose - pose[:1]
            name = f"{part}/IMG/{number:05d}.jpg"
            _write_image(root / name, place)
            true[name] = relative
            if csv:
                (root / part / "POSE").mkdir(exist_ok=True)
                lines = [",".join(f"{value:.4f}" for value in joint) for joint in relative[order]]
                (root / part / "POSE" / f"{number:05d}.csv").write_text("\n".join(lines) + "\n")
            records.append(_cache_record(f"./HM36_eccv_challenge/{name}", relative[order], place[order]))
        if cache:
            _write_pickle(root / f"HM36_eccv_challenge_{part}_keypoint_jnt_bbox_db.pkl", records)
    return true


def _cache_record(image: str, relative: np.ndarray, place: np.ndarray) -> dict:
    """As the cache's code makes them: 18 joints, the 3D pose laid over the 2D one by scale and shift."""
    p, q = relative[:, :2] - relative[:, :2].mean(axis=0), place - place.mean(axis=0)
    scale = (p * q).sum() / (p * p).sum()
    laid = np.concatenate([scale * p + place.mean(axis=0), scale * relative[:, 2:]], axis=1)
    low, high = laid[:, :2].min(axis=0), laid[:, :2].max(axis=0)
    with_thorax = [np.concatenate([joints, (joints[11:12] + joints[14:15]) / 2]) for joints in (laid, relative)]
    width, height = (1.25 * (high - low)).tolist()
    centre = ((low + high) / 2).tolist()
    return {
        "image": image, "joints_3d": with_thorax[0], "joints_3d_vis": np.ones((18, 3)),
        "joints_3d_relative": with_thorax[1], "bone_len": 4500.0, "center_x": centre[0], "center_y": centre[1],
        "width": width, "height": height, "s": np.float64(scale), "flip_pairs": np.array([[1, 4]], np.int32),
    }  # fmt: skip


def _write_pickle(path: Path, value: object) -> None:
    import pickle

    path.write_bytes(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))


def write_recordings(
    root: Path,
    lab: Lab,
    *,
    order: np.ndarray = AS_IT_IS,
    order_2d: np.ndarray | None = None,
    unit: float = 1.0,
    whole: bool = False,
) -> None:
    """Layout b; `unit` divides the 3D joints, `whole` writes the authors' 32 joints a row."""
    for shot in lab.shots():
        joints, places = shot.joints_cam[:, order] / unit, shot.joints_img[:, order if order_2d is None else order_2d]
        count = len(joints)
        corners = np.concatenate([places.min(axis=1), places.max(axis=1)], axis=1)
        folder = root / shot.name
        for frame in range(count):
            _write_image(folder / f"{shot.name}_{frame + 1:06d}.jpg", shot.joints_img[frame])
        if whole:
            joints, places = of_32(joints), of_32(places)
        matrices = {"Y2d": places.reshape(count, -1), "Y3d_mono": joints.reshape(count, -1), "bbox": corners}
        if not whole:
            matrices = {name: matrix.T for name, matrix in matrices.items()}
        scipy.io.savemat(folder / "matlab_meta.mat", {**matrices, "num_images": float(count)})


def write_fetched(root: Path, lab: Lab, *, order: np.ndarray = AS_IT_IS, true_3d: bool = True) -> None:
    """Layout c, frames 1, 6, 11, ... of the video."""
    for (subject, action, subaction), world in lab.world.items():
        shots = [
            shot for shot in lab.shots() if (shot.subject, shot.action, shot.subaction) == (subject, action, subaction)
        ]
        folder = root / f"S{subject}" / f"{ACTIONS[action]}-{subaction}"
        frames = 5 * np.arange(len(world)) + 1
        for shot in shots:
            for frame, place in zip(frames, shot.joints_img, strict=True):
                _write_image(folder / "imageSequence" / CAMERA_IDS[shot.camera] / f"img_{frame:06d}.jpg", place)
        joints = np.concatenate([shot.joints_cam for shot in shots])[:, order]
        places = np.concatenate([shot.joints_img for shot in shots])[:, order]
        with h5py.File(folder / "annot.h5", "w") as file:
            file["pose/2d"], file["pose/3d-univ"] = of_32(places), of_32(joints * 0.93)
            if true_3d:
                file["pose/3d"] = of_32(joints)
            file["frame"] = np.tile(frames, 4)
            file["camera"] = np.repeat([int(name) for name in CAMERA_IDS], len(frames))
            file["subject"], file["action"] = np.full(4 * len(frames), subject), np.full(4 * len(frames), action)
            for shot in shots:
                fx, fy, cx, cy = lab.w0[264 + 9 * shot.camera : 268 + 9 * shot.camera]
                file[f"intrinsics/{CAMERA_IDS[shot.camera]}"] = np.array([fx, cx, fy, cy])


def write_lists(
    root: Path,
    lab: Lab,
    *,
    order: np.ndarray = AS_IT_IS,
    transposed: bool = False,
    metres: bool = False,
    centre: bool = False,
) -> None:
    """Layout d: COCO-like JSON; its cameras have no distortion."""
    (root / "annotations").mkdir(parents=True)
    for subject in sorted({key[0] for key in lab.world}):
        images, annotations, joints = [], [], {}
        for shot in lab.shots():
            if shot.subject != subject:
                continue
            recording = joints.setdefault(str(shot.action), {}).setdefault(str(shot.subaction), {})
            for frame, place in enumerate(shot.joints_img):
                name = f"{shot.name}/{shot.name}_{frame + 1:06d}.jpg"
                _write_image(root / "images" / name, place)
                number = len(images)
                low, high = place.min(axis=0), place.max(axis=0)
                images.append(
                    {"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1], "subject": subject,
                     "action_name": ACTIONS[shot.action], "action_idx": shot.action, "subaction_idx": shot.subaction,
                     "cam_idx": shot.camera + 1, "frame_idx": frame}
                )  # fmt: skip
                annotations.append({"id": number, "image_id": number, "bbox": [*low.tolist(), *(high - low).tolist()]})
                recording[str(frame)] = lab.world[subject, shot.action, shot.subaction][frame][order].tolist()
        cameras = {}
        for index in range(4):
            camera = lab.cameras[subject, index]
            rotation, shift = _pose(camera, transposed, metres, centre)
            K = camera.K
            cameras[str(index + 1)] = {
                "R": rotation, "t": np.ravel(shift).tolist(), "f": [K[0, 0], K[1, 1]], "c": [K[0, 2], K[1, 2]]
            }  # fmt: skip
        for kind, value in (
            ("data", {"images": images, "annotations": annotations}), ("camera", cameras), ("joint_3d", joints)
        ):  # fmt: skip
            (root / "annotations" / f"Human36M_subject{subject}_{kind}.json").write_text(json.dumps(value))


def write_npz(root: Path, lab: Lab, *, order: np.ndarray = AS_IT_IS, order_2d: np.ndarray | None = None) -> None:
    """Layout e: metres and confidences."""
    for part, subjects in (("train", (1, 5, 6, 7, 8)), ("valid", (9, 11))):
        names, places, joints = [], [], []
        for shot in lab.shots():
            if shot.subject not in subjects:
                continue
            for frame, (pose, place) in enumerate(zip(shot.joints_cam, shot.joints_img, strict=True)):
                name = f"S{shot.subject}_{ACTIONS[shot.action]}_1.{CAMERA_IDS[shot.camera]}_{frame + 1:06d}.jpg"
                _write_image(root / "images" / name, place)
                names.append(f"images/{name}")
                places.append(place[order if order_2d is None else order_2d])
                joints.append(pose[order] / 1000)
        if not names:
            continue
        sure = np.ones((len(names), 17, 1))
        low_high = np.array([[place.min(axis=0), place.max(axis=0)] for place in places])
        np.savez(
            root / f"h36m_{part}.npz",
            imgname=np.array(names),
            center=low_high.mean(axis=1),
            scale=np.ptp(low_high, axis=1).max(axis=1) / 200,
            part=np.concatenate([np.array(places), sure], axis=2),
            S=np.concatenate([np.array(joints), sure], axis=2),
        )


WRITERS = {
    "extracted frames": write_recordings,
    "h36m-fetch": write_fetched,
    "COCO-like JSON": write_lists,
    "npz": write_npz,
}


def fake_h36m(root: Path, generator: np.random.Generator, **_: object) -> list[str]:
    """The challenge layout with its cache; returns the names of the images that the three usual splits hold."""
    return list(write_challenge(root, draw_lab(generator, frames=3, subjects=(1, 8, 9)), cache=True))


@cache
def _lab(frames: int, subjects: tuple[int, ...]) -> Lab:
    return draw_lab(np.random.default_rng(11), frames=frames, subjects=subjects)


def _large(writer: Callable[..., object], **settings: bool) -> Write:
    return lambda root, generator: writer(root, _lab(6, SUBJECTS), **settings)


def _small(layout: str, writer: Callable[..., object], *options: str, **settings: bool) -> SmallFake:
    return SmallFake("h36m", layout, lambda root, generator: writer(root, _lab(2, (1, 8, 9)), **settings), options)


SPLITS = ("train", "validation", "test", "trainval", "test-every-5th", "test-clean")
FAKES = {"h36m": fake_h36m}
LAYOUTS = (
    Layout("h36m", "challenge, csv", _large(write_challenge), SPLITS[:4], unplaced=True),
    Layout("h36m", "challenge, cache", _large(write_challenge, csv=False, cache=True), SPLITS[:4]),
    Layout("h36m", "extracted frames", _large(write_recordings), SPLITS),
    Layout("h36m", "h36m-fetch", _large(write_fetched), SPLITS),
    Layout("h36m", "COCO-like JSON", _large(write_lists), SPLITS),
    Layout("h36m", "npz", _large(write_npz), SPLITS),
)
SMALL_FAKES = (
    _small("challenge-csv", write_challenge),
    _small("challenge-both", write_challenge, cache=True),
    _small("challenge-cache", write_challenge, csv=False, cache=True),
    _small("frames", write_recordings, "--partial"),
    _small("fetched", write_fetched, "--partial"),
    _small("json", write_lists, "--partial"),
    _small("npz", write_npz, "--partial"),
)
