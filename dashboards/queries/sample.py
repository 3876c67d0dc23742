"""One sample: what it is, its attempts in a run with all that was asked and said, and what every run made of it.

    attempts(ask, "tiny-0a..", "primer", "9f..")[0]   -> {"attempt": 0, "score": 0.0, "mode": "wrong_order", ..}
    answers(ask, ["9368f5.."])[0]                     -> {"prompt": "Q: Sort ..", "text": " jacket ..", ..}
    history(ask, "primer", "9f..")                    -> [{"run_id": .., "score": 1.0, "answer": "kettle", ..}, ..]

Cost: each a scan of one column of the records or completions (50 ms for 2 million).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dashboards.queries import Ask, Rows

RUNS_SHOWN = 200
"""Records of a history at most."""
ATTEMPTS = """
SELECT r.suite, r.sample_id, r.attempt, r.completion_keys, r.recorded_at,
       r.fault_boundary, r.fault_kind, r.fault_message,
       coalesce(sc.mode, 'fault: ' || r.fault_boundary || '/' || r.fault_kind) AS mode, sc.answer, sc.detail,
       map_keys(sc.measures) AS names, map_values(sc.measures) AS measures,
       sc.measures[w.metrics->0->>'value'] AS score, w.metrics->0->>'name' AS metric,
       w.version, s.name, s.split, s.target, s.data,
       map_keys(s.tags) AS tag_names, map_values(s.tags) AS tags
FROM records r
JOIN run_suites w ON w.run_id = r.run_id AND w.suite = r.suite
LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest
LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
WHERE r.run_id = ? AND r.sample_id = ? AND (? = '' OR r.suite = ?)
ORDER BY r.suite, r.attempt
"""
ANSWERS = """
SELECT key, model_digest, kind, form, prompt, asked, text, reasoning, tool_calls, choice_logprobs, finish,
       prompt_tokens, completion_tokens, cut_tokens, seconds
FROM answers WHERE key IN (SELECT unnest(?::VARCHAR[]))
"""
HISTORY = f"""
SELECT r.run_id, runs.name, runs.model, runs.started_at, r.attempt, w.version,
       sc.measures[w.metrics->0->>'value'] AS score,
       coalesce(sc.mode, 'fault: ' || r.fault_boundary || '/' || r.fault_kind) AS mode, sc.answer,
       (w.metrics->0->>'low')::DOUBLE AS low, TRY_CAST(w.metrics->0->>'high' AS DOUBLE) AS high
FROM records r
JOIN runs USING (run_id)
JOIN run_suites w ON w.run_id = r.run_id AND w.suite = r.suite
LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
WHERE r.suite = ? AND r.sample_id = ?
ORDER BY runs.started_at DESC, r.run_id, r.attempt LIMIT {RUNS_SHOWN}
"""


def attempts(ask: Ask, run: str, sample_id: str, suite: str = "") -> Rows:
    """Return the records of a sample in a run, the first attempt first; `target`, `data` and `detail` parsed."""
    found = ask(ATTEMPTS, (run, sample_id, suite, suite))
    return [{**row, **{name: parsed(row[name]) for name in ("target", "data", "detail")}} for row in found]


def answers(ask: Ask, keys: Sequence[str]) -> Rows:
    """Return what was asked and said, in the order of the keys; `asked` and `tool_calls` parsed."""
    there = {row["key"]: row for row in ask(ANSWERS, (list(keys),))}
    rows = [there[key] for key in keys if key in there]
    return [{**row, **{name: parsed(row[name]) for name in ("asked", "tool_calls")}} for row in rows]


def history(ask: Ask, suite: str, sample_id: str) -> Rows:
    """Return what runs made of a sample, newest first, at most `RUNS_SHOWN` records."""
    return ask(HISTORY, (suite, sample_id))


def parsed(text: str | None) -> Any:
    """Return the JSON value of a column; None where there is none, the text itself where it is no JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def messages(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (role, text) of a chat's messages, with calls of tools; nothing for a raw prompt."""
    if row["form"] != "chat":
        return []
    found = parsed(row["prompt"])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return []
    return [(str(one.get("role", "")), _said(one)) for one in found]


def choices(row: dict[str, Any]) -> list[str]:
    """Return the texts that the model chose among, as long as their log-probabilities."""
    named = row["asked"].get("choices") if isinstance(row["asked"], dict) else None
    count = len(row["choice_logprobs"] or ())
    texts = [str(one) for one in named] if isinstance(named, list) else []
    return texts if len(texts) == count else [f"choice {place}" for place in range(1, count + 1)]


def expected(texts: Sequence[str], target: Any) -> int | None:
    """Return which choice a target means, by its text, its letter or its number from 0; None where it tells none."""
    told = str(target).strip() if isinstance(target, str | int) and not isinstance(target, bool) else ""
    named = [place for place, text in enumerate(texts) if told and text.strip() == told]
    if not named and (told.isdecimal() or (len(told) == 1 and "A" <= told <= "Z")):
        place = int(told[:9]) if told.isdecimal() else ord(told) - ord("A")
        named = [place] if place < len(texts) else []
    return named[0] if len(named) == 1 else None


def spelled(texts: Sequence[str], data: Any) -> list[str]:
    """Return choices with what their letters stand for, where the sample's data holds as many `choices`."""
    meant = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(meant, list) or len(meant) != len(texts) or any(len(text.strip()) > 1 for text in texts):
        return [text.strip() for text in texts]
    return [f"{text.strip()}. {meaning}" for text, meaning in zip(texts, meant, strict=True)]


def called(calls: Any) -> str:
    """Return calls of tools as a person reads them, a line each: `find(word="zebra", limit=3)`."""
    if not isinstance(calls, list) or not all(isinstance(one, dict) and "name" in one for one in calls):
        return _plain(calls)
    return "\n".join(f"{one['name']}({_arguments(one.get('arguments'))})" for one in calls)


def _arguments(given: Any) -> str:
    return ", ".join(f"{name}={_plain(one)}" for name, one in given.items()) if isinstance(given, dict) else str(given)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _said(message: dict[str, Any]) -> str:
    calls = message.get("tool_calls")
    parts = [str(message.get("content") or ""), called(calls) if calls else ""]
    return "\n".join(part for part in parts if part)
