"""Reads `MODEL@BASE_URL` and the options of a served model. Secrets come from the environment and are never kept.

locate("qwen@http://127.0.0.1:8000/v1")  ->  ("qwen", "http://127.0.0.1:8000/v1")
locate("gpt-4o")                         ->  ("gpt-4o", "https://api.openai.com/v1")
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from harness.config import Settings
from harness.errors import UsageError

OPENAI = "https://api.openai.com/v1"


class OpenAISettings(Settings):
    """Options of `openai:` (`--set key=value`)."""

    key_env: str = ""
    """Environment variable that holds the key; empty: OPENAI_API_KEY where it is set."""
    concurrency: int = Field(default=8, ge=1, le=1024)
    """Requests under way at once."""
    retries: int = Field(default=5, ge=0)
    """Further tries after a failure that may pass (429, 5xx, connection, time-out, cut or unreadable answer)."""
    backoff_s: float = Field(default=0.5, gt=0)
    """First pause; doubled each time, with jitter, up to 60 s. A server's Retry-After goes before it."""
    timeout_s: float = Field(default=600.0, gt=0)
    """For one try, from sending to the last byte."""
    chat: Literal["auto", "on", "off"] = "auto"
    """Whether the server takes chat messages; auto: asks it for one token."""
    logprobs: Literal["auto", "on", "off"] = "auto"
    """Whether it scores given texts (`choose`, `read`); auto: a few one-token requests whose figures must agree."""
    reasoning: str = "auto"
    """`auto` (known markers that the text shows), `off`, or `START,END` (then stops are applied here, not there)."""
    omit: str = ""
    """Comma-separated fields that the server refuses (`temperature,seed`)."""
    extra: str = ""
    """JSON object of further fields of each request (`{"reasoning_effort": "low"}`)."""

    @field_validator("extra")
    @classmethod
    def _is_object(cls, value: str) -> str:
        if value and not isinstance(json.loads(value), dict):
            raise ValueError("not a JSON object")
        return value

    def shape(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request body with `extra` put in and `omit` left out."""
        whole = body | (json.loads(self.extra) if self.extra else {})
        left_out = {word.strip() for word in self.omit.split(",")}
        return {name: value for name, value in whole.items() if name not in left_out}


def locate(locator: str) -> tuple[str, str]:
    """Return (model name, base URL without a trailing slash).

    Raises:
        UsageError: no URL, or one that carries a password: specs are stored with the run.
    """
    match = re.fullmatch(r"(.*?)@(https?://.*)", locator, flags=re.DOTALL)
    model, url = (match[1], match[2]) if match else (locator, OPENAI)
    example = "type: harness eval openai:MODEL@http://127.0.0.1:8000/v1"
    if match is None and (place := re.search(r"@([\w.-]+:\d+.*)$", locator)):
        raise UsageError(f"{place[1]!r} is no base URL", "http:// or https:// before it", example)
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"{url!r} is no base URL", "http://HOST:PORT/v1", example)
    if parts.username or parts.password or parts.query:
        what = f"the base URL of {parts.hostname!r} carries a user, a password or a query"
        raise UsageError(
            what, "a plain URL: it is stored with the run", "put the key in a variable: --set key_env=NAME"
        )
    return model, url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def find_key(url: str, key_env: str) -> str:
    """Return the key from the environment, or "". OPENAI_API_KEY never goes unasked over plain http to another machine.

    Raises:
        UsageError: `key_env` names a variable that is not set.
    """
    if key_env:
        key = os.environ.get(key_env, "").strip()
        if not key:
            raise UsageError(
                f"key_env = {key_env!r}: no such environment variable", "the key in it", f"export {key_env}=.."
            )
        return key
    if url.startswith("http://") and not is_loopback(url):
        return ""
    return os.environ.get("OPENAI_API_KEY", "").strip()
