"""Skeletons and the maps between them as tables for the terminal."""

from collections import Counter

from rich.console import Console

from prepose.body.skeleton import Provenance, Skeleton, joint_map
from prepose.body.skeletons import SKELETONS, get_skeleton
from prepose.console import table_of

# Beyond so many joints a table of all skeletons shows the first only; the columns of its counts are these skeletons.
_MOST_SHOWN = 33
_TARGETS = ("mpii-16", "h36m-17", "mpi-inf-3dhp-17", "coco-17", "smpl-24", "prepose-27")
_MARKS = {Provenance.EXACT: "exact", Provenance.MIDPOINT: "midpoint", Provenance.APPROXIMATE: "approximate"}


def print_skeletons(console: Console | None = None) -> None:
    """Every skeleton with its joints, and how many joints of one follow from another."""
    console = console or Console()
    table = table_of("skeleton", "joints", "root", "names in array order", title="Skeletons", texts=4)
    table.columns[0].no_wrap = True
    for skeleton in SKELETONS.values():
        table.add_row(
            skeleton.name,
            str(len(skeleton)),
            skeleton.root or "-",
            _names(skeleton),
            end_section=True,
        )
    console.print(table)
    title = "Joints that follow: exact + midpoints (~ approximate)"
    counts = table_of("from \\ to", *_TARGETS, title=title, dense=True)
    for source in SKELETONS.values():
        counts.add_row(source.name, *(_count(source, SKELETONS[target]) for target in _TARGETS))
    console.print(counts)
    console.print(
        "`prepose skeletons SOURCE TARGET` shows one map joint by joint, `prepose skeletons SOURCE` those to all."
    )


def _names(skeleton: Skeleton) -> str:
    names = " ".join(skeleton.joints[:_MOST_SHOWN])
    more = len(skeleton) - _MOST_SHOWN
    return names if more <= 0 else f"{names} and {more} more (face and hands)"


def _count(source: Skeleton, target: Skeleton) -> str:
    found = Counter(Provenance(kind) for kind in joint_map(source, target).provenance)
    cell = f"{found[Provenance.EXACT] + found[Provenance.MIDPOINT]}"
    return f"{cell} ~{found[Provenance.APPROXIMATE]}" if found[Provenance.APPROXIMATE] else cell


def print_joint_maps(source_name: str, target_name: str | None, console: Console | None = None) -> None:
    """How each joint of the target (of every skeleton, if None) follows from the source.

    Raises:
        SkeletonMismatch: no skeleton has such a name.
    """
    console = console or Console()
    source = get_skeleton(source_name)
    targets = list(SKELETONS.values()) if target_name is None else [get_skeleton(target_name)]
    for target in targets:
        table = table_of("joint", "from", "how", title=f"{source.name} -> {target.name}", texts=3)
        mapping = joint_map(source, target)
        for joint, weights, kind in zip(target.joints, mapping.weights, mapping.provenance, strict=True):
            used = " + ".join(source.joints[i] for i in weights.nonzero()[0]) or "-"
            table.add_row(joint, used, _MARKS.get(Provenance(kind), "missing"))
        console.print(table)
