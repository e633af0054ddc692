from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fake_people import fake_camera, fake_posed
from prepose.body.skeletons import MPI_INF_3DHP_17 as SKELETON
from prepose.data.mpi_inf_3dhp.views import BROKEN, UNSEEN, View, checked, inside, misses, notes_of
from prepose.errors import DataError

FRAMES = 8


@pytest.fixture
def view():
    generator = np.random.default_rng(3)
    camera = fake_camera(generator)
    joints_cam = camera.cam_from_world(np.stack([fake_posed(generator, SKELETON) for _ in range(FRAMES)]))
    return View(
        name="S1/Seq1 camera 0",
        subject="S1",
        place=Path("/frames"),
        names=tuple(f"img_{frame + 1:06d}.jpg" for frame in range(FRAMES)),
        frames=np.arange(FRAMES),
        joints_cam=joints_cam,
        joints_img=camera.project(joints_cam),
        actions=("Seq1",) * FRAMES,
        camera=camera,
        univ_scale=0.95,
    )


def shifted(view, frame, by):
    """The view with the person of a frame moved in the camera's frame, 2D and 3D alike."""
    joints_cam = view.joints_cam.copy()
    joints_cam[frame] += by
    return replace(view, joints_cam=joints_cam, joints_img=view.camera.project(joints_cam))


def test_taking_frames_takes_of_everything_and_counts_the_rest(view):
    kept = view.take(np.arange(FRAMES) % 3 == 0, "thrown away")
    assert kept.frames.tolist() == [0, 3, 6]
    assert kept.names == ("img_000001.jpg", "img_000004.jpg", "img_000007.jpg")
    np.testing.assert_array_equal(kept.joints_img, view.joints_img[[0, 3, 6]])
    assert len(kept.actions) == len(kept) == 3
    assert kept.counts == {"thrown away": 5}
    assert replace(view, names=()).take(np.ones(FRAMES, bool), "thrown away").names == ()


def test_a_sound_view_stays_as_it_is(view):
    (kept,) = checked((view,), SKELETON, Path("S1/Seq1"), partial=False)
    assert len(kept) == FRAMES
    assert not kept.counts
    assert np.nanmax(misses(view)) < 1e-9


def test_people_out_of_the_picture_go_and_those_partly_in_it_stay(view):
    (kept,) = checked((shifted(view, 2, [8000, 0, 0]),), SKELETON, Path("S1"), partial=False)
    assert kept.counts == {UNSEEN: 1}
    assert kept.frames.tolist() == [0, 1, 3, 4, 5, 6, 7]
    half = shifted(view, 2, [0, 1800, 0])
    (kept,) = checked((half,), SKELETON, Path("S1"), partial=False)
    assert len(kept) == FRAMES
    assert 0 < inside(half)[2].sum() < len(SKELETON)


def test_broken_joints_go_with_partial_alone(view):
    broken = replace(view, joints_img=view.joints_img.copy())
    broken.joints_img[4, 3, 0] = np.inf
    with pytest.raises(DataError, match="S1/Seq1 camera 0: 1 of 8 frames hold NaN or infinite joints"):
        checked((broken,), SKELETON, Path("S1"), partial=False)
    (kept,) = checked((broken,), SKELETON, Path("S1"), partial=True)
    assert kept.counts == {BROKEN: 1}


@pytest.mark.parametrize(("unit", "scale"), [("m", 1e-3), ("cm", 0.1)])
def test_another_unit_is_refused(view, unit, scale):
    with pytest.raises(DataError, match=rf"S1/Seq1: 3D joints are in {unit} .*authors' are in mm"):
        checked((replace(view, joints_cam=view.joints_cam * scale),), SKELETON, Path("S1/Seq1"), partial=True)


def test_2d_joints_of_other_moments_are_refused(view):
    with pytest.raises(DataError, match=r"camera 0: 3D joints project \d+\.\d px \(median\) beside the 2D joints"):
        checked((replace(view, joints_img=view.joints_img + 2),), SKELETON, Path("S1"), partial=True)
    with pytest.raises(DataError, match="100% of the 3D joints are behind the camera"):
        checked((replace(view, joints_cam=view.joints_cam * [1, 1, -1]),), SKELETON, Path("S1"), partial=True)


def test_a_recording_without_frames_has_nothing_to_check(view):
    nothing = view.take(np.zeros(FRAMES, bool), "thrown away")
    assert len(checked((nothing,), SKELETON, Path("S1"), partial=False)[0]) == 0


def test_counts_of_all_views_are_added_up(view):
    notes = notes_of([replace(view, counts=Counter({"lost": 2})), replace(view, counts=Counter({"lost": 1000}))])
    assert notes[0] == "1,002 lost"
    assert notes[1] == "projected 3D joints meet the 2D joints to 0.00 px (median)"
    assert "at 0.95 to 0.95 times their size" in notes[2]
    assert len(notes_of([replace(view, univ_scale=float("nan"))])) == 1
