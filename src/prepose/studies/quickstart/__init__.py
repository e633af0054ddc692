"""The quickstart: a study of three arms, and its own short page."""
