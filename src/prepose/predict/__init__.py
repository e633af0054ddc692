"""An image or a video in, poses out; a dataset in, its errors out.

`lift` takes joints from crop px to image px to camera mm, and finds how far away a person of mean size stands; `fit`
tells whether a protocol, a dataset and a network go together; `sizing` brings joints into the protocol's skeleton and
to its size; `score` turns crop predictions of a dataset into an `Evaluation`, `evaluate` runs the network first,
`scoring` takes a run and a store and picks the protocol.

Of images and videos `frames` (and `video`) gives the frames, `people`, `boxes_file` and `detectors` say where people
are, `tracking` who is who, `camera_choice` what the camera is; `predictor` runs the network and gives `Prediction`s
(`crop_network` is all that it knows of one: `torch_network` or `onnx_network` runs it; `reduced_precision` exports it),
`stream` does so over the frames of many files in batches, `smoothing` smooths them. `pose_sequence` holds one person's
poses over time, which exporters take. `files` does it all from files to files: `pose_files` writes and reads poses,
`drawing` draws them; `exports` writes them in the formats of other tools.
"""
