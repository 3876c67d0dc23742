"""Serves `hf:FOLDER` and `hf:org/name`: causal language models through transformers, in chunks.

    harness eval hf:org/name --suite mmlu --set batch_size=16 --set dtype=bfloat16

Requests are sorted by length and answered in chunks of `batch_size` rows; every answer of a chunk is yielded before
the next begins, so at most one chunk is lost. A chunk that does not fit in memory is halved, down to one row, then the
request is a fault. Tokens, log-likelihoods and greedy texts agree with lm-eval's HFLM 0.4.13 on the same weights
(tests/models/test_hf_parity.py). Text only: no images, no encoder-decoder models, no sharding over several devices.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import read_settings
from harness.contracts import Model
from harness.models import calibration
from harness.models.hf.codec import Codec
from harness.models.hf.generating import Prompt, encode_prompt, generate
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.models.hf.scoring import Span, choice_spans, chosen, read, score, text_spans
from harness.models.reasoning import markers_in
from harness.types import Completion, Fault, Request


@dataclass(frozen=True)
class Job:
    """A request made ready: `prompt` to generate from, or `spans` to score."""

    index: int
    request: Request
    prompt: Prompt | None = None
    spans: tuple[Span, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of a forward pass that it takes."""
        return 1 if self.prompt else len({span.inputs for span in self.spans})

    @property
    def length(self) -> int:
        """Tokens of its longest row."""
        return len(self.prompt.tokens) if self.prompt else max((len(s.tokens) for s in self.spans), default=0)


