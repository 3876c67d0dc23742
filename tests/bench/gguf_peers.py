"""The others in `bench_gguf.py`: llama-cpp-python's `Llama` one request at a time, lm-eval's `hf`, lm-eval's `gguf`.

Each gets the least work that its public form allows: `Llama` computes one row of logits for each prompt (its own
`create_completion(echo=True, logprobs=..)` sorts the whole vocabulary in Python for every prompt token and would take
many times as long), `hf` runs in the number type and batch size that were fastest in a trial, and its own cache answers
all four letters of a question from one forward pass.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.types import Request

Logprobs = list[tuple[float, ...]]
"""One sum of log-probabilities per choice, for each request."""


class OneByOne:
    """llama-cpp-python's high-level class: one full prompt per choice."""

    def __init__(self, path: Path, n_ctx: int, threads: int) -> None:
        import llama_cpp

        self._llama = llama_cpp
        self.model = llama_cpp.Llama(
            str(path), n_ctx=n_ctx, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False
        )

    def score(self, requests: Sequence[Request], cache: bool) -> Logprobs:
        """Return the log-probabilities of single-token choices; `cache`: its own reuse of the prompt before."""
        return [tuple(self._choice(r.prompt, choice, cache) for choice in r.choices) for r in requests]

    def tokens(self, requests: Sequence[Request]) -> int:
        """Return how many tokens are decoded without any sharing."""
        return sum(len(r.choices) * len(self.model.tokenize(r.prompt.encode(), special=True)) for r in requests)

    def _choice(self, prompt: str, choice: str, cache: bool) -> float:
        model = self.model
        context = model.tokenize(prompt.encode(), special=True)
        whole = model.tokenize((prompt + choice).encode(), special=True)
        if len(whole) != len(context) + 1:
            raise SystemExit(f"{choice!r} is not one token after {prompt[-20:]!r}")
        if cache:
            # The class looks for a common prefix here, and nowhere else.
            generator = model.generate(context, temp=0.0)
            next(generator)
            generator.close()
        else:
            model.reset()
            model.eval(context)
        logits = logits_row(self._llama, model._ctx.ctx, model.n_vocab()).astype(np.float64)
        return float(logits[whole[-1]] - logits.max() - np.log(np.exp(logits - logits.max()).sum()))

    def generate(self, requests: Sequence[Request]) -> int:
        """Return the number of tokens of greedy texts made one after another."""
        made = 0
        for request in requests:
            self.model.reset()
            found: Any = self.model.create_completion(request.prompt, max_tokens=request.max_tokens, temperature=0.0)
            made += found["usage"]["completion_tokens"]
        return made


class Hf:
    """lm-eval's `hf` on the same weights. `label` says the number type and batch size that won the trial."""

    def __init__(self, folder: Path, n_ctx: int, threads: int, trial: Sequence[Request]) -> None:
        import torch

        torch.set_num_threads(threads)
        self._folder, self._n_ctx = folder, n_ctx
        best: tuple[float, str, Any] | None = None
        for kind in ("float32", "bfloat16"):
            for batch in (1, 8):
                model = self._load(kind, batch)
                self._ask(model, trial[:1])
                started = time.perf_counter()
                self._ask(model, trial)
                seconds = time.perf_counter() - started
                if best is None or seconds < best[0]:
                    best = (seconds, f"{kind}, batch {batch}", model)
        assert best is not None
        self.label, self.model = best[1], best[2]

    def _load(self, kind: str, batch: int) -> Any:
        import torch
        from lm_eval.models.huggingface import HFLM
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(self._folder, dtype=getattr(torch, kind)).eval()
        tokenizer = AutoTokenizer.from_pretrained(self._folder)
        return HFLM(pretrained=model, tokenizer=tokenizer, max_length=self._n_ctx, batch_size=batch, device="cpu")

    def score(self, requests: Sequence[Request]) -> Logprobs:
        """Return the log-probabilities of the choices."""
        return self._ask(self.model, requests)

    @staticmethod
    def _ask(model: Any, requests: Sequence[Request]) -> Logprobs:
        found = iter(model.loglikelihood(instances(requests), disable_tqdm=True))
        return [tuple(next(found)[0] for _ in r.choices) for r in requests]

    def generate(self, requests: Sequence[Request], batch: int = 8) -> int:
        """Return the number of tokens asked for (a random net hardly ever ends a text)."""
        from lm_eval.api.instance import Instance

        self.model.batch_size_per_gpu = batch
        asked = [
            Instance("generate_until", {}, (r.prompt, {"until": [], "max_gen_toks": r.max_tokens}), i)
            for i, r in enumerate(requests)
        ]
        self.model.generate_until(asked, disable_tqdm=True)
        return sum(r.max_tokens for r in requests)


def instances(requests: Sequence[Request]) -> list[Any]:
    """Return the choices as lm-eval's requests."""
    from lm_eval.api.instance import Instance

    pairs = [(r.prompt, choice) for r in requests for choice in r.choices]
    return [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]


@contextlib.contextmanager
def server(path: Path, n_ctx: int, threads: int) -> Iterator[str]:
    """Run llama-cpp-python's server, the only one of llama.cpp that lm-eval's `gguf` gets log-probabilities from."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"model": path, "n_ctx": n_ctx, "n_threads": threads, "logits_all": True, "verbose": False, "port": port}
    words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def score_by_server(url: str, requests: Sequence[Request]) -> Logprobs:
    """Return what lm-eval's `gguf` model makes of the choices."""
    from lm_eval.models.gguf import GGUFLM

    found = GGUFLM(base_url=url).loglikelihood(instances(requests), disable_tqdm=True)
    values = iter(found)
    return [tuple(next(values)[0] for _ in r.choices) for r in requests]


def logits_row(llama: Any, handle: Any, size: int) -> Any:
    """Return the last row of logits that a context computed, as a copy: (size,) float32."""
    pointer = llama.llama_get_logits_ith(handle, -1)
    return np.frombuffer((ctypes.c_float * size).from_address(ctypes.addressof(pointer.contents)), np.float32).copy()
