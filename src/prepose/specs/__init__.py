"""What recipes and studies say, as plain data: pydantic, no torch, so that mistakes are reported before anything loads.

`recipe` (with `model` and `augmentation`) and `study` are the definitions, made of the `fields`; `reading` takes them
from JSON and names all that is wrong; `overrides` changes a recipe (`--set`); `builtin_recipes`, `reference_recipes`
(the published scheme) and `builtin_studies` ship; `listing` prints them. `plan` is what a study's folder says of its
arms and trials.
"""
