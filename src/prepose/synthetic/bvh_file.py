"""The BVH file format: a hierarchy of joints, then one line of channel values a frame."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from prepose.errors import DataError

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
# Rigs have up to some 300 joints; 100,000 frames are 14 minutes at 120 Hz. A clip on the rig takes 10 kB a frame.
MOST_JOINTS, MOST_FRAMES = 10_000, 100_000
_MOST_SHOWN = 60  # characters of a word in a message
# Seconds between frames: beyond any camera, and beyond any clip that still shows how somebody moves.
_LEAST_FRAME_TIME, _MOST_FRAME_TIME = 1e-4, 10.0


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
        raise DataError(f"{path}: not a BVH file: it must start with HIERARCHY, found {_shown(text[:20].strip())}")
    separator = re.search(r"^[ \t]*MOTION\s*$", text, re.MULTILINE)
    if separator is None:
        raise DataError(f"{path}: no MOTION block after the HIERARCHY; the file is truncated")
    nodes = _read_hierarchy(path, (word.group() for word in re.finditer(r"\S+", text[: separator.start()])))
    frames, frame_time = _read_motion(path, text[separator.end() :], sum(len(channels) for _, _, _, channels in nodes))
    return Bvh(
        joints=tuple(name for name, _, _, _ in nodes),
        parents=tuple(parent for _, parent, _, _ in nodes),
        offsets=np.array([offset for _, _, offset, _ in nodes]),
        channels=tuple(channels for _, _, _, channels in nodes),
        frames=frames,
        frame_time=frame_time,
    )


def _shown(word: str) -> str:
    return repr(word if len(word) <= _MOST_SHOWN else f"{word[:_MOST_SHOWN]}...")


_Node = tuple[str, int, tuple[float, ...], tuple[str, ...]]


class _Tokens:
    """The words of a HIERARCHY, taken one after another."""

    def __init__(self, path: Path, words: Iterator[str]) -> None:
        self.path, self.words = path, words

    def take(self, expected: str) -> str:
        word = next(self.words, None)
        if word is None:
            raise DataError(f"{self.path}: HIERARCHY ends where {expected} was expected; a brace or a line is missing")
        return word

    def need(self, word: str, of: str) -> None:
        if (found := self.take(word)) != word:
            raise DataError(
                f"{self.path}: HIERARCHY is broken at joint {_shown(of)}: expected {word}, found {_shown(found)}"
            )

    def number(self, of: str) -> float:
        found = self.take("a number")
        try:
            value = float(found)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise DataError(
                f"{self.path}: HIERARCHY is broken at joint {_shown(of)}: expected a number, found {_shown(found)}"
            )
        return value


def _read_hierarchy(path: Path, words: Iterator[str]) -> list[_Node]:
    """Each joint's name, parent, offset and channels."""
    tokens, nodes, open_joints = _Tokens(path, words), [], []
    tokens.need("HIERARCHY", of="ROOT")
    tokens.need("ROOT", of="ROOT")
    word = "ROOT"
    while True:
        if word == "}":
            open_joints.pop()
        else:
            nodes.append(_read_joint(tokens, word, nodes, open_joints[-1] if open_joints else -1))
            open_joints.append(len(nodes) - 1)
        if len(nodes) > MOST_JOINTS:
            raise DataError(f"{path}: HIERARCHY has more than {MOST_JOINTS:,} joints; expected a person's skeleton")
        if not open_joints:
            break
        word = tokens.take("JOINT, End Site or }")
    if (extra := next(words, None)) is not None:
        raise DataError(f"{path}: HIERARCHY has {_shown(extra)} after its root was closed; expected MOTION")
    counts = Counter(name for name, *_ in nodes)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        raise DataError(f"{path}: HIERARCHY names joints twice: {', '.join(map(_shown, repeated[:8]))}")
    return nodes


