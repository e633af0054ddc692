"""Mistakes that datasets are made with, to be planted into sound samples, and what must find each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.data.picture import image_size
from prepose.data.sample import JointState, PoseSample
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.people import turned_pose
from prepose.synthetic.rig import Proportions, draw_proportions, pose_joints
from prepose.synthetic.scene import FLOOR_HALF, lab_cameras
from prepose.synthetic.worlds import WORLDS, draw_sample

Rows = np.ndarray
Plant = Callable[[list[PoseSample], Rows], list[PoseSample]]
SIZE_PX = 80


@dataclass(frozen=True)
class Fault:
    """A mistake and the checks of which one at least must report it.

    Where it is `whole_only` in 2D, a few samples of it are no more than real labels have: there it is a note.
    """

    plant: Plant
    checks: tuple[str, ...]
    whole_only: bool = False


@cache
def sound_samples(world: str, count: int) -> tuple[PoseSample, ...]:
    return tuple(draw_sample(WORLDS[world], "train", 0, index, SIZE_PX) for index in range(count))


@cache
def simple_samples(count: int, seed: int = 0) -> tuple[PoseSample, ...]:
    """People of the pose prior before the lab's cameras, painted as sticks on a mottled ground: a few ms each."""
    generator = np.random.default_rng(seed)
    people = [(draw_proportions(generator), generator.integers(0, 256, (3, 3))) for _ in range(12)]
    return tuple(_simple_sample(generator, index, *people[index // 10 % len(people)]) for index in range(count))


def _simple_sample(generator: np.random.Generator, index: int, build: Proportions, colours: np.ndarray) -> PoseSample:
    where = generator.uniform(-1, 1, 2) * FLOOR_HALF
    pose = turned_pose(draw_pose(generator, proportions=build), float(generator.uniform(-np.pi, np.pi)), where)
    joints_world, _ = pose_joints(build, pose)
    whole = lab_cameras()[index % 4]
    joints_img = whole.project(whole.cam_from_world(joints_world))
    low, high = joints_img.min(axis=0), joints_img.max(axis=0)
    side = float(max(high - low) * generator.uniform(1.3, 2.2))
    # A square that holds the person somewhere, seen at SIZE_PX.
    start = high - side * 0.95 + generator.random(2) * (0.9 * side - (high - low))
    scale = SIZE_PX / side
    img_from_frame = np.array([[scale, 0, -scale * start[0]], [0, scale, -scale * start[1]], [0, 0, 1]])
    camera = replace(whole, K=img_from_frame @ whole.K, size_wh=(SIZE_PX, SIZE_PX))
    joints_cam = camera.cam_from_world(joints_world)
    joints_img = camera.project(joints_cam)
    low, high = joints_img.min(axis=0), joints_img.max(axis=0)
    return PoseSample(
        image=_stick_picture(generator, joints_img, colours),
        skeleton=PREPOSE_27,
        box_xywh=np.concatenate([low - 3, high - low + 6]),
        joints_img=joints_img,
        joints_cam=joints_cam,
        states=_face_states(joints_cam),
        camera=camera,
        subject=f"person {index // 10 % 12}",
        action=pose.action,
        frame=index,
        source=f"sticks, sample {index}",
    )


def _stick_picture(generator: np.random.Generator, joints_img: np.ndarray, colours: np.ndarray) -> bytes:
    ground = generator.integers(0, 256, 3) + generator.normal(0, 40, (6, 6, 3))
    picture = cv2.resize(np.clip(ground, 0, 255).astype(np.uint8), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    width = max(2, round(0.06 * float(np.linalg.norm(np.ptp(joints_img, axis=0)))))
    at = {
        name: tuple(place)
        for name, place in zip(PREPOSE_27.joints, joints_img.round().astype(int).tolist(), strict=True)
    }
    for a, b in PREPOSE_27.bones:
        cv2.line(picture, at[a], at[b], colours[len(a) % 3].tolist(), width)
    corners = [at[name] for name in ("r_shoulder", "l_shoulder", "l_hip", "r_hip")]
    cv2.fillConvexPoly(picture, cv2.convexHull(np.array(corners)), colours[0].tolist())
    noisy = np.clip(picture + generator.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
    return simplejpeg.encode_jpeg(np.ascontiguousarray(noisy), quality=90)


def _face_states(joints_cam: np.ndarray) -> np.ndarray:
    """Visible, but for the parts of the face that the head hides: those that look away from the camera."""
    at = dict(zip(PREPOSE_27.joints, joints_cam, strict=True))
    middle = (at["l_ear"] + at["r_ear"]) / 2
    states = np.full(len(PREPOSE_27), JointState.VISIBLE, np.uint8)
    for name in ("nose", "l_eye", "r_eye", "l_ear", "r_ear"):
        outward = at[name] - middle
        if outward @ at[name] > -0.1 * np.linalg.norm(outward) * np.linalg.norm(at[name]):
            states[PREPOSE_27.index(name)] = JointState.OCCLUDED_BY_BODY
    return states


def labels_2d(samples: list[PoseSample]) -> list[PoseSample]:
    """The same pictures as a 2D dataset would have them."""
    nothing = np.full((len(samples[0].skeleton), 3), np.nan)
    return [replace(sample, joints_cam=nothing, camera=None) for sample in samples]


def _each(change: Callable[[PoseSample], PoseSample]) -> Plant:
    def plant(samples: list[PoseSample], rows: Rows) -> list[PoseSample]:
        changed = list(samples)
        for row in rows:
            changed[row] = change(samples[row])
        return changed

    return plant


def _img(change: Callable[[np.ndarray, PoseSample], np.ndarray]) -> Plant:
    return _each(lambda sample: replace(sample, joints_img=change(sample.joints_img, sample)))


def _cam(change: Callable[[np.ndarray, PoseSample], np.ndarray]) -> Plant:
    return _each(lambda sample: replace(sample, joints_cam=change(sample.joints_cam, sample)))


def _both(change: Callable[[np.ndarray, PoseSample], np.ndarray]) -> Plant:
    return _each(
        lambda sample: replace(
            sample, joints_img=change(sample.joints_img, sample), joints_cam=change(sample.joints_cam, sample)
        )
    )


def _from_another(take: Callable[[PoseSample, PoseSample], PoseSample], *, shuffled: bool = False) -> Plant:
    """Each row takes something of the next row, or of a drawn one."""

    def plant(samples: list[PoseSample], rows: Rows) -> list[PoseSample]:
        givers = np.roll(rows, -1)
        if shuffled:
            order = np.random.default_rng(5).permutation(len(rows))
            givers = np.empty_like(rows)
            givers[order] = rows[np.roll(order, 1)]
        changed = list(samples)
        for row, giver in zip(rows, givers, strict=True):
            changed[row] = take(samples[row], samples[giver])
        return changed

    return plant


def _only(parts: tuple[str, ...]) -> Callable[[np.ndarray, PoseSample], np.ndarray]:
    def swap(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
        order = [
            sample.skeleton.mirror[number] if name[2:] in parts else number
            for number, name in enumerate(sample.skeleton.joints)
        ]
        return joints[order]

    return swap


def _mirrored(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    return joints[sample.skeleton.mirror]


def _permuted(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    return joints[np.random.default_rng(11).permutation(len(joints))]


def _size_wh(sample: PoseSample) -> tuple[int, int]:
    assert isinstance(sample.image, bytes)
    return image_size(sample.image)


def _bottom_up(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    return np.stack([joints[:, 0], _size_wh(sample)[1] - 1 - joints[:, 1]], axis=1)


def _depth_reversed(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    root = joints[sample.skeleton.root_index]
    return (joints - root) * [1, 1, -1] + root


def _to_world(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    assert sample.camera is not None
    return sample.camera.world_from_cam(joints)


def _camera(change: Callable[[Camera], Camera]) -> Plant:
    def changed(sample: PoseSample) -> PoseSample:
        assert sample.camera is not None
        return replace(sample, camera=change(sample.camera))

    return _each(changed)


def _stretched(part: tuple[str, ...], by: float) -> Plant:
    """The bones to these joints longer, in 3D and in the picture alike."""

    def stretch(sample: PoseSample) -> PoseSample:
        joints, skeleton = sample.joints_cam.copy(), sample.skeleton
        assert sample.camera is not None
        for parent, child in skeleton.bones:
            if child in part:
                step = (by - 1) * (joints[skeleton.index(child)] - joints[skeleton.index(parent)])
                for name in (child, *_below(skeleton, child)):
                    joints[skeleton.index(name)] += step
        return replace(sample, joints_cam=joints, joints_img=sample.camera.project(joints))

    return _each(stretch)


def _below(skeleton: Skeleton, joint: str) -> list[str]:
    children = [child for parent, child in skeleton.bones if parent == joint]
    return children + [name for child in children for name in _below(skeleton, child)]


def _bytes(change: Callable[[bytes], bytes | Path]) -> Plant:
    def changed(sample: PoseSample) -> PoseSample:
        assert isinstance(sample.image, bytes)
        return replace(sample, image=change(sample.image))

    return _each(changed)


def _filled(value: float, joints: tuple[int, ...] = (3, 4, 5)) -> Callable[[np.ndarray, PoseSample], np.ndarray]:
    def fill(array: np.ndarray, sample: PoseSample) -> np.ndarray:
        filled = array.copy()
        filled[list(joints)] = value
        return filled

    return fill


def _half_missing(joints: np.ndarray, sample: PoseSample) -> np.ndarray:
    missing = joints.copy()
    missing[4, 0] = np.nan
    return missing


def _box(change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    return _each(lambda sample: replace(sample, box_xywh=change(sample.box_xywh)))


def _repeat_sample(samples: list[PoseSample], rows: Rows) -> list[PoseSample]:
    """Every other row becomes the row before it (a whole split: half of it is copies)."""
    changed = list(samples)
    for first, second in zip(rows[::2], rows[1::2], strict=False):
        changed[second] = samples[first]
    return changed


def _repeat_label(samples: list[PoseSample], rows: Rows) -> list[PoseSample]:
    changed = list(samples)
    for first, second in zip(rows[::2], rows[1::2], strict=False):
        changed[second] = replace(samples[second], joints_img=samples[first].joints_img)
    return changed


ARMS, LEGS = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "toe")
BLANK = simplejpeg.encode_jpeg(np.full((SIZE_PX, SIZE_PX, 3), 127, np.uint8))
_shifted_picture = _from_another(lambda sample, other: replace(sample, image=other.image))
_shuffled_picture = _from_another(lambda sample, other: replace(sample, image=other.image), shuffled=True)
_other_box = _from_another(
    lambda sample, other: replace(sample, box_xywh=other.box_xywh + np.array([_size_wh(other)[0] / 2, 0, 0, 0]))
)

# Those that a 2D dataset can have, too.
FAULTS_2D: Mapping[str, Fault] = {
    "left and right swapped": Fault(_both(_mirrored), ("sides",)),
    "joints off by one": Fault(_both(lambda joints, sample: np.roll(joints, 1, axis=0)), ("order",)),
    "joints permuted": Fault(_both(_permuted), ("order",)),
    "y of 2D labels from the bottom": Fault(_img(_bottom_up), ("upright", "sides", "pairing", "reprojection")),
    "2D labels at twice the image's size": Fault(_img(lambda joints, sample: joints * 2), ("boxes", "calibration")),
    "images shifted by one": Fault(_shifted_picture, ("pairing",)),
    "images shuffled": Fault(_shuffled_picture, ("pairing",)),
    "boxes of another place": Fault(_other_box, ("boxes",)),
    "box's centre taken for its corner": Fault(
        _box(lambda box: np.concatenate([box[:2] + box[2:] / 2, box[2:]])), ("boxes",)
    ),
    "samples repeated": Fault(_repeat_sample, ("copies",)),
    "labels repeated": Fault(_repeat_label, ("copies",)),
    "image missing": Fault(_bytes(lambda data: Path("not-there.jpg")), ("files",)),
    "image truncated": Fault(_bytes(lambda data: data[: len(data) // 2]), ("files",)),
    "image blank": Fault(_bytes(lambda data: BLANK), ("files", "pairing")),
    "joint infinite": Fault(_img(_filled(np.inf)), ("numbers",)),
    "half a joint missing": Fault(_img(_half_missing), ("numbers",)),
    "missing joints at (-1, -1)": Fault(_img(_filled(-1.0)), ("numbers",)),
    "sides of the arms swapped": Fault(_both(_only(ARMS)), ("sides",), whole_only=True),
    "sides of the legs swapped": Fault(_both(_only(LEGS)), ("sides",), whole_only=True),
}
# Those that need 3D labels and a camera to exist.
FAULTS_3D: Mapping[str, Fault] = {
    "2D sides swapped against 3D": Fault(_img(_mirrored), ("reprojection",)),
    "3D sides swapped against 2D": Fault(_cam(_mirrored), ("reprojection", "sides")),
    "1-based pixels": Fault(_img(lambda joints, sample: joints + 1), ("reprojection",)),
    "pixels shifted by a half": Fault(_img(lambda joints, sample: joints + 0.5), ("reprojection",)),
    "metres for mm": Fault(_cam(lambda joints, sample: joints / 1000), ("bones",)),
    "centimetres for mm": Fault(_cam(lambda joints, sample: joints / 10), ("bones",)),
    "x axis of 3D mirrored": Fault(_cam(lambda joints, sample: joints * [-1, 1, 1]), ("reprojection",)),
    "y axis of 3D up": Fault(_cam(lambda joints, sample: joints * [1, -1, 1]), ("reprojection",)),
    "z axis of 3D backwards": Fault(_cam(lambda joints, sample: joints * [1, 1, -1]), ("reprojection",)),
    "depth about the root reversed": Fault(_cam(_depth_reversed), ("reprojection",)),
    "3D labels in the world's frame": Fault(_cam(_to_world), ("reprojection",)),
    "2D and 3D of different samples": Fault(
        _from_another(lambda sample, other: replace(sample, joints_img=other.joints_img)), ("reprojection",)
    ),
    "focal length 5 % long": Fault(
        _camera(lambda camera: replace(camera, K=camera.K * np.array([[1.05, 1, 1], [1, 1.05, 1], [1, 1, 1]]))),
        ("reprojection",),
    ),
    "image 8 px high for 80": Fault(
        _camera(lambda camera: replace(camera, size_wh=(camera.size_wh[0], camera.size_wh[1] // 10))), ("calibration",)
    ),
    "a thigh half as long again": Fault(_stretched(("r_knee",), 1.5), ("bones",)),
    "a subject's arms 15 % longer": Fault(_stretched(("l_elbow", "l_wrist"), 1.15), ("bones",)),
    "3D joint not a number": Fault(_cam(_half_missing), ("numbers",)),
}
FAULTS: Mapping[str, Fault] = {**FAULTS_2D, **FAULTS_3D}


def contaminated(samples: list[PoseSample], fault: Fault, share: float, seed: int) -> tuple[list[PoseSample], Rows]:
    """The samples with the fault in that share of them; a shift is planted in a run, the rest anywhere."""
    count = len(samples) if share == 1 else max(2, round(share * len(samples)))
    generator = np.random.default_rng(seed)
    if fault.plant is _shifted_picture:
        start = int(generator.integers(len(samples) - count + 1))
        rows = np.arange(start, start + count)
    else:
        rows = np.sort(generator.choice(len(samples), count, replace=False))
    return fault.plant(samples, rows), rows
