"""The nouns: frozen dataclasses, standard library only.

A value that reaches one of these is final. Everything mutable (progress, buffers, connections) lives with the verb
that needs it. Mappings inside are plain JSON data: `hashing.digest` and the store read them as they are.

Worked example, one line through the house:

    Sample(id="9f..", suite="mmlu", origin="41..", data={"question": ..}, target="B", tags={"subject": "anatomy"}, ..)
      -> Request(kind="choose", prompt="The following are ..Answer:", choices=(" A", " B", " C", " D"))
      -> Completion(choice_logprobs=(-3.1, -0.2, -4.0, -5.2), ..)
      -> Score(values={"acc": 1.0}, answer="B", mode="right")
      -> Record(run_id="mmlu-4c1d..", sample_id="9f..", attempt=0, completion_keys=("77..",), score=.., fault=None)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["dev", "test"]
Form = Literal["raw", "chat"]
Kind = Literal["generate", "choose", "read"]
Boundary = Literal["model", "sandbox", "scorer", "judge", "data"]
Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
ArtifactKind = Literal["model", "adapter", "dataset", "report"]

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Sample:
    """One question with all that is needed to ask and to score it. Build with `harness.data.number_samples`."""

    id: str
    """32 hex digits: digest of suite, content and occurrence (official files hold exact duplicates)."""
    suite: str
    """Name of the suite, variant included (`bbh:direct`)."""
    origin: str
    """Digest of the underlying question; variants, duplicates and sibling suites of one question share it."""
    split: Split
    """Half of all origins are `dev`, half `test`, by a hash of `origin`."""
    data: Mapping[str, Any]
    """The official row's fields (question, choices, tests, few-shot header key, ...): JSON data."""
    target: Any
    """The right answer as the official file gives it: JSON data, None where tests decide."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What the sample is about: subject, category, task, skill."""
    name: str = ""
    """The official name (`HumanEval/85`, `anatomy/12`), for people and for recorded completions."""


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool, as a model made it or as a target wants it."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True)
class Message:
    """One chat turn. A trailing `assistant` message in a request is a prefill that the model continues."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True)
class Request:
    """What is asked of a model. A suite fills `prompt` (raw form) and may fill `messages` (chat form).

    The runner keeps one of the two (`dress`), so a model sees either a `prompt` or `messages`, never both.
    """

    kind: Kind
    """`generate` text, `choose` among continuations of the context, or `read` the log-probabilities of a text."""
    prompt: str = ""
    """Raw context. For `read`: the text whose tokens are scored."""
    messages: tuple[Message, ...] = ()
    """Chat context. Empty in raw form."""
    choices: tuple[str, ...] = ()
    """`choose` only: continuations, scored as exact strings after the context (leading blank included)."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON-schema tool declarations in the OpenAI form, for the chat template."""
    stop: tuple[str, ...] = ()
    """Generation ends before the first of these; the text does not hold it."""
    max_tokens: int = 256
    """Upper bound of generated tokens (reasoning included)."""
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 is off."""
    seed: int | None = None
    """Set by the runner when temperature > 0; None for greedy decoding."""
    schema: Mapping[str, Any] | None = None
    """JSON schema that the text must satisfy, where the model can constrain its decoding."""
    to: str = "model"
    """Whom to ask: `model`, or the name of a judge of the run's configuration."""
    attempt: int = 0
    """0-based number of this attempt at the sample (`--samples N`, `--fresh`)."""
    source: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Suite, sample id, official name and question, for replayed recordings, logs and sampling seeds. Not hashed.
    Set by the runner, unless an episode asks about another sample than the one it scores."""

    @property
    def form(self) -> Form:
        """`chat` when messages are sent, else `raw`."""
        return "chat" if self.messages else "raw"


Finish = Literal["eos", "stop", "length", "tool_calls", "truncated", "scored", "recorded"]


@dataclass(frozen=True)
class Completion:
    """What a model said to one request."""

    text: str = ""
    """The answer, without prompt, stop string, special tokens and reasoning."""
    reasoning: str = ""
    """What stood between the declared reasoning markers; kept, never scored."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Native tool calls, where the model or server reports them."""
    choice_logprobs: tuple[float, ...] = ()
    """`choose`: sum of the continuation's token log-probabilities per choice, natural log."""
    choice_greedy: tuple[bool, ...] = ()
    """`choose`: whether greedy decoding would have produced exactly this continuation."""
    choice_tokens: tuple[int, ...] = ()
    """`choose`: number of tokens of each continuation."""
    token_logprobs: tuple[float, ...] = ()
    """`read`: natural log-probability of every token but the first of a text without BOS."""
    finish: Finish = "stop"
    """Why it ended. `length`: `max_tokens` or the context was reached; `truncated`: reasoning never ended."""
    form: Form = "raw"
    prompt_tokens: int = 0
    """Tokens of the context as sent; 0 where unknown."""
    completion_tokens: int = 0
    """Generated (or scored) tokens, reasoning included; 0 where unknown."""
    cut_tokens: int = 0
    """Tokens cut from the left of the context because it did not fit."""
    seconds: float = 0.0
    """Wall time from its turn to the last token, time in a queue left out; shared time of a batch is not divided."""
    layout: str = ""
    """How the request was batched (measured noise, never part of a key)."""
    key: str = ""
    """Set by the ledger: digest of all that determines this completion."""


