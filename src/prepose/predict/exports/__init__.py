"""Poses in the formats of other tools: BVH, TRC, C3D, glTF, COCO results, and joint angles as CSV.

`motion` brings a `PoseSequence` to a constant frame rate, to axes with y up, and to a hierarchy of rotations with
constant bone lengths; `bvh` and `gltf` write that hierarchy, `markers` writes joint positions (TRC, C3D), `tables`
COCO key-point results and joint angles. `export` has them all by name.
"""
