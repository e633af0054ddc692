"""People of the rig in made-up poses, seen by cameras and painted into pictures: the one maker behind every fake.

What a fake's labels say is what its pictures show, so that the doctor finds nothing on what was added from it.
"""

from dataclasses import dataclass
from zlib import crc32

import cv2
import numpy as np
import simplejpeg

from prepose.body.drawing import side_colour
from prepose.body.skeleton import Skeleton
from prepose.body.skeletons import FINGERS, HALPE_136, PREPOSE_27
from prepose.camera.camera import Camera
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import Proportions, draw_proportions, pose_joints

SIZE_WH = (160, 120)
STANDING_WH = (100, 100)
# Drawing a pose takes a millisecond; of a long list people come again, turned, scaled and placed anew.
MOST_POSES = 64
LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in "rl"
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
TRUNK = ("r_shoulder", "l_shoulder", "l_hip", "r_hip")


@dataclass(frozen=True, eq=False)
class FakePerson:
    """A person in the world and in a picture: joints of the asked skeleton (mm, px) and the camera."""

    joints_world: np.ndarray
    joints_cam: np.ndarray
    joints_img: np.ndarray
    camera: Camera


def fake_camera(generator: np.random.Generator, size_wh: tuple[int, int] = SIZE_WH) -> Camera:
    """A camera 4 to 6 m away from the origin, at the height of a chest, that looks at it; world z up."""
    angle, distance = generator.uniform(0, 2 * np.pi), generator.uniform(4000, 6000)
    place = np.array([distance * np.cos(angle), distance * np.sin(angle), generator.uniform(1000, 1800)])
    forward = np.array([0.0, 0.0, 900.0]) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    focal = generator.uniform(1.0, 1.2) * max(size_wh)
    K = np.array([[focal, 0, size_wh[0] / 2 - 0.5], [0, focal, size_wh[1] / 2 - 0.5], [0, 0, 1]])
    return Camera(K=K, size_wh=size_wh, rotation=rotation, translation=-rotation @ place)


def joints_of_rig(rig: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(..., J, 3) joints of a skeleton from the rig's (..., 27, 3); those that it lacks lie between those it has."""
    place = {name: rig[..., row, :] for row, name in enumerate(PREPOSE_27.joints)}

    def between(one: str, other: str, share: float = 0.5) -> np.ndarray:
        return (1 - share) * place[one] + share * place[other]

    # Shares of a real spine (see the doctor's average adult): a joint in another's place would be a mistake to find.
    place["belly"], place["spine1"] = place["spine"], between("pelvis", "spine", 0.6)
    for name, share in (("spine2", 0.2), ("spine3", 0.47), ("spine4", 0.73)):
        place[name] = between("spine", "thorax", share)
    place["neck"] = between("thorax", "upper_neck", 0.2)
    place["nose_neck"] = between("upper_neck", "nose", 0.6)
    place["mid_torso"] = between("pelvis", "thorax")
    for name in ("shoulder", "hip", "ear"):
        place[f"mid_{name}"] = between(f"l_{name}", f"r_{name}")
    place["head_bottom"] = place["upper_neck"]
    for name in _FACE:
        place[name] = _face_mark(name, place)
    for side in "lr":
        place |= _hand_and_foot(side, place)
        place[f"{side}_collar"] = place[f"{side}_clavicle"] = between("thorax", f"{side}_shoulder")
        place[f"{side}_foot"] = between(f"{side}_ankle", f"{side}_toe", 0.65)
        for name, one, other in (
            ("upper_arm", "shoulder", "elbow"), ("lower_arm", "elbow", "wrist"),
            ("upper_leg", "hip", "knee"), ("lower_leg", "knee", "ankle"),
        ):  # fmt: skip
            place[f"{side}_{name}"] = between(f"{side}_{one}", f"{side}_{other}")
    return np.stack([place[name] for name in skeleton.joints], axis=-2)


_FACE = HALPE_136.joints[26:94]


def _face_mark(name: str, place: dict[str, np.ndarray]) -> np.ndarray:
    """Somewhere between an eye or an ear of its side, the nose and the neck: near where it belongs."""
    side = name[:2] if name[:2] in ("l_", "r_") else ""
    part, _, number = name.removeprefix(side).rpartition("_")
    share = int(number) / 10 if number.isdigit() else 0.0
    start = place[f"{side}{'ear' if part == 'jaw' else 'eye'}"] if side else place["nose"]
    end = place["upper_neck"] if part in ("jaw", "") or "lip" in name or name == "chin" else place["nose"]
    return start + (0.2 + share) / 2 * (end - start)


def _hand_and_foot(side: str, place: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    wrist, hand = place[f"{side}_wrist"], place[f"{side}_hand"]
    ankle, toe = place[f"{side}_ankle"], place[f"{side}_toe"]
    inwards = 0.1 * (place["l_hip"] - place["r_hip"]) * (1 if side == "r" else -1)
    found = {f"{side}_hand_root": wrist, f"{side}_heel": ankle - 0.3 * (toe - ankle)}
    found |= {f"{side}_big_toe": toe + inwards, f"{side}_small_toe": toe - inwards}
    for finger in FINGERS:
        for number in range(1, 5):
            found[f"{side}_{finger}{number}"] = wrist + (0.6 + 0.2 * number) * (hand - wrist)
    return found


def fake_posed(generator: np.random.Generator, skeleton: Skeleton, build: Proportions | None = None) -> np.ndarray:
    """(J, 3) joints of a person about the world's origin who faces along the world's y, mm."""
    return joints_of_rig(_rig(generator, build), skeleton)


def _rig(generator: np.random.Generator, build: Proportions | None = None) -> np.ndarray:
    build = draw_proportions(generator) if build is None else build
    return pose_joints(build, draw_pose(generator, proportions=build, actions=("walking", "standing")))[0]


def turned(joints: np.ndarray, angle: float) -> np.ndarray:
    """Joints turned about the world's z axis, rad."""
    cos, sin = np.cos(angle), np.sin(angle)
    return joints @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])


