"""The page of `prepose serve`: a photo or a video in the browser, its poses beside it.

`server` runs the page on this machine, `page` lays it out with Gradio and `answers` does what its controls ask for;
`estimate` takes an uploaded file, within bounds, to poses, drawn frames and downloads; `pose_view` shows a pose in 3D
and as a table. Gradio is imported by `server` and `page` alone.
"""
