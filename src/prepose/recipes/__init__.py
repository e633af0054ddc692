"""How a network is trained.

What a recipe says is in `prepose.specs`. Read this package in this order: `budget` (equal FLOPs for all arms), `run`
and `checkpoint` and `log` (the folder that a training leaves), `schedule`, `learner`, `objective` and `across`
(learning rates; the optimiser and what it trains; the weighted losses; the arithmetic of several processes),
`train` (the one loop, with `training` for its values and `upkeep` for what happens between steps), `validation` (model
choice) and `conduct` (`run_recipe`: everything together, resume included).
"""
