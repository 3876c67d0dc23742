"""The states of every page that its links lead to, for what a database holds: what tests, pictures and timings visit.

states(Database(path))["samples"]  -> [{}, {"run": "tiny-0a.."}, {"run": .., "suite": .., "sample": ..}, ..]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from dashboards.app import modules
from harness.store import Database, read

State = Mapping[str, str]
PARTS = ("Gain", "Causes", "Steps", "Training", "Lineage")
"""Of a round."""
PAIRS = """
WITH held AS (SELECT run_id, suite, started_at FROM run_suites JOIN runs USING (run_id))
SELECT a.run_id AS before, b.run_id AS after, a.suite,
       (SELECT min(sample_id) FROM records r WHERE r.run_id = a.run_id AND r.suite = a.suite) AS sample
FROM held a JOIN held b
ON a.suite = b.suite AND (a.started_at, a.run_id) < (b.started_at, b.run_id)
ORDER BY b.started_at DESC, a.started_at DESC LIMIT 1
"""
WRONG = """
SELECT r.run_id, r.suite, r.sample_id, s.mode FROM records r JOIN scores s ON s.key = r.score_key
WHERE s.mode <> 'right' ORDER BY r.run_id DESC, r.suite, r.sample_id LIMIT 1
"""
KINDS = """
SELECT run_id AS run, suite, sample_id AS sample FROM (
    SELECT r.run_id, r.suite, r.sample_id, c.kind, c.form FROM completions c
    JOIN records r ON r.completion_keys[1] = c.key WHERE c.kind <> 'generate' OR c.form <> 'raw')
QUALIFY row_number() OVER (PARTITION BY kind, form ORDER BY run_id DESC, suite, sample_id) = 1
"""
FAULT = """
SELECT run_id AS run, suite, sample_id AS sample FROM records WHERE fault_boundary IS NOT NULL
ORDER BY run_id, suite, sample_id LIMIT 1
"""
OTHERS = {
    "rounds": "SELECT loop, number AS round FROM rounds ORDER BY started_at DESC LIMIT 1",
    "gates": "SELECT gate_id AS gate FROM gates ORDER BY decided_at DESC LIMIT 1",
    "clusters": """SELECT m.run_id AS run, m.cause_id AS cause FROM members m WHERE m.cause_id <> ''
                   GROUP BY ALL ORDER BY count(*) DESC, 1, 2 LIMIT 1""",
    "calibration": """SELECT run_id AS model, suite FROM records r
                      SEMI JOIN (SELECT key FROM completions WHERE len(choice_logprobs) > 1) c
                      ON c.key = r.completion_keys[-1] ORDER BY run_id DESC, suite LIMIT 1""",
    "frontier": "SELECT compression AS name FROM compressions LIMIT 1",
    "bench": "SELECT bench_id AS bench FROM bench_runs ORDER BY started_at DESC LIMIT 1",
    "review": "SELECT review AS session FROM reviews LIMIT 1",
}
"""Page -> a state of it."""
TABS = ("Trend", "In right answers?", "Lineage", "Name")
"""Of the page of causes, beside its first."""


def states(database: Database) -> dict[str, Sequence[State]]:
    """Return page -> states, the bare one first."""
    found: dict[str, list[State]] = {name: [{}] for name in modules()}
    for pair in _rows(database, PAIRS):
        both = {"a": pair["before"], "b": pair["after"]}
        one = both | {"suite": pair["suite"]}
        found["compare"] += [both, one, one | {"sample": pair["sample"] or "none"}, one | {"flips": "wins"}]
        looked = {"baseline": pair["before"], "run": pair["after"]}
        found["leaderboard"] += [{"suite": pair["suite"]}, looked, looked | {"suite": pair["suite"]}]
        found["samples"] += [{"run": pair["after"], "suite": pair["suite"], "flip": pair["before"]}]
    for wrong in _rows(database, WRONG):
        own = {"run": wrong["run_id"], "suite": wrong["suite"]}
        found["samples"] += [own, own | {"sample": wrong["sample_id"]}, own | {"mode": wrong["mode"]}]
        found["samples"] += [own | {"text": "what is"}]
    for query in (KINDS, FAULT):
        found["samples"] += _rows(database, query)
    for name, query in OTHERS.items():
        found[name] += [{key: str(value) for key, value in row.items()} for row in _rows(database, query)]
    found["clusters"] += [state | {"tab": tab} for state in found["clusters"][1:] for tab in TABS]
    found["samples"] += [{"run": one["run"], "cluster": one["cause"]} for one in found["clusters"][1:2]]
    found["rounds"] += [state | {"part": part} for state in found["rounds"][1:] for part in PARTS]
    found["review"] += [state | {"show": "results"} for state in found["review"][1:]]
    return dict(found)


def _rows(database: Database, query: str) -> list[dict[str, Any]]:
    try:
        return read.query(database, query)
    except duckdb.Error:  # a file from before the table
        return []
