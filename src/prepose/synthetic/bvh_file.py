"""The BVH file format: a hierarchy of joints, then one line of channel values a frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from prepose.errors import DataError

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True, eq=False)
class Bvh:
    """A BVH file as it stands: its own axes, its own unit of length, degrees.

    Attributes:
        joints: Names; the end site of a joint `X` is `X_end`. Parents come before their children.
        parents: Index of each joint's parent, -1 for the root.
        offsets: Each joint's place in its parent's frame.
        channels: What moves each joint, in the order of the values.
        frames: Channel values; all joints' channels in turn.
        frame_time: Seconds between frames.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float[np.ndarray, "J 3"]
    channels: tuple[tuple[str, ...], ...]
    frames: Float[np.ndarray, "T C"]
    frame_time: float

    def index(self, joint: str) -> int:
        """The joint's place in the arrays."""
        return self.joints.index(joint)


def read_bvh(path: Path | str) -> Bvh:
    """Read a BVH file.

    Raises:
        DataError: the file is missing, is not a BVH, or its HIERARCHY or MOTION block is broken.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a motion-capture file (.bvh)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); expected a motion-capture file (.bvh)") from None
    if text.split(maxsplit=1)[:1] != ["HIERARCHY"]:
        raise DataError(f"{path}: not a BVH file: it must start with HIERARCHY, found {text[:20].strip()!r}")
    hierarchy, separator, motion = text.partition("MOTION")
    if not separator:
        raise DataError(f"{path}: no MOTION block after the HIERARCHY; the file is truncated")
    nodes = _read_hierarchy(path, hierarchy.split()[1:])
    frames, frame_time = _read_motion(path, motion, sum(len(channels) for _, _, _, channels in nodes))
    return Bvh(
        joints=tuple(name for name, _, _, _ in nodes),
        parents=tuple(parent for _, parent, _, _ in nodes),
        offsets=np.array([offset for _, _, offset, _ in nodes]),
        channels=tuple(channels for _, _, _, channels in nodes),
        frames=frames,
        frame_time=frame_time,
    )


_Node = tuple[str, int, tuple[float, ...], tuple[str, ...]]


class _Tokens:
    """The words of a HIERARCHY, taken one after another."""

    def __init__(self, path: Path, words: list[str]) -> None:
        self.path, self.words, self.at = path, words, 0

    def take(self, expected: str) -> str:
        if self.at == len(self.words):
            raise DataError(f"{self.path}: HIERARCHY ends where {expected} was expected; a brace or a line is missing")
        self.at += 1
        return self.words[self.at - 1]

    def need(self, word: str, of: str) -> None:
        if (found := self.take(word)) != word:
            raise DataError(f"{self.path}: HIERARCHY is broken at joint {of!r}: expected {word}, found {found!r}")

    def number(self, of: str) -> float:
        found = self.take("a number")
        try:
            value = float(found)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise DataError(f"{self.path}: HIERARCHY is broken at joint {of!r}: expected a number, found {found!r}")
        return value


def _read_hierarchy(path: Path, words: list[str]) -> list[_Node]:
    """Each joint's name, parent, offset and channels."""
    tokens, nodes, open_joints = _Tokens(path, words), [], [-1]
    tokens.need("ROOT", of="ROOT")
    tokens.at -= 1
    while len(open_joints) > 1 or not nodes:
        word = tokens.take("JOINT, End Site or }")
        if word == "}":
            open_joints.pop()
            continue
        nodes.append(_read_joint(tokens, word, nodes, open_joints[-1]))
        open_joints.append(len(nodes) - 1)
    if tokens.at != len(words):
        raise DataError(f"{path}: HIERARCHY has {words[tokens.at]!r} after its root was closed; expected MOTION")
    names = [node[0] for node in nodes]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: HIERARCHY names joints twice: {', '.join(repeated)}")
    return nodes


