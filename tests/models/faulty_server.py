"""An OpenAI-compatible server on 127.0.0.1 that fails as it is told: for tests of what speaks to one."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAST = {"backoff_s": "0.01", "retries": "3", "timeout_s": "20", "chat": "on", "logprobs": "off"}
"""Settings for it: little patience, no probing."""


def said(text: str, **fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return {
        "choices": [{"message": {"content": text}, "text": text, "finish_reason": "stop", **fields}],
        "usage": usage,
    }


class Server(ThreadingHTTPServer):
    """Fails as its plan says: `plan[prompt]` lists the faults that come before the answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.reset({})

    def reset(self, plan: dict[str, list[str]], reply: Callable[[Any], Any] | None = None) -> None:
        """Start over with another plan; `reply(body)` makes the answer, by default the prompt in capitals."""
        with self.lock:
            self.plan = {name: list(faults) for name, faults in plan.items()}
            self.asked: Counter[str] = Counter()
            self.bodies: list[Any] = []
            self.keys: list[str | None] = []
            self.at_once = self.most_at_once = 0
            self.reply = reply or (lambda body: said(prompt_of(body).upper()))


def prompt_of(body: Any) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("authorization"))
        fault = self.server.plan.get("GET", [""])[0]
        self._fail(fault) if fault else self._send(200, {"data": [{"id": "small-chat"}, {"id": "large-chat"}]})

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = prompt_of(body)
        with server.lock:
            server.bodies.append(body)
            server.asked[prompt] += 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            faults = server.plan.get(prompt, [])
            fault = faults.pop(0) if faults else ""
        try:
            self._fail(fault) if fault else self._send(200, server.reply(body))
        finally:
            with server.lock:
                server.at_once -= 1

    def _fail(self, fault: str) -> None:
        name, _, detail = fault.partition(" ")
        if name.isdigit():
            headers = {"Retry-After": detail} if detail and int(name) in (429, 503) else {}
            self._send(int(name), {"error": {"message": detail or "no luck"}}, headers)
        elif name == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"mess')
            self.close_connection = True
        elif name == "drop":
            self.close_connection = True
        else:
            raw = {"garbage": b"<html>busy</html>", "empty": b"", "none": b"{}", "list": b"[]", "null": b"null"}[name]
            self._send(200, raw)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
