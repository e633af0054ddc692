"""People we make, with exact truth.

- A pose: `rig` (the kinematic tree), `motion` (the procedural prior) and `bvh` (motion capture).
- A person: `figure` gives a rig its skin (`flesh` and `template` are the mean body, `appearance` what differs between
  people, `clothing` and `accessories` what they wear), `people` numbers them, so that one can be met again.
- A place: `weaves` and `surfaces` (what things are made of), `solids` and `props` (things), `scene` (rooms and places
  out of doors), `light`, `occluders` (seats, and what stands in front of the person), `lab` (the one fixed room).
- A picture: `viewpoint` (camera and kept square), `render` (on `tracer`, `shading`, `embree`), `sensor` (exposure,
  blur, noise, JPEG), `visibility` and `boxes` (labels that the picture decides).
- A dataset: `worlds` draws whole samples of the three worlds, `synthesize` writes them to a store.
"""
