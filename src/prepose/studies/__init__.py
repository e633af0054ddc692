"""What we ask, and the answer as a page.

A study is a question as plain data (`prepose.specs.study`); `trials` spells out its arms at one budget. `run` carries
it out on one of the `engines`.

The report, all without torch: `results` reads what the trials left, `statistics` computes intervals, tests and compute
ratios, `analysis` computes every number of the report (`study_analysis` has their types), `report` writes page,
Markdown, tables and JSON. docs/statistics.md has the formulas and their coverage.

`quickstart` is a study that ships with a short page of its own; `pages` is what all pages share.
"""
