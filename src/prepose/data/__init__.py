"""What a network learns from.

`sample` (one person in one image), `store` (a dataset on disk), `intake`, `unpickle` and `archive` (reading untrusted
files safely), `adapters` (one function a dataset; those of 2D datasets share `labelled_people`, MPI's two
`mpi_labels`), `entry` and `catalog` (what there is, and which dataset files look like), `chip` (what a store keeps of
the images), `on_disk` and `listing` (which stores and original files there are), `mixing` (which samples a step shows),
`augment` and `view` (how they are shown), `target` (their joints in a crop), `batch` (what the network sees),
`contact_sheet` (what a person sees).
"""
