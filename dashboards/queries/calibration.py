"""How sure a model was of its choices, and whether it was right: what reliability diagrams are drawn from.

    runs(ask)[0]                                   -> {"run_id": "tiny-1a..", "suite": "primer:choices", "n": 1500, ..}
    answers(ask, "tiny-1a..", "primer:choices")    -> [{"sums": [-0.1, -4.0], "right": True, "split": "test"}, ..]
    confidences(answers, scaling)                  -> [(0.98, True), ..]

Log-likelihoods are stored as the model gave them; its scaling (`harness.stats.scaling`) is applied when they are read,
so both sides of it can be shown. Cost: one pass over the keys of records, less than a second for two million that all
chose; the answers of one run and suite some 50 ms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.queries import Ask, Rows
from harness.stats.scaling import Scaling, read

RUNS = """
SELECT r.run_id, r.suite, any_value(u.name) AS name, any_value(u.model) AS model, any_value(u.model_digest) AS
       model_digest, any_value(u.started_at) AS started_at, any_value(u.model_facts->'calibration') AS calibration,
       count(*) AS n
FROM records r JOIN runs u USING (run_id)
SEMI JOIN (SELECT key FROM completions WHERE len(choice_logprobs) > 1) c ON c.key = r.completion_keys[-1]
WHERE r.score_key IS NOT NULL
GROUP BY r.run_id, r.suite ORDER BY started_at DESC, r.run_id, r.suite
"""
ANSWERS = """
SELECT c.choice_logprobs AS sums, sc.measures[m.value] >= 1.0 AS right, s.split
FROM records r
JOIN (SELECT run_id, suite, metrics->0->>'value' AS value FROM run_suites WHERE run_id = ? AND suite = ?) m
     USING (run_id, suite)
JOIN completions c ON c.key = r.completion_keys[-1]
JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest
WHERE r.run_id = ? AND r.suite = ? AND len(c.choice_logprobs) > 1 AND sc.measures[m.value] IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY r.sample_id, r.attempt ORDER BY r.recorded_at DESC) = 1
ORDER BY r.sample_id, r.attempt
"""
SPLITS = ("all", "dev", "test")


def runs(ask: Ask) -> Rows:
    """Return a row a run and suite that has scored choices, the newest run first; `scaling` is the model's own."""
    return [{**row, "scaling": _scaling(row["calibration"])} for row in ask(RUNS, ())]


def answers(ask: Ask, run_id: str, suite: str) -> Rows:
    """Return a row an answer: log-likelihoods of the choices, whether the primary metric calls it right, its split."""
    return ask(ANSWERS, [run_id, suite, run_id, suite])


def confidences(found: Sequence[Mapping[str, Any]], scaling: Scaling, split: str = "all") -> list[tuple[float, bool]]:
    """Return (probability of the likeliest choice, right or not) of the answers of a split."""
    return [(scaling.sure(row["sums"]), row["right"]) for row in found if split in ("all", row["split"])]


def _scaling(told: str | None) -> Scaling | None:
    try:
        return read(json.loads(told)) if told and told != "null" else None
    except (ValueError, AttributeError):
        return None  # of a newer version: the answers are shown as they stand
