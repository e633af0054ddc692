"""People we make, with exact ground truth.

- A pose: `rig` (the kinematic tree), `motion` (the procedural prior) and `bvh` (motion capture).
- A person: `figure` gives a rig its skin (`flesh` and `template` are the mean body, `body_map` where things are on it,
  `appearance` what differs between people, `clothing` and `accessories` how it looks),
  `people` numbers them, so that one can be met again.
- A place: `weaves` and `surfaces` (what things are made of), `solids` and `props` (things), `scene` (rooms and places
  out of doors), `light`, `occluders` (seats, and what stands in front of the person).
- A picture: `viewpoint` (camera and kept square), `render` (on `embree`, `tracer`, `shading`, `hits`, `lighting`),
  `sensor` (exposure, blur, noise, JPEG), `visibility` (labels that the picture decides).
- A dataset: `worlds` draws whole samples of the worlds, `synthesize` writes them to a store.
"""
