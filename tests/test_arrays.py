"""The shape aliases mean what their names say."""

import subprocess
import sys

import numpy as np
import pytest

from prepose import arrays

# alias -> arrays that fit it, arrays that do not
CASES = {
    "Joints2D": ([(16, 2), (5, 16, 2), (3, 5, 16, 2)], [(16, 3), (2,)]),
    "Joints3D": ([(16, 3), (5, 16, 3)], [(16, 2), (3,)]),
    "Points2D": ([(2,), (7, 2), (4, 7, 2)], [(7, 3), ()]),
    "Points3D": ([(3,), (7, 3)], [(7, 2), ()]),
    "Matrix3": ([(3, 3)], [(3,), (2, 3), (1, 3, 3), (4, 4)]),
    "Vector2": ([(2,)], [(3,), (1, 2)]),
    "Vector3": ([(3,)], [(2,), (1, 3)]),
    "BoxXywh": ([(4,)], [(2, 2), (5, 4)]),
}
OTHER_TYPES = {
    "ImageRgb": ([(48, 64, 3)], np.uint8),
}


def test_every_alias_is_tried():
    assert set(arrays.__all__) == CASES.keys() | OTHER_TYPES.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alias_takes_its_shapes_in_any_precision(name):
    alias = getattr(arrays, name)
    fitting, others = CASES[name]
    for dtype in (np.float32, np.float64):
        assert all(isinstance(np.zeros(shape, dtype), alias) for shape in fitting)
        assert not any(isinstance(np.zeros(shape, dtype), alias) for shape in others)


@pytest.mark.parametrize("name", CASES)
def test_coordinates_are_floating_point(name):
    """NaN stands for what is missing, and whole numbers have none."""
    assert not isinstance(np.zeros(CASES[name][0][0], np.int64), getattr(arrays, name))


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_masks_and_pictures_have_their_own_type(name):
    shapes, dtype = OTHER_TYPES[name]
    alias = getattr(arrays, name)
    assert all(isinstance(np.zeros(shape, dtype), alias) for shape in shapes)
    assert not any(isinstance(np.zeros(shape, np.float32), alias) for shape in shapes)


def test_a_picture_has_three_channels_last():
    assert not isinstance(np.zeros((48, 64), np.uint8), arrays.ImageRgb)
    assert not isinstance(np.zeros((48, 64, 4), np.uint8), arrays.ImageRgb)
    assert not isinstance(np.zeros((3, 48, 64), np.uint8), arrays.ImageRgb)


def test_the_aliases_need_numpy_alone():
    code = "import sys, prepose.arrays; print([m for m in ('torch', 'cv2', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
