"""Pickles as Python 2 wrote them: text and bytes alike in the STRING instructions, numpy where it lived then."""

import io
import pickle
from pathlib import Path
from typing import Any, ClassVar


class Python2Pickler(pickle._Pickler):  # the only pickler whose parts can be replaced
    """Writes str and bytes as Python 2's str."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def _save_text(self, value: str | bytes) -> None:
        data = value.encode("latin-1") if isinstance(value, str) else value
        if self.proto == 0:
            self.write(b"S" + repr(data)[1:].encode("ascii") + b"\n")
        elif len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[str] = _save_text
    dispatch[bytes] = _save_text


def python2_pickle(value: Any, protocol: int = 2) -> bytes:
    """What `cPickle.dumps` of Python 2 with numpy 1 gave, as far as its reader can tell."""
    stream = io.BytesIO()
    Python2Pickler(stream, protocol, fix_imports=True).dump(value)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def write_python2_pickle(path: Path, value: Any) -> None:
    """Write one, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(python2_pickle(value))
