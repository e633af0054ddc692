"""Pickles as programs for a stack machine that neither imports nor calls anything.

`instructions` (what the machine does), `machine` (its memory), `names` (what a pickle may name), `values` (what is
built of those names), `literals` (numbers and text). `data/unpickle.py` reads label files with it, `models/tar_file.py`
the checkpoints of the first PyTorch.
"""
