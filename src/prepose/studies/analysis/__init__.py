"""The figures of a study: scores, comparisons, verdicts, worth in compute, in words."""
