"""Shape aliases and the legend of dimension names (numpy only).

| letter | meaning |
|---|---|
| B | samples in a batch |
| N | samples in a dataset or an evaluation |
| J | joints of a skeleton |
| H, W, C | image rows, columns, channels |
| P | points |

Frames are part of a name, not of a type: `joints_img` (px), `joints_crop` (px), `joints_cam`, `joints_root`,
`joints_world` (mm). Missing values are NaN in numpy arrays; tensors hold zeros and a bool mask instead.
"""

import numpy as np
from jaxtyping import Float, UInt8

Joints2D = Float[np.ndarray, "*N J 2"]
Joints3D = Float[np.ndarray, "*N J 3"]
Points2D = Float[np.ndarray, "*P 2"]
Points3D = Float[np.ndarray, "*P 3"]
Matrix3 = Float[np.ndarray, "3 3"]
Vector2 = Float[np.ndarray, "2"]
Vector3 = Float[np.ndarray, "3"]
BoxXywh = Float[np.ndarray, "4"]
ImageRgb = UInt8[np.ndarray, "H W 3"]

__all__ = [
    "BoxXywh",
    "ImageRgb",
    "Joints2D",
    "Joints3D",
    "Matrix3",
    "Points2D",
    "Points3D",
    "Vector2",
    "Vector3",
]
