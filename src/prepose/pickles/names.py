"""What a pickle may name. A name is only a key of the table below: nothing is imported for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Refusal(Exception):
    """A pickle asks for something that no file of plain data needs; the text says for what."""


@dataclass(frozen=True)
class Named:
    """A function or class that a pickle named: never the thing itself.

    Attributes:
        module: Where the pickle says it is.
        name: What it is called there.
        kind: What is built of it here.
    """

    module: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


TORCH = ("torch", "torch.cuda")
# PyTorch's kinds of storages and tensors, which only say of what type numbers are.
STORAGES = ("Half", "Float", "Double", "Char", "Byte", "Short", "Int", "Long")


def _table() -> dict[tuple[str, str], Named]:
    numpy_modules = ("numpy.core", "numpy._core")
    places = {
        "array": [(f"{module}.multiarray", "_reconstruct") for module in numpy_modules],
        "scalar": [(f"{module}.multiarray", "scalar") for module in numpy_modules],
        "buffer": [(f"{module}.numeric", "_frombuffer") for module in numpy_modules],
        "ndarray": [("numpy", "ndarray")],
        "dtype": [("numpy", "dtype")],
        "encode": [("_codecs", "encode")],
        "OrderedDict": [("collections", "OrderedDict")],
        "reconstructor": [("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")],
        "joblib": [(f"{package}joblib.numpy_pickle", "NumpyArrayWrapper") for package in ("", "sklearn.externals.")],
    }
    for kind in STORAGES:
        places[kind] = [(module, f"{kind}{what}") for module in TORCH for what in ("Storage", "Tensor")]
    for kind in ("bytes", "bytearray", "complex", "set", "frozenset", "object"):
        places[kind] = [(module, kind) for module in ("builtins", "__builtin__")]
    for form in ("csc", "csr"):
        for shape in ("matrix", "array"):
            modules = ("scipy.sparse", f"scipy.sparse.{form}", f"scipy.sparse._{form}")
            places[f"{form}_{shape}"] = [(module, f"{form}_{shape}") for module in modules]
    return {(module, name): Named(module, name, kind) for kind, pairs in places.items() for module, name in pairs}


NAMES: Mapping[tuple[str, str], Named] = MappingProxyType(_table())


def printable(text: object, most: int = 80) -> str:
    """Untrusted text on one line of plain characters."""
    return ascii(str(text)[: most + 1])[1:-1][:most]


def named(module: object, name: object) -> Named:
    """The named thing.

    Raises:
        Refusal: it is not in the table.
    """
    found = NAMES.get((module, name)) if isinstance(module, str) and isinstance(name, str) else None
    if found is None:
        raise Refusal(f"refers to {printable(f'{module}.{name}')}, which no file of plain data needs")
    return found
