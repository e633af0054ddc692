import numpy as np

from prepose.body.skeletons import PREPOSE_27
from prepose.camera.camera import camera_from_field_of_view
from prepose.synthetic.boxes import body_box, head_box
from prepose.synthetic.rig import draw_proportions
from prepose.synthetic.viewpoint import frame_camera, look_at


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
