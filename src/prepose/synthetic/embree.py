"""The few calls of the Embree C interface that ray casting needs, on whole numpy arrays.

`embreex` ships the library, but its own classes copy a mesh one number at a time (20 ms for 20,000 triangles, five
times what Embree needs to sort them), so its bundled library is called directly: buffers are shared, rays go in packets
of sixteen. Constants and struct layouts are those of Embree 4 (embree4/rtcore_*.h), a stable C interface.
"""

import ctypes
import math
import os
import weakref
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import embreex
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt32

_GEOMETRY_TYPE_TRIANGLE = 0
_BUFFER_TYPE_INDEX, _BUFFER_TYPE_VERTEX = 0, 1
_FORMAT_UINT3, _FORMAT_FLOAT3 = 0x5003, 0x9003
_BUILD_QUALITY_LOW = 0
_SCENE_FLAG_ROBUST = 1 << 2
_PACKET = 16
# RTCRayHit16: twelve ray fields, then nine hit fields, each of sixteen 32-bit numbers.
_RAY = (0, 1, 2, 4, 5, 6, 8)  # origin, direction, far end
_FAR, _MASK = 8, 9
# Three fields of the normal, u, v, then the triangle.
_FIRST_HIT, _PRIMITIVE, _GEOMETRY = 12, 17, 18
_RAY_FIELDS, _RAY_HIT_FIELDS = 12, 21
_MISS = 0xFFFFFFFF

_POINTER = ctypes.c_void_p
_SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "rtcNewDevice": ([ctypes.c_char_p], _POINTER),
    "rtcNewScene": ([_POINTER], _POINTER),
    "rtcSetSceneFlags": ([_POINTER, ctypes.c_int], None),
    "rtcSetSceneBuildQuality": ([_POINTER, ctypes.c_int], None),
    "rtcNewGeometry": ([_POINTER, ctypes.c_int], _POINTER),
    "rtcSetSharedGeometryBuffer": (
        [_POINTER, ctypes.c_int, ctypes.c_uint, ctypes.c_int, _POINTER, *[ctypes.c_size_t] * 3],
        None,
    ),
    "rtcSetGeometryBuildQuality": ([_POINTER, ctypes.c_int], None),
    "rtcCommitGeometry": ([_POINTER], None),
    "rtcAttachGeometry": ([_POINTER, _POINTER], ctypes.c_uint),
    "rtcReleaseGeometry": ([_POINTER], None),
    "rtcCommitScene": ([_POINTER], None),
    "rtcReleaseScene": ([_POINTER], None),
    "rtcIntersect16": ([_POINTER] * 4, None),
    "rtcOccluded16": ([_POINTER] * 4, None),
    "rtcGetDeviceError": ([_POINTER], ctypes.c_int),
}