def fake_person(
    generator: np.random.Generator,
    skeleton: Skeleton,
    camera: Camera | None = None,
    *,
    beside: float = 0.0,
    build: Proportions | None = None,
) -> FakePerson:
    """A person who faces anywhere, `beside` mm to the right of the world's origin as the camera sees it."""
    camera = fake_camera(generator) if camera is None else camera
    posed = turned(fake_posed(generator, skeleton, build), generator.uniform(-np.pi, np.pi))
    joints_world = posed + beside * camera.rotation[0]
    joints_cam = camera.cam_from_world(joints_world)
    return FakePerson(joints_world, joints_cam, camera.project(joints_cam), camera)


def standing_people(
    skeleton: Skeleton,
    count: int,
    generator: np.random.Generator,
    *,
    size_wh: tuple[int, int] = STANDING_WH,
    together: int = 1,
) -> np.ndarray:
    """(count, J, 2) px: people seen from the front, each wholly inside a picture; for fakes of 2D datasets.

    Args:
        skeleton: The joints that are asked for.
        count: How many people.
        generator: Draws builds, poses, sizes and places.
        size_wh: Size of the pictures.
        together: How many share a picture, side by side.
    """
    poses = np.stack([_rig(generator) for _ in range(min(count, MOST_POSES))])
    room = np.array([size_wh[0] / together, size_wh[1]]) - 8.0
    people = np.empty((count, len(skeleton), 2))
    for row in range(count):
        rig = turned(poses[row % len(poses)], generator.uniform(-0.5, 0.5))
        # Facing the viewer: what is to the person's right lies on the picture's left.
        seen = joints_of_rig(rig, skeleton)[:, [0, 2]] * [-1, -1]
        whole = rig[:, [0, 2]] * [-1, -1]
        low, extent = whole.min(axis=0), np.ptp(whole, axis=0)
        scale = generator.uniform(0.8, 1.0) * (room / extent).min()
        corner = 4 + generator.random(2) * (room - scale * extent) + [row % together * size_wh[0] / together, 0]
        people[row] = (seen - low) * scale + corner
    return np.round(people, 2)


def fake_picture(joints_img: np.ndarray, skeleton: Skeleton, size_wh: tuple[int, int] = STANDING_WH) -> np.ndarray:
    """(H, W, 3) RGB: one person (J, 2) or several (P, J, 2) on an uneven ground; the same people, the same picture."""
    people = joints_img.reshape(-1, len(skeleton), 2)
    generator = np.random.default_rng(crc32(np.ascontiguousarray(people).tobytes()))
    ground = generator.uniform(70, 170, 3) + generator.normal(0, 22, (4, 4, 3))
    picture = cv2.resize(np.clip(ground, 0, 255).astype(np.uint8), size_wh, interpolation=cv2.INTER_CUBIC)
    for person in people:
        _paint(picture, person, skeleton, generator.integers(0, 256, 3))
    return picture


def _paint(picture: np.ndarray, joints_img: np.ndarray, skeleton: Skeleton, cloth: np.ndarray) -> None:
    """A trunk, limbs and joints; warm on the person's right and cold on their left."""
    known = np.isfinite(joints_img).all(axis=1)
    if known.sum() < 2:
        return
    width = max(2, round(0.05 * float(np.linalg.norm(np.ptp(joints_img[known], axis=0)))))
    places = np.clip(np.nan_to_num(joints_img), -999, 999).round().astype(int).tolist()
    at = {name: place for name, place, there in zip(skeleton.joints, places, known, strict=True) if there}
    if set(TRUNK) <= set(at):
        cv2.fillConvexPoly(picture, cv2.convexHull(np.array([at[name] for name in TRUNK])), cloth.tolist())
    for a, b in LIMBS:
        if a in at and b in at:
            cv2.line(picture, at[a], at[b], (0.65 * np.array(side_colour(a)) + 0.35 * cloth).tolist(), width)
    for a, b in skeleton.bones:
        if a in at and b in at:
            cv2.line(picture, at[a], at[b], side_colour(b), 1, cv2.LINE_AA)
    for name, place in at.items():
        cv2.circle(picture, place, 2, side_colour(name), -1, cv2.LINE_AA)


def fake_jpeg(joints_img: np.ndarray, skeleton: Skeleton, size_wh: tuple[int, int] = STANDING_WH) -> bytes:
    """The same as a JPEG file."""
    return simplejpeg.encode_jpeg(np.ascontiguousarray(fake_picture(joints_img, skeleton, size_wh)), quality=90)


def write_picture(path, joints_img: np.ndarray, skeleton: Skeleton, size_wh: tuple[int, int] = STANDING_WH) -> None:
    """A JPEG file of one or several people, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fake_jpeg(joints_img, skeleton, size_wh))
