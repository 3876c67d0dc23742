"""The `openai:` model against llama-cpp-python's own server, which scores right with BOS and wrong without."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from faulty_server import FAST, free_port

from harness.models.openai import OpenAI
from harness.types import Completion, Request


@pytest.fixture(scope="module")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], tuple[str, Path]]]:
    """Starts llama-cpp-python's server over a random Llama, with or without BOS: (URL, Hugging Face folder)."""
    pytest.importorskip("starlette_context", reason="llama-cpp-python's [server] extra is not installed")
    from random_llama import save

    from harness.models.convert import hf_to_gguf

    started: list[subprocess.Popen[bytes]] = []

    def start(bos: bool) -> tuple[str, Path]:
        root = tmp_path_factory.mktemp("served")
        folder = save(root / "hf", bos=bos)
        hf_to_gguf(folder, root / "m.gguf", "f32")
        port = free_port()
        command = [sys.executable, "-m", "llama_cpp.server", "--model", str(root / "m.gguf"), "--model_alias", "tiny"]
        options = {"port": port, "n_ctx": 96, "n_threads": 2, "logits_all": "true", "interrupt_requests": "false"}
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        with (root / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOST": "127.0.0.1"}))
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=5, trust_env=False)
                break
            except httpx.TransportError:
                assert started[-1].poll() is None, (root / "log").read_text()
                time.sleep(0.1)
        return f"http://127.0.0.1:{port}/v1", folder

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
def test_llama_cpp_server_scores_as_transformers_does(llama_server: Callable[[bool], tuple[str, Path]]) -> None:
    from harness.models.hf import HF

    url, folder = llama_server(True)
    asked = [
        Request("choose", prompt="the answer is ", choices=("yes", " no of a", "the door")),
        Request("choose", prompt="one two", choices=(" three", ":")),
    ]
    with OpenAI.open(f"tiny@{url}", {**FAST, "chat": "off", "logprobs": "auto", "concurrency": "2"}) as model:
        assert {"choose", "read", "generate"} <= model.can
        served = dict(
            model.answer(
                [*asked, Request("read", prompt="the answer is yes"), Request("generate", prompt="the", max_tokens=4)]
            )
        )
    local = dict(
        HF.open(str(folder), {"device": "cpu", "threads": "1"}).answer(
            [*asked, Request("read", prompt="the answer is yes")]
        )
    )
    for i in range(2):
        one, other = served[i], local[i]
        assert isinstance(one, Completion) and isinstance(other, Completion)
        assert one.choice_logprobs == pytest.approx(other.choice_logprobs, abs=0.02)
        assert one.choice_greedy == other.choice_greedy and one.choice_tokens == other.choice_tokens
    one, other = served[2], local[2]
    assert isinstance(one, Completion) and isinstance(other, Completion)
    assert one.token_logprobs == pytest.approx(other.token_logprobs[1:], abs=0.02)  # the server keeps the first back
    assert isinstance(served[3], Completion) and served[3].completion_tokens == 4


@pytest.mark.slow
def test_llama_cpp_servers_figures_without_bos_are_refused(llama_server: Callable[[bool], tuple[str, Path]]) -> None:
    url, _ = llama_server(False)
    with OpenAI.open(f"tiny@{url}", {**FAST, "chat": "off", "logprobs": "auto"}) as model:
        assert model.can == {"generate"}
