"""The few endpoints of the Hugging Face hub that prepose uses, on loopback and in memory."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

TOKEN = "hf_of_the_tests"
COMMIT = "a" * 40


@dataclass
class StubHub:
    """What is on the hub, and what was asked of it.

    Attributes:
        repositories: OWNER/NAME -> file -> content.
        gated: Repositories whose access has to be requested.
        read_only: Owners that the token may not write to.
        asked: METHOD /path, in order.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    private: dict[str, object] = field(default_factory=dict)
    address: str = ""


@contextmanager
def serving() -> Iterator[StubHub]:
    """A hub that answers until the block ends."""
    hub = StubHub()

    class Handler(_Handler):
        stub = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    stub: StubHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.stub.asked.append(f"{self.command} {self.path}")
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            name = "/".join(parts[2:4])
            if self._may_read(name):
                siblings = [{"rfilename": file} for file in self.stub.repositories[name]]
                self._json({"id": name, "siblings": siblings})
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._answer(200)

    def _may_read(self, name: str) -> bool:
        if name in self.stub.gated:
            self._answer(403, {"X-Error-Code": "GatedRepo"})
        elif name not in self.stub.repositories:
            self._answer(404, {"X-Error-Code": "RepoNotFound"})
        else:
            return True
        return False

    def _file(self, name: str, revision: str, file: str) -> None:
        if not self._may_read(name):
            return
        content = self.stub.repositories[name].get(file)
        if revision not in ("main", COMMIT):
            self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif content is None:
            self._answer(404, {"X-Error-Code": "EntryNotFound"})
        else:
            digest = hashlib.sha256(content).hexdigest()
            self._answer(200, {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, content)

    def do_POST(self) -> None:
        self.stub.asked.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = self.path.partition("?")[0].strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401)
        elif parts == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif parts == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif parts[-2] == "preupload":
            modes = {file["path"]: "lfs" if file["path"].endswith(".safetensors") else "regular"
                     for file in json.loads(body)["files"]}  # fmt: skip
            files = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]
            self._json({"files": files})
        elif parts[-1] == "batch":
            upload = {"upload": {"href": f"{self.stub.address}/upload"}}
            objects = [
                {**each, "actions": {"upload": {"href": f"{upload['upload']['href']}/{each['oid']}"}}}
                for each in json.loads(body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif parts[-2] == "commit":
            self._commit("/".join(parts[2:4]), body)
        else:
            self._answer(404)

    def _create(self, asked: dict) -> None:
        owner = asked.get("organization") or "me"
        name = f"{owner}/{asked['name']}"
        if owner in self.stub.read_only:
            self._answer(403)
            return
        self.stub.private[name] = asked.get("private", asked.get("visibility"))
        self.stub.repositories.setdefault(name, {".gitattributes": b""})
        self._json({"url": f"{self.stub.address}/{name}", "id": name, "name": name})

    def _commit(self, name: str, body: bytes) -> None:
        files = self.stub.repositories[name]
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.stub.uploaded[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": f"{self.stub.address}/{name}/commit/{COMMIT}"})

    def do_PUT(self) -> None:
        self.stub.asked.append(f"{self.command} {self.path}")
        self.stub.uploaded[self.path.rpartition("/")[2]] = self._body()
        self._answer(200)

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _json(self, content: object) -> None:
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
