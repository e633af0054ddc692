import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.data.sample import JointState
from prepose.synthetic.rig import draw_proportions
from prepose.synthetic.solids import boxes, turned
from prepose.synthetic.tracer import build_tracer
from prepose.synthetic.viewpoint import frame_camera, look_at
from prepose.synthetic.visibility import FLESH_OVER, body_box, camera_centre, head_box, joint_states

CAMERA = camera_from_field_of_view((101, 101), 60.0)  # at the origin, looks along z
STATURE = 1700.0
SKIN = np.full((1, 3), 0.5)


def states_of(person, things, joints, num_own=1):
    """States of some named joints (the others lie behind the camera)."""
    placed = np.tile(np.array([0.0, 0, -1000]), (27, 1))
    for name, place in joints.items():
        placed[PREPOSE_27.index(name)] = place
    found = joint_states(placed, CAMERA, build_tracer([person, *things]), stature=STATURE, num_own=num_own)
    return {name: JointState(found[PREPOSE_27.index(name)]) for name in joints}


def bar(low, high):
    return boxes([(low, high)], SKIN)


LIMB = bar((-400, -40, 2960), (400, 40, 3040))  # an arm of 80 mm across the view


def test_every_joint_has_its_thickness():
    assert set(FLESH_OVER) == set(PREPOSE_27.joints)


def test_joint_in_a_bare_limb_is_visible():
    assert states_of(LIMB, [], {"l_elbow": (0, 0, 3000)}) == {"l_elbow": JointState.VISIBLE}


def test_object_before_the_limb_hides_it():
    thing = bar((-100, -100, 2000), (100, 100, 2100))
    states = states_of(LIMB, [thing], {"l_elbow": (0, 0, 3000), "l_wrist": (300, 0, 3000)})
    assert states == {"l_elbow": JointState.OCCLUDED_BY_OBJECT, "l_wrist": JointState.VISIBLE}


def test_object_behind_the_limb_hides_nothing():
    wall = bar((-2000, -2000, 3100), (2000, 2000, 3200))
    assert states_of(LIMB, [wall], {"l_elbow": (0, 0, 3000)}) == {"l_elbow": JointState.VISIBLE}


def test_joint_outside_the_picture_or_behind_the_camera_is_outside():
    states = states_of(LIMB, [], {"l_elbow": (3000, 0, 3000), "r_elbow": (0, 0, -500)})
    assert set(states.values()) == {JointState.OUTSIDE}


def test_own_trunk_hides_a_wrist_behind_the_back():
    body = boxes([((-200, -300, 2800), (200, 300, 3050)), ((-200, -40, 3080), (200, 40, 3150))], np.tile(SKIN, (2, 1)))
    assert states_of(body, [], {"l_wrist": (0, 0, 3115)}) == {"l_wrist": JointState.OCCLUDED_BY_BODY}


@pytest.mark.parametrize("joint", ["pelvis", "l_hip", "spine", "thorax"])
def test_joints_deep_in_the_trunk_are_visible_from_before_it(joint):
    trunk = bar((-180, -300, 2880), (180, 300, 3120))
    assert states_of(trunk, [], {joint: (0, 0, 3000)}) == {joint: JointState.VISIBLE}


@pytest.mark.parametrize(("joint", "x"), [("l_shoulder", 0), ("l_hip", 0)])
def test_far_shoulder_and_hip_are_hidden_by_the_trunk_seen_from_the_side(joint, x):
    # The trunk is 400 mm deep along the view; the joint is 60 mm from its far side.
    trunk = bar((-120, -300, 2800), (120, 300, 3200))
    assert states_of(trunk, [], {joint: (x, 0, 3140)}) == {joint: JointState.OCCLUDED_BY_BODY}


def test_thin_forearm_close_before_a_hip_hides_it_though_the_hip_lies_deep():
    # Nearer than the flesh over a hip is thick, but the ray leaves the forearm before it enters the hip.
    body = boxes([((-180, -300, 2950), (180, 300, 3200)), ((-300, -30, 2865), (300, 30, 2885))], np.tile(SKIN, (2, 1)))
    assert states_of(body, [], {"l_hip": (0, 0, 3005)}) == {"l_hip": JointState.OCCLUDED_BY_BODY}
    trunk_alone = bar((-180, -300, 2950), (180, 300, 3200))
    assert states_of(trunk_alone, [], {"l_hip": (0, 0, 3005)}) == {"l_hip": JointState.VISIBLE}


