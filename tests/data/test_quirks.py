"""Every known quirk of a dataset is a named function, and `data add` says how many labels it touched."""

import re
from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes_3dhp import fake_test_set, fake_training
from fakes_3dpw import fake_3dpw
from fakes_flic import fake_flic
from fakes_h36m import draw_lab, write_recordings
from prepose.cli_data import data_app
from prepose.data import coco_labels, length_unit, mpi_labels, mpii_labels, threedpw_sequence
from prepose.data.adapters import flic, lsp, mpii, mupots_3d
from prepose.data.h36m import frames
from prepose.data.mpi_inf_3dhp import views
from small_fakes import SMALL_FAKES, SmallFake

BY_NAME = {str(fake): fake for fake in SMALL_FAKES}
S9 = SmallFake("h36m", "S9", lambda root, g: write_recordings(root, draw_lab(g, frames=2, subjects=(9, 11))))
STUDIO = SmallFake("mpi-inf-3dhp", "S6", partial(fake_training, subjects=(6,), frames=11, cameras=(0, 2)))
TEST_SET = SmallFake("mpi-inf-3dhp", "test", partial(fake_test_set, frames=3))
FILMS = SmallFake("flic", "persons", partial(fake_flic, count=8, behind=2))
STREET = SmallFake("3dpw", "", partial(fake_3dpw, frames=3))

# The function that deals with it, a fake that has it, options of `data add`, and what must be said, with the count.
QUIRKS = [
    (mpii.matlab_pixels, BY_NAME["mpii-json"], (), r"125 places count pixels from 1 and are moved by 1"),
    (mpii_labels.forget_missing, BY_NAME["mpii-json"], (), r"joints_vis of 8 people says labelled, not visible"),
    (mpii_labels.forget_missing, BY_NAME["mpii-h5"], (), r"\d+ of 125 labelled joints are occluded \(its visible"),
    (mpii_labels.undo_loaders_shift, BY_NAME["mpii-h5"], (), r"8 centres and scales come with the loaders' shift and"),
    (mpii.scale_boxes, BY_NAME["mpii-json"], (), r"1 people with fewer than 8 joints keep the box of their centre and"),
    (lsp.matlab_pixels, BY_NAME["lsp"], (), r"168 places of joints\.mat count pixels from 1 and are moved by 1"),
    (lsp.lsp, BY_NAME["lsp"], (), r"24 of 168 joints of joints\.mat are marked as occluded \(flag 1"),
    (lsp.forget_unlabelled, BY_NAME["lsp-extended"], (), r"21 of 168 joints of joints\.mat are not labelled \(flag 0"),
    (flic.matlab_pixels, FILMS, (), r"66 places count pixels from 1 and are moved by 1"),
    (flic.mark_sides, FILMS, (), r"the sides of 2 people differ from those of train\.h5"),
    (flic.side_orders, FILMS, (), r"4 of 6 people whose order is clear have left on the picture's right"),
    (flic.near_test_frames, BY_NAME["flic-full"], (), r"\d+ training frames lie within 240 frames of a test frame"),
    (coco_labels.leave_out_crowds, BY_NAME["coco"], (), r"1 of 10 labels are of crowds and are left out"),
    (coco_labels.leave_out_without_keypoints, BY_NAME["coco"], (),
     r"1 of 9 people have no key-points and are left out"),
    (frames.keep_or_drop_misplaced, S9, ("--split", "test"),
     r"4 samples of misplaced recordings \(S9 Greeting 2, S9 SittingDown 2, S9 Waiting 1\) are kept, .*test-clean"),
    (frames.keep_or_drop_misplaced, S9, ("--split", "test-clean"),
     r"4 samples of misplaced recordings \(S9 Greeting 2, S9 SittingDown 2, S9 Waiting 1\) are left out"),
    (mpi_labels.univ_scale_of, STUDIO, ("--partial", "--split", "trainval"),
     r"3D joints are annot3, true to the camera in mm; univ_annot3, .* 0\.90 to 0\.90 times their size"),
    (mpi_labels.univ_scale_of, TEST_SET, ("--split", "test"), r"univ_annot3, .* 1\.05 to 1\.05 times their size"),
    (views.notes_of, STUDIO, ("--partial", "--split", "trainval"), r"1 video is too short .*S6/Seq2 camera 2"),
    (views.notes_of, TEST_SET, ("--split", "test"), r"6 frames are not valid by the authors' valid_frame"),
    (mupots_3d.forget_misplaced, BY_NAME["mupots-3d"], (),
     r"2 2D joints lie beside their projected 3D joint by more than 0\.5% of the image .*TS1 spine 2"),
    (mpi_labels.univ_scale_of, BY_NAME["mupots-3d"], (), r"univ_annot3, .* 0\.\d\d to 0\.\d\d times their size"),
    (threedpw_sequence.frames_with_a_camera, STREET, (), r"1 frames of people have a camera that the authors mark as"),
    (length_unit.length_unit, STREET, (), r"3D joints are in m, told from the length of legs"),
]  # fmt: skip
IDS = [f"{fake}-{function.__name__}-{number}" for number, (function, fake, *_) in enumerate(QUIRKS)]


@pytest.mark.parametrize(("function", "fake", "options", "told"), QUIRKS, ids=IDS)
def test_a_quirk_is_a_named_function_and_is_told_with_its_count(tmp_path, function, fake, options, told):
    assert function.__doc__
    root = fake.write_into(tmp_path / "root")
    arguments = ["add", fake.dataset, str(root), "--out", str(tmp_path / "out"), "--workers", "1"]
    added = CliRunner().invoke(data_app, [*arguments, *fake.options, *options])
    assert added.exit_code == 0, added.output
    assert re.search(told, added.stdout), added.stdout


def test_60_hz_joints_of_3dpw_are_taken_at_the_images_and_counted(tmp_path, monkeypatch):
    from fakes_3dpw import sequence_content

    def at_60_hz(name, people, valid):
        content = sequence_content(name, people, valid)
        content["jointPositions"] = [np.repeat(joints, 2, axis=0) for joints in content["jointPositions"]]
        return content

    monkeypatch.setattr("fakes_3dpw.sequence_content", at_60_hz)
    root = STREET.write_into(tmp_path / "root")
    added = CliRunner().invoke(data_app, ["add", "3dpw", str(root), "--out", str(tmp_path / "out"), "--workers", "1"])
    assert added.exit_code == 0, added.output
    assert "2 people had their joints at 60 Hz; those at the images were taken" in added.stdout
