"""How good a pose is, in numpy alone.

Each measure is first a table with one number for each sample and joint, NaN where the joint is not scored; means come
last. `joint_error` holds the 3D measures, `keypoints_2d` those in the image and OKS-AP, `measures` all of them as
tables, `scale` the rules that bring a pose to size. A `protocol` is a named way to score (which joints, which root,
which scale rule), `protocols` are all of them, as rows of the files beside it. `evaluation` has the tables of one
evaluation with its labels, `evaluation_files` how they lie on disk, `calibration` confidence against error, `hidden`
errors by how much of the person is hidden.

    >>> import numpy as np
    >>> from prepose.metrics.joint_error import mpjpe
    >>> truth = np.zeros((1, 2, 3))
    >>> mpjpe(truth + [3.0, 4.0, 0.0], truth, np.ones((1, 2), bool))
    5.0
"""
