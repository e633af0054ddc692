"""How a network is trained.

A `Recipe` is plain data: sources, stages, losses, lengths in samples seen. Read it in this order: `stage` (what a
recipe says), `reading` (a recipe from JSON, with one clear line where it is wrong), `overrides` (`--set`), `builtin`
(the recipes that ship; `listing` prints them) and `reference` (the published scheme), `budget` (equal FLOPs for all
arms), `run` and `checkpoint` and `log` (the folder that a training leaves), `schedule`, `learner`, `objective` and
`across` (learning rates; the optimiser and what it trains; the weighted losses; the arithmetic of several processes),
`train` (the one loop, with `training` for its values and `upkeep` for what happens between steps), `validation` (model
choice) and `conduct` (`run_recipe`: everything together, resume included).
"""
