"""prepose: 2D pre-training for 3D human pose estimation.

The rooms, in the order the data walk through them: `body` (skeletons), `camera` (projection, crops), `data` (samples,
stores, batches), `synthetic` (people with exact truth), `losses`, `models`, `metrics`, `predict`, `recipes` (training),
`studies` (questions and reports). ARCHITECTURE.md holds the map, docs/conventions.md the units and frames.
"""

__version__ = "0.1.0"
