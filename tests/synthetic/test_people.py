import numpy as np
import pytest

from prepose.body.skeletons import PREPOSE_27
from prepose.synthetic.figure import skin
from prepose.synthetic.motion import draw_pose
from prepose.synthetic.people import model_of, person, turned_pose
from prepose.synthetic.rig import pose_joints


def test_a_person_is_always_the_same_one_and_others_differ():
    first, other = person("wild", 3), person("wild", 4)
    again = person.__wrapped__("wild", 3)
    np.testing.assert_array_equal(first.proportions.rest, again.proportions.rest)
    np.testing.assert_array_equal(first.figure.albedo, again.figure.albedo)
    assert first.name == again.name != other.name
    assert first.proportions.height != other.proportions.height


def test_turned_pose_turns_the_joints_about_the_worlds_axis():
    who = person("wild", 3)
    pose = draw_pose(np.random.default_rng(0), proportions=who.proportions)
    before, _ = pose_joints(who.proportions, pose)
    after, _ = pose_joints(who.proportions, turned_pose(pose, np.pi / 2, np.array([100.0, 200.0])))
    expected = np.stack([-before[:, 1] + 100, before[:, 0] + 200, before[:, 2]], axis=1)
    np.testing.assert_allclose(after, expected, atol=1e-6)


def test_skin_lies_about_the_joints_and_its_pieces_are_apart():
    who = person("wild", 3)
    model = model_of(who, draw_pose(np.random.default_rng(0), proportions=who.proportions), "x")
    low, high = model.points_world.min(axis=0), model.points_world.max(axis=0)
    deep = [i for i, name in enumerate(PREPOSE_27.joints) if name not in ("nose", "l_toe", "r_toe")]
    assert (model.joints_world[deep] > low).all() and (model.joints_world[deep] < high).all()


@pytest.mark.parametrize("number", range(6))
def test_pieces_of_a_figure_make_up_its_whole_mesh(number):
    who = person("pieces", number)
    pose = draw_pose(np.random.default_rng(0), proportions=who.proportions)
    whole, model = skin(who.figure, pose), model_of(who, pose, "x")
    assert len(model.meshes) == 1 + (who.figure.num_body < len(whole.vertices))
    np.testing.assert_array_equal(model.points_world, whole.vertices)
    corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in model.meshes])
    np.testing.assert_allclose(corners.sum(axis=0), whole.vertices[whole.faces].sum(axis=0), rtol=1e-6)
    # The skin is closed: each edge is met as often one way as the other.
    faces = model.meshes[0].faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    forth, back = (np.unique(edges[:, columns] @ [1_000_000, 1]) for columns in ([0, 1], [1, 0]))
    np.testing.assert_array_equal(forth, back)
