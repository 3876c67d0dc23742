"""The `vllm:` model against a stand-in that speaks vLLM's protocol (vLLM itself needs CUDA and is not run here)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from random_llama import N_CTX, WORDS, save

from harness.errors import InfrastructureError, UsageError
from harness.hashing import folder_sha256
from harness.models.hf import HF
from harness.models.hf.scoring import Span
from harness.models.openai.address import OpenAISettings
from harness.models.openai.client import Client
from harness.models.vllm import VLLM
from harness.models.vllm.scoring import read_span
from harness.models.vllm.serve import VLLMSettings, _options, find_executable
from harness.types import Completion, Fault, Message, Request

STANDIN = Path(__file__).parent / "vllm_standin.py"
FAST = {"backoff_s": "0.01", "retries": "2", "concurrency": "4", "start_timeout_s": "120"}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment whose bin/vllm is the stand-in."""
    folder = tmp_path_factory.mktemp("env")
    (folder / "bin").mkdir()
    script = folder / "bin" / "vllm"
    script.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({str(STANDIN)!r}, run_name='__main__')\n")
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return save(tmp_path_factory.mktemp("vllm") / "llama", template=True)


@pytest.fixture(scope="module")
def model(env: Path, folder: Path) -> Iterator[VLLM]:
    with VLLM.open(str(folder), {**FAST, "env": str(env)}) as model:
        yield model


@pytest.fixture(scope="module")
def local(folder: Path) -> HF:
    return HF.open(str(folder), {"device": "cpu", "threads": "1"})


LONG = " ".join(WORDS * 9)
USER = (Message("user", "the door"),)
CHOICES = [
    Request("choose", prompt="the answer is ", choices=("yes", " no of a", "the door")),
    Request("choose", prompt="the answer is", choices=(" yes", " no", " red", " river")),
    Request("choose", prompt="", choices=("yes", "<s>the door")),
    Request("choose", prompt="<s>one two", choices=(" three", " runs and")),
    Request("choose", messages=USER, choices=(" yes", " no")),
]


def both(model: VLLM, local: HF, requests: list[Request]) -> Iterator[tuple[Completion, Completion]]:
    served, own = dict(model.answer(requests)), dict(local.answer(requests))
    assert sorted(served) == list(range(len(requests)))
    for i in range(len(requests)):
        one, other = served[i], own[i]
        assert isinstance(one, Completion) and isinstance(other, Completion), (one, other)
        yield one, other


