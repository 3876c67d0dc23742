"""How far runs are from a pinned baseline on the same samples: `harness.stats.contrast` of pairs that SQL makes.

    found = differences(ask, "base-1f..", rows)     rows of the board
    found["tuned-9c..", "mmlu"]      -> Apart(delta=-.031, low=-.044, high=-.018, n=14042, verdict="worse")

Pairs are those of `harness compare`: one sample, same content and target, a score in both, attempts averaged; a test
holds the figures together. Only rows of the baseline's own fence (suite, version, scorer, prompt, decoding), whose
metric is a mean over samples (micro, pass@1): others are told by the page Compare. p is adjusted by Holm over the
differences asked for together. Cost: one look at the scores of the samples, and a millisecond a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask, Rows
from dashboards.queries.leaderboard import PLAIN
from harness import stats

PAIRS = """
WITH metric AS (
  SELECT DISTINCT run_id, suite, metrics->0->>'value' AS value, (metrics->0->>'aggregate') = 'pass@1' AS passes
  FROM run_suites WHERE list_contains(?::VARCHAR[], run_id) AND list_contains(?::VARCHAR[], suite)
), asked AS (
  SELECT r.run_id, r.suite, r.sample_id, r.sample_digest, r.score_key, m.value, m.passes
  FROM records r JOIN metric m USING (run_id, suite) WHERE r.score_key IS NOT NULL
), scored AS (
  SELECT a.run_id, a.suite, a.sample_id, a.sample_digest,
         avg(CASE WHEN a.passes THEN (sc.measures[a.value] >= 1.0)::INTEGER::DOUBLE ELSE sc.measures[a.value] END) AS y
  FROM asked a JOIN scores sc ON sc.key = a.score_key GROUP BY ALL
), paired AS (
  SELECT c.run_id, c.suite, c.sample_id, b.y AS x, c.y, coalesce(s.origin, c.sample_id) AS origin
  FROM scored c JOIN scored b USING (suite, sample_id, sample_digest)
  LEFT JOIN samples s ON s.suite = c.suite AND s.digest = c.sample_digest
  WHERE b.run_id = ? AND c.run_id <> ?
)
SELECT run_id, suite, list(x ORDER BY sample_id) AS before, list(y ORDER BY sample_id) AS after,
       CASE WHEN count(DISTINCT origin) < count(*) THEN list(origin ORDER BY sample_id) END AS origins
FROM paired GROUP BY ALL
"""


@dataclass(frozen=True)
class Apart:
    """A run minus the baseline in a suite, in units of the metric, with a 95% interval."""

    delta: float
    low: float
    high: float
    n: int
    """Pairs."""
    p: float
    """Two-sided, adjusted."""
    verdict: str
    """`better`, `worse`, or empty where no difference is shown."""


def comparable(baseline: str, rows: Rows) -> Rows:
    """Return the rows that a difference to the baseline can be told of: those beside one of its own."""
    fences = {(row["suite"], row["fingerprint"]) for row in rows if row["run_id"] == baseline}
    return [
        row for row in rows
        if row["run_id"] != baseline and row["aggregate"] in PLAIN and (row["suite"], row["fingerprint"]) in fences
    ]  # fmt: skip


def differences(ask: Ask, baseline: str, rows: Rows, alpha: float = 0.05) -> dict[tuple[str, str], Apart]:
    """Return (run, suite) -> difference to the baseline, of rows that are `comparable` and share a sample with it."""
    if not rows:
        return {}
    up = {(row["run_id"], row["suite"]): row["up"] for row in rows}
    runs, suites = sorted({run for run, _ in up} | {baseline}), sorted({suite for _, suite in up})
    pairs = {(pair["run_id"], pair["suite"]): pair for pair in ask(PAIRS, [runs, suites, baseline, baseline])}
    found = {key: _contrast(pair, alpha) for key, pair in sorted(pairs.items()) if key in up}
    adjusted = stats.holm({key: contrast.p_two_sided for key, contrast in found.items()})
    return {
        key: Apart(
            each.delta, each.low, each.high, each.n, adjusted[key], _verdict(each, adjusted[key], up[key], alpha)
        )
        for key, each in found.items()
    }


def _contrast(pair: Mapping[str, Any], alpha: float) -> stats.Contrast:
    clusters: Sequence[str] | None = pair["origins"]
    return stats.contrast(pair["before"], pair["after"], clusters, alpha / 2)


def _verdict(found: stats.Contrast, p: float, up: bool, alpha: float) -> str:
    if p > alpha:
        return ""
    return "better" if (found.p_gain < found.p_drop) == up else "worse"
