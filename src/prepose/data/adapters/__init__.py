"""One file a dataset: a function from the owner's files to samples. Adapters do not know each other."""
