"""Pickles as programs for a stack machine that neither imports nor calls anything.

`instructions` (what the machine does, and how numbers and text are spelt), `machine` (its memory), `names` (what a
pickle may name), `values` (what is built of those names). `data/unpickle.py` reads label files with it,
`models/torch_file.py` the checkpoints of the first PyTorch.

Why not Python's own reader, which takes a tenth of the time, with builders of ours behind `find_class`: its
instructions alone, before any name is asked for, can be made to take 3.9 GiB (seven bytes that set a memo's index to
2^28) or a time that doubles with every two bytes (a tuple of a tuple of itself as a key: 61 bytes take 6 s), and no
code of ours runs that could stop them. A scan of the instructions before would have to follow the stack to see the
second, which is what this machine does. Measured by `benchmarks/pickles.py` on an Intel Xeon.
"""
