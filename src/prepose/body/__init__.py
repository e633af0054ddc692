"""What a person is: skeletons, the maps between them, and poses as plain arrays.

`skeleton` holds the `Skeleton` type and `joint_map`; `skeletons` every skeleton the field uses, by name; `pose` the
arithmetic on joint arrays (root, mirror, bone lengths, Procrustes); `drawing` puts a skeleton onto an image.
"""
