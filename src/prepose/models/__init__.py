"""Image in, joints out.

`backbones` lists the trunks by name; `heads` holds the decoders and the two read-outs (maps to joints); `pose_net` puts
them together as `PoseNet`; `flip_test` predicts with the mirror image; `weights_file` and `checkpoint` write and read
weights; `legacy` imports checkpoints of the reference code base; `flops` counts what a model costs.
"""
