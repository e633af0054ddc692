"""People we make, with exact truth.

`rig` is the kinematic tree, `motion` poses it (procedural prior and motion capture), `figure` gives it a skin, `scene`
surroundings, light and a camera, `render` makes the picture, `worlds` draws whole samples: wild, lab, occluded.
"""
