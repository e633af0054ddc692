"""People in made-up poses before cameras, for fakes of 3D datasets."""

from dataclasses import dataclass

import numpy as np

from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import Camera
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import Proportions, draw_proportions, pose_joints

SIZE_WH = (160, 120)


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


def fake_posed(
    generator: np.random.Generator, skeleton: Skeleton, proportions: Proportions | None = None
) -> np.ndarray:
    """(J, 3) joints of a person about the world's origin, mm; joints that a rig lacks lie between those it has."""
    proportions = draw_proportions(generator) if proportions is None else proportions
    pose = draw_pose(generator, proportions=proportions, actions=("walking", "standing"))
    rig, _ = pose_joints(proportions, pose)
    joints = joint_map(PREPOSE_27, skeleton).apply(rig)
    place = {name: rig[PREPOSE_27.index(name)] for name in PREPOSE_27.joints}
    place["belly"] = place["spine1"] = place["spine"]
    place["spine2"] = (2 * place["spine"] + place["thorax"]) / 3
    place["spine3"] = (place["spine"] + 2 * place["thorax"]) / 3
    place["spine4"] = (place["spine"] + 5 * place["thorax"]) / 6
    place["neck"] = place["thorax"]
    for side in "lr":
        place[f"{side}_collar"] = place[f"{side}_clavicle"] = (place["thorax"] + place[f"{side}_shoulder"]) / 2
        place[f"{side}_foot"] = place[f"{side}_toe"]
    for row, name in enumerate(skeleton.joints):
        joints[row] = place[name]
    return joints


def fake_person(
    generator: np.random.Generator, skeleton: Skeleton, camera: Camera | None = None, *, beside: float = 0.0
) -> FakePerson:
    """A person before a camera, `beside` mm to the right of the world's origin as the camera sees it."""
    camera = fake_camera(generator) if camera is None else camera
    joints_world = fake_posed(generator, skeleton) + beside * camera.rotation[0]
    joints_cam = camera.cam_from_world(joints_world)
    return FakePerson(joints_world, joints_cam, camera.project(joints_cam), camera)
