"""Runs the page on this machine: nothing leaves it, and nothing of what was uploaded stays."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prepose.errors import DataError, one_line
from prepose.predict.networks import find_weights
from prepose.predict.people import Finder
from prepose.web.estimate import Bounds
from prepose.worker import uninterrupted

DEFAULT_PORT = 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PREFIX = "prepose-serve-"
# Nothing from elsewhere is loaded, whatever the page asks for; Gradio's scripts make functions of text.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)


@dataclass(frozen=True)
class Address:
    """Where the page is.

    Attributes:
        host: Name or address that is listened on.
        port: 0 for any free one.
    """

    host: str = LOOPBACK[0]
    port: int = DEFAULT_PORT

    @property
    def is_private(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK


def serve(
    network: Path,
    address: Address,
    *,
    find: Finder | None = None,
    bounds: Bounds | None = None,
    device: str = "cpu",
    started: Callable[[str], object] = print,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        network: A run's folder, a weights file, or the name of a network that ships.
        address: Where.
        find: Finds people where a user gives no boxes; None: the whole image is one person.
        bounds: How much of an uploaded file is taken.
        device: Where to run the network.
        started: Called with the page's address as soon as it answers.

    Raises:
        DataError: Gradio is not installed, there are no weights, or the address cannot be listened on.
    """
    weights = find_weights(network)
    with listening(address) as there, private_folder() as folder:
        _require_gradio()
        # Only now, as these take seconds; and the folder must be known before Gradio is imported.
        import uvicorn

        from prepose.predict.predictor import Predictor
        from prepose.web.answers import Answers

        predictor = Predictor.load(weights, device=device)
        answers = Answers(predictor.poses, find, bounds or Bounds(), folder)
        url = _url(address, there)

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                started(url)

        settings = uvicorn.Config(
            _application(answers, network, address),
            log_level="error",
            access_log=False,
            # Pages that are open hold a connection for ever.
            timeout_graceful_shutdown=1,
        )
        Server(settings).run(sockets=[there])


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder (0700) for everything that is uploaded and made, which is removed at the end."""
    names = {"GRADIO_TEMP_DIR": "", "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    before = {name: os.environ.get(name) for name in names}
    folder = tempfile.mkdtemp(prefix=_PREFIX)
    try:
        os.environ.update(names | {"GRADIO_TEMP_DIR": folder})
        yield Path(folder)
    finally:
        # Who presses Ctrl-C twice is in a hurry, yet what was uploaded must go.
        with uninterrupted():
            shutil.rmtree(folder, ignore_errors=True)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextmanager
def listening(address: Address) -> Iterator[socket.socket]:
    """A socket that listens there.

    Raises:
        DataError: the port is in use, or the host is not this machine's.
    """
    where = f"--host {address.host} --port {address.port}"
    try:
        family, _, _, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        opened = socket.create_server(place[:2], family=family)
    except OSError as error:
        reason = one_line(error.strerror or error).lower()
        raise DataError(f"{where}: cannot be listened on ({reason}); choose another --port or --host") from error
    with opened:
        yield opened


def _url(address: Address, there: socket.socket) -> str:
    host = "127.0.0.1" if address.host == "0.0.0.0" else address.host
    return f"http://{f'[{host}]' if ':' in host else host}:{there.getsockname()[1]}/"


def _require_gradio() -> None:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"the page needs Gradio, which is not installed ({error}); pip install 'prepose[serve]'"
        ) from error


def _application(answers: Any, network: Path, address: Address) -> Any:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from prepose.web.page import CSS, THEME, build_page

    # Their pages of an API's documentation come from elsewhere.
    hidden: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}
    outer: Any = FastAPI(**hidden)
    if address.is_private:
        # A site elsewhere whose name is made to lead here is no page of ours.
        outer.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    outer.add_middleware(_Policy)
    return gr.mount_gradio_app(
        outer,
        build_page(answers, f"Network: {network}."),
        path="",
        footer_links=[],
        run_history=False,
        app_kwargs=hidden,
        allowed_paths=[],
        show_error=True,
        max_file_size=answers.bounds.most_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=THEME,
        css=CSS,
    )


@dataclass
class _Policy:
    """Adds the headers that keep the page to itself to every answer."""

    app: Any
    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [
            (b"content-security-policy", _POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]
    )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(event: Any) -> None:
            if event["type"] == "http.response.start":
                event = {**event, "headers": [*event.get("headers", []), *self.headers]}
            await send(event)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
