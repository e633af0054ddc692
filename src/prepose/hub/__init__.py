"""Networks shared with others.

`repository` (the files: weights, model card, recipe, scores), `scores` (evaluations in a line each), `card` (the card's
text), `push` (to the Hugging Face hub, or into a folder). `models/hub.py` reads them back.
"""