class _Arguments(ctypes.Structure):
    """RTCIntersectArguments and RTCOccludedArguments, with room for the field that some builds append."""

    _fields_ = (
        ("flags", ctypes.c_int),
        ("feature_mask", ctypes.c_uint),
        ("context", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
        ("callback", ctypes.c_void_p),
        ("reserved", ctypes.c_float * 4),
    )


# Neighbouring pixels' rays run in parallel: Embree then walks its tree once for sixteen of them.
_COHERENT = _Arguments(flags=1 << 16, feature_mask=_MISS)
# Shadow rays of neighbours go different ways: each walks by itself.
_SCATTERED = _Arguments(flags=0, feature_mask=_MISS)
# Coordinates first, so that each of them is one run of memory: three times as fast as rows of three.
Columns = Float[np.ndarray, "3 R"]


class Hits(NamedTuple):
    """Where rays first meet a triangle.

    Attributes:
        triangle: Row of the faces given to `TriangleScene`; -1 where the ray meets nothing.
        distance: Along the ray in units of its direction's length; inf where it meets nothing.
        uv: Barycentric weights of the triangle's second and third corner.
        normal: Geometric normal, not normalised, by the right-hand rule of the face.
    """

    triangle: Int32[np.ndarray, " R"]
    distance: Float32[np.ndarray, " R"]
    uv: Float32[np.ndarray, "2 R"]
    normal: Float32[np.ndarray, "3 R"]


def _candidates() -> Iterator[Path]:
    # An extension module resolves the symbols of the libraries it links to, on Linux and macOS; on Windows it does not.
    yield Path(str(import_module("embreex.rtcore_scene").__file__))
    package = Path(embreex.__file__).parent
    for folder in (package, package.parent / "embreex.libs"):
        yield from sorted(folder.glob("*embree4*"))


@cache
def _library() -> ctypes.CDLL:
    """The Embree 4 that came with embreex.

    Raises:
        ImportError: embreex holds no library with Embree 4's C interface.
    """
    tried = []
    for path in _candidates():
        library = ctypes.CDLL(str(path))
        if all(hasattr(library, name) for name in _SIGNATURES):
            for name, (arguments, result) in _SIGNATURES.items():
                function = getattr(library, name)
                function.argtypes, function.restype = arguments, result
            return library
        tried.append(path.name)
    raise ImportError(
        f"embreex at {Path(embreex.__file__).parent}: none of {', '.join(tried)} offers the C interface of Embree 4; "
        "install embreex >= 4.4 from its wheel"
    )


@cache
def _device(process: int) -> int:
    # One device a process: a fork must not share its parent's, so the process's number is the key of the cache.
    return _library().rtcNewDevice(b"threads=1,set_affinity=0")


def _aligned(shape: tuple[int, ...], alignment: int = 64) -> Float32[np.ndarray, "..."]:
    """Zeros that start at a multiple of `alignment` bytes."""
    size = math.prod(shape) * 4
    raw = np.zeros(size + alignment, dtype=np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(np.float32).reshape(shape)


class TriangleScene:
    """Triangles sorted for ray casting. One thread; closed for good when it is no longer referenced."""

    def __init__(self, vertices: Float[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]) -> None:
        if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < len(vertices):
            raise ValueError(f"faces name vertices {faces.min()} to {faces.max()}, but there are {len(vertices)}")
        library, device = _library(), _device(os.getpid())
        # Embree reads sixteen bytes for a vertex of twelve, hence one row more. The arrays must outlive the scene.
        self._vertices = np.zeros((len(vertices) + 1, 3), dtype=np.float32)
        self._vertices[:-1] = vertices
        self._faces: UInt32[np.ndarray, "F 3"] = np.ascontiguousarray(faces, dtype=np.uint32)
        self._scene = library.rtcNewScene(device)
        weakref.finalize(self, library.rtcReleaseScene, self._scene)
        library.rtcSetSceneFlags(self._scene, _SCENE_FLAG_ROBUST)
        library.rtcSetSceneBuildQuality(self._scene, _BUILD_QUALITY_LOW)
        if len(faces):
            self._attach(library, device, len(vertices))
        library.rtcCommitScene(self._scene)
        error = library.rtcGetDeviceError(device)
        if error:
            raise RuntimeError(f"Embree refused {len(faces)} triangles: error {error}")
        self._valid = _aligned((_PACKET,)).view(np.int32)
        self._valid[:] = -1

    def _attach(self, library: ctypes.CDLL, device: int, num_vertices: int) -> None:
        geometry = library.rtcNewGeometry(device, _GEOMETRY_TYPE_TRIANGLE)
        # Sorted along a space-filling curve: a quarter of the time, and few rays are cast into each scene.
        library.rtcSetGeometryBuildQuality(geometry, _BUILD_QUALITY_LOW)
        for kind, layout, array, count in (
            (_BUFFER_TYPE_VERTEX, _FORMAT_FLOAT3, self._vertices, num_vertices),
            (_BUFFER_TYPE_INDEX, _FORMAT_UINT3, self._faces, len(self._faces)),
        ):
            library.rtcSetSharedGeometryBuffer(geometry, kind, 0, layout, array.ctypes.data, 0, 12, count)
        library.rtcCommitGeometry(geometry)
        library.rtcAttachGeometry(self._scene, geometry)
        library.rtcReleaseGeometry(geometry)

    def _packets(
        self, origins: Columns, directions: Columns, far: Float[np.ndarray, " R"] | float, num_fields: int
    ) -> Float32[np.ndarray, "P fields 16"]:
        num_rays = origins.shape[1]
        packets = _aligned((-(-num_rays // _PACKET), num_fields, _PACKET))
        packets.view(np.uint32)[:, _MASK] = _MISS
        whole, spare = num_rays // _PACKET, num_rays % _PACKET
        for field, values in zip(_RAY, (*origins, *directions, far), strict=True):
            if not isinstance(values, np.ndarray):
                packets[:, field] = values
                continue
            packets[:whole, field] = values[: whole * _PACKET].reshape(whole, _PACKET)
            packets[whole:, field, :spare] = values[whole * _PACKET :]
        if spare:
            # The last packet's spare lanes are switched off, but must hold a direction.
            packets[whole:, _RAY[3:6], spare:] = 1
            packets[whole:, _FAR, spare:] = -np.inf
        return packets

    def _call(self, function: Any, packets: Float32[np.ndarray, "P fields 16"], arguments: _Arguments) -> None:
        valid, scene, stride, start = self._valid.ctypes.data, self._scene, packets.strides[0], packets.ctypes.data
        how = ctypes.addressof(arguments)
        for address in range(start, start + packets.nbytes, stride):
            function(valid, scene, address, how)

    def first_hits(self, origins: Columns, directions: Columns) -> Hits:
        """The nearest triangle along each ray; coordinates first, rays last."""
        packets = self._packets(origins, directions, np.inf, _RAY_HIT_FIELDS)
        # Embree writes what a ray meets and leaves these alone where it meets nothing.
        packets.view(np.uint32)[:, _PRIMITIVE:] = _MISS
        self._call(_library().rtcIntersect16, packets, _COHERENT)
        fields = packets[:, _FIRST_HIT:_GEOMETRY].swapaxes(0, 1).reshape(_GEOMETRY - _FIRST_HIT, -1)
        met = fields[:, : origins.shape[1]]
        distance = packets[:, _FAR].reshape(-1)[: origins.shape[1]]
        return Hits(met[5].view(np.int32), distance, uv=met[3:5], normal=met[:3])

    def occluded(
        self, origins: Columns, directions: Columns, far: Float[np.ndarray, " R"] | float = np.inf
    ) -> Bool[np.ndarray, " R"]:
        """Whether anything lies along each ray before `far` (in units of the direction's length)."""
        packets = self._packets(origins, directions, far, _RAY_FIELDS)
        self._call(_library().rtcOccluded16, packets, _SCATTERED)
        # Embree marks a blocked ray by a far end at minus infinity.
        return (packets[:, _FAR] < 0).reshape(-1)[: origins.shape[1]]