class HF(Model):
    """A transformers model in this process."""

    def __init__(self, spec: str, loaded: Loaded, settings: HFSettings) -> None:
        self.spec, self.settings = spec, settings
        self.loaded: Loaded | None = loaded
        self.codec = Codec(loaded.tokenizer)
        self.markers = markers_in(self.codec.template, settings.reasoning)
        self.digest = loaded.digest
        self.can = _abilities(self.codec.template) | ({"reasoning"} if self.markers else set())
        self.engine: Mapping[str, Any] = _engine(loaded, settings)
        self.eos = _eos(loaded)
        self.keeps = "logits_to_keep" in inspect.signature(loaded.model.forward).parameters

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> HF:
        """Load a folder with config.json or a hub name.

        Raises:
            UsageError: not found, unreadable, missing package, unknown setting.
            InfrastructureError: the hub cannot be reached.
        """
        options = read_settings(settings, HFSettings)
        return cls(f"hf:{locator}", load(locator, options), options)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield each chunk's answers when the chunk is done; requests that cannot be encoded are faults at once."""
        jobs = []
        for index, request in enumerate(requests):
            ready = self._prepare(index, request)
            if isinstance(ready, Fault):
                yield index, ready
            else:
                jobs.append(ready)
        for kind in ("choose", "read", "generate"):
            alike = sorted((job for job in jobs if job.request.kind == kind), key=lambda job: -job.length)
            for chunk in chunks(alike, self.settings.batch_size):
                yield from self._run(chunk, self.settings.batch_size)

    def describe(self) -> Mapping[str, Any]:
        """Return parameters, size in memory, architecture, quantisation and context length."""
        if self.loaded is None:
            return {}
        model, place = self.loaded.model, Path(self.spec.removeprefix("hf:")).expanduser()
        quantisation = getattr(model.config, "quantization_config", None) or {}
        if not isinstance(quantisation, dict):
            quantisation = quantisation.to_dict()
        return {
            "architecture": type(model).__name__,
            "parameters": sum(p.numel() for p in model.parameters()),
            "size_bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
            "quantisation": str(quantisation.get("quant_method", self.loaded.packed or self.loaded.dtype)),
            "n_ctx": self.loaded.n_ctx,
            # Packed weights lie in a folder of their own, inside the model's.
            **calibration.beside(place, place.parent, digest=self.digest),
        }

    def close(self) -> None:
        """Drop the weights."""
        self.loaded = None

    def _prepare(self, index: int, request: Request) -> Job | Fault:
        assert self.loaded is not None, "the model is closed"
        n_ctx = self.loaded.n_ctx
        if request.messages and "chat" not in self.can:
            return Fault("model", "unsupported", f"{self.spec} has no chat template; ask it with --prompt raw")
        try:
            if request.kind == "generate":
                return Job(index, request, prompt=encode_prompt(self.codec, request, n_ctx, self.markers))
            spans = choice_spans if request.kind == "choose" else text_spans
            return Job(index, request, spans=tuple(spans(self.codec, request, n_ctx)))
        except Exception as error:  # noqa: BLE001 - templates and tokenizers raise anything; only this request is lost
            return Fault("model", "encoding", f"{type(error).__name__}: {error}")

    def _run(self, chunk: list[Job], width: int) -> Iterator[tuple[int, Completion | Fault]]:
        try:
            done = self._answers(chunk, width)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            done = None
            reason = str(error).splitlines()[0] if str(error) else "MemoryError"
        if done is not None:
            yield from zip((job.index for job in chunk), done, strict=True)
            return
        _free_memory()
        if width > 1:
            for part in chunks(chunk, width // 2):
                yield from self._run(part, width // 2)
            return
        for job in chunk:
            yield job.index, Fault("model", "out_of_memory", f"{job.length} tokens do not fit in memory: {reason}")

    def _answers(self, chunk: list[Job], width: int) -> list[Completion]:
        assert self.loaded is not None, "the model is closed"
        model, device = self.loaded.model, self.loaded.device
        prompts = [job.prompt for job in chunk if job.prompt is not None]
        if prompts:
            return generate(model, self.codec, prompts, self.eos, device)
        started = time.perf_counter()
        spans = [span for job in chunk for span in job.spans]
        scored = iter(score(model, spans, width, device, self.keeps))
        mine = [[next(scored) for _ in job.spans] for job in chunk]
        seconds, layout = time.perf_counter() - started, f"{sum(job.rows for job in chunk)} rows by {width}"
        return [
            chosen(job.request, job.spans, own, seconds, layout)
            if job.request.kind == "choose"
            else read(job.request, own, seconds, layout)
            for job, own in zip(chunk, mine, strict=True)
        ]


def chunks(jobs: Sequence[Job], width: int) -> Iterator[list[Job]]:
    """Yield runs of jobs of at most `width` rows together; a job with more rows stands alone."""
    chunk: list[Job] = []
    for job in jobs:
        if chunk and sum(one.rows for one in chunk) + job.rows > width:
            yield chunk
            chunk = []
        chunk.append(job)
    if chunk:
        yield chunk


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch means that memory ran out, on any device."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _abilities(template: str | None) -> frozenset[str]:
    found = {"generate", "choose", "read"}
    if template:
        found |= {"chat", "tools"} if "tools" in template else {"chat"}
    return frozenset(found)


def _engine(loaded: Loaded, settings: HFSettings) -> dict[str, Any]:
    import torch
    import transformers

    return {
        "name": "transformers",
        "version": transformers.__version__,
        "torch": torch.__version__,
        "device": loaded.device.partition(":")[0],
        "dtype": loaded.dtype,
        "n_ctx": loaded.n_ctx,
        "reasoning": settings.reasoning,
    }


def _eos(loaded: Loaded) -> frozenset[int]:
    """Return all end-of-sequence tokens: of the tokenizer, the configuration and generation_config.json."""
    found = {loaded.tokenizer.eos_token_id}
    for config in (loaded.model.config, loaded.model.generation_config):
        ids = getattr(config, "eos_token_id", None)
        found |= set(ids) if isinstance(ids, list | tuple) else {ids}
    # What the checkpoint says of sampling and penalties must not leak into ours.
    loaded.model.generation_config = type(loaded.model.generation_config)()
    return frozenset(i for i in found if i is not None)
