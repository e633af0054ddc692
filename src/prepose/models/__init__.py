"""Image in, joints out.

`backbones` lists the trunks by name; `heads` holds the decoders and the two read-outs (maps to joints); `pose_net` puts
them together as `PoseNet`, and predicts with the mirror image; `weights_file` and `checkpoint` write and read weights;
`imported` (with `torch_file`) reads checkpoints of other code bases; `hub` finds shared networks; `flops` counts what a
model costs.
"""
