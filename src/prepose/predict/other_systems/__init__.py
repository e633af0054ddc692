"""Predictions of any system beside the ground truth of a dataset.

`columns` (what a prediction is, under the names that systems give it) and `forms` (files to columns) make
`predictions.Predictions` of a file; `matching` finds whose each prediction is; `frames` finds unit and frame; `judge`
scores them as `predict.score` scores networks; `score_file` does it all. `protocol_worth` says what the differences
between two protocols are worth on predictions. No torch.
"""
