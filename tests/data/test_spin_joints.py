import numpy as np
import pytest

from prepose.body.skeletons import H36M_17, MPI_INF_3DHP_17
from prepose.data.spin_joints import of_spin

# SPIN's scripts write the 17 of the left-leg-first list below to these places of the 24, for both sets.
PLACES = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
LEFT_LEG_FIRST = ["pelvis", "l_hip", "l_knee", "l_ankle", "r_hip", "r_knee", "r_ankle", "spine"]
ARMS = ["l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist"]
WRITTEN = {
    H36M_17: [*LEFT_LEG_FIRST, "thorax", "nose_neck", "head_top", *ARMS],
    MPI_INF_3DHP_17: [*LEFT_LEG_FIRST, "neck", "head", "head_top", *ARMS],
}


@pytest.mark.parametrize("skeleton", WRITTEN, ids=lambda skeleton: skeleton.name)
def test_the_seventeen_are_where_spin_writes_them(skeleton):
    place_of = dict(zip(WRITTEN[skeleton], PLACES, strict=True))
    joints = np.arange(24.0)[None, :, None]
    np.testing.assert_array_equal(of_spin(joints, skeleton)[0, :, 0], [place_of[joint] for joint in skeleton.joints])
