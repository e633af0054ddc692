"""Whether a protocol, a dataset and a network fit: found out from labels alone, before any network runs."""

from collections.abc import Sequence

import numpy as np

from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.body.skeletons import MPII_16, get_skeleton
from prepose.data.dataset import PoseDataset
from prepose.errors import DataError
from prepose.metrics.measures import TORSO_ENDS
from prepose.metrics.protocols import Protocol, protocols_for
from prepose.metrics.scale import REFERENCE_BONES
from prepose.predict.lift import Cameras
from prepose.predict.sizing import (
    METRIC_RULES,
    RESCALING_RULES,
    UNIV_RULES,
    approximated,
    detail_numbers,
    known,
    true_root_depth,
    truly_mapped,
)

_MOST_NAMED = 6


def check_fit(protocol: Protocol, dataset: PoseDataset, network: Skeleton) -> None:
    """See that a network's predictions for a dataset can be scored, and what a row for datasets is about can be told.

    A protocol for any dataset and for the joints that are shared gives the measures that the labels allow, so that it
    may have nothing to say of its headline; `misfit` says so.

    Raises:
        DataError: they cannot.
    """
    as_it_is = bool(protocol.datasets) or protocol.coverage == "all"
    reason = misfit(protocol, dataset, network) if as_it_is else unsizable(protocol, dataset, network)
    if reason is not None:
        raise DataError(refusal(reason, dataset, network))


def refusal(reason: str, dataset: PoseDataset, network: Skeleton) -> str:
    """One line that says what does not fit, and what would."""
    fitting = [row.name for row in protocols_for(dataset.name) if misfit(row, dataset, network) is None]
    more = ", ..." if len(fitting) > _MOST_NAMED else ""
    what = f"use --protocol {', '.join(fitting[:_MOST_NAMED])}{more}" if fitting else "no protocol fits them"
    return f"{dataset.name}/{dataset.split}: {reason}; {what}"


def misfit(protocol: Protocol, dataset: PoseDataset, network: Skeleton) -> str | None:
    """Why the protocol's headline cannot be told of a network's predictions for a dataset; None if it can.

    Args:
        protocol: How to score.
        dataset: The samples with their labels.
        network: The skeleton of the network's joints.
    """
    for check in (_other_dataset, _other_people, _lacking_joints, _lacking_truth, unsizable, _lacking_facts):
        reason = check(protocol, dataset, network)
        if reason is not None:
            return reason
    return None


def misfit_of_poses(
    protocol: Protocol, dataset: PoseDataset, skeleton: Skeleton, *, sized_by_image: bool = False
) -> str | None:
    """The same of poses that some system predicted: in mm, which need no rule to get a size, or sized by the image.

    Args:
        protocol: How to score.
        dataset: The samples with their labels.
        skeleton: The skeleton of the poses.
        sized_by_image: Whether the protocol's scale rule gives them their size, as it does for a network.
    """
    sized_in = get_skeleton(protocol.skeleton)
    for check in (_other_dataset, _other_people, _lacking_joints, _lacking_truth, _lacking_root, _lacking_true_root):
        reason = check(protocol, dataset, skeleton)
        if reason is not None:
            return _of_a_system(reason)
    if protocol.needs_3d and sized_by_image:
        reason = unsizable(protocol, dataset, sized_in)
    elif protocol.needs_3d and protocol.scale not in METRIC_RULES:
        reason = _lacking_bones(protocol, skeleton)
    reason = reason or _lacking_univ(protocol, dataset) or _lacking_facts(protocol, dataset, skeleton)
    return None if reason is None else _of_a_system(reason)


def _of_a_system(reason: str) -> str:
    return reason.replace("a network of ", "a system with the joints of ")


def _lacking_root(protocol: Protocol, _dataset: PoseDataset, network: Skeleton) -> str | None:
    if not protocol.needs_3d or protocol.scale == "bone-sum-4000-legacy":
        return None
    target = get_skeleton(protocol.skeleton)
    mapping, near_by = joint_map(network, target), approximated(network, target, protocol.accepted_approximations)
    lacking = [name for name in protocol.root if not mapping.truly_labelled[target.index(name)] and name not in near_by]
    if not lacking:
        return None
    return (
        f"poses of the protocol {protocol.name} are relative to {_listed(lacking)}, which a network of {network.name} "
        "does not have, or defines otherwise"
    )


def _lacking_true_root(protocol: Protocol, dataset: PoseDataset, _network: Skeleton) -> str | None:
    if not protocol.needs_3d:
        return None
    target = get_skeleton(protocol.skeleton)
    truth = known(truly_mapped(dataset.array("joints_cam"), dataset.skeleton, target))
    if truth[:, [target.index(name) for name in protocol.root]].all(axis=1).any():
        return None
    return (
        f"poses of the protocol {protocol.name} are relative to {_listed(protocol.root)}, which labels in "
        f"{dataset.skeleton.name} do not have, or define otherwise"
    )


def _other_dataset(protocol: Protocol, dataset: PoseDataset, _network: Skeleton) -> str | None:
    if not protocol.datasets or dataset.name in protocol.datasets:
        return None
    return f"the protocol {protocol.name} is made for {' and '.join(protocol.datasets)}"


def _other_people(protocol: Protocol, dataset: PoseDataset, _network: Skeleton) -> str | None:
    unknown = sorted(set(dataset.texts("subject")) - set(protocol.subjects)) if protocol.subjects else []
    if not unknown:
        return None
    meant = _listed([name or "people without names" for name in protocol.subjects])
    found = _listed([name or "people without names" for name in unknown])
    return f"the protocol {protocol.name} is made for {meant}, and this split has {found}"


