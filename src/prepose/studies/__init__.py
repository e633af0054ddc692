"""What we ask, and the answer as a page.

`quickstart` is the built-in comparison, `engine` runs trials side by side, `tables` takes means and spreads over seeds,
`gallery` picks pictures and poses, `report` makes one self-contained page of it all (without torch).
"""
