"""What we ask, and the answer as a page.

A study is a question as plain data (`prepose.specs.study`); `trials` spells out its arms at one budget. `run` carries
it out on one of the `engines`.

The report, all without torch: `results` reads what the trials left, `statistics` tells how far a mean may be off and
what an arm is worth in compute, `analysis` makes every figure, `report` writes page, Markdown, tables and JSON.
docs/statistics.md has the formulas and their coverage.

`quickstart` is the built-in comparison that needs no study; `pages` is what its page and a study's share.
"""
