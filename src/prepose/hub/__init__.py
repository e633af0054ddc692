"""Networks shared with others.

`repository` (the files: weights, model card, recipe, scores), `scores` (evaluations in a line each), `push` (to the
Hugging Face hub, or into a folder). `models/hub.py` reads them back.
"""
