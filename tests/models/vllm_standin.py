"""A stand-in for `vllm serve`: its protocol over a small transformers model, for machines without CUDA.

    python vllm_standin.py serve FOLDER --host 127.0.0.1 --port 8123 [options of vllm, ignored but for those below]

Answers /health, /version, /tokenize, /detokenize, /v1/models, /v1/completions (prompt as text or token ids, echo-free,
`prompt_logprobs`, `logprobs` with `return_tokens_as_token_ids`) and /v1/chat/completions. Refuses what is too long with
status 400, as vLLM does. STANDIN_BREAK=start ends it with an error; STANDIN_BREAK=bare serves health and models only,
without loading anything; STANDIN_TOP caps `logprobs`.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Model:
    """A transformers model asked one sequence at a time, without padding, cache or batching."""

    def __init__(self, folder: str) -> None:
        import torch
        import transformers

        torch.set_num_threads(1)
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder).float().eval()
        self.n_ctx = self.model.config.max_position_embeddings

    def logprobs(self, ids: list[int]) -> Any:
        with self.torch.inference_mode():
            return self.torch.log_softmax(self.model(self.torch.tensor([ids])).logits[0], dim=-1)

    def generate(self, ids: list[int], many: int, stops: list[str]) -> tuple[list[int], str, str]:
        new: list[int] = []
        while len(new) < many:
            new.append(int(self.logprobs(ids + new)[-1].argmax()))
            text = self.tokenizer.decode(new)
            if found := [s for s in stops if s in text]:
                return new, text[: text.index(found[0])], "stop"
        return new, self.tokenizer.decode(new), "length"


class Refusal(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model | None
    name: str

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            return self.send({})
        if self.path == "/version":
            return self.send({"version": "0.33.0+standin"})
        assert self.path == "/v1/models", self.path
        length = self.model.n_ctx if self.model else 16
        return self.send({"data": [{"id": self.name, "max_model_len": length}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            route = {
                "/tokenize": self.tokenize,
                "/detokenize": lambda b: {"prompt": self.model.tokenizer.decode(b["tokens"])},  # type: ignore[union-attr]
                "/v1/completions": self.complete,
                "/v1/chat/completions": self.chat,
            }[self.path]
            self.send(route(body))
        except Refusal as refusal:
            self.send({"error": {"message": str(refusal)}}, 400)

    def send(self, body: Any, status: int = 200) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def ids(self, body: Any) -> list[int]:
        assert self.model is not None
        if "messages" in body:
            if not self.model.tokenizer.chat_template:
                raise Refusal("this model does not have a chat template")
            ids = self.model.tokenizer.apply_chat_template(
                body["messages"],
                tools=body.get("tools"),
                tokenize=False,
                add_generation_prompt=body.get("add_generation_prompt", True),
                continue_final_message=body.get("continue_final_message", False),
            )
            return list(self.model.tokenizer.encode(ids, add_special_tokens=False))
        if isinstance(body["prompt"], list):
            return list(body["prompt"])
        special = body.get("add_special_tokens", True)
        return list(self.model.tokenizer.encode(body["prompt"], add_special_tokens=special))

    def tokenize(self, body: Any) -> Any:
        assert self.model is not None
        ids = self.ids(body)
        return {"count": len(ids), "max_model_len": self.model.n_ctx, "tokens": ids}

    def fitting(self, body: Any) -> list[int]:
        assert self.model is not None
        ids = self.ids(body)
        if len(ids) + body["max_tokens"] > self.model.n_ctx:
            raise Refusal(f"This model's maximum context length is {self.model.n_ctx} tokens")
        return ids

    def complete(self, body: Any) -> Any:
        assert self.model is not None
        ids = self.fitting(body)
        choice: dict[str, Any] = {"index": 0}
        if body.get("prompt_logprobs") is not None:
            rows = self.model.logprobs(ids)
            choice["prompt_logprobs"] = [None] + [self.entry(rows[i], ids[i + 1]) for i in range(len(ids) - 1)]
        if (many := body.get("logprobs")) is not None:
            cap = int(os.environ.get("STANDIN_TOP", "20"))
            if many > cap:
                raise Refusal(f"Requested sample logprobs of {many}, which is greater than max allowed: {cap}")
            assert body["return_tokens_as_token_ids"]
            values, tokens = self.model.logprobs(ids)[-1].topk(many)
            top = {f"token_id:{t}": v for t, v in zip(tokens.tolist(), values.tolist(), strict=True)}
            choice["logprobs"] = {"top_logprobs": [top]}
        new, choice["text"], choice["finish_reason"] = self.model.generate(
            ids, body["max_tokens"], body.get("stop", [])
        )
        return {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)}}

    def chat(self, body: Any) -> Any:
        assert self.model is not None
        ids = self.fitting(body)
        new, text, finish = self.model.generate(ids, body["max_tokens"], body.get("stop", []))
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        return {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)}}

    def entry(self, row: Any, token: int) -> Any:
        best = int(row.argmax())
        rank = int((row > row[token]).sum()) + 1
        return {str(t): {"logprob": float(row[t]), "rank": rank if t == token else 1} for t in {token, best}}


def main(arguments: list[str]) -> None:
    assert arguments[0] == "serve"
    port = int(arguments[arguments.index("--port") + 1])
    print("arguments:", " ".join(arguments), flush=True)
    breaks = os.environ.get("STANDIN_BREAK", "")
    if breaks == "start":
        print("RuntimeError: no accelerator found", file=sys.stderr)
        sys.exit(3)
    Handler.name = arguments[1]
    Handler.model = None if breaks == "bare" else Model(arguments[1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
