"""What the doctor looks at, one file a concept: each check is a function from the records of a dataset to findings.

`finding` says what a finding is, `records` what a check may read, `human` how long people's bones are.
"""
