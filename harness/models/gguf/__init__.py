"""`gguf:PATH`: a GGUF model inside this process, through llama-cpp-python's low-level API.

    model = GGUF.open("model-Q4_K_M.gguf", {"n_ctx": "2048"})
    for index, completion in model.answer([Request("choose", "2 + 2 =", choices=(" 3", " 4"))]):
        completion.choice_logprobs     # (-4.1, -0.3)

Rooms: `header`, `probe` and `notes` check a file before llama.cpp gets it in this process; `library`, `weights`,
`tokens`, `batch` and `context` speak to llama.cpp; `tree` computes shared prefixes once, for `scoring`; `lanes`
computes texts side by side, for `generation` with `sampling` and `transcript`; `grammar` and `schema` keep a text
inside a JSON schema; `adapter` puts LoRA adapters on the weights; `settings` and `facts`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config import read_settings
from harness.contracts import Model
from harness.models import calibration
from harness.models.chat import TemplateError, compile_template, render
from harness.models.gguf import grammar, sampling
from harness.models.gguf.adapter import adapted_digest, read_adapters
from harness.models.gguf.context import LEAST_ROWS, PROMPT_ROWS, Context, DecodeError
from harness.models.gguf.facts import describe
from harness.models.gguf.generation import Answer, Generator, Prompt, fit_prompt
from harness.models.gguf.header import read_parts
from harness.models.gguf.lanes import Lanes, plan_lanes
from harness.models.gguf.library import load_llama, version
from harness.models.gguf.memory import fitted
from harness.models.gguf.notes import check_adapts, check_loads, model_sha256
from harness.models.gguf.schema import SchemaError
from harness.models.gguf.scoring import Question, Unanswerable, choice_question, score, text_questions
from harness.models.gguf.settings import GGUFSettings, usable_cores
from harness.models.gguf.transcript import Transcript
from harness.models.gguf.tree import Tree, plan_tree
from harness.models.gguf.weights import Weights
from harness.models.reasoning import markers_in
from harness.models.toolcalls import MARKS, forms_in
from harness.types import Completion, Fault, Request

WINDOW_TOKENS = 1 << 20
"""Tokens of scoring requests held at once: memory stays the same whatever the number of requests."""


class GGUF(Model):
    """Answers from one loaded GGUF. Built by `open`; one caller at a time."""

    can: frozenset[str]
    digest: str | None

    def __init__(self, weights: Weights, parts: Sequence[Path], size_bytes: int) -> None:
        self.weights, self.settings = weights, weights.settings
        self.spec = f"gguf:{weights.path}"
        self._size_bytes = size_bytes
        self._masks = grammar.Masks(weights.llama, weights.vocabulary)
        self._scoring: Tree | None = None
        self._generating: Lanes | None = None
        source = weights.header.values.get("tokenizer.chat_template")
        self._template, self._template_problem = None, ""
        try:
            self._template = compile_template(source) if isinstance(source, str) else None
        except TemplateError as error:
            self._template_problem = str(error)
        self._markers = markers_in(source if isinstance(source, str) else None, self.settings.reasoning)
        self._forms = forms_in(source if isinstance(source, str) else None)
        chat = {"chat"} | ({"tools"} if "tools" in str(source) else set()) if self._template else set()
        self.can = frozenset(
            {"generate", "choose", "read", "schema"} | chat | ({"reasoning"} if self._markers else set())
        )
        self.digest = adapted_digest(model_sha256(parts), weights.adapters)
        self.engine = {
            "name": "gguf",
            "llama_cpp_python": version(),
            "n_ctx": weights.n_ctx,
            "flash_attn": self.settings.flash_attn,
            "kv_type": self.settings.kv_type,
            "reasoning": self.settings.reasoning,
            "sampler": sampling.VERSION,
            "grammar": grammar.VERSION,
        }

    @classmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> GGUF:
        """Check the file and load it; contexts are made when they are first needed. See `Model.open`."""
        parsed = read_settings(settings, GGUFSettings)
        parts = read_parts(Path(locator).expanduser())
        llama = load_llama()
        parsed = fitted(parts, parsed, llama.llama_supports_gpu_offload())
        check_loads(parts[0].path, version())
        adapters = read_adapters(parsed.adapter, parts[0])
        for adapter in adapters:
            check_adapts(adapter.path, parts[0].path, version())
        weights = Weights(llama, parts[0], parsed, adapters)
        return cls(weights, [part.path for part in parts], sum(part.size_bytes for part in parts))

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield answers as they finish: first everything that is scored, then what is generated."""
        started = time.perf_counter()
        refused = {i: fault for i, request in enumerate(requests) if (fault := self._refuse(request))}
        yield from refused.items()
        scored = [i for i, r in enumerate(requests) if r.kind != "generate" and i not in refused]
        generated = [i for i, r in enumerate(requests) if r.kind == "generate" and i not in refused]
        if scored:
            tree = self._tree()
            for window in self._windows(requests, scored):
                yield from self._score(tree, requests, window, started)
        if generated:
            # Long texts first, or they end alone; neighbours in the order of their prompts share the most.
            order = sorted(generated, key=lambda i: (-requests[i].max_tokens, _sort_key(requests[i])))
            lanes = self._lanes()
            layout = f"{self._layout}, lanes {lanes.count}, width {self.settings.width}"
            runner = Generator(lanes, self.weights.vocabulary, self.settings.width, layout)
            yield from runner.run(order, lambda i: self._prepare(i, requests[i]))

    def _tree(self) -> Tree:
        """Return the context for scoring, empty: an earlier call may have been broken off in the middle."""
        if self._scoring is None:
            self._scoring = Tree(Context(self.weights, plan_tree(self.weights)))
        self._scoring.reset()
        return self._scoring

    def _lanes(self) -> Lanes:
        """Return the context for generation, empty."""
        if self._generating is None:
            self._generating = Lanes(Context(self.weights, plan_lanes(self.weights)))
        self._generating.reset()
        return self._generating

    @property
    def _layout(self) -> str:
        fixed = self.settings.layout == "fixed" and self.weights.cuts
        rule = f"prompt rows {PROMPT_ROWS}+, step rows {LEAST_ROWS}+" if fixed else "rows free"
        return f"ubatch {self.settings.n_ubatch}, {rule}, threads {self.settings.threads or usable_cores()}"

    def _refuse(self, request: Request) -> Fault | None:
        if request.messages and self._template is None:
            reason = self._template_problem or "the GGUF carries no chat template"
            return Fault("model", "unsupported", f"no chat form: {reason}; use --prompt raw")
        if request.kind == "choose" and not request.choices:
            return Fault("model", "unsupported", "a choose request without choices")
        return None

    def _text(self, request: Request) -> str:
        """Return the context as text; raises TemplateError."""
        if not request.messages or self._template is None:
            return request.prompt
        vocabulary = self.weights.vocabulary
        tokens = {"bos_token": vocabulary.bos_text, "eos_token": vocabulary.eos_text}
        return render(self._template, request.messages, request.tools, tokens)

    def _prepare(self, index: int, request: Request) -> Prompt | Fault:
        """Return a request for text as tokens with their room."""
        try:
            text = self._text(request)
        except TemplateError as error:
            return Fault("model", "template", str(error))
        vocabulary = self.weights.vocabulary
        tokens = vocabulary.encode(text)
        if not len(tokens):
            # Nothing to start from: what lm-eval conditions an empty context on.
            tokens = vocabulary.start()
        if not len(tokens):
            return Fault("model", "empty_prompt", "an empty prompt, and a tokenizer with neither BOS nor EOS")
        kept, cut, most = fit_prompt(tokens, request.max_tokens, self.weights.n_ctx)
        markers = self._markers
        if markers and request.messages and text.rstrip().endswith(markers.start):
            markers = replace(markers, open_in_prompt=True)
        try:
            rules = self._masks.grammar(request.schema) if request.schema is not None else None
        except SchemaError as error:
            return Fault("model", "schema", str(error))
        forms = self._forms if request.tools and request.messages else frozenset()
        transcript = Transcript(vocabulary, request.stop, markers, MARKS if forms else ())
        return Prompt(index, request, kept, cut, most, transcript, rules, forms)

    def _windows(self, requests: Sequence[Request], indices: Sequence[int]) -> Iterator[list[int]]:
        """Yield bunches of neighbouring requests of bounded size (a token has a byte at least)."""
        bunch, size = [], 0
        for index in sorted(indices, key=lambda i: _sort_key(requests[i])):
            request = requests[index]
            copies = max(1, len(request.choices))
            size += copies * (len(request.prompt) + sum(len(m.content) for m in request.messages) + 64)
            bunch.append(index)
            if size > WINDOW_TOKENS:
                yield bunch
                bunch, size = [], 0
        if bunch:
            yield bunch

    def _score(
        self, tree: Tree, requests: Sequence[Request], window: Sequence[int], started: float
    ) -> Iterator[Answer]:
        """Answer one bunch of choose and read requests, each as its last question is done."""
        asked: dict[int, list[Question]] = {}
        for index in window:
            try:
                asked[index] = self._questions(index, requests[index])
            except Unanswerable as error:
                yield index, Fault("model", error.kind, str(error))
            except TemplateError as error:
                yield index, Fault("model", "template", str(error))
        missing = {index: len(questions) for index, questions in asked.items()}
        try:
            for question in score(tree, [q for found in asked.values() for q in found]):
                missing[question.owner] -= 1
                if not missing[question.owner]:
                    del missing[question.owner]
                    yield question.owner, self._scored(requests[question.owner], asked[question.owner], started)
        except DecodeError as error:
            tree.reset()
            for index in missing:
                yield index, Fault("model", "decode_failed", str(error))

    def _questions(self, index: int, request: Request) -> list[Question]:
        vocabulary, n_ctx = self.weights.vocabulary, self.weights.n_ctx
        text = self._text(request)
        if request.kind == "read":
            return text_questions(vocabulary, n_ctx, text, index)
        return [
            choice_question(vocabulary, n_ctx, text, choice, index, part) for part, choice in enumerate(request.choices)
        ]

    def _scored(self, request: Request, questions: Sequence[Question], started: float) -> Completion:
        seconds = time.perf_counter() - started
        count = sum(len(q.targets) for q in questions)
        if request.kind == "read":
            logprobs = tuple(float(value) for q in questions for value in q.logprobs)
            facts: dict[str, Any] = {"token_logprobs": logprobs}
        else:
            facts = {
                "choice_logprobs": tuple(float(q.logprobs.sum()) for q in questions),
                "choice_greedy": tuple(q.greedy for q in questions),
                "choice_tokens": tuple(len(q.targets) for q in questions),
                "prompt_tokens": max(q.start + 1 for q in questions),
                "cut_tokens": max(q.cut for q in questions),
            }
        shared: dict[str, Any] = {
            "form": request.form,
            "completion_tokens": count,
            "seconds": seconds,
            "layout": self._layout,
        }
        return Completion(finish="scored", **facts, **shared)

    def describe(self) -> Mapping[str, Any]:
        """Return facts for reports. See `facts.describe`."""
        own = calibration.beside(self.weights.path.parent, digest=self.digest)
        found = {**describe(self.weights, self._size_bytes), **own}
        if self._template_problem:
            found["chat_template"] = self._template_problem
        if self.weights.adapters:
            found["adapters"] = [f"{adapter.named}@{adapter.scale:g}" for adapter in self.weights.adapters]
        return found

    def close(self) -> None:
        """Free weights and contexts. Idempotent."""
        for room in (self._scoring, self._generating):
            if room is not None:
                room.context.close()
        self.weights.close()


def _sort_key(request: Request) -> str:
    return request.prompt or "\0".join(f"{message.role}\0{message.content}" for message in request.messages)
