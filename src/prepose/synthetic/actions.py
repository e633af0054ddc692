"""All actions by name."""

from collections.abc import Mapping
from types import MappingProxyType

from prepose.synthetic.action import Action
from prepose.synthetic.everyday import GAIT, LOW, STANDING
from prepose.synthetic.sports import ANYTHING, SPORT

ACTIONS: Mapping[str, Action] = MappingProxyType({**STANDING, **GAIT, **LOW, **SPORT, **ANYTHING})
