"""A picture in, a pose out; a dataset in, its errors out.

`lift` takes joints from crop px to image px to camera mm; `root_depth` finds how far away a person of mean size stands;
`score` turns crop predictions of a dataset into an `Evaluation` under a protocol, `evaluate` runs the network first;
`predictor` does photographs and gives `Prediction`s, `files` reads and writes them; `view_3d` and `overlay` draw them.
"""
