"""Serves `vllm:org/name` (starts `vllm serve`) and `vllm:NAME@http://host:port/v1` (a running server).

    VLLM_ENV=~/vllm-env harness eval vllm:org/name --suite mmlu --set n_ctx=8192 --set tensor_parallel=2

Generation goes the way of `openai:`; log-likelihoods come from vLLM's `prompt_logprobs` (`scoring.py`). Raw prompts
that are too long are cut from the left; chats that are too long are faults, because the server writes the template.

vLLM itself needs CUDA: the tests here speak this protocol with a stand-in over a small transformers model, not with
vLLM, so its own numerics and start options are not covered by them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config import read_settings
from harness.hashing import digest, folder_sha256
from harness.models import calibration
from harness.models.hf.loading import TRAINING
from harness.models.hf.scoring import chosen, read
from harness.models.openai import OpenAI, abilities, check_name
from harness.models.openai.address import find_key, locate
from harness.models.openai.client import Client
from harness.models.vllm.scoring import Refused, Tokens
from harness.models.vllm.serve import Server, VLLMSettings, start
from harness.types import Completion, Fault, Request

UNKNOWN_N_CTX = 2048


class VLLM(OpenAI):
    """A vLLM server, ours or somebody's."""

    def __init__(self, spec: str, model: str, client: Client, settings: VLLMSettings, server: Server | None) -> None:
        can = abilities(client, model, settings.model_copy(update={"logprobs": "off"}))
        super().__init__(spec, model, client, settings, can | {"choose", "read", "schema"})
        self.server = server
        facts = _facts(client, model)
        self.tokens = Tokens(client, model, int(facts.get("max_model_len") or settings.n_ctx or UNKNOWN_N_CTX))
        self.engine = {
            **self.engine,
            "name": "vllm",
            "version": facts.get("version", ""),
            # A port drawn by chance is no part of what determines an answer.
            "base_url": client.base_url if server is None else "",
            "n_ctx": self.tokens.n_ctx,
            "dtype": settings.dtype,
            "quantization": settings.quantization,
            "prefix_cache": settings.prefix_cache,
            "args": settings.args,
        }

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> VLLM:
        """Start a server for a model, or connect to a running one.

        Raises:
            UsageError: no vllm, wrong name or setting. InfrastructureError: it does not come up or answer.
        """
        options = read_settings(settings, VLLMSettings)
        server = None if "@http" in locator else start(locator, options)
        if server is None:
            model, url = locate(locator)
        else:
            model, url = "adapter" if options.adapter else locator, f"{server.url}/v1"
        client = Client(url, find_key(url, options.key_env) if options.key_env else "", options)
        try:
            check_name(client, model)
            opened = cls(f"vllm:{locator}", model, client, options, server)
        except BaseException:
            client.close()
            if server is not None:
                server.stop()
            raise
        opened.digest = _digest(locator, options) if server is not None else None
        return opened

    def describe(self) -> Mapping[str, Any]:
        """Return the model's name, the server's address, and the calibration of a folder that is served."""
        place = Path(self.model).expanduser()
        return {**super().describe(), **calibration.beside(place, place.parent, digest=self.digest)}

    def close(self) -> None:
        """Close the connections, and end the server if it is ours."""
        super().close()
        if self.server is not None:
            self.server.stop()

    async def _one(self, request: Request) -> Completion | Fault:
        started = time.perf_counter()
        try:
            if request.kind == "generate":
                return await self._generate_within(request)
            if request.messages and "chat" not in self.can:
                return Fault("model", "unsupported", f"{self.spec} has no chat template; ask it with --prompt raw")
            if request.kind == "choose":
                spans = await self.tokens.choice_spans(request)
                scored = await self.tokens.score(spans)
                return chosen(request, spans, scored, time.perf_counter() - started, self.layout)
            tokens = self.tokens
            ids = await (tokens.encode_chat(request) if request.messages else tokens.encode(request.prompt))
            return read(request, await tokens.read_text(ids), time.perf_counter() - started, self.layout)
        except Refused as refused:
            return refused.fault

    async def _generate_within(self, request: Request) -> Completion | Fault:
        """Generate with a raw prompt cut and `max_tokens` lowered to what the context holds."""
        n_ctx = self.tokens.n_ctx
        size = len(request.prompt.encode("utf-8", "surrogatepass")) + sum(len(m.content) for m in request.messages)
        # A token spells a byte or more; where even that fits there is no need to count.
        if not request.messages and size + request.max_tokens + 8 <= n_ctx:
            return await self._generate(request)
        ids = await (self.tokens.encode_chat(request) if request.messages else self.tokens.encode(request.prompt))
        room = max(n_ctx - request.max_tokens, n_ctx // 2)
        cut = 0 if request.messages else max(0, len(ids) - room)
        fitting = replace(request, max_tokens=max(1, min(request.max_tokens, n_ctx - (len(ids) - cut))))
        said = await self._generate(fitting, ids[cut:] if cut else None)
        return said if isinstance(said, Fault) else replace(said, cut_tokens=cut)

    def _extend(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        """Name every sampling parameter (the server's defaults may come from the checkpoint), prefill and schema."""
        extended = {
            **body,
            "top_p": request.top_p,
            "top_k": request.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
        }
        if request.messages and request.messages[-1].role == "assistant":
            extended |= {"add_generation_prompt": False, "continue_final_message": True}
        if request.schema is not None and not request.messages:
            extended["structured_outputs"] = {"json": dict(request.schema)}
        return extended


def _facts(client: Client, model: str) -> dict[str, Any]:
    """Return the server's version and the model's context length, where it tells them."""
    root = client.base_url.removesuffix("/v1")
    version = client.wait(
        client.ask("GET", f"{root}/version", None, lambda a, _: {"version": a["version"]}, probe=True)
    )
    listed = client.wait(
        client.ask("GET", "/models", None, lambda a, _: [dict(m) for m in a["data"] if m["id"] == model], probe=True)
    )
    found = {} if isinstance(version, Fault) else dict(version)
    return found | ({} if isinstance(listed, Fault) or not listed else listed[0])


def _digest(locator: str, settings: VLLMSettings) -> str | None:
    """Return the digest of a local folder, or of a hub name at a full commit, with its adapter; else None."""
    folder = Path(locator).expanduser()
    if folder.is_dir():
        base = folder_sha256(folder, TRAINING)
    elif re.fullmatch(r"[0-9a-f]{40}", settings.revision):
        base = digest("hub", locator, settings.revision)
    else:
        return None
    return digest(base, folder_sha256(Path(settings.adapter).expanduser())) if settings.adapter else base
