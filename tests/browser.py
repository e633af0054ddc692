"""A headless Chromium that a test drives through the DevTools protocol, over two pipes: no package, port or driver.

Source: https://chromedevtools.github.io/devtools-protocol; messages are JSON, each ended by a zero byte.
"""

import base64
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# Software rendering, so that WebGL works where there is no graphics card; no sandbox, so that root can run it.
_SWITCHES = (
    "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--hide-scrollbars", "--window-size=1200,1000", "--remote-debugging-pipe",
)  # fmt: skip
# The descriptors that Chromium reads commands from and writes answers to.
_COMMANDS, _ANSWERS = 3, 4
_PATIENCE = 180.0


def find_chromium() -> str | None:
    """The Chromium or Chrome of this machine; None where there is none, or no way to hand pipes to it."""
    if not hasattr(os, "posix_spawn"):
        return None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


@dataclass
class Tab:
    """A page that is open in a browser."""

    to_browser: int
    from_browser: int
    session: str | None = None
    errors: list[str] = field(default_factory=list)
    _rest: bytes = b""
    _number: int = 0

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The browser's answer to a command; what the page complains about in the meantime goes to `errors`."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        _write(self.to_browser, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self._next_message(deadline, method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next_message(self, deadline: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self.from_browser], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{what}: no answer from the browser in {_PATIENCE:.0f} s")
            part = os.read(self.from_browser, 1 << 20)
            if not part:
                raise ConnectionError(f"{what}: the browser has gone")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, about = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(about["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(json.dumps(about["args"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(json.dumps(about["entry"]))

    def value(self, expression: str) -> Any:
        """What a JavaScript expression (or the promise that it is) comes to."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {json.dumps(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + _PATIENCE
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} is still not true after {_PATIENCE:.0f} s; {self.errors}")
            time.sleep(0.05)

    def next_frame(self) -> None:
        """Let the page draw."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 8) -> None:
        """Press the left button at one place of the window (px), move to another and let go."""
        path = [tuple(np.add(start, np.subtract(end, start) * k / steps).tolist()) for k in range(steps + 1)]
        self._mouse("mouseMoved", start, held=0)
        self._mouse("mousePressed", start, held=1)
        for place in path:
            self._mouse("mouseMoved", place, held=1)
            self.next_frame()
        self._mouse("mouseReleased", end, held=0)
        self.next_frame()

    def _mouse(self, kind: str, place: tuple[float, float], *, held: int) -> None:
        button = "none" if kind == "mouseMoved" and not held else "left"
        clicks = 0 if kind == "mouseMoved" else 1
        at = {"x": place[0], "y": place[1]}
        self.ask("Input.dispatchMouseEvent", type=kind, **at, button=button, buttons=held, clickCount=clicks)

    def picture(self, **part: float) -> np.ndarray:
        """What the window shows, or a part of the page (x, y, width, height in px), BGR."""
        asked = {"clip": {**part, "scale": 1}, "captureBeyondViewport": True} if part else {}
        png = base64.b64decode(self.ask("Page.captureScreenshot", format="png", **asked)["data"])
        picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        return picture


def _write(descriptor: int, message: bytes) -> None:
    while message:
        message = message[os.write(descriptor, message) :]


@contextmanager
def open_page(chromium: str, page: Path | str, profile: Path) -> Iterator[Tab]:
    """A page opened in a browser of its own, which ends with the block.

    Args:
        chromium: The browser's executable.
        page: The file, or an address.
        profile: An empty folder for what the browser keeps.
    """
    # Out of the way of the two numbers that they become in the browser.
    browser_reads, to_browser = (_high(end) for end in os.pipe())
    from_browser, browser_writes = (_high(end) for end in os.pipe())
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
    pipes = [(os.POSIX_SPAWN_DUP2, browser_reads, _COMMANDS), (os.POSIX_SPAWN_DUP2, browser_writes, _ANSWERS)]
    command = [chromium, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"]
    process = os.posix_spawn(chromium, command, os.environ, file_actions=[*quiet, *pipes], setpgroup=0)
    os.close(browser_reads)
    os.close(browser_writes)
    try:
        tab = Tab(to_browser, from_browser)
        target = tab.ask("Target.createTarget", url="about:blank")["targetId"]
        tab.session = tab.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            tab.ask(f"{domain}.enable")
        tab.ask("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        yield tab
    finally:
        # The whole group: renderers and the graphics process outlive a browser that is killed alone.
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(to_browser)
        os.close(from_browser)


def _high(descriptor: int) -> int:
    # Not on Windows, where the tests that come here are skipped.
    import fcntl

    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
