"""A skeleton: named joints, their tree, their mirror image; and the map from one skeleton to another."""

import re
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int

from prepose.errors import SkeletonMismatch


class Provenance(IntEnum):
    """How a joint of the target skeleton is known from the source skeleton."""

    EXACT = 0
    MIDPOINT = 1
    APPROXIMATE = 2
    MISSING = 3


# A joint that lies halfway between two others by definition.
MIDPOINTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pelvis": ("l_hip", "r_hip"),
        "thorax": ("l_shoulder", "r_shoulder"),
    }
)

# target joint -> source joints that datasets mark near the same place but define differently, best first.
APPROXIMATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "thorax": ("neck",),
        "neck": ("thorax", "upper_neck", "head_bottom"),
        "upper_neck": ("head_bottom", "neck", "nose_neck"),
        "head_bottom": ("upper_neck", "neck"),
        "nose_neck": ("nose", "upper_neck"),
        "nose": ("nose_neck",),
        "spine": ("belly", "spine1"),
        "belly": ("spine", "spine1"),
        "spine1": ("spine", "belly"),
        "head": ("head_top",),
        "head_top": ("head",),
        "l_hand": ("l_wrist",),
        "r_hand": ("r_wrist",),
        "l_foot": ("l_toe", "l_big_toe", "l_foot_index"),
        "r_foot": ("r_toe", "r_big_toe", "r_foot_index"),
        "l_toe": ("l_foot", "l_big_toe", "l_foot_index"),
        "r_toe": ("r_foot", "r_big_toe", "r_foot_index"),
        "l_big_toe": ("l_foot_index", "l_toe"),
        "r_big_toe": ("r_foot_index", "r_toe"),
        "l_foot_index": ("l_big_toe", "l_toe"),
        "r_foot_index": ("r_big_toe", "r_toe"),
    }
)

SIDES: Mapping[str, str] = MappingProxyType({"l": "l", "left": "l", "r": "r", "right": "r"})
# Parts of the body that a side may be written before without a separator (`leftknee`, `RKNEE`).
SIDED_PARTS = frozenset(
    {
        "clavicle", "collar", "shoulder", "elbow", "wrist", "hand", "thumb",
        "hip", "knee", "ankle", "foot", "heel", "toe", "eye", "ear",
    }
)  # fmt: skip
# Where a tree of bones starts that has no root, best first.
TRUNK = (
    "pelvis", "spine", "thorax", "neck", "upper_neck", "nose", "head",
    "r_shoulder", "l_shoulder", "r_hip", "l_hip",
)  # fmt: skip
# One word of a joint's name: `RightUpLeg` has three, `LKnee` two, `L5` (a vertebra) and `spine1` one.
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\WA-Z_\d]+\d*|[A-Z]+\d*|\d+")