@dataclass(frozen=True)
class Score:
    """What a suite makes of a completion. `values` are named, in the ranges that the suite's metrics declare."""

    values: Mapping[str, float]
    mode: str
    """Mode of success (`right`) or failure (`wrong_answer`, `unparsed`, `truncated`, `timeout`, ...)."""
    answer: str | None = None
    """The extracted answer; None when nothing could be extracted."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Whatever explains the score: outcome per test, exception, sandbox level. JSON data."""


@dataclass(frozen=True)
class Fault:
    """Why there is *no* score: the boundary that broke and its message. Never averaged, owed again on resume."""

    boundary: Boundary
    kind: str
    """Short machine-readable word: `http_429`, `timeout`, `context_overflow`, `exception`, ..."""
    message: str


@dataclass(frozen=True)
class Record:
    """One sample x one attempt in one run: exactly one of score or fault."""

    run_id: str
    suite: str
    sample_id: str
    attempt: int
    completion_keys: tuple[str, ...] = ()
    score: Score | None = None
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.fault is None):
            raise ValueError(f"a record holds a score or a fault, never both, never neither: {self.sample_id!r}")


@dataclass(frozen=True)
class Metric:
    """A named number of a suite and how it is made from sample values.

    `aggregate`: `micro` (mean over samples), `macro:TAG` (mean over the means of the tag's groups), `ratio:OTHER`
    (sum of `value` over sum of the value OTHER), `pass@K` (unbiased estimator over attempts, Chen et al. 2021).
    """

    name: str
    value: str
    """Key in `Score.values`."""
    aggregate: str = "micro"
    low: float = 0.0
    high: float = 1.0
    higher_is_better: bool = True


@dataclass(frozen=True)
class Run:
    """One model against named suites under one frozen configuration."""

    id: str
    name: str
    model: str
    """Model spec, as typed (`gguf:model.gguf`)."""
    model_digest: str | None
    """None for hosted models."""
    config: Mapping[str, Any]
    """The frozen configuration: everything that could change a record."""
    suites: tuple[str, ...]
    started_at: str
    """UTC, ISO 8601."""
    status: Literal["running", "done", "incomplete", "interrupted", "stopped"] = "running"
    """`incomplete`: at its end, with faults owed; `stopped`: by the circuit breaker or a gate (see its note)."""


@dataclass(frozen=True)
class Artifact:
    """An immutable thing on disk under its content hash, with its parents."""

    id: str
    kind: ArtifactKind
    path: str
    digest: str
    parents: tuple[str, ...] = ()
    made_by: Mapping[str, Any] = field(default_factory=dict)
    """Step name, version and parameters."""


@dataclass(frozen=True)
class Check:
    """One promise of a gate, held against a run."""

    suite: str
    """Empty for what concerns the whole run (speed, size, budget)."""
    rule: str
    """`absolute`, `relative`, `non_inferiority`, `regression`, `calibration`, `faults`, `sandbox`, `items`, ..."""
    outcome: Outcome
    observed: float | None = None
    bound: float | None = None
    """What was required of `observed`, `low` or `high`."""
    low: float | None = None
    high: float | None = None
    note: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """What is behind it: n, wins, losses, psi, p, p_holm, alpha, margin, needed."""
    required: bool = True
    """Whether it counts for the verdict."""


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a candidate, with the checks behind it."""

    outcome: Outcome
    checks: tuple[Check, ...]
    candidate: str
    """Run id."""
    baseline: str | None = None
    """Run id of the pinned reference."""
    id: str = ""
    """Set when it is stored."""
    note: str = ""


@dataclass(frozen=True)
class Cluster:
    """A named group of failures that look alike (`failures.taxonomy.Cause`, by a run's samples)."""

    id: str
    label: str
    sample_ids: tuple[str, ...]


@dataclass(frozen=True)
class Round:
    """One lap of the loop: began with `model`, trained on `rows` rows, gave `candidate`; `accepted`: None meanwhile."""

    number: int
    model: str
    verdict_before: Outcome
    rows: int = 0
    candidate: str = ""
    verdict_after: Outcome | None = None
    accepted: bool | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
