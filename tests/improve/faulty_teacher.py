"""A teacher behind HTTP that fails first: an OpenAI-compatible server on 127.0.0.1, alone or before a real one.

Which faults come before the answer to a request is decided by a digest of its body, so that every run of a test meets
the same ones. `paid` counts whole answers by that digest: what a hosted teacher would charge.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.hashing import digest

FAST = {"backoff_s": "0.01", "retries": "4", "timeout_s": "2", "chat": "on", "logprobs": "off", "concurrency": "4"}
EVERY: tuple[Sequence[str], ...] = (
    (), ("429",), ("500",), ("cut",), ("garbage",), ("drop", "503"), (), ("500", "cut", "429"), ("hang",), ("empty",),
)  # fmt: skip


class Teacher(ThreadingHTTPServer):
    """Answers by `reply(body)`: a text, which costs `tokens`, or a whole answer of the protocol."""

    daemon_threads = True

    def __init__(self, reply: Callable[[Any], Any], faults: Sequence[Sequence[str]] = EVERY) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply, self.faults = reply, faults
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.spec = f"openai:big@{self.url}"
        self.lock, self.released = threading.Lock(), threading.Event()
        self.tries: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.bodies: list[Any] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def fault(self, key: str) -> str:
        """Return the fault that this try meets; empty: none."""
        with self.lock:
            number = self.tries[key]
            self.tries[key] += 1
            planned = self.faults[int(key, 16) % len(self.faults)]
            found = planned[number] if number < len(planned) else ""
            self.injected[found] += 1
            return found

    def end(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Teacher

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "big"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = digest(body)
        fault = self.server.fault(key)
        if fault == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif fault in ("cut", "drop"):
            if fault == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [{"mess')
            self.close_connection = True
        elif fault:
            raw = {"garbage": b"<html>busy</html>", "empty": b""}.get(fault)
            self._send(200 if raw is not None else int(fault), {"error": "no luck"} if raw is None else raw)
        else:
            answer = self.server.reply(body)
            status, answer = answer if isinstance(answer, tuple) else (200, answer)
            if status == 200:
                with self.server.lock:
                    self.server.paid[key] += 1
                    self.server.bodies.append(body)
            self._send(status, whole(answer) if isinstance(answer, str) else answer)

    def _send(self, status: int, body: Any) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        try:
            self.wfile.write(raw)
        except (BrokenPipeError, ConnectionResetError):  # the asker was killed
            self.close_connection = True


def whole(text: str) -> dict[str, Any]:
    """Return an answer of the protocol: 100 tokens of prompt, 50 of text."""
    choice = {"message": {"content": text}, "text": text, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 50}}


def sums(body: Any) -> str:
    """A good teacher's answer: as many sums as were asked for, others for each body. One body in five is answered
    without JSON at first, one in seven is cut, and each repeats a row of its own."""
    key = int(digest(body), 16)
    said = json.dumps(body)
    if key % 5 == 0 and "cannot be read" not in said:
        return "Sure! Here are your questions, enjoy."
    pens = key % 999_983
    rows = [
        {"question": f"Ada has {pens + n} pens and gets {n + 2}. How many?", "answer": f"{pens + 2 * n + 2}"}
        for n in range(4)
    ]
    text = json.dumps({"rows": [*rows, rows[0]]})
    return text[:-120] if key % 7 == 0 else text
