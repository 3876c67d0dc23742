"""Starts `vllm serve` as a child in an environment of its own, and makes sure that it ends.

vLLM's pins exclude ours (torch 2.14 for 0.33.0), so it lives in its own virtual environment, named by `--set env=DIR`
or VLLM_ENV:

    start("org/name", VLLMSettings(env="/opt/vllm"))  ->  Server(url="http://127.0.0.1:41233", ..)

The child binds the loopback address and runs in a process group of its own under a watcher, which kills the whole
group when this process dies, even by SIGKILL: a forgotten server would hold a GPU. Its log is kept in a temporary file
and its last lines are part of the error when it does not come up.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field

from harness.errors import InfrastructureError, UsageError
from harness.models.openai.address import OpenAISettings

VERSION = "0.33.0"
WATCHER = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGTERM, lambda *_: None)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def watch():
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
os._exit(child.wait() % 256)
"""
"""Ends with its child; ends everything when the pipe from this process closes. SIGTERM is left to the child."""
LAST_LINES = 15


class VLLMSettings(OpenAISettings):
    """Options of `vllm:` (`--set key=value`): those of `openai:`, and how to start the server."""

    concurrency: int = Field(default=64, ge=1, le=1024)
    env: str = ""
    """Virtual environment that holds vllm; empty: VLLM_ENV, else `vllm` on the PATH."""
    dtype: str = "auto"
    n_ctx: int | None = Field(default=None, ge=2)
    """Context length (`--max-model-len`)."""
    tensor_parallel: int = Field(default=1, ge=1)
    gpu_memory: float | None = Field(default=None, gt=0, le=1)
    """Share of the GPU's memory to use."""
    quantization: str = ""
    adapter: str = ""
    """Folder of a LoRA adapter."""
    revision: str = ""
    trust_remote_code: bool = False
    prefix_cache: bool = False
    """Faster with long shared prompts; prompt log-probabilities then depend on the order of requests (vLLM #42019)."""
    args: str = ""
    """Further arguments of `vllm serve`, as in a shell."""
    start_timeout_s: float = Field(default=1800.0, gt=0)


class Server:
    """A running child. `url` is its root, without /v1."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process, self.url, self.log = process, url, log
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the whole process group: 15 s for a clean end, then SIGKILL. Idempotent."""
        atexit.unregister(self.stop)
        if self.process.stdin is None or self.process.stdin.closed:
            return
        group = self.process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        # Workers of the child may outlive it; while one does, the group's number is not given to anybody else.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.log.unlink(missing_ok=True)

    def last_lines(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line[:300] for line in lines[-LAST_LINES:]) or "(its log is empty)"


def start(model: str, settings: VLLMSettings) -> Server:
    """Start a server for `model` and return it when it answers.

    Raises:
        UsageError: no vllm there. InfrastructureError: it ended or did not answer in time; with its last lines.
    """
    executable = find_executable(settings.env)
    port = _free_port()
    arguments = [str(executable), "serve", model, "--host", "127.0.0.1", "--port", str(port), *_options(settings)]
    handle, name = tempfile.mkstemp(prefix="vllm-", suffix=".log")
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", WATCHER, *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=_environment(executable),
            start_new_session=True,
        )
    server = Server(process, f"http://127.0.0.1:{port}", Path(name))
    try:
        _await_health(server, settings.start_timeout_s)
    except BaseException:
        server.stop()
        raise
    return server


def find_executable(env: str) -> Path:
    """Return the path of `vllm`.

    Raises:
        UsageError: with the lines that make its environment.
    """
    named = env or os.environ.get("VLLM_ENV", "")
    found = Path(named).expanduser() / "bin" / "vllm" if named else Path(shutil.which("vllm") or "vllm")
    if found.is_file():
        return found.absolute()
    home = named or "~/vllm-env"
    raise UsageError(
        f"no vllm at {str(found)!r}" if named else "vllm is not installed",
        "an environment of its own (its pins exclude ours), named by --set env=DIR or VLLM_ENV",
        f"type: python3 -m venv {home} && {home}/bin/pip install vllm=={VERSION} && export VLLM_ENV={home}",
    )


def _options(settings: VLLMSettings) -> list[str]:
    # `--generation-config vllm`: the checkpoint's sampling defaults must not leak into ours.
    found = ["--generation-config", "vllm", "--dtype", settings.dtype]
    named: dict[str, Any] = {
        "--max-model-len": settings.n_ctx,
        "--tensor-parallel-size": settings.tensor_parallel if settings.tensor_parallel > 1 else None,
        "--gpu-memory-utilization": settings.gpu_memory,
        "--quantization": settings.quantization,
        "--revision": settings.revision,
        "--lora-modules": f"adapter={Path(settings.adapter).expanduser().absolute()}" if settings.adapter else None,
    }
    for name, value in named.items():
        found += [name, str(value)] if value else []
    found += ["--enable-lora"] if settings.adapter else []
    found += ["--trust-remote-code"] if settings.trust_remote_code else []
    found += [] if settings.prefix_cache else ["--no-enable-prefix-caching"]
    return found + shlex.split(settings.args)


def _environment(executable: Path) -> dict[str, str]:
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OPENAI_API_KEY", "VLLM_API_KEY"}
    found = {name: value for name, value in os.environ.items() if name not in ours}
    found["PATH"] = f"{executable.parent}{os.pathsep}{found.get('PATH', os.defpath)}"
    return found | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_health(server: Server, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    with httpx.Client(trust_env=False, timeout=5.0) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if http.get(f"{server.url}/health").status_code == 200:
                    return
            ended = server.process.poll()
            if ended is not None:
                what = f"vllm ended with status {ended} before it answered; its last lines:\n{server.last_lines()}"
                raise InfrastructureError(
                    what, "a server on 127.0.0.1", "mend what it says, or run it by hand: vllm serve .."
                )
            if time.monotonic() > deadline:
                what = f"vllm did not answer in {limit_s:g} s; its last lines:\n{server.last_lines()}"
                raise InfrastructureError(what, "a server on 127.0.0.1", "type: --set start_timeout_s=3600")
            time.sleep(0.2)
