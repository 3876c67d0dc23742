"""Two runs: which there are, in what their configurations differ, and what both said to one sample.

    apart(ask, "base-1f..", "tuned-9c..")[0]   -> {"what": "prompt", "A": "raw", "B": "chat", "fatal": True, ..}
    said(ask, ("base-1f..", "tuned-9c.."), "mmlu", "9f..")[0]["text"]     -> "The answer is B."

Scores, intervals and tests are not made here: `harness.compare` makes them, as `harness compare` shows them.
Cost: milliseconds; `said` looks one completion a run up by its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import names
from dashboards.queries import Ask, Rows
from dashboards.queries.sample import messages, parsed
from harness.compare.differences import differences

LISTED = 1000
"""Runs offered at most, the newest."""
RUNS = f"""
SELECT run_id, name, model, status, started_at FROM runs ORDER BY started_at DESC, run_id LIMIT {LISTED}
"""
SIDES = """
SELECT run_id, model, model_digest, status, started_at, model_facts, config FROM runs WHERE run_id IN (?, ?)
"""
SUITES = """
SELECT run_id, suite, version, scorer_key, sandbox, wanted FROM run_suites WHERE run_id IN (?, ?) ORDER BY suite
"""
SAID = """
SELECT r.run_id, r.attempt, sc.measures, sc.mode, sc.answer, s.target, len(r.completion_keys) AS turns,
       c.prompt, c.form, c.reasoning, coalesce(nullif(c.text, ''), c.tool_calls::VARCHAR, '') AS text
FROM records r
LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest
LEFT JOIN answers c ON c.key = r.completion_keys[-1]
WHERE r.suite = ? AND r.sample_id = ? AND r.run_id IN (?, ?)
QUALIFY row_number() OVER (PARTITION BY r.run_id, r.attempt ORDER BY r.score_key IS NULL, r.recorded_at DESC) = 1
ORDER BY r.run_id, r.attempt
"""
WIDTH = 200
"""Characters of a configured value that are shown."""
DIGEST = 12
"""Of a digest."""
MODELS = {
    "model": "model", "weights": "weights", "quantisation": "quantisation", "parameters": "parameters",
    "size_bytes": "size", "architecture": "architecture", "context_length": "context",
}  # fmt: skip
"""What of the models is worth a look, with the words for it; other facts are details."""


def runs(ask: Ask) -> Rows:
    """Return the newest runs, newest first."""
    return ask(RUNS, ())


def shared(ask: Ask, a: str, b: str) -> dict[str, int]:
    """Return suite -> pairs to expect at most, of the suites that both runs have, sorted."""
    named = ask(SUITES, (a, b))
    each = [{row["suite"]: row["wanted"] or 0 for row in named if row["run_id"] == run} for run in (a, b)]
    return {suite: min(each[0][suite], each[1][suite]) for suite in sorted(set(each[0]) & set(each[1]))}


def apart(ask: Ask, a: str, b: str) -> Rows:
    """Return in what two runs differ: `what`, `A`, `B`, the `suites` it concerns, whether it is `fatal` or a `detail`.

    What makes scores incomparable (`harness.compare.differences.FATAL`) stands first, then what is known of the models,
    then what else may move scores, details last.
    """
    sides = {row["run_id"]: {**row, "config": json.loads(row["config"])} for row in ask(SIDES, (a, b))}
    pair = [sides[run] for run in (a, b)]
    named = {(row["run_id"], row["suite"]): row for row in ask(SUITES, (a, b))}
    seen: dict[tuple[str, str, str, bool], list[str]] = {}
    for suite in shared(ask, a, b):
        for d in differences(pair, [named[run, suite] for run in (a, b)]):
            seen.setdefault((d.what, d.reference, d.candidate, d.fatal), []).append(suite)
    found = [
        {"what": what, "A": left[:WIDTH], "B": right[:WIDTH], "fatal": fatal, "detail": False, "suites": suites}
        for (what, left, right, fatal), suites in seen.items()
    ]
    rows = [row for row in found if row["fatal"]] + _models(pair) + [row for row in found if not row["fatal"]]
    return sorted(rows, key=lambda row: bool(row["detail"]))


def said(ask: Ask, pair: Sequence[str], suite: str, sample: str) -> Rows:
    """Return what two runs were asked and said: a row a run and attempt; `prompt` and `text` of the last completion."""
    return [
        {**row, "prompt": _prompt(row), "target": _told(row["target"])} for row in ask(SAID, (suite, sample, *pair))
    ]


def _prompt(row: Mapping[str, Any]) -> str:
    turns = messages(dict(row))
    return "\n\n".join(f"[{role}]\n{text}" for role, text in turns) if turns else row["prompt"] or ""


def _told(target: str | None) -> str:
    """Return a target as a person reads it: a text bare, all else as JSON."""
    value = parsed(target)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)


def _models(pair: Sequence[Mapping[str, Any]]) -> Rows:
    facts = [
        {"model": side["model"], "weights": side["model_digest"] or "", **json.loads(side["model_facts"] or "{}")}
        for side in pair
    ]
    known = dict.fromkeys([*MODELS, *facts[0], *facts[1]])
    return [
        _fact(name, *(side.get(name) for side in facts)) for name in known if facts[0].get(name) != facts[1].get(name)
    ]


def _fact(name: str, a: Any, b: Any) -> dict[str, Any]:
    """Return the row of a fact of the models: a detail where nobody asks, one side is silent or both read alike."""
    shown = [_shown(name, value) for value in (a, b)]
    detail = name not in MODELS or shown[0] == shown[1] or "" in shown
    if shown[0] == shown[1]:
        shown = [str(a)[:WIDTH], str(b)[:WIDTH]]
    what = MODELS.get(name, f"model {name}")
    return {"what": what, "A": shown[0], "B": shown[1], "fatal": False, "detail": detail, "suites": []}


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "model":
        return names.model(str(value))
    if name in ("parameters", "size_bytes") and isinstance(value, int | float):
        return _scaled(value) + ("B" if name == "size_bytes" else "")
    return str(value)[: DIGEST if name == "weights" else WIDTH]


def _scaled(value: float) -> str:
    """Return a number with three digits and its thousands: 3180000 -> "3.18 M"."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:g} "
