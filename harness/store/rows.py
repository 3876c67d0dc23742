"""How nouns become rows and rows become nouns: the only place that knows both the dataclasses and the columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from harness.hashing import canonical, digest, sample_digest
from harness.types import Completion, Record, Request, Sample, Score, ToolCall

HEAD_CHARS = 256
"""Prompts longer than this are cut in two; the first part is stored once for all that share it."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "samples": {
        "suite": "s", "sample_id": "s", "digest": "s", "origin": "s", "split": "s", "name": "s", "target": "s",
        "tags": "tags", "data": "s",
    },
    "heads": {"key": "s", "text": "s"},
    "completions": {
        "key": "s", "model_digest": "s", "run_id": "s", "suite": "s", "sample_id": "s", "attempt": "i", "kind": "s",
        "form": "s", "head_key": "s", "tail": "s", "asked": "s", "text": "s", "reasoning": "s", "tool_calls": "s",
        "choice_logprobs": "floats", "choice_greedy": "bools", "choice_tokens": "ints", "token_logprobs": "floats",
        "finish": "s", "prompt_tokens": "i", "completion_tokens": "i", "cut_tokens": "i", "seconds": "f",
        "layout": "s", "asked_at": "t",
    },
    "scores": {
        "key": "s", "suite": "s", "scorer_key": "s", "measures": "measures", "mode": "s", "answer": "s", "detail": "s",
    },
    "records": {
        "run_id": "s", "suite": "s", "sample_id": "s", "sample_digest": "s", "attempt": "i", "completion_keys": "keys",
        "score_key": "s", "fault_boundary": "s", "fault_kind": "s", "fault_message": "s", "recorded_at": "t",
    },
}  # fmt: skip
"""Columns of the tables that are appended to in batches, with their Arrow types (`arrow_schema`)."""


def arrow_schema(table: str) -> Any:
    """Return the pyarrow schema of a table."""
    import pyarrow as pa

    kinds = {
        "s": pa.string(), "i": pa.int32(), "f": pa.float64(), "t": pa.timestamp("us"),
        "floats": pa.list_(pa.float64()), "ints": pa.list_(pa.int32()), "bools": pa.list_(pa.bool_()),
        "keys": pa.list_(pa.string()), "tags": pa.map_(pa.string(), pa.string()),
        "measures": pa.map_(pa.string(), pa.float64()),
    }  # fmt: skip
    return pa.schema([(name, kinds[kind]) for name, kind in TABLES[table].items()])


def now() -> datetime:
    """Return the current time in UTC without a zone, as the tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def clean(text: str) -> str:
    """Return `text` as valid UTF-8: lone surrogates, which a model's broken bytes can become, are replaced."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(value: Any) -> str:
    """Return JSON of `value`, NaN and infinities as strings."""
    try:
        return clean(canonical(value))
    except ValueError:
        return clean(json.dumps(_finite(value), sort_keys=True, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not -1e308 < value < 1e308:
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def sample_row(sample: Sample) -> dict[str, Any]:
    """Return the row of a sample."""
    return {
        "suite": sample.suite,
        "sample_id": sample.id,
        "digest": sample_digest(sample),
        "origin": sample.origin,
        "split": sample.split,
        "name": clean(sample.name),
        "target": plain(sample.target),
        "tags": [(k, clean(str(v))) for k, v in sample.tags.items()],
        "data": plain(sample.data),
    }


def split_prompt(request: Request) -> tuple[str | None, str]:
    """Return (head, tail) of what was sent; the head ends at the last blank line and is None for short prompts."""
    text = plain([asdict(m) for m in request.messages]) if request.messages else clean(request.prompt)
    if len(text) <= HEAD_CHARS:
        return None, text
    breaks = [text.rfind(mark, 0, len(text) - 1) + len(mark) for mark in ("\n\n", "\\n\\n") if mark in text]
    cut = max(breaks, default=0)
    return (text[:cut], text[cut:]) if cut > HEAD_CHARS // 2 else (None, text)


def completion_row(
    key: str, request: Request, completion: Completion, model_digest: str, run_id: str
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return (row of a completion, row of its prompt's head or None)."""
    head, tail = split_prompt(request)
    head_key = digest(head) if head is not None else None
    shape = {"choices", "stop", "max_tokens", "temperature", "top_p", "top_k", "seed", "tools", "schema"}
    asked = {name: value for name in sorted(shape) if (value := getattr(request, name))}
    row = {
        "key": key, "model_digest": model_digest, "run_id": run_id, "suite": request.source.get("suite"),
        "sample_id": request.source.get("sample_id"), "attempt": request.attempt, "kind": request.kind,
        "form": request.form, "head_key": head_key, "tail": tail, "asked": plain(asked),
        "text": clean(completion.text), "reasoning": clean(completion.reasoning),
        "tool_calls": plain([asdict(call) for call in completion.tool_calls]) if completion.tool_calls else None,
        "choice_logprobs": list(completion.choice_logprobs), "choice_greedy": list(completion.choice_greedy),
        "choice_tokens": list(completion.choice_tokens), "token_logprobs": list(completion.token_logprobs),
        "finish": completion.finish, "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens, "cut_tokens": completion.cut_tokens,
        "seconds": completion.seconds, "layout": completion.layout, "asked_at": now(),
    }  # fmt: skip
    return row, {"key": head_key, "text": head} if head is not None else None


def completion_from(row: Mapping[str, Any]) -> Completion:
    """Return the completion of a row of the table `completions`."""
    calls = json.loads(row["tool_calls"]) if row["tool_calls"] else []
    return Completion(
        text=row["text"],
        reasoning=row["reasoning"],
        tool_calls=tuple(ToolCall(c["name"], c["arguments"], c["id"]) for c in calls),
        choice_logprobs=tuple(row["choice_logprobs"] or ()),
        choice_greedy=tuple(row["choice_greedy"] or ()),
        choice_tokens=tuple(row["choice_tokens"] or ()),
        token_logprobs=tuple(row["token_logprobs"] or ()),
        finish=row["finish"],
        form=row["form"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cut_tokens=row["cut_tokens"],
        seconds=row["seconds"],
        layout=row["layout"],
        key=row["key"],
    )


def score_row(key: str, suite: str, scorer_key: str, score: Score) -> dict[str, Any]:
    """Return the row of a score."""
    return {
        "key": key,
        "suite": suite,
        "scorer_key": scorer_key,
        "measures": list(score.values.items()),
        "mode": score.mode,
        "answer": None if score.answer is None else clean(score.answer),
        "detail": plain(score.detail),
    }


def score_from(row: Mapping[str, Any]) -> Score:
    """Return the score of a row of the table `scores`."""
    return Score(dict(row["measures"]), row["mode"], row["answer"], json.loads(row["detail"]))


def record_row(record: Record, digest_of_sample: str, score_key: str | None) -> dict[str, Any]:
    """Return the row of a record."""
    fault = record.fault
    return {
        "run_id": record.run_id,
        "suite": record.suite,
        "sample_id": record.sample_id,
        "sample_digest": digest_of_sample,
        "attempt": record.attempt,
        "completion_keys": list(record.completion_keys),
        "score_key": score_key,
        "fault_boundary": fault.boundary if fault else None,
        "fault_kind": fault.kind if fault else None,
        "fault_message": clean(fault.message) if fault else None,
        "recorded_at": now(),
    }
