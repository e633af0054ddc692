"""The errors that a user's files and recipes can cause.

The command line prints a `PoseError` as one line and exits with code 2; anything else is a bug and shows its traceback.
A message says what is wrong, where, what was found, what was expected and what to do.
"""


class PoseError(Exception):
    """A user's input cannot be used as it is."""


class DataError(PoseError):
    """A file, label, image or store is missing, broken or not what it should be."""


class SkeletonMismatch(PoseError):
    """Two parts that must share a skeleton do not."""


class RecipeError(PoseError):
    """A recipe, or a setting of one, is not valid."""


def shortened(text: str, most: int = 120) -> str:
    """A text of at most so many characters: of a longer one the beginning and the end, and how long it is."""
    if len(text) <= most:
        return text
    half = (most - 32) // 2
    return f"{text[:half]}...{text[-half:]} ({len(text):,} characters)"
