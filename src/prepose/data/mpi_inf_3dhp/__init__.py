"""MPI-INF-3DHP; only `adapters.mpi_inf_3dhp` uses these files.

`views` one camera's labelled frames of one recording, and the checks that all of them pass · `pictures` finding a
camera's frames, extracted or still in the video · `calibration` the cameras · `training`, `test_set` the two layouts.
"""
