"""Asks an HTTP server many things at once and retries what may pass.

An event loop runs in a thread of its own; `stream` hands it coroutines and yields each result as it comes, in any
order. A call is repeated, with exponential back-off and jitter, after 408, 425, 429, 5xx, a refused or cut connection,
a time-out, and an answer that is not what was asked for; Retry-After is honoured. What fails to the end is a Fault
with the reason, never an empty answer. A call that succeeded is never repeated.

Not here: streaming (answers are read whole), proxies for loopback addresses, any logging of keys: `_scrub` takes the
key out of whatever a server says.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from harness.models.openai.address import OpenAISettings, is_loopback
from harness.types import Fault

T = TypeVar("T")
LONGEST_PAUSE_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0
PROBE_S = 30.0
BUSY = frozenset({"http_429", "http_503"})
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 522, 524, 529})


@dataclass(frozen=True)
class Failure:
    """Why one try failed. `again`: it may pass; `after_s`: when the server wants to be asked again."""

    kind: str
    message: str
    again: bool
    after_s: float | None = None


class Client:
    """A connection pool in a thread of its own. Safe to use from one caller thread."""

    def __init__(self, base_url: str, key: str, settings: OpenAISettings) -> None:
        self.base_url, self.settings = base_url, settings
        self._key = key
        self._dice = random.Random()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-client", daemon=True)
        self._thread.start()
        self._http = self.wait(self._connect())

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the result of one coroutine, run in the client's thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stream(self, jobs: Sequence[Callable[[], Awaitable[T]]]) -> Iterator[tuple[int, T]]:
        """Yield (index, result) of each job as it finishes; leaving the loop early cancels the rest.

        A job keeps its slot until its result was taken and the next one is asked for: a caller that is slow to store
        answers never has more than `concurrency` of them unstored, which is all that a kill can make it pay twice.
        """
        done: queue.SimpleQueue[tuple[int, T | BaseException]] = queue.SimpleQueue()
        slots = asyncio.Semaphore(self.settings.concurrency)

        async def run(index: int, job: Callable[[], Awaitable[T]]) -> None:
            await slots.acquire()
            try:
                done.put((index, await job()))
            except Exception as error:  # noqa: BLE001 - carried to the caller's thread and raised there
                done.put((index, error))

        async def run_all() -> None:
            await asyncio.gather(*(run(index, job) for index, job in enumerate(jobs)))

        running = asyncio.run_coroutine_threadsafe(run_all(), self._loop)
        try:
            for _ in jobs:
                index, result = done.get()
                if isinstance(result, BaseException):
                    raise result
                yield index, result
                self._loop.call_soon_threadsafe(slots.release)
        finally:
            running.cancel()

    async def ask(
        self, method: str, url: str, body: Any, read: Callable[[Any, float], T], probe: bool = False
    ) -> T | Fault:
        """Return `read(JSON answer, seconds)`, or the Fault after the last try.

        `url` is a path below the base URL, or a whole URL. `read` raises ValueError, KeyError, TypeError or IndexError
        for an answer that is not what was asked for. A `probe` takes a refusal for an answer: only a busy server is
        asked again, and 30 s are enough.
        """
        url = url if url.startswith("http") else self.base_url + url
        limit_s = min(self.settings.timeout_s, PROBE_S) if probe else self.settings.timeout_s
        number = 0
        while True:
            number += 1
            outcome = await self._try(method, url, body, read, limit_s)
            if not isinstance(outcome, Failure):
                return outcome
            failure: Failure = outcome
            if not failure.again or number > self.settings.retries or (probe and failure.kind not in BUSY):
                break
            await asyncio.sleep(self._pause_s(number, failure.after_s))
        times = f" ({number} tries)" if number > 1 else ""
        return Fault("model", failure.kind, self._scrub(f"{method} {url}: {failure.message}{times}"))

    def close(self) -> None:
        """Close connections and end the thread. Idempotent."""
        if self._loop.is_closed():
            return
        self.wait(self._http.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> httpx.AsyncClient:
        many = self.settings.concurrency
        return httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(self.settings.timeout_s, connect=min(10.0, self.settings.timeout_s)),
            limits=httpx.Limits(max_connections=many, max_keepalive_connections=many),
            trust_env=not is_loopback(self.base_url),  # a proxy cannot reach our loopback
        )

    async def _try(
        self, method: str, url: str, body: Any, read: Callable[[Any, float], T], limit_s: float
    ) -> T | Failure:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(limit_s):
                response = await self._http.request(method, url, json=body)
        except (TimeoutError, httpx.TimeoutException):
            return Failure("timeout", f"no answer in {limit_s:g} s", again=True)
        except httpx.ConnectError as error:
            return Failure("unreachable", f"cannot connect: {error}", again=True)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Failure("disconnected", f"the answer was cut: {type(error).__name__}: {error}", again=True)
        except (ValueError, TypeError) as error:  # a lone surrogate, a NaN: no server will ever see it
            return Failure("encoding", f"the request cannot be sent: {error}", again=False)
        if not response.is_success:
            return refusal(response)
        try:
            return read(response.json(), time.perf_counter() - started)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            reason = f"unreadable answer ({type(error).__name__}: {error}): {response.text[:200]!r}"
            return Failure("bad_response", reason, again=True)

    def _pause_s(self, number: int, after_s: float | None) -> float:
        if after_s is not None:
            return min(after_s, LONGEST_RETRY_AFTER_S) + self._dice.random() * min(1.0, self.settings.backoff_s)
        longest = min(self.settings.backoff_s * 2.0 ** min(number - 1, 30), LONGEST_PAUSE_S)
        return longest * (0.5 + self._dice.random() / 2)

    def _scrub(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def refusal(response: httpx.Response) -> Failure:
    """Return why a server refused, from its status and the message in its body."""
    status, text = response.status_code, response.text[:2000]
    said = message_in(response) or text[:300] or response.reason_phrase
    kind, again = f"http_{status}", status in AGAIN
    if status in (400, 413, 422) and any(
        w in text.lower() for w in ("context length", "context window", "max_model_len")
    ):
        kind = "context_overflow"
    if status == 429 and "insufficient_quota" in text:
        again = False
    return Failure(kind, f"{status} {said}", again, retry_after_s(response.headers.get("retry-after")))


def message_in(response: httpx.Response) -> str:
    """Return the message of an error body in any of the usual shapes, or ""."""
    try:
        body = response.json()
    except ValueError:
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(name):
            found = body[name]
            return str(found.get("message", found) if isinstance(found, dict) else found)[:500]
    return ""


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or an HTTP date), or None."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
