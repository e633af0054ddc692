"""The backbones by name.

A new one is a function without arguments that returns a `Backbone`, and its line in `BACKBONES`. Its parameters and
buffers start as its own constructor leaves them (`build_pose_net` refuses a network in which some were never set).
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from prepose.models.backbone import Backbone
from prepose.models.efficientnet_lite import LITES, EfficientNetLite
from prepose.models.resnet import RESNETS, ResNet

BACKBONES: Mapping[str, Callable[[], Backbone]] = MappingProxyType(
    {
        **{name: partial(ResNet, design) for name, design in RESNETS.items()},
        **{name: partial(EfficientNetLite, design) for name, design in LITES.items()},
    }
)
