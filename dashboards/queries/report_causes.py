"""Why runs fail: causes of analysed runs with their shares of the failures, and an example of each.

    analysed(database, ask)[0]["causes"][0]
      -> {"cause": "off by one", "failures": 12, "score": .3, "low": .2, "high": .4, "example": {"asked": "Q: ..", ..}}

An example is the most typical failure of the split `dev`: sealed samples stay sealed, and a report is made to be shown
around. Sources: `harness.failures.trends` for shares and their intervals. Cost: a pass over the records of each
analysed run, and one over the keys of completions for its examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from dashboards.queries import Ask, Rows, sample
from harness.store import Database, failures

ANALYSED = 12
"""Runs whose causes are shown at most, of the newest taxonomies."""
EXAMPLES = """
WITH held AS (
  SELECT suite, sample_id, attempt, cause_id, similarity FROM members WHERE taxonomy_id = $1 AND run_id = $2
  QUALIFY row_number() OVER (PARTITION BY suite, sample_id, attempt ORDER BY rowid DESC) = 1)
SELECT h.cause_id, h.suite, h.sample_id, s.target, sc.answer, r.completion_keys[-1] AS key
FROM held h JOIN records r USING (suite, sample_id, attempt)
JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest AND s.split = 'dev'
WHERE r.run_id = $2 AND sc.mode <> 'right'
QUALIFY row_number() OVER (PARTITION BY h.cause_id ORDER BY h.similarity DESC, h.suite, h.sample_id, h.attempt) = 1
"""


def analysed(database: Database, ask: Ask) -> Rows:
    """Return the runs with an analysis: run, answers, failures and `causes`, the most frequent first."""
    found: Rows = []
    seen: set[str] = set()
    for taxonomy in failures.taxonomies(database):
        for run_id in failures.member_runs(database, taxonomy["taxonomy_id"]):
            if run_id not in seen and len(found) < ANALYSED:
                seen.add(run_id)
                found.append(_analysed(database, ask, taxonomy, run_id))
    return found


def _analysed(database: Database, ask: Ask, taxonomy: dict[str, Any], run_id: str) -> dict[str, Any]:
    from harness.failures import trends
    from harness.store import read

    causes = (failures.taxonomy(database, taxonomy["taxonomy_id"]) or {"causes": []})["causes"]
    labels = {row["cause_id"]: row["label"] for row in causes} | failures.names(database)
    answers = _answers(database, taxonomy, run_id)
    typical = _examples(ask, taxonomy["taxonomy_id"], run_id)
    shares = trends.shares(answers, [row["cause_id"] for row in causes])
    told = [
        {
            "cause": labels.get(cause, "like no known cause"), "id": cause, "failures": share.failures,
            "score": share.of_failures.value, "low": share.of_failures.low, "high": share.of_failures.high,
            "rate": share.of_answers.value, "example": typical.get(cause),
        }
        for cause, share in shares.items()
        if share.failures
    ]  # fmt: skip
    return {
        "run_id": run_id, "taxonomy_id": taxonomy["taxonomy_id"], "split": taxonomy["split"],
        "model": read.run(database, run_id)["model"], "answers": len(answers),
        "failures": sum(row["failures"] for row in told),
        "causes": sorted(told, key=lambda row: -row["failures"]),
    }  # fmt: skip


def _answers(database: Database, taxonomy: dict[str, Any], run_id: str) -> list[Any]:
    """Return every scored answer of a run with its stored cause: that of no failure is `right`."""
    from harness.compare.pairs import result_rows
    from harness.failures.trends import RIGHT, Answer
    from harness.store import read

    kept = failures.members(database, taxonomy["taxonomy_id"], run_id)
    states = {(row["suite"], row["sample_id"], row["attempt"]): row["cause_id"] for row in kept}
    found = []
    for suite in sorted(set(taxonomy["suites"]) & set(read.run_suites(database, run_id))):
        for row in result_rows(database, run_id, suite, taxonomy["split"]):
            if row["measures"] is not None:
                key = (suite, row["sample_id"], row["attempt"])
                origin = row["origin"] or row["sample_id"]
                found.append(Answer(key, row["sample_digest"] or "", origin, states.get(key, RIGHT)))
    return found


def _examples(ask: Ask, taxonomy_id: str, run_id: str) -> dict[str, dict[str, Any]]:
    """Return cause -> what was `asked`, `expected` and `said` in its most typical failure that is not sealed."""
    rows = ask(EXAMPLES, (taxonomy_id, run_id))
    said = {row["key"]: row for row in sample.answers(ask, [row["key"] for row in rows])} if rows else {}
    found = {}
    for row in rows:
        one = said.get(row["key"], {})
        found[row["cause_id"]] = {
            "suite": row["suite"], "sample_id": row["sample_id"], "expected": _text(sample.parsed(row["target"])),
            "asked": _asked(one), "said": one.get("text") or _text(one.get("tool_calls")) or row["answer"] or "",
        }  # fmt: skip
    for suite in {row["suite"] for row in rows}:
        own = [one for one in found.values() if one["suite"] == suite]
        for one, text in zip(own, apart([one["asked"] for one in own]), strict=True):
            one["asked"] = text
    return found


def apart(texts: Sequence[str]) -> list[str]:
    """Return texts without the whole lines that all begin or end with: few-shot examples, and orders how to answer.

    apart(["Be brief.\\n2 + 2?\\nAs JSON:", "Be brief.\\n3 + 3?\\nAs JSON:"])    -> ["2 + 2?", "3 + 3?"]
    """
    if len(set(texts)) < 2:
        return list(texts)
    lines = [text.split("\n") for text in texts]
    head = _shared(lines)
    tail = _shared([each[head:][::-1] for each in lines])
    return ["\n".join(each[head : len(each) - tail]) or text for each, text in zip(lines, texts, strict=True)]


def _shared(lines: Sequence[Sequence[str]]) -> int:
    """Return how many items all begin with."""
    together = takewhile(lambda items: len(set(items)) == 1, zip(*lines, strict=False))
    return sum(1 for _ in together)


def _asked(said: Mapping[str, Any]) -> str:
    """Return what was asked: of a chat the last message."""
    chat = sample.messages(dict(said)) if said else []
    return chat[-1][1] if chat else str(said.get("prompt") or "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
