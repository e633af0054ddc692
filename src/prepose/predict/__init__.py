"""A picture in, a pose out; a dataset in, its errors out.

`lift` takes joints from crop px to image px to camera mm; `root_depth` finds how far away a person of mean size stands;
`fit` tells whether a protocol, a dataset and a network go together; `mapped` brings joints into the protocol's skeleton
and `sizing` poses to its size (some of it from the samples' `details`); `score` turns crop predictions of a dataset
into an `Evaluation`, `evaluate` runs the network first, `scoring` takes a run and a store and picks the protocol;
`predictor` does photographs and gives `Prediction`s, `files` reads and writes them; `view_3d` and `overlay` draw them.
"""
