"""Human3.6M in its public layouts; only `adapters.h36m` uses these files.

`frames` the table that every layout is read into · `challenge`, `sequences`, `lists` the layouts · `cameras` reading
and fitting cameras · `extrinsics` finding out how their pose is meant · `projection` giving each frame its camera ·
`agreement` unit, sides, and 2D joints against 3D.
"""
