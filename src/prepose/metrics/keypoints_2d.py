"""The measures in the image: shares of key-points that lie within a length of the true one.

Tables of (sample, joint) as in `joint_error`. What differs between the measures is the length each sample is judged by.
OKS-AP is average precision over object key-point similarities, by COCO's own pycocotools.

Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014; definition on cocodataset.org.
"""

import contextlib
import io
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prepose.body.skeleton import Skeleton

TORSO_SHARE = 0.2
FINE_TORSO_SHARE = 0.1
BOX_SHARE = 0.1
HEAD_SHARES = (0.5, 0.1)

# The official MPII script takes 0.6 of the diagonal of the head's box as the head's length.
HEAD_OF_DIAGONAL = 0.6

Points = Float[np.ndarray, "N J 2"]
Lengths = Float[np.ndarray, "N"]


def pixel_errors(prediction: Points, truth: Points, mask: Bool[np.ndarray, "N J"]) -> Float[np.ndarray, "N J"]:
    """Distance of each predicted joint from the true one in the image, px; NaN where masked."""
    distance = np.linalg.norm(prediction.astype(float) - truth, axis=-1)
    return np.where(mask, distance, np.nan)


def torso_lengths(truth: Points, skeleton: Skeleton) -> Lengths:
    """Distance from the left shoulder to the right hip, px; NaN where one is not labelled, or both lie in one place.

    Source: Sapp and Taskar, "MODEC", CVPR 2013, section 6.
    """
    shoulder, hip = skeleton.index("l_shoulder"), skeleton.index("r_hip")
    return _positive(np.linalg.norm(truth[:, shoulder].astype(float) - truth[:, hip], axis=-1))


def box_lengths(boxes_xywh: Float[np.ndarray, "N 4"]) -> Lengths:
    """The longer side of each box, px.

    Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013, section 7.
    """
    return _positive(boxes_xywh[:, 2:].max(axis=1).astype(float))


def head_lengths(head_boxes_xywh: Float[np.ndarray, "N 4"]) -> Lengths:
    """0.6 of the diagonal of each head box, px; NaN where there is none.

    Source: Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", CVPR 2014.
    """
    return _positive(HEAD_OF_DIAGONAL * np.linalg.norm(head_boxes_xywh[:, 2:].astype(float), axis=1))


def _positive(lengths: Lengths) -> Lengths:
    return np.where(np.nan_to_num(lengths) > 0, lengths, np.nan)


def correct_keypoints(errors: Float[np.ndarray, "N J"], lengths: Lengths, share: float) -> Float[np.ndarray, "N J"]:
    """1 where an error is at most `share` of the sample's length, 0 where it is more.

    NaN where the error is NaN or the sample has no length.
    """
    unknown = np.isnan(errors) | np.isnan(lengths)[:, None]
    near = np.nan_to_num(errors) <= share * np.nan_to_num(lengths)[:, None]
    return np.where(unknown, np.nan, near.astype(float))


# In the order of pycocotools' summary.
OKS_MEASURES = (
    "oks_ap", "oks_ap_50", "oks_ap_75", "oks_ap_medium", "oks_ap_large",
    "oks_ar", "oks_ar_50", "oks_ar_75", "oks_ar_medium", "oks_ar_large",
)  # fmt: skip
_PERSON = 1


def oks_average_precision(
    prediction: Float[np.ndarray, "N 17 2"],
    truth: Float[np.ndarray, "N 17 2"],
    *,
    scores: Float[np.ndarray, "N"],
    areas_px2: Float[np.ndarray, "N"],
    image_ids: Int[np.ndarray, "N"],
) -> dict[str, float]:
    """Average precision and recall of one prediction a labelled person, 0 to 1.

    Args:
        prediction: Joints of coco-17, px.
        truth: The same; NaN where not labelled. A person with no labelled joint is nobody's match.
        scores: How sure the network is of each person; precision is taken down the list. NaN: there is no prediction.
        areas_px2: Area of each person's outline, px squared.
        image_ids: Which image each person is in; nobody is matched across images.

    Returns:
        `OKS_MEASURES` -> figure; NaN where no person is of that size.
    """
    # Importing pycocotools takes as long as all the rest of `prepose evaluate --help`.
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    # Its published types know label files alone, not labels in memory.
    labels: Any = COCO()
    labels.dataset = _labels(truth, areas_px2, image_ids)
    # pycocotools tells its progress on standard output, which belongs to tables and JSON here.
    with contextlib.redirect_stdout(io.StringIO()):
        labels.createIndex()
        found = labels.loadRes(_results(prediction, scores, image_ids))
        scoring = COCOeval(labels, found, "keypoints")
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    # It says -1 for "nothing to judge by".
    return {name: float(v) if v >= 0 else float("nan") for name, v in zip(OKS_MEASURES, scoring.stats, strict=True)}


def _labels(
    truth: Float[np.ndarray, "N 17 2"], areas_px2: Float[np.ndarray, "N"], image_ids: Int[np.ndarray, "N"]
) -> dict[str, Any]:
    labelled = np.asarray(~np.isnan(truth).any(axis=-1))
    flags = np.where(labelled, 2.0, 0.0)
    triples = np.concatenate([np.where(labelled[..., None], truth, 0.0), flags[..., None]], axis=-1)
    annotations = [
        {
            "id": row + 1, "image_id": int(image_ids[row]), "category_id": _PERSON, "iscrowd": 0,
            "area": float(areas_px2[row]), "bbox": _bounds(truth[row]), "num_keypoints": int(labelled[row].sum()),
            "keypoints": triples[row].reshape(-1).astype(float).tolist(),
        }
        for row in range(len(truth))
    ]  # fmt: skip
    images = [{"id": int(image)} for image in np.unique(image_ids)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": [{"id": _PERSON}]}


def _bounds(joints: Float[np.ndarray, "17 2"]) -> list[float]:
    """A box about the joints, px; asked for by the format, and used for people without labelled joints alone."""
    known = joints[np.asarray(~np.isnan(joints).any(axis=-1))].astype(float)
    if not len(known):
        return [0.0, 0.0, 0.0, 0.0]
    low, high = known.min(axis=0), known.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def _results(
    prediction: Float[np.ndarray, "N 17 2"], scores: Float[np.ndarray, "N"], image_ids: Int[np.ndarray, "N"]
) -> list[dict[str, Any]]:
    triples = np.concatenate([prediction, np.ones_like(prediction[..., :1])], axis=-1)
    return [
        {
            "image_id": int(image_ids[row]), "category_id": _PERSON, "score": float(scores[row]),
            "keypoints": triples[row].reshape(-1).astype(float).tolist(),
        }
        for row in np.flatnonzero(np.isfinite(scores)).tolist()
    ]  # fmt: skip
