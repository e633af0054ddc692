"""A picture in, a pose out; a dataset in, its errors out.

`lift` takes joints from crop px to image px to camera mm, and finds how far away a person of mean size stands; `fit`
tells whether a protocol, a dataset and a network go together; `sizing` brings joints into the protocol's skeleton and
to its size; `score` turns crop predictions of a dataset into an `Evaluation`, `evaluate` runs the network first,
`scoring` takes a run and a store and picks the protocol; `predictor` does photographs and gives `Prediction`s,
`pose_sequence` holds one person's poses over time, which exporters take; `files` reads and writes predictions;
`drawing` draws them.
"""
