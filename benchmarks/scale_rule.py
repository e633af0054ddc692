"""What the rule that gives `prepose predict` a person's size and distance costs, on people whose true place is known.

    python benchmarks/scale_rule.py STORE SPLIT NETWORK ...

The rule: the pelvis is as deep as makes the bones sum to the mean adult's. Rows: with the true joints (the rule alone),
with a network's joints and the true camera, and with a network's joints and the camera that is assumed where none is
given (55 degrees across the longer side). The store holds whole images, not person chips.
"""

import sys
from pathlib import Path

import numpy as np

import prepose
from prepose.body.pose import bone_lengths
from prepose.body.skeleton import joint_map
from prepose.body.skeletons import MPII_16
from prepose.camera.camera import Camera
from prepose.data.picture import decode_image
from prepose.metrics.protocols import MEAN_PERSON_BONE_SUM_MM
from prepose.predict.camera_choice import assumed_camera
from prepose.predict.lift import depth_by_bone_sum, lift


def row(name, depth, true_depth, joints=None, truth=None):
    """Depth errors in % of the true depth; distances in the camera's frame and relative to the pelvis, mm."""
    off = 100 * (depth / true_depth - 1)
    cells = [f"{np.mean(off):+.1f}", f"{np.median(np.abs(off)):.1f}", f"{np.percentile(np.abs(off), 90):.1f}"]
    if joints is not None:
        root = MPII_16.root_index
        place = np.linalg.norm(joints[:, root] - truth[:, root], axis=-1)
        relative = np.linalg.norm((joints - joints[:, [root]]) - (truth - truth[:, [root]]), axis=-1)
        cells += [f"{np.median(place):.0f}", f"{np.nanmean(relative):.0f}"]
    print(f"| {name} | {' | '.join(cells)} |")


def relifted(person):
    """The same prediction under the assumed camera."""
    z = (person.joints_cam[:, 2] / person.root_cam[2] - 1) * person.camera.focal
    camera, _ = assumed_camera(person.size_wh)
    unit = lift(np.column_stack([person.joints_img, z])[None], camera, np.ones(1))
    return unit[0] * depth_by_bone_sum(unit, person.skeleton, MEAN_PERSON_BONE_SUM_MM)[0]


def main() -> None:
    """Print one table."""
    store, split, *networks = sys.argv[1:]
    dataset = prepose.open_store(store, split)
    if not (dataset.array("full_from_img") == np.eye(3)).all():
        sys.exit(f"{store}: holds person chips, whose size says nothing of the camera")
    mapping = joint_map(dataset.skeleton, MPII_16)
    truth = mapping.apply(dataset.array("joints_cam").astype(float))
    truth[:, ~mapping.truly_labelled] = np.nan
    true_depth = truth[:, MPII_16.root_index, 2]
    print(f"{store}/{split}: {len(dataset)} people\n")
    print("| joints, camera | mean depth error, % | median of its size, % | 90 % below, % | median distance of the "
          "pelvis from its place, mm | mean error relative to it, mm |\n|---|---|---|---|---|---|")  # fmt: skip
    if mapping.truly_labelled.all():
        factor = MEAN_PERSON_BONE_SUM_MM / bone_lengths(truth, MPII_16).sum(axis=-1)
        row("true, true", true_depth * factor, true_depth, truth * factor[:, None, None], truth)
    images = [decode_image(dataset.image_bytes(index)) for index in range(len(dataset))]
    cameras: list[Camera | None] = [dataset[index].camera for index in range(len(dataset))]
    for network in networks:
        predictor = prepose.load(network)
        people = predictor.predict_each(images, list(dataset.array("box_xywh")), cameras=cameras)
        to_mpii = joint_map(predictor.net.skeleton, MPII_16)
        for camera, joints in (
            ("true", [each.joints_cam for each in people]),
            ("assumed", [relifted(each) for each in people]),
        ):
            found = to_mpii.apply(np.stack(joints))
            row(f"{Path(network).stem}, {camera}", found[:, MPII_16.root_index, 2], true_depth, found, truth)


if __name__ == "__main__":
    main()
