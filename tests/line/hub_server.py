"""A hub on this machine: a real HTTP server that speaks the calls with which huggingface_hub uploads a model."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "notARealToken" * 2
READ_ONLY = "hf_" + "mayOnlyRead" * 3


class Hub(ThreadingHTTPServer):
    """Repositories by name; `fails`: path -> status to answer with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fails: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, repository: str) -> dict[str, bytes]:
        return self.repositories[repository]["files"]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answered()

    def do_POST(self) -> None:
        self.answered()

    def do_PUT(self) -> None:
        self.answered()

    def log_message(self, format: str, *arguments: object) -> None: ...

    def answered(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        told = self.headers.get("Authorization", "")
        status = next((code for part, code in self.server.fails.items() if part in path), 0)
        if status:
            self.say(status, {"error": "as told"})
        elif path.startswith("/blob/"):
            self.server.blobs[path.removeprefix("/blob/")] = body
            self.say(200, {})
        elif path == "/api/agent-harnesses":
            self.say(200, {})
        elif told not in (f"Bearer {TOKEN}", f"Bearer {READ_ONLY}"):
            self.say(401, {"error": "Invalid user token."})
        else:
            self.routed(path, body, told.endswith(TOKEN))

    def routed(self, path: str, body: bytes, may_write: bool) -> None:
        parts = path.strip("/").split("/")
        repository = "/".join(parts[2:4]) if parts[:2] == ["api", "models"] else ""
        if path == "/api/whoami-v2":
            self.say(200, {"name": "me", "type": "user", "orgs": []})
        elif path == "/api/validate-yaml":
            self.say(200, {"errors": [], "warnings": []})
        elif not may_write:
            self.say(403, {"error": "this token may only read"})
        elif path == "/api/repos/create":
            self.create(json.loads(body))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.lent(json.loads(body))
        elif repository not in self.server.repositories:
            self.say(404, {"error": "no such repository"})
        elif len(parts) == 4:
            self.say(200, {"id": repository, "private": self.server.repositories[repository]["private"], "sha": "0"})
        elif parts[4] == "preupload":
            files = [
                {"path": one["path"], "uploadMode": "lfs" if one["path"].endswith("safetensors") else "regular",
                 "shouldIgnore": False} for one in json.loads(body)["files"]
            ]  # fmt: skip
            self.say(200, {"files": files})
        elif parts[4] == "commit":
            self.commit(repository, [json.loads(line) for line in body.splitlines()])
        else:
            self.say(404, {"error": path})

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        known = name in self.server.repositories
        if not known:
            private = asked.get("visibility") == "private"
            self.server.repositories[name] = {"private": private, "files": {}, "commits": 0}
        self.say(409 if known else 200, {"url": f"{self.server.url}/{name}", "error": "there already"})

    def lent(self, asked: dict[str, Any]) -> None:
        objects = [
            {"oid": one["oid"], "size": one["size"],
             "actions": {"upload": {"href": f"{self.server.url}/blob/{one['oid']}", "header": {}}}}
            for one in asked["objects"]
        ]  # fmt: skip
        self.say(200, {"transfer": "basic", "objects": objects})

    def commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        kept = self.server.repositories[repository]
        for line in lines:
            told = line["value"]
            if line["key"] == "file":
                kept["files"][told["path"]] = base64.b64decode(told["content"])
            elif line["key"] == "lfsFile":
                blob = self.server.blobs[told["oid"]]
                assert hashlib.sha256(blob).hexdigest() == told["oid"]
                kept["files"][told["path"]] = blob
        kept["commits"] += 1
        self.say(200, {"commitUrl": f"{self.server.url}/{repository}/commit/c0ffee", "commitOid": "c0ffee"})

    def say(self, status: int, document: dict[str, Any]) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