def test_skirt_and_hair_hide_nothing_but_objects_before_them_do():
    skirt = bar((-300, -300, 2800), (300, 300, 2805))
    assert states_of(LIMB, [skirt], {"l_knee": (0, 0, 3000)}, num_own=2) == {"l_knee": JointState.VISIBLE}
    thing = bar((-100, -100, 2000), (100, 100, 2100))
    states = states_of(LIMB, [skirt, thing], {"l_knee": (0, 0, 3000)}, num_own=2)
    assert states == {"l_knee": JointState.OCCLUDED_BY_OBJECT}


def test_thing_behind_the_hand_that_hides_a_joint_leaves_it_hidden_by_the_body():
    body = boxes([((-200, -40, 2500), (200, 40, 2550)), ((-200, -40, 2960), (200, 40, 3040))], np.tile(SKIN, (2, 1)))
    thing = bar((-100, -100, 2700), (100, 100, 2750))
    assert states_of(body, [thing], {"l_elbow": (0, 0, 3000)}) == {"l_elbow": JointState.OCCLUDED_BY_BODY}


def test_seat_that_sinks_into_the_flesh_hides_nothing():
    trunk, cushion = bar((-180, -300, 2920), (180, 300, 3120)), bar((-400, -50, 2950), (400, 50, 3400))
    assert states_of(trunk, [cushion], {"pelvis": (0, 0, 3000)}) == {"pelvis": JointState.VISIBLE}


def test_face_marks_are_seen_from_before_and_hidden_from_behind():
    head = turned([(0, -120), (90, -80), (100, 0), (90, 80), (0, 120)], SKIN[0], sides=24)
    skull = type(head)(head.vertices + np.array([0, 0, 3000.0]), head.faces, head.albedo, smooth=True)
    states = states_of(skull, [], {"nose": (0, 0, 2898), "l_ear": (0, 0, 3095)})
    assert states == {"nose": JointState.VISIBLE, "l_ear": JointState.OCCLUDED_BY_BODY}


def test_camera_centre_is_where_the_camera_stands():
    from prepose.synthetic.viewpoint import frame_camera, look_at

    centre = np.array([100.0, -200, 1500])
    np.testing.assert_allclose(camera_centre(frame_camera(centre, look_at(centre, np.zeros(3)), 50.0)), centre)


def test_box_covers_the_pixels_of_all_points():
    box = body_box(np.array([[10.0, 20], [30, 25], [15, 60]]), (100, 100))
    np.testing.assert_allclose(box, [10, 20, 21, 41])


def test_box_is_cut_at_the_picture_and_never_empty():
    np.testing.assert_allclose(
        body_box(np.array([[-50.0, 10], [40, 500], [np.nan, np.nan]]), (100, 80)), [0, 10, 41, 70]
    )
    x, y, width, height = body_box(np.array([[300.0, 300], [310, 310]]), (100, 100))
    assert width >= 2 and height >= 2 and x + width <= 100 and y + height <= 100


def test_head_box_holds_the_face_and_crown_and_stops_at_the_chin():
    joints = draw_proportions(np.random.default_rng(0)).rest + np.array([0, 0, 950.0])
    for angle in np.linspace(0, 2 * np.pi, 9):
        centre = np.array([3000 * np.cos(angle), 3000 * np.sin(angle), 1600.0])
        camera = frame_camera(centre, look_at(centre, joints[PREPOSE_27.root_index]), 50.0)
        x, y, width, height = head_box(joints, camera)
        points = camera.project(camera.cam_from_world(joints))
        for name in ("head", "head_top", "nose", "l_eye", "r_eye", "l_ear", "r_ear"):
            px, py = points[PREPOSE_27.index(name)]
            assert x - 1 <= px <= x + width and y - 1 <= py <= y + height, name
        assert y + height < points[PREPOSE_27.index("thorax"), 1]
        # A skull is about as broad as 0.6 to 1.2 of its height from anywhere.
        assert 0.55 < width / height < 1.25


def test_head_box_scales_with_the_distance():
    joints = draw_proportions(np.random.default_rng(0)).rest[:, [0, 2, 1]] * np.array([1, -1, 1])
    camera = camera_from_field_of_view((200, 200), 60.0)
    near, far = (head_box(joints + np.array([0, 0, z]), camera)[2:] for z in (4000.0, 8000.0))
    np.testing.assert_allclose(near / far, 2, rtol=0.2)
