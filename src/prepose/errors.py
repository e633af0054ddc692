"""The errors that a user's files, recipes and machine can cause, and how they are reported in one line.

The command line prints one line for each and exits with code 2; anything else is a fault of prepose. A message says
what is wrong, where, what was found, what was expected and what to do.
"""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

# Longer lines hold a value that nobody reads.
LONGEST_LINE = 1000

OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class PoseError(Exception):
    """A user's input cannot be used as it is."""


class DataError(PoseError):
    """A file, label, image or store is missing, broken or not what it should be."""


class SkeletonMismatch(PoseError):
    """Two parts that must share a skeleton do not."""


class RecipeError(PoseError):
    """A recipe, or a setting of one, is not valid."""


class TrainingDiverged(RecipeError):
    """A loss or weight is no longer finite: the recipe's settings do not train."""


def explained(error: BaseException) -> str | None:
    """What to tell a user about an error in a line; None where it is a fault of the program.

    Nothing is said but what the error itself knows: the file, and the reason that the system gave.
    """
    if isinstance(error, PoseError):
        return str(error)
    if ran_out_of_memory(error):
        return f"out of memory ({str(error) or type(error).__name__}); free some, or make what is asked for smaller"
    if type(error).__name__ == "BrokenProcessPool":
        return f"a worker process ended before its work was done (it was killed, or memory ran out): {error}"
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return "torch is not installed; without it, prepose predicts by exported .onnx models alone; install torch"
    if isinstance(error, OSError):
        return _of_the_system(error)
    if isinstance(error, UnicodeEncodeError):
        return f"{shortened(repr(error.object))} cannot be written as {error.encoding}: {error.reason}; rename it"
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return "a path or a name contains a NUL character, which no file system takes; correct it where it is written"
    return None


def _of_the_system(error: OSError) -> str | None:
    # Of a renaming it is the second file that the user knows.
    place = error.filename2 or error.filename
    if error.errno is None or error.strerror is None:
        return None
    if error.errno in OUT_OF_SPACE:
        return f"{place or 'writing a file'}: {error.strerror.lower()}; free some space and run the same command again"
    return f"{place}: {error.strerror.lower()}" if place else None


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error is about memory, of the machine or of an accelerator."""
    # torch has classes and words of its own; importing it to ask for them takes seconds.
    named = type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or named


def one_line(text: object, most: int = LONGEST_LINE) -> str:
    """A text as one printable line: breaks are spaces, control characters their escapes, and it is not endless."""
    return shortened(printable(" ".join(str(text).split())), most)


def printable(text: str) -> str:
    """A text whose control characters, which could do anything to a terminal, are shown as escapes; lines stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def shortened(text: str, most: int = 120) -> str:
    """A text of at most so many characters: of a longer one the beginning and the end, and how long it is."""
    if len(text) <= most:
        return text
    half = (most - 32) // 2
    return f"{text[:half]}...{text[-half:]} ({len(text):,} characters)"


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the known name most like this one; empty where none is alike."""
    names = list(known)
    matches = get_close_matches(name, names, n=1, cutoff=0.5)
    # MPII is mpii, and only_3d only-3d; yet names with _ are not mistaken for others.
    matches = matches or get_close_matches(name.lower().replace("_", "-"), names, n=1, cutoff=0.5)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """That nothing has a name, which known one is most like it, and all known ones."""
    names = list(known)
    return f"no {what} is named {shortened(name)!r}{nearest(name, names)}; known: {', '.join(names)}"