@pytest.mark.slow
@pytest.mark.parametrize("fast", [True, False], ids=["next-token", "prompt-logprobs"])
def test_choices_score_as_through_transformers(
    fast: bool, model: VLLM, local: HF, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:  # the stand-in refuses more than 20, as vLLM does
        monkeypatch.setattr("harness.models.vllm.scoring.TOP", 21)
    for one, other in both(model, local, CHOICES):
        assert one.choice_logprobs == pytest.approx(other.choice_logprobs, abs=1e-3)
        assert one.choice_greedy == other.choice_greedy
        assert (one.choice_tokens, one.prompt_tokens, one.form) == (
            other.choice_tokens,
            other.prompt_tokens,
            other.form,
        )


@pytest.mark.slow
def test_texts_read_as_through_transformers(model: VLLM, local: HF) -> None:
    (short, long), (one, other) = both(
        model, local, [Request("read", prompt="the answer is yes"), Request("read", prompt=LONG)]
    )
    assert short.token_logprobs == pytest.approx(long.token_logprobs, abs=1e-3)
    # Windows are two tokens shorter here, so only the first window is alike.
    assert len(one.token_logprobs) == len(other.token_logprobs)
    assert one.token_logprobs[: N_CTX - 3] == pytest.approx(other.token_logprobs[: N_CTX - 3], abs=1e-3)


@pytest.mark.slow
def test_generation_agrees_and_long_prompts_are_cut(model: VLLM, local: HF) -> None:
    requests = [
        Request("generate", prompt="one two", max_tokens=9, stop=("zzz",)),
        Request("generate", prompt=LONG, max_tokens=9),
        Request("generate", prompt="the", max_tokens=5 * N_CTX, stop=("the", " a")),
        Request("generate", messages=(*USER, Message("assistant", "yes")), max_tokens=6),
    ]
    for one, other in both(model, local, requests):
        assert (one.text, one.prompt_tokens, one.cut_tokens) == (other.text, other.prompt_tokens, other.cut_tokens)
    assert {"chat", "tools", "schema", "choose", "read", "generate"} == model.can


@pytest.mark.slow
def test_a_chat_that_is_too_long_is_a_fault(model: VLLM) -> None:
    ((_, said),) = model.answer([Request("generate", messages=(Message("user", LONG),), max_tokens=4)])
    assert isinstance(said, Fault) and said.kind == "context_overflow"


@pytest.mark.slow
def test_a_long_context_is_cut_from_the_left(model: VLLM) -> None:
    ((_, said),) = model.answer([Request("choose", prompt=LONG, choices=(" yes no", " a"))])
    assert isinstance(said, Completion) and said.cut_tokens > 0 and said.prompt_tokens < N_CTX
    ((_, said),) = model.answer([Request("choose", prompt="a", choices=(" " + LONG,))])
    assert isinstance(said, Fault) and said.kind == "context_overflow"


@pytest.mark.slow
def test_facts_and_a_running_server(model: VLLM, folder: Path) -> None:
    assert model.digest == folder_sha256(folder)
    assert model.engine["version"] == "0.33.0+standin" and model.engine["base_url"] == ""
    assert model.tokens.n_ctx == N_CTX
    with VLLM.open(f"{folder}@{model.client.base_url}", FAST) as other:
        assert other.digest is None and other.engine["base_url"] == model.client.base_url and other.server is None
        assert isinstance(dict(other.answer(CHOICES[:1]))[0], Completion)
    assert model.server is not None and model.server.process.poll() is None
    with pytest.raises(UsageError, match="nearest"):
        VLLM.open(f"{folder}x@{model.client.base_url}", FAST)


def test_no_vllm_says_how_to_make_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VLLM_ENV", raising=False)
    for env in ("", str(tmp_path)):
        with pytest.raises(UsageError) as error:
            VLLM.open("org/name", {"env": env})
        assert "-m venv" in error.value.next and "pip install vllm==0.33.0" in error.value.next
        assert error.value.exit_code == 2


def test_a_server_that_does_not_start_shows_its_last_lines(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_BREAK", "start")
    with pytest.raises(InfrastructureError) as error:
        VLLM.open("org/name", {**FAST, "env": str(env)})
    assert "no accelerator found" in error.value.what and "status 3" in error.value.what
    assert "serve org/name --host 127.0.0.1" in error.value.what


def test_the_environment_may_be_named_by_a_variable(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENV", str(env))
    assert find_executable("") == env / "bin" / "vllm"


def test_options_of_the_server() -> None:
    settings = VLLMSettings(n_ctx=4096, tensor_parallel=2, gpu_memory=0.5, adapter="/a", args="--seed 3")
    options = " ".join(_options(settings))
    for part in ("--max-model-len 4096", "--tensor-parallel-size 2", "--gpu-memory-utilization 0.5", "--seed 3"):
        assert part in options
    assert "--enable-lora" in options and "--lora-modules adapter=/a" in options
    assert "--generation-config vllm" in options and "--no-enable-prefix-caching" in options


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_closing_ends_the_whole_group(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN_BREAK", "bare")
    model = VLLM.open("org/name", {**FAST, "env": str(env), "chat": "off"})
    assert model.server is not None
    watcher, log = model.server.process.pid, model.server.log
    (child,) = children(watcher)
    assert alive(watcher) and alive(child) and log.is_file()
    model.close()
    model.close()
    assert ended(watcher) and ended(child) and not log.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_harness_leaves_no_server_behind(env: Path) -> None:
    code = (
        "import time; from harness.models.vllm import VLLM\n"
        f"model = VLLM.open('org/name', {{'env': {str(env)!r}, 'chat': 'off'}})\n"
        "print(model.server.process.pid, flush=True); time.sleep(60)"
    )
    environment: dict[str, Any] = {**os.environ, "STANDIN_BREAK": "bare"}
    harness = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    assert harness.stdout is not None
    watcher = int(harness.stdout.readline())
    (child,) = children(watcher)
    harness.send_signal(signal.SIGKILL)
    harness.wait(20)
    assert ended(watcher) and ended(child)


def test_answers_of_another_shape_are_errors() -> None:
    span = Span((1, 2, 3), 1)
    good = {
        "choices": [
            {"prompt_logprobs": [None, {"2": {"logprob": -1.0}}, {"3": {"logprob": -2.0}, "9": {"logprob": -1.0}}]}
        ]
    }
    scored = read_span(good, span)
    assert scored.logprobs == (-2.0,) and scored.greedy == (False,)
    for wrong in ([], [None, None], [None, {"2": {}}, {"4": {"logprob": -1.0}}], None):
        with pytest.raises((ValueError, KeyError, TypeError)):
            read_span({"choices": [{"prompt_logprobs": wrong}]}, span)


def test_a_client_closes_twice() -> None:
    client = Client("http://127.0.0.1:9/v1", "", OpenAISettings())
    client.close()
    client.close()