@dataclass(frozen=True)
class Skeleton:
    """Names, tree and mirror image of a set of joints.

    Attributes:
        name: The name under which `skeletons.SKELETONS` lists it.
        joints: Joint names in array order. A side is the prefix `l_` or `r_`, and it is the *person's* side.
        bones: (parent, child) joint names; every joint but the root is the child of exactly one bone, or, where a
            dataset has no such joint, of none.
        root: The joint that poses are relative to; None where a dataset labels no pelvis.
        variants: joint name -> marker definition, for joints that share a name with other datasets but not the place
            (COCO hips are marked on the skin, 3DHP hips in the joint). Same name, other variant: approximate.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    root: str | None
    variants: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = set(self.joints)
        if len(known) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: a joint name occurs twice in {self.joints}")
        unknown = [joint for bone in self.bones for joint in bone if joint not in known]
        unknown += [joint for joint in (*self.variants, self.root) if joint is not None and joint not in known]
        if unknown:
            raise ValueError(f"skeleton {self.name}: {unknown} are not among its joints {self.joints}")
        unpaired = [joint for joint in self.joints if mirror_name(joint) not in known]
        if unpaired:
            raise ValueError(f"skeleton {self.name}: {unpaired} have no joint on the other side")
        children = [child for _, child in self.bones]
        if len(set(children)) != len(children):
            raise ValueError(f"skeleton {self.name}: a joint is the child of two bones in {self.bones}")

    def __hash__(self) -> int:
        return hash((self.name, self.joints, self.bones, self.root, tuple(sorted(self.variants.items()))))

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """The array index of a joint.

        Raises:
            SkeletonMismatch: this skeleton has no such joint.
        """
        if joint not in self.joints:
            raise SkeletonMismatch(f"skeleton {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    @cached_property
    def root_index(self) -> int:
        """The array index of the root.

        Raises:
            SkeletonMismatch: this skeleton has no root.
        """
        if self.root is None:
            raise SkeletonMismatch(f"skeleton {self.name} has no root joint; map it to one that has, such as mpii-16")
        return self.index(self.root)

    @cached_property
    def mirror(self) -> Int[np.ndarray, "J"]:
        """For each joint the index of the joint on the other side (itself on the middle line)."""
        return np.array([self.joints.index(mirror_name(joint)) for joint in self.joints])

    @cached_property
    def bone_indices(self) -> Int[np.ndarray, "E 2"]:
        """(parent, child) indices of the bones."""
        return np.array([[self.joints.index(a), self.joints.index(b)] for a, b in self.bones]).reshape(-1, 2)


def mirror_name(joint: str) -> str:
    """The joint's name on the other side; joints on the middle line keep theirs."""
    if joint.startswith("l_"):
        return "r_" + joint[2:]
    if joint.startswith("r_"):
        return "l_" + joint[2:]
    return joint


def canonical_joint_name(name: str) -> str:
    """A joint's name as this package spells it: lower case, words joined by `_`, the side in front as `l_` or `r_`.

    The usual spellings of sides are understood: `right_ankle`, `right-ankle`, `Right Ankle`, `RightAnkle`, `rAnkle`,
    `RAnkle`, `R_ankle`, `ankle_r`, `ankle.R`, `AnkleRight`, `rightankle`. A name that already is canonical stays as it
    is, and so does the meaning of a name without a side: only its spelling is changed (`HeadTop` becomes `head_top`).
    """
    words = [word.lower() for word in WORD.findall(name)]
    if len(words) == 1:
        words = _without_separator(words[0])
    sided = [index for index, word in enumerate(words) if word in SIDES]
    # A single letter is a side at either end only; a name with two sides says none.
    if len(sided) == 1 and len(words) > 1:
        at = sided[0]
        if at in (0, len(words) - 1) or len(words[at]) > 1:
            words = [SIDES[words[at]], *words[:at], *words[at + 1 :]]
    return "_".join(words) or name


def _without_separator(word: str) -> list[str]:
    for side in sorted(SIDES, key=len, reverse=True):
        if word.startswith(side) and word.removeprefix(side) in SIDED_PARTS:
            return [side, word.removeprefix(side)]
    return [word]


def hung_from_root(
    joints: Sequence[str], edges: Sequence[tuple[str, str]], root: str | None
) -> tuple[tuple[tuple[str, str], ...], int]:
    """Bones (parent, child) of edges that may point either way and close loops, as COCO's `skeleton` lists them.

    Args:
        joints: Names of joints.
        edges: Pairs of them. If they already are bones that hang from the root, they come back as they are.
        root: The joint to hang them from. Without one, and for parts that are not joined to it, the trunk's middle
            comes first, then the order of the joints.

    Returns:
        The bones, and how many edges repeat another one or close a loop, and are left out.
    """
    if _hang(edges, root):
        return tuple(edges), 0
    beside: dict[str, list[str]] = defaultdict(list)
    for one, other in edges:
        beside[one].append(other)
        beside[other].append(one)
    starts = [joint for joint in (root, *TRUNK, *joints) if joint in beside]
    bones: list[tuple[str, str]] = []
    reached: set[str] = set()
    for start in starts:
        queue = deque([start] if start not in reached else [])
        reached.add(start)
        while queue:
            parent = queue.popleft()
            children = [child for child in dict.fromkeys(beside[parent]) if child not in reached]
            bones += [(parent, child) for child in children]
            reached.update(children)
            queue.extend(children)
    return tuple(bones), len(edges) - len(bones)