def _lacking_joints(protocol: Protocol, dataset: PoseDataset, network: Skeleton) -> str | None:
    target = get_skeleton(protocol.skeleton)
    labelled, predicted = joint_map(dataset.skeleton, target), joint_map(network, target)
    rows = [target.index(joint) for joint in protocol.scored_joints]
    accepted = np.array([joint in protocol.accepted_approximations for joint in target.joints])
    near_by = (predicted.provenance == Provenance.APPROXIMATE) & accepted
    has_truth, has_prediction = labelled.truly_labelled, predicted.truly_labelled | near_by
    if protocol.scale == "bone-sum-4000-legacy":
        # The published rule invents what is missing.
        has_prediction = np.ones_like(has_prediction)
    whose = {
        f"labels in {dataset.skeleton.name} do not have, or define otherwise": has_truth,
        f"a network of {network.name} does not have, or defines otherwise": has_prediction,
    }
    for who, has in whose.items():
        lacking = [target.joints[row] for row in rows if not has[row]]
        if len(lacking) == len(rows) or (lacking and protocol.coverage == "all"):
            return f"the protocol {protocol.name} scores {_listed(lacking)}, which {who}"
    return None


def _lacking_truth(protocol: Protocol, dataset: PoseDataset, _network: Skeleton) -> str | None:
    column, what = ("joints_cam", "3D joints") if protocol.needs_3d else ("joints_img", "joints in the image")
    target = get_skeleton(protocol.skeleton)
    truth = truly_mapped(dataset.array(column), dataset.skeleton, target)
    rows = [target.index(joint) for joint in (*protocol.scored_joints, *(protocol.root if protocol.needs_3d else ()))]
    if known(truth)[:, rows].any():
        return None
    return f"the protocol {protocol.name} needs {what}, which none of the {len(dataset)} samples has"


def unsizable(protocol: Protocol, dataset: PoseDataset, network: Skeleton) -> str | None:
    """Why the protocol's scale rule cannot bring the network's poses to size; None if it can or need not."""
    if protocol.scale == "image" or not np.isfinite(dataset.array("joints_cam")).any():
        return None
    if network.root is None:
        return f"a network of {network.name} has no root joint, so that it tells no depth, which {protocol.name} needs"
    if protocol.scale in METRIC_RULES:
        reason = _lacking_camera(protocol, dataset, network)
    else:
        reason = _lacking_bones(protocol, network)
    return reason or _lacking_univ(protocol, dataset)


def _lacking_univ(protocol: Protocol, dataset: PoseDataset) -> str | None:
    if protocol.scale not in UNIV_RULES or np.isfinite(detail_numbers(dataset, "univ_scale")).all():
        return None
    return f"samples have no univ_scale in their details, which the protocol {protocol.name} needs"


def _lacking_camera(protocol: Protocol, dataset: PoseDataset, network: Skeleton) -> str | None:
    depth = true_root_depth(dataset, protocol, network)
    if not np.isfinite(depth).any():
        return (
            f"labels in {dataset.skeleton.name} do not tell where the {network.root} of a network of {network.name} "
            f"is, whose depth the protocol {protocol.name} needs"
        )
    lacking = ~Cameras(dataset).known & np.isfinite(depth)
    if lacking.any():
        return (
            f"{lacking.sum()} of {len(lacking)} samples have 3D joints but no camera, which the protocol "
            f"{protocol.name} needs"
        )
    return None


def _lacking_bones(protocol: Protocol, network: Skeleton) -> str | None:
    if protocol.scale == "bone-sum-4000-legacy":
        fits = network is MPII_16 or network == MPII_16
        return None if fits else f"the protocol {protocol.name} is defined for networks of mpii-16 alone"
    if protocol.scale == "bone-sum-4000":
        ends = sorted({joint for bone in REFERENCE_BONES for joint in bone})
        mapping = joint_map(network, get_skeleton(protocol.skeleton))
        lacking = [joint for joint in ends if not mapping.truly_labelled[mapping.target.index(joint)]]
    else:
        mapping = joint_map(network, MPII_16)
        lacking = [joint for joint, there in zip(MPII_16.joints, mapping.truly_labelled, strict=True) if not there]
        lacking = [] if protocol.scale in RESCALING_RULES else lacking
    if not lacking:
        return None
    return (
        f"the protocol {protocol.name} judges a person's size by bones, and a network of {network.name} has no "
        f"{_listed(lacking)}"
    )


def _lacking_facts(protocol: Protocol, dataset: PoseDataset, _network: Skeleton) -> str | None:
    if protocol.averaging == "actions" and "" in dataset.texts("action"):
        return f"the protocol {protocol.name} averages over actions, which samples here do not name"
    if protocol.headline.startswith("pckh") and not known(dataset.array("head_box_xywh")[:, None]).any():
        return f"the protocol {protocol.name} needs head boxes, which no sample has (docs/mpii.md says where they are)"
    if protocol.headline in ("pck2d", "pck2d_10") and not _has_torso(protocol, dataset):
        return f"the protocol {protocol.name} needs left shoulder and right hip, which no sample labels so"
    if protocol.headline == "oks_ap":
        lacking = [name for name in ("area", "image") if not np.isfinite(detail_numbers(dataset, name)).all()]
        if lacking:
            return f"the protocol {protocol.name} needs each label's {' and '.join(lacking)}; add the dataset again"
    return None


def _has_torso(protocol: Protocol, dataset: PoseDataset) -> bool:
    target = get_skeleton(protocol.skeleton)
    truth = truly_mapped(dataset.array("joints_img"), dataset.skeleton, target)
    return bool(known(truth)[:, [target.index(joint) for joint in sorted(TORSO_ENDS)]].all(axis=1).any())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
