"""People over time with rigid bones, as `PoseSequence`s."""

import numpy as np

from prepose.body.skeleton import Skeleton, joint_map
from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.predict.pose_sequence import JointMark, PoseSequence
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.rig import mean_proportions, pose_joints

# World: z up, the person faces +y; a camera in front of the person sees the person's right on its left.
_CAM_FROM_WORLD = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])


def moving_person(
    count: int = 6,
    *,
    skeleton: Skeleton = PREPOSE_27,
    seed: int = 0,
    frames: np.ndarray | None = None,
    times: np.ndarray | None = None,
    source: str = "clip.mp4",
    person: int = 1,
) -> PoseSequence:
    """Poses of one rigid person some 4 m in front of the camera; 25 frames/s unless `times` are given."""
    generator = np.random.default_rng(seed)
    build = mean_proportions()
    rig = np.array([pose_joints(build, draw_pose(generator, proportions=build))[0] for _ in range(count)])
    mapping = joint_map(PREPOSE_27, skeleton)
    rig_cam = rig @ _CAM_FROM_WORLD.T + np.array([100.0, 900.0, 4000.0])
    joints = mapping.apply(rig_cam)
    frames = np.arange(count) if frames is None else frames
    camera = camera_from_field_of_view((1280, 720), 55.0)
    missing = np.isnan(joints).any(axis=2)
    return PoseSequence(
        source=source,
        person=person,
        skeleton=skeleton,
        provenance=("exact",) * len(skeleton),
        frames=frames,
        times=frames / 25 if times is None else times,
        joints_img=camera.project(joints),
        joints_cam=joints,
        root_cam=rig_cam[:, PREPOSE_27.root_index],
        confidence=np.where(missing, np.nan, 0.8),
        marks=np.where(missing, JointMark.MISSING, JointMark.OK).astype(np.uint8),
        boxes_xywh=np.tile([10.0, 10, 100, 200], (count, 1)),
        camera=camera,
        camera_rule="assumed",
        scale_rule="mean-person",
    )
