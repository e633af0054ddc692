"""Settings for every test: one thread a process, nothing from a network, no test on a clock."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

# A busy machine fails nothing, and the same command twice draws the same inputs; `--hypothesis-profile=default` draws
# others.
settings.register_profile("prepose", deadline=None, derandomize=True)
settings.load_profile("prepose")