def _read_joint(tokens: _Tokens, word: str, nodes: list[_Node], parent: int) -> _Node:
    if word not in ("ROOT", "JOINT", "End"):
        of = nodes[parent][0] if nodes else "ROOT"
        raise DataError(
            f"{tokens.path}: HIERARCHY is broken in joint {of!r}: expected JOINT, End Site or }}, found {word!r}"
        )
    name = tokens.take("a joint's name")
    if word == "End":
        name = f"{nodes[parent][0]}_end"
    tokens.need("{", of=name)
    tokens.need("OFFSET", of=name)
    offset = tuple(tokens.number(of=name) for _ in range(3))
    channels: tuple[str, ...] = ()
    if word != "End":
        tokens.need("CHANNELS", of=name)
        count = tokens.number(of=name)
        if count not in range(7):
            raise DataError(f"{tokens.path}: joint {name!r}: expected a number of channels, found '{count:g}'")
        channels = tuple(tokens.take("a channel") for _ in range(int(count)))
        if unknown := [channel for channel in channels if channel not in _POSITIONS + _ROTATIONS]:
            raise DataError(f"{tokens.path}: joint {name!r} has unknown channels: {', '.join(unknown)}")
    return name, parent, offset, channels


def _read_motion(path: Path, text: str, num_channels: int) -> tuple[Float[np.ndarray, "T C"], float]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise DataError(f"{path}: MOTION block is truncated: expected 'Frames:', 'Frame Time:' and values")
    count = _header_number(path, lines[0], "Frames:")
    frame_time = _header_number(path, lines[1], "Frame Time:")
    if frame_time <= 0 or count < 1:
        raise DataError(
            f"{path}: MOTION block promises {count:g} frames of {frame_time:g} s; expected positive numbers"
        )
    rows = [line.split() for line in lines[2:]]
    if len(rows) != count:
        raise DataError(f"{path}: MOTION block promises {count:g} frames, found {len(rows)}; the file is cut or edited")
    for number, row in enumerate(rows, start=1):
        if len(row) != num_channels:
            raise DataError(
                f"{path}: frame {number} of MOTION has {len(row)} values, the HIERARCHY has {num_channels} channels"
            )
    try:
        frames = np.array(rows, dtype=float)
    except ValueError as error:
        raise DataError(f"{path}: MOTION block holds what is not a number ({error})") from None
    if not (finite := np.isfinite(frames).all(axis=1)).all():
        raise DataError(f"{path}: frame {int(np.argmin(finite)) + 1} of MOTION holds NaN or infinite values")
    return frames, frame_time


def _header_number(path: Path, line: str, label: str) -> float:
    words = line.strip().removeprefix(label)
    try:
        if words == line.strip():
            raise ValueError
        return float(words)
    except ValueError:
        raise DataError(f"{path}: MOTION block: expected '{label} <number>', found {line.strip()!r}") from None


def joint_frames(
    bvh: Bvh,
) -> tuple[Float[np.ndarray, "T J 3"], Float[np.ndarray, "T J 3 3"]]:
    """Where each joint is and how its frame is turned, in the file's own axes and unit."""
    frames = bvh.frames
    places = np.zeros((len(frames), len(bvh.joints), 3))
    turns = np.zeros((len(frames), len(bvh.joints), 3, 3))
    column = 0
    for i, (parent, channels) in enumerate(zip(bvh.parents, bvh.channels, strict=True)):
        values = frames[:, column : column + len(channels)]
        column += len(channels)
        turn = _turns(channels, values)
        # Position channels give the joint's place in its parent's frame; they stand in for the offset.
        place = np.tile(bvh.offsets[i], (len(frames), 1))
        for k, channel in enumerate(channels):
            if channel in _POSITIONS:
                place[:, _POSITIONS.index(channel)] = values[:, k]
        if parent < 0:
            places[:, i], turns[:, i] = place, turn
        else:
            places[:, i] = places[:, parent] + np.einsum("tab,tb->ta", turns[:, parent], place)
            turns[:, i] = turns[:, parent] @ turn
    return places, turns


def _turns(channels: tuple[str, ...], values: Float[np.ndarray, "T c"]) -> Float[np.ndarray, "T 3 3"]:
    """The rotations of a joint's rotation channels, applied as frames turn: the first channel outermost."""
    turning = [k for k, channel in enumerate(channels) if channel in _ROTATIONS]
    if not turning:
        return np.tile(np.eye(3), (len(values), 1, 1))
    axes = "".join(channels[k][0] for k in turning)
    return Rotation.from_euler(axes, values[:, turning], degrees=True).as_matrix()
