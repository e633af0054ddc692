"""The share of labelled joints within a tenth of the diagonal of the joints' box, over all joints of all people.

    python examples/box_diagonal.py NETWORK STORE SPLIT

NETWORK is a run, a weights file or the name of a network that ships. Labelled joints that the network does not have
count as not found, so that figures of networks with other joints stand beside each other.
"""

import sys
from pathlib import Path

import numpy as np

import prepose
from prepose.body.skeleton import joint_map
from prepose.data.picture import decode_image

SHARE = 0.1


def main() -> None:
    """Print the share of one network on one split."""
    network, store, split = sys.argv[1:]
    predictor, dataset = prepose.load(network), prepose.open_store(store, split)
    to_labels = joint_map(predictor.net.skeleton, dataset.skeleton)
    labels = dataset.array("joints_img")[..., :2]
    found = []
    for index in range(len(dataset)):
        image = decode_image(dataset.image_bytes(index))
        pose = predictor.predict(image, [dataset.array("box_xywh", [index])[0]])[0]
        known = np.isfinite(labels[index]).all(axis=1)
        diagonal = np.linalg.norm(np.ptp(labels[index][known], axis=0))
        error = np.linalg.norm(to_labels.apply(pose.joints_img) - labels[index], axis=1)[known]
        found.extend(np.nan_to_num(error, nan=np.inf) <= SHARE * diagonal)
    print(
        f"{Path(network).name}: {100 * np.mean(found):.1f} % of {len(found):,} labelled joints of {len(dataset)} people"
    )


if __name__ == "__main__":
    main()
