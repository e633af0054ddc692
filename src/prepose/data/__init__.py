"""What a network learns from.

`sample` (one person in one image), `store` (a dataset on disk), `intake`, `unpickle` and `archive` (reading strangers'
files safely), `adapters` (one function a dataset), `catalog` (what there is), `mixing` (which samples a step shows),
`augment` and `view` (how they are shown), `decoded` (their pixels), `target` (their joints in a crop), `batch` (what
the network sees), `contact_sheet` (what a person sees).
"""
