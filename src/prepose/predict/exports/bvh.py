"""BVH: a hierarchy with constant bone lengths and joint rotations, for Blender, Maya, MotionBuilder and so on."""

from pathlib import Path

import numpy as np

from prepose.files import write_whole
from prepose.predict.exports.motion import Motion, at_constant_rate, euler_zxy, rigid_motion
from prepose.predict.pose_sequence import PoseSequence

_CM = 0.1  # per mm; BVH states no unit, cm is what its readers expect
_ROTATIONS = "Zrotation Xrotation Yrotation"


def write_bvh(sequence: PoseSequence, path: Path | str, *, fps: float | None = None) -> list[str]:
    """Write one person's motion as BVH: cm, y up, rotations about z, x, y in degrees; the origin is the camera.

    Args:
        sequence: The poses. Frames in which the person was not found are interpolated.
        path: The file, replaced where it exists.
        fps: Frames per second; None: the source's mean rate.

    Returns:
        What of the poses was changed to fit the format, in a line each.

    Raises:
        DataError: the skeleton's bones do not make one tree.
        OSError: the file cannot be written.
    """
    track = at_constant_rate(sequence, fps)
    motion = rigid_motion(sequence, track.joints)
    angles = np.stack([euler_zxy(motion.rotations[:, node]) for node in range(len(motion.names))], axis=1)
    values = np.concatenate([motion.root * _CM, angles.reshape(len(angles), -1)], axis=1)
    # Adding zero turns -0 into 0.
    rows = (" ".join(f"{value:.5f}" for value in row) for row in np.round(values, 5) + 0.0)
    head = ["MOTION", f"Frames: {len(values)}", f"Frame Time: {1 / track.rate:.8f}"]
    write_whole(Path(path), "\n".join(["HIERARCHY", *_hierarchy(motion), *head, *rows]) + "\n")
    lost = int((~track.found).sum())
    notes = [f"{lost:,} frames in which the person was not found are interpolated"] if lost else []
    return [*track.notes, *notes, *motion.notes]


def _hierarchy(motion: Motion) -> list[str]:
    lines: list[str] = []
    open_nodes: list[int] = []
    for node, (name, parent) in enumerate(zip(motion.names, motion.parents, strict=True)):
        while open_nodes and open_nodes[-1] != parent:
            open_nodes.pop()
            lines.append("\t" * len(open_nodes) + "}")
        indent = "\t" * len(open_nodes)
        offset = " ".join(f"{value:.5f}" for value in np.round(motion.offsets[node] * _CM, 5) + 0.0)
        channels = f"6 Xposition Yposition Zposition {_ROTATIONS}" if parent < 0 else f"3 {_ROTATIONS}"
        lines += [f"{indent}{'ROOT' if parent < 0 else 'JOINT'} {name}", f"{indent}{{", f"{indent}\tOFFSET {offset}"]
        lines.append(f"{indent}\tCHANNELS {channels}")
        if node in motion.leaves:
            # The format wants an end below each last joint; nothing is known of where it would be.
            lines += [f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET 0 0 0", f"{indent}\t}}"]
        open_nodes.append(node)
    while open_nodes:
        open_nodes.pop()
        lines.append("\t" * len(open_nodes) + "}")
    return lines