def _read_joint(tokens: _Tokens, word: str, nodes: list[_Node], parent: int) -> _Node:
    if word not in ("ROOT", "JOINT", "End"):
        of = nodes[parent][0] if nodes else "ROOT"
        raise DataError(
            f"{tokens.path}: HIERARCHY is broken in joint {_shown(of)}: expected JOINT, End Site or }}, found "
            f"{_shown(word)}"
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
            raise DataError(f"{tokens.path}: joint {_shown(name)}: expected a number of channels, found '{count:g}'")
        channels = tuple(tokens.take("a channel") for _ in range(int(count)))
        if unknown := [channel for channel in channels if channel not in _POSITIONS + _ROTATIONS]:
            raise DataError(
                f"{tokens.path}: joint {_shown(name)} has unknown channels: {', '.join(map(_shown, unknown))}"
            )
        if len(set(channels)) < len(channels):
            raise DataError(
                f"{tokens.path}: joint {_shown(name)} has a channel twice ({' '.join(channels)}); "
                "expected each at most once"
            )
    return name, parent, offset, channels


def _read_motion(path: Path, text: str, num_channels: int) -> tuple[Float[np.ndarray, "T C"], float]:
    header, rest = _first_lines(text, 2)
    if len(header) < 2:
        raise DataError(f"{path}: MOTION block is truncated: expected 'Frames:', 'Frame Time:' and values")
    count = _header_number(path, header[0], "Frames:")
    frame_time = _header_number(path, header[1], "Frame Time:")
    if not 1 <= count <= MOST_FRAMES:
        raise DataError(
            f"{path}: MOTION block promises {count:g} frames; expected 1 to {MOST_FRAMES:,}: cut a longer take in parts"
        )
    if not _LEAST_FRAME_TIME <= frame_time <= _MOST_FRAME_TIME:
        raise DataError(
            f"{path}: MOTION block promises frames of {frame_time:g} s; expected {_LEAST_FRAME_TIME:g} to "
            f"{_MOST_FRAME_TIME:g} seconds"
        )
    # Counted before they are split, so that a file of line breaks alone does not become millions of strings.
    lines = [] if rest.count("\n") > 2 * MOST_FRAMES else [line for line in rest.splitlines() if line.strip()]
    if len(lines) != count:
        found = len(lines) or "others"
        raise DataError(f"{path}: MOTION block promises {count:g} frames, found {found}; the file is cut or edited")
    frames = np.empty((len(lines), num_channels))
    for number, line in enumerate(lines, start=1):
        frames[number - 1] = _frame_values(path, line, number, num_channels)
    if not (finite := np.isfinite(frames).all(axis=1)).all():
        raise DataError(f"{path}: frame {int(np.argmin(finite)) + 1} of MOTION holds NaN or infinite values")
    return frames, frame_time


def _first_lines(text: str, count: int) -> tuple[list[str], str]:
    """The first lines that are not empty, and what follows them."""
    lines: list[str] = []
    while text.strip() and len(lines) < count:
        line, _, text = text.lstrip().partition("\n")
        lines.append(line)
    return lines, text


def _frame_values(path: Path, line: str, number: int, num_channels: int) -> Float[np.ndarray, "C"]:
    words = line.split()
    if len(words) != num_channels:
        raise DataError(
            f"{path}: frame {number} of MOTION has {len(words)} values, the HIERARCHY has {num_channels} channels"
        )
    try:
        return np.array(words, dtype=float)
    except ValueError as error:
        raise DataError(f"{path}: frame {number} of MOTION holds what is not a number ({str(error)[:100]})") from None


def _header_number(path: Path, line: str, label: str) -> float:
    words = line.strip().removeprefix(label)
    try:
        if words == line.strip():
            raise ValueError
        return float(words)
    except ValueError:
        raise DataError(f"{path}: MOTION block: expected '{label} <number>', found {_shown(line.strip())}") from None


def joint_frames(bvh: Bvh, joints: Sequence[str]) -> tuple[Float[np.ndarray, "T J 3"], Float[np.ndarray, "T J 3 3"]]:
    """Where some joints are and how their frames are turned, in the file's own axes and unit.

    Args:
        bvh: The file.
        joints: Names of its joints; the arrays have their order.
    """
    number = {name: index for index, name in enumerate(bvh.joints)}
    wanted = [number[name] for name in joints]
    anchors, uses = _anchors(bvh, wanted)
    column_of = np.cumsum([0, *(len(channels) for channels in bvh.channels)])
    places = np.zeros((len(bvh.frames), len(joints), 3))
    turns = np.zeros((len(bvh.frames), len(joints), 3, 3))
    frames = {-1: (np.zeros((len(bvh.frames), 3)), np.tile(np.eye(3), (len(bvh.frames), 1, 1)))}
    for joint, (anchor, offset) in anchors.items():
        place, turn = frames[anchor]
        if bvh.channels[joint]:
            values = bvh.frames[:, column_of[joint] : column_of[joint + 1]]
            local, turning = _moved(bvh, joint, offset, values)
            place, turn = place + np.einsum("tab,tb->ta", turn, local), turn @ turning
            frames[joint] = place, turn
        else:
            place = place + turn @ offset
        for column in (k for k, one in enumerate(wanted) if one == joint):
            places[:, column], turns[:, column] = place, turn
        uses[anchor] -= 1
        if uses[anchor] == 0:
            del frames[anchor]
    return places, turns


_Anchors = dict[int, tuple[int, Float[np.ndarray, "3"]]]


def _anchors(bvh: Bvh, wanted: Sequence[int]) -> tuple[_Anchors, Counter[int]]:
    """The joints that move, of those above the wanted ones, and the wanted ones: parents first.

    Each with the nearest joint above it that moves (-1 for the world), and the place in that one's frame of its parent
    (of itself where it does not move). A file's joints without channels thus cost nothing a frame: what is left is at
    most the values in the file. Beside them, how often each is the nearest.
    """
    needed: set[int] = set()
    for joint in wanted:
        while joint >= 0 and joint not in needed:
            needed.add(joint)
            joint = bvh.parents[joint]
    place: dict[int, tuple[int, np.ndarray]] = {-1: (-1, np.zeros(3))}
    anchors: _Anchors = {}
    for joint in sorted(needed):
        above, offset = place[bvh.parents[joint]]
        if bvh.channels[joint]:
            anchors[joint], place[joint] = (above, offset), (joint, np.zeros(3))
        else:
            place[joint] = above, offset + bvh.offsets[joint]
            if joint in wanted:
                anchors[joint] = place[joint]
    return anchors, Counter(above for above, _ in anchors.values())


def _moved(
    bvh: Bvh, joint: int, offset: Float[np.ndarray, "3"], values: Float[np.ndarray, "T c"]
) -> tuple[Float[np.ndarray, "T 3"], Float[np.ndarray, "T 3 3"]]:
    """A joint's place and turn in the frame of the nearest joint above that moves.

    Position channels give the joint's place in its parent's frame; they stand in for the offset.
    """
    own = np.tile(bvh.offsets[joint], (len(values), 1))
    for k, channel in enumerate(bvh.channels[joint]):
        if channel in _POSITIONS:
            own[:, _POSITIONS.index(channel)] = values[:, k]
    return offset + own, _turns(bvh.channels[joint], values)


def _turns(channels: tuple[str, ...], values: Float[np.ndarray, "T c"]) -> Float[np.ndarray, "T 3 3"]:
    """The rotations of a joint's rotation channels, applied as frames turn: the first channel outermost."""
    turning = [k for k, channel in enumerate(channels) if channel in _ROTATIONS]
    if not turning:
        return np.tile(np.eye(3), (len(values), 1, 1))
    axes = "".join(channels[k][0] for k in turning)
    return Rotation.from_euler(axes, values[:, turning], degrees=True).as_matrix()
