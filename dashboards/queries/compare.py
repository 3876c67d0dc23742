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

from dashboards.queries import Ask, Rows
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
SELECT r.run_id, r.attempt, sc.measures, sc.mode, sc.answer, s.target, c.reasoning,
       coalesce(nullif(c.text, ''), c.tool_calls::VARCHAR, '') AS text
FROM records r
LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest
LEFT JOIN completions c ON c.key = r.completion_keys[-1]
WHERE r.suite = ? AND r.sample_id = ? AND r.run_id IN (?, ?)
QUALIFY row_number() OVER (PARTITION BY r.run_id, r.attempt ORDER BY r.score_key IS NULL, r.recorded_at DESC) = 1
ORDER BY r.run_id, r.attempt
"""
WIDTH = 200
"""Characters of a configured value that are shown."""


def runs(ask: Ask) -> Rows:
    """Return the newest runs, newest first."""
    return ask(RUNS, ())


def shared(ask: Ask, a: str, b: str) -> dict[str, int]:
    """Return suite -> pairs to expect at most, of the suites that both runs have, sorted."""
    named = ask(SUITES, (a, b))
    each = [{row["suite"]: row["wanted"] or 0 for row in named if row["run_id"] == run} for run in (a, b)]
    return {suite: min(each[0][suite], each[1][suite]) for suite in sorted(set(each[0]) & set(each[1]))}


def apart(ask: Ask, a: str, b: str) -> Rows:
    """Return in what two runs differ: `what`, `A`, `B`, the `suites` it concerns, and whether it is `fatal`.

    What makes scores incomparable (`harness.compare.differences.FATAL`) stands first, what is known of the models last.
    """
    sides = {row["run_id"]: {**row, "config": json.loads(row["config"])} for row in ask(SIDES, (a, b))}
    pair = [sides[run] for run in (a, b)]
    named = {(row["run_id"], row["suite"]): row for row in ask(SUITES, (a, b))}
    seen: dict[tuple[str, str, str, bool], list[str]] = {}
    for suite in shared(ask, a, b):
        for d in differences(pair, [named[run, suite] for run in (a, b)]):
            seen.setdefault((d.what, d.reference, d.candidate, d.fatal), []).append(suite)
    found = [
        {"what": what, "A": left[:WIDTH], "B": right[:WIDTH], "fatal": fatal, "suites": suites}
        for (what, left, right, fatal), suites in seen.items()
    ]
    return sorted(found, key=lambda row: not row["fatal"]) + _models(pair)


def said(ask: Ask, pair: Sequence[str], suite: str, sample: str) -> Rows:
    """Return what two runs said to a sample: a row a run and attempt, `text` that of the last completion."""
    return ask(SAID, (suite, sample, *pair))


def _models(pair: Sequence[Mapping[str, Any]]) -> Rows:
    facts = [
        {"model": side["model"], "weights": side["model_digest"] or "", **json.loads(side["model_facts"] or "{}")}
        for side in pair
    ]
    names = list(dict.fromkeys([*facts[0], *facts[1]]))
    return [
        {
            "what": name if name in ("model", "weights") else f"model {name}", "A": _shown(facts[0].get(name)),
            "B": _shown(facts[1].get(name)), "fatal": False, "suites": [],
        }
        for name in names if facts[0].get(name) != facts[1].get(name)
    ]  # fmt: skip


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:WIDTH]
