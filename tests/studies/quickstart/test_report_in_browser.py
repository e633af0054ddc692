"""What only a browser can tell: the page runs without a complaint, and its poses turn with the mouse."""

import numpy as np
import pytest

from browser import find_chromium, open_page
from prepose.studies.quickstart.report import write_report

CHROMIUM = find_chromium()
EYE = "(({x, y, z}) => [x, y, z])(document.getElementById('pose')._fullLayout.scene._scene.getCamera().eye)"
BOX = (
    "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('#pose canvas').getBoundingClientRect())"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine to open the page with"),
]


@pytest.fixture(scope="module")
def tab(comparison, tmp_path_factory):
    with open_page(CHROMIUM, write_report(comparison.folder), tmp_path_factory.mktemp("profile")) as tab:
        tab.wait_for("document.documentElement?.dataset.ready === 'true'")
        yield tab


def test_a_pose_turns_with_the_mouse(tab):
    tab.value("document.getElementById('pose').scrollIntoView({block: 'center', behavior: 'instant'})")
    tab.wait_for("document.querySelector('#pose canvas') !== null")
    tab.next_frame()
    x, y, width, height = tab.value(BOX)
    middle = (x + width / 2, y + height / 2)
    eye, before = np.array(tab.value(EYE)), tab.picture()
    np.testing.assert_allclose(tab.value(EYE), eye)

    tab.drag(middle, (middle[0] + 0.2 * width, middle[1] + 0.1 * height))
    turned, after = np.array(tab.value(EYE)), tab.picture()
    # It goes round the person, at the same distance.
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(eye), rel=0.05)
    assert turned @ eye / (eye @ eye) < 0.95
    plot = np.s_[int(y) : int(y + height), int(x) : int(x + width)]
    changed = np.abs(after[plot].astype(int) - before[plot]).max(axis=2) > 40
    assert 0.01 < changed.mean() < 0.9

    # With the button up, the mouse turns nothing.
    tab.drag((x + 5, y - 20), (x + width - 5, y - 30))
    np.testing.assert_allclose(tab.value(EYE), turned)
    assert tab.errors == []


def test_another_case_shows_other_poses(tab):
    titles = []
    for number in (0, 1):
        tab.value(f"document.querySelectorAll('button.strip')[{number}].click()")
        titles.append(tab.value("document.getElementById('viewer-title').textContent"))
        traces = tab.value("document.getElementById('pose').data.map(trace => [trace.name, trace.x])")
        assert {name.split(" (")[0] for name, _ in traces} == {"ground truth", "only-3d", "mixed", "pretrain-finetune"}
        assert all(np.isfinite(x).all() for _, x in traces)
    assert titles[0] != titles[1]
    assert tab.errors == []


def test_a_curve_and_a_set_are_chosen(tab):
    first = "document.getElementById('curve').data[1].y[0]"
    before = tab.value(first)
    tab.value("document.querySelector('button[data-error=wild]').click()")
    assert tab.value(first) == before + 100
    tab.value("document.querySelector('button[data-set=occluded]').click()")
    shown = (
        "[...document.querySelectorAll('[data-of-set]')].filter(part => !part.hidden).map(part => part.dataset.ofSet)"
    )
    assert set(tab.value(shown)) == {"occluded"}
    assert tab.errors == []


def test_nothing_is_wider_than_the_screen(tab):
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width in (1100, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
        tab.ask("Emulation.setDeviceMetricsOverride", **size)
        tab.next_frame()
        tab.wait_for(f"{wider} <= 0")
    assert tab.errors == []
