"""The analysis of a study: scores, comparisons, verdicts, compute ratios, and their words."""
