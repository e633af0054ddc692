"""How a network is trained.

What a recipe says is in `prepose.specs`. Read this package in this order: `train` (`run_recipe`: everything together,
resume included), `run`, `log` and `checkpoint` (the folder that a training leaves), `sources` and `pseudo_labels`
(samples, and labels that it makes itself), `loop` (the training loop of a stage), `objective` (its weighted losses),
`optimiser` (trained parts, optimiser and learning rates), `distributed` (several processes), `validation` (model
choice), `stopping` (Ctrl-C and signals) and `budget` (FLOPs, and recipes scaled to cost the same).
"""
