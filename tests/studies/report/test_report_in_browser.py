"""What only a browser can tell of a study's page: it draws everything without a complaint, switches, fits and turns."""

from dataclasses import replace

import numpy as np
import pytest

from browser import find_chromium, open_page
from fakes_study import THREE_WORLDS, fake_study
from prepose.studies.report.write import write_study_report

CHROMIUM = find_chromium()
PLOTS = "['curve', 'level', 'budget', 'part', 'calibration'].map(id => document.getElementById(id))"
EYE = "(({x, y, z}) => [x, y, z])(document.getElementById('pose')._fullLayout.scene._scene.getCamera().eye)"
BOX = (
    "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('#pose canvas').getBoundingClientRect())"
)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine to open the page with"),
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    fake = replace(THREE_WORLDS, drawn=True)
    page = write_study_report(fake_study(tmp_path_factory.mktemp("drawn") / "study", fake))
    with open_page(CHROMIUM, page, tmp_path_factory.mktemp("profile")) as tab:
        tab.wait_for("document.documentElement?.dataset.ready === 'true'")
        yield tab


def test_every_plot_is_drawn(tab):
    assert tab.value(f"{PLOTS}.map(plot => plot.data.length > 0 && plot.querySelector('svg') !== null)") == [True] * 5
    assert tab.value("document.querySelectorAll('#matrices svg.main-svg').length") >= 5
    widths = tab.value(f"[{PLOTS}, [...document.querySelectorAll('#matrices > div')]].flat().map(p => p.clientWidth)")
    assert min(widths) > 300
    assert tab.errors == []


def test_the_choice_of_a_set_changes_every_part(tab):
    shown = (
        "[...document.querySelectorAll('[data-of-set]')].filter(part => !part.hidden).map(part => part.dataset.ofSet)"
    )
    assert set(tab.value(shown)) == {"lab"}
    before = tab.value("document.getElementById('part').data[0].x")
    tab.value("document.querySelector('#confidence [data-set=wild]').click()")
    assert set(tab.value(shown)) == {"wild"}
    assert tab.value("document.getElementById('part').data[0].x") != before
    on = "[...document.querySelectorAll('[data-set].on')].map(button => button.dataset.set)"
    assert set(tab.value(on)) == {"wild"}
    tab.value("document.querySelector('[data-set=lab]').click()")
    assert tab.value("document.getElementById('part').data[0].x") == before
    assert tab.errors == []


def test_levels_stand_side_by_side_within_what_they_show(tab):
    plot = "document.getElementById('level')"
    assert tab.value(f"{plot}._fullLayout.xaxis._categories") == ["lab-3d", "occluded-3d", "wild-3d"]
    low, high = tab.value(f"{plot}._fullLayout.yaxis.range")
    shown = tab.value(f"{plot}.data.flatMap(line => line.y)")
    assert 0 < low < min(shown) and max(shown) < high
    assert len(tab.value(f"{plot}.data.map(line => line.offsetgroup)")) == 6
    assert tab.errors == []


def test_curves_go_against_images_flops_and_time_straight_and_in_logarithms(tab):
    axis = "(a => [a.title.text, a.type])(document.getElementById('curve')._fullLayout.xaxis)"
    assert tab.value(axis) == ["images seen", "linear"]
    for x, title in (("flops", "training FLOPs"), ("seconds", "seconds of training")):
        tab.value(f"document.querySelector('button[data-x={x}]').click()")
        assert tab.value(axis) == [title, "linear"]
    tab.value("document.querySelector('button[data-scale=log]').click()")
    assert tab.value(axis) == ["seconds of training", "log"]
    first = "document.getElementById('curve').data[1].y"
    before = tab.value(first)
    tab.value("document.querySelector('button[data-error=wild]').click()")
    assert tab.value(first) != before
    assert tab.errors == []


def test_a_pose_turns_with_the_mouse(tab):
    tab.value("document.getElementById('pose').scrollIntoView({block: 'center', behavior: 'instant'})")
    tab.wait_for("document.querySelector('#pose canvas') !== null")
    tab.next_frame()
    x, y, width, height = tab.value(BOX)
    middle, eye = (x + width / 2, y + height / 2), np.array(tab.value(EYE))
    tab.drag(middle, (middle[0] + 0.2 * width, middle[1] + 0.1 * height))
    turned = np.array(tab.value(EYE))
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(eye), rel=0.05)
    assert turned @ eye / (eye @ eye) < 0.95
    assert tab.errors == []


def test_another_case_shows_other_poses(tab):
    titles = []
    for number in (0, 1):
        tab.value(f"document.querySelectorAll('button.strip')[{number}].click()")
        titles.append(tab.value("document.getElementById('viewer-title').textContent"))
    names = set(tab.value("document.getElementById('pose').data.map(trace => trace.name.split(' (')[0])"))
    assert names == {
        "ground truth",
        "2d-first / wild-3d / whole",
        "only-3d / wild-3d / whole",
        "mixed / wild-3d / whole",
    }
    assert titles[0] != titles[1]


def test_nothing_is_wider_than_the_screen(tab):
    """Tables and legends scroll inside their own boxes, on a desktop and on a telephone."""
    for width in (1280, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
        tab.ask("Emulation.setDeviceMetricsOverride", **size)
        tab.next_frame()
        tab.wait_for(f"{WIDER} <= 0")
    assert tab.errors == []