def _hang(edges: Sequence[tuple[str, str]], root: str | None) -> bool:
    """Whether edges are bones: each joint but a top one is the child of one, no loop, and the root is a top one."""
    parent = {child: one for one, child in edges}
    if len(parent) < len(edges) or root in parent:
        return False
    for child in parent:
        above, steps = child, 0
        while above in parent and steps <= len(parent):
            above, steps = parent[above], steps + 1
        if above in parent:
            return False
    return True


@dataclass(frozen=True, eq=False)
class JointMap:
    """How each joint of `target` follows from the joints of `source`.

    Attributes:
        source: The skeleton the joints come in.
        target: The skeleton they are wanted in.
        weights: (J_target, J_source); row sums are 1, or 0 for a missing joint.
        provenance: (J_target,) of `Provenance` values.
    """

    source: Skeleton
    target: Skeleton
    weights: Float[np.ndarray, "T S"]
    provenance: Int[np.ndarray, "T"]

    def apply(self, joints: Float[np.ndarray, "*N S D"]) -> Float[np.ndarray, "*N T D"]:
        """Joints in the target skeleton; NaN where the map or a needed source joint is missing."""
        if joints.shape[-2] != len(self.source):
            raise SkeletonMismatch(
                f"{joints.shape[-2]} joints were given to a map from {self.source.name}, which has {len(self.source)}"
            )
        used = self.weights != 0
        # One product of matrices for all samples, in the joints' own precision.
        mapped = np.tensordot(np.nan_to_num(joints), self.weights.astype(joints.dtype), axes=(-2, 1)).swapaxes(-1, -2)
        absent = np.isnan(joints).any(axis=-1) @ used.T.astype(np.float32) > 0
        return np.where((absent | ~used.any(axis=1))[..., None], np.nan, mapped).astype(joints.dtype)

    @property
    def truly_labelled(self) -> np.ndarray:
        """(J_target,) bool: joints that may be trained and scored, exact ones and midpoints."""
        return self.provenance <= Provenance.MIDPOINT


@lru_cache(maxsize=256)
def joint_map(source: Skeleton, target: Skeleton) -> JointMap:
    """The map from one skeleton to another, each joint with its provenance.

    A joint is *exact* where both skeletons name and define it alike, a *midpoint* where it is by definition the middle
    of two joints that the source labels, *approximate* where only a differently defined neighbour exists, else
    *missing*.
    """
    weights = np.zeros((len(target), len(source)))
    provenance = np.full(len(target), int(Provenance.MISSING))
    for row, joint in enumerate(target.joints):
        sources, kind = _derive(joint, source, target)
        for name in sources:
            weights[row, source.joints.index(name)] = 1 / len(sources)
        provenance[row] = int(kind)
    return JointMap(source, target, weights, provenance)


def _derive(joint: str, source: Skeleton, target: Skeleton) -> tuple[tuple[str, ...], Provenance]:
    if joint in source.joints:
        alike = source.variants.get(joint) == target.variants.get(joint)
        return (joint,), Provenance.EXACT if alike else Provenance.APPROXIMATE
    pair = MIDPOINTS.get(joint)
    if pair is not None and all(end in source.joints for end in pair):
        alike = all(source.variants.get(end) == target.variants.get(end) for end in pair)
        return pair, Provenance.MIDPOINT if alike else Provenance.APPROXIMATE
    for neighbour in APPROXIMATIONS.get(joint, ()):
        if neighbour in source.joints:
            return (neighbour,), Provenance.APPROXIMATE
    return (), Provenance.MISSING
