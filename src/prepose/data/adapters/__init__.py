"""One file a dataset: a function from the original files to samples. Adapters do not know each other."""
