"""The page in a browser, as somebody uses it: one server and one browser for all tests."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from browser import find_chromium, open_page
from prepose.web.page import EXAMPLES

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("gradio") is None, reason="the extra `serve` is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine to open the page with"),
]

SCENE = "document.querySelector('#pose .js-plotly-plot')?._fullLayout?.scene?._scene"
EYE = f"(({{x, y, z}}) => [x, y, z])({SCENE}.getCamera().eye)"
STATUS = "document.querySelector('#status').textContent"
# Gradio draws inputs of its own for a slider; the second is the one that slides.
SLIDER = "document.querySelector('#{} input[type=range]')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What is temporary goes here, so that a test sees all of it."""
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(folder):
    command = [sys.executable, "-m", "prepose", "serve", "--port", "0", "--max-mb", "0.2", "--max-megapixels", "1"]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as served:
        try:
            line = served.stdout.readline()
            assert line, served.stderr.read()
            yield served, re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        finally:
            served.kill()


@pytest.fixture(scope="module")
def tab(server, tmp_path_factory):
    with open_page(CHROMIUM, server[1], tmp_path_factory.mktemp("profile")) as tab:
        tab.wait_for("document.querySelector('#examples button') !== null")
        yield tab


def press(tab, key, code=None, number=0):
    for kind in ("keyDown", "keyUp"):
        text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
        tab.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, windowsVirtualKeyCode=number, **text)


def upload(tab, *files):
    document = tab.ask("DOM.getDocument")["root"]["nodeId"]
    found = tab.ask("DOM.querySelector", nodeId=document, selector="input[type=file]")["nodeId"]
    tab.ask("DOM.setFileInputFiles", files=[str(each) for each in files], nodeId=found)


def clear(tab):
    tab.value('document.querySelector(\'button[aria-label="Clear"], button[title="Clear"]\')?.click()')
    tab.wait_for("document.querySelector('input[type=file]') !== null")


def test_a_video_is_found_by_keyboard_alone_and_drawn_frame_by_frame(tab):
    for _ in range(40):
        press(tab, "Tab", number=9)
        if tab.value("document.activeElement.textContent.trim()") == "a video":
            break
    press(tab, "Enter", number=13)
    tab.wait_for(f"Boolean({SCENE})")
    assert "exercise.mp4: 1 person in 36 frames" in tab.value(STATUS)
    tab.value(f"{SLIDER.format('frame')}.focus()")
    picture = "document.querySelector('#picture img').src"
    before = tab.value(picture)
    press(tab, "ArrowRight", number=39)
    tab.wait_for(
        f"{picture} !== {json.dumps(before)} && document.querySelector('#frame').textContent.includes('Frame 2 of 36')"
    )
    # The pose turns by keyboard too.
    eye = np.array(tab.value(EYE))
    tab.value(f"{SLIDER.format('azimuth')}.focus()")
    press(tab, "ArrowRight", number=39)
    tab.wait_for(f"Math.abs({SCENE}.getCamera().eye.x - {eye[0]}) > 0.01")
    assert np.linalg.norm(tab.value(EYE)) == pytest.approx(np.linalg.norm(eye), rel=0.02)


def test_an_upload_gives_a_pose_that_turns_with_the_mouse(tab):
    upload(tab, EXAMPLES[0].path)
    tab.wait_for(f"{STATUS}.includes('running.jpg: 1 person')")
    tab.value("document.querySelector('#pose').scrollIntoView({block: 'center', behavior: 'instant'})")
    tab.next_frame()
    x, y, width, height = tab.value(
        "(r => [r.x, r.y, r.width, r.height])(document.querySelector('#pose canvas').getBoundingClientRect())"
    )
    eye = np.array(tab.value(EYE))
    middle = (x + width / 2, y + height / 2)
    tab.drag(middle, (middle[0] + 0.2 * width, middle[1] + 0.1 * height), steps=4)
    turned = np.array(tab.value(EYE))
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(eye), rel=0.05)
    assert turned @ eye / (eye @ eye) < 0.95


def test_the_downloads_hold_the_poses(tab):
    links = tab.value("[...document.querySelectorAll('#downloads a')].map(link => link.href)")
    assert [link.rsplit("/", 1)[1] for link in links] == ["poses.jsonl", "poses.csv", "running_person1.bvh"]
    texts = [urlopen(link).read().decode() for link in links]
    assert json.loads(texts[0])["image"] == "running.jpg"
    assert texts[1].startswith("image,frame,") and texts[2].startswith("HIERARCHY")


def test_of_two_people_one_is_chosen(tab):
    tab.value("[...document.querySelectorAll('#examples button')].find(b => b.textContent.includes('two')).click()")
    tab.wait_for(f"{STATUS}.includes('2 people') && document.querySelectorAll('#person input').length === 2")
    table = "document.querySelector('#table').textContent"
    first = tab.value(table)
    tab.value("document.querySelectorAll('#person input')[1].click()")
    tab.wait_for(f"{table} !== {json.dumps(first)}")


def test_a_bad_file_is_answered_and_the_page_goes_on(tab, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear reader")
    clear(tab)
    upload(tab, tmp_path / "letter.txt")
    tab.wait_for("document.querySelector('#status [role=alert]') !== null")
    said = tab.value(STATUS).strip()
    assert said.startswith("letter.txt: ") and "/" not in said.split(":")[0]
    clear(tab)
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300_000))
    upload(tab, tmp_path / "large.png")
    tab.wait_for("document.body.textContent.match(/maximum allowed size|too large|exceed/i) !== null")


def test_nothing_is_wider_than_a_phone(tab):
    tab.ask("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    tab.wait_for("document.documentElement.scrollWidth <= 390")


def test_nothing_came_from_elsewhere(tab, server):
    came = tab.value("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert came and all(name.startswith((server[1], "data:", "blob:")) for name in came)
    assert "Content-Security-Policy" not in json.dumps(tab.errors)


def test_it_ends_at_once_and_leaves_nothing(tab, server, folder):
    served, _ = server
    (private,) = Path(folder).glob("prepose-serve-*")
    assert private.stat().st_mode & 0o777 == 0o700 and any(private.rglob("running.jpg"))
    served.send_signal(signal.SIGTERM)
    assert served.wait(180) == 130
    assert not private.exists()
    assert "removed" in served.stderr.read()
