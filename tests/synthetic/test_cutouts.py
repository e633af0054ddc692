import numpy as np
import pytest

from prepose.errors import DataError
from prepose.synthetic.cutouts import PERSON, SEAT, CutoutOrder, draw_cutouts, read_cutout


def test_cutouts_show_people_and_every_fifth_nobody(tmp_path):
    order = CutoutOrder(seed=3, size=48)
    said = []
    files = draw_cutouts(tmp_path, order, 5, progress=lambda done, total: said.append((done, total)))
    cutouts = [read_cutout(file) for file in files]
    assert said == [(number, 5) for number in range(1, 6)]
    assert [bool((cutout[..., 3] == PERSON).any()) for cutout in cutouts] == [True, True, True, True, False]
    assert set(np.unique([cutout[..., 3] for cutout in cutouts])) <= {0, SEAT, PERSON}
    assert all(cutout[..., :3].std() > 5 for cutout in cutouts), "the whole scene is kept"
    # What is there is kept, and one image is a function of its number alone.
    files[1].unlink()
    draw_cutouts(tmp_path, order, 5, progress=lambda done, total: said.append((done, total)))
    assert said[5:] == [(5, 5)] and np.array_equal(read_cutout(files[1]), cutouts[1])


def test_other_files_are_no_cutouts(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png: not an image with an alpha channel"):
        read_cutout(tmp_path / "a.png")
