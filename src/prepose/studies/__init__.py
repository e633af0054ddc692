"""What we ask, and the answer as a page.

`quickstart` is the built-in comparison, `engine` runs trials side by side, `tables` takes means and spreads over seeds,
`gallery` picks pictures and poses, `report` makes one self-contained page of it all (without torch).

The report of a study, all without torch: `results` reads its folder (`outline`, `learning_curves`, `reduced`),
`analysis` makes its figures (`set_scores`, `planned`, `verdicts`, `worth`, `matrix`), `study_report` writes them as a
page, Markdown, tables and JSON.

What a difference is worth: `scores` sums evaluations by seed and subject, `uncertainty` and `statistics` tell how far a
mean may be off, `bootstrap` resamples seeds and subjects, `comparison` judges an arm against a baseline; `curves`,
`compute_ratio` and `crossing` read error against compute. docs/statistics.md has the formulas and their coverage.
"""
