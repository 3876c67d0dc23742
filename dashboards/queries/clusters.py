"""Why a run fails: the stored causes of its failures, their shares, trend, map, samples and lineage.

    found = analyses(ask)                       -> [{"run_id": .., "taxonomy_id": "tax-..", "split": "dev", ..}, ..]
    standing(ask, found[0], ["3f9a.."])         -> shares["3f9a.."] is a harness.failures.trends.Share
    members(ask, found[0], "3f9a..", 0)         -> 25 failures, the most typical first

An analysis is a run in a taxonomy (`harness failures RUN` stores both). What is stored is *read*, nothing is clustered
here; shares, changes and intervals are made by `harness.failures.trends` of one row an answer, so that they are those
of the command. An answer that fails and was never assigned (scored after the analysis) is counted as `PENDING`.

Cost: a pass over the records of the runs asked about; 40,000 answers of a run in a database of two million records are
read in a few tenths of a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.queries import Ask, Rows
from harness import stats
from harness.compare.pairs import declared_metric
from harness.failures import trends
from harness.failures.cases import failed
from harness.failures.trends import RIGHT, Answer, Change, Flow, Share

PAGE = 25
"""Failures shown at a time."""
POINTS = 5000
"""Places of a map at most; the rest is left out, evenly."""
PENDING = "(not analysed)"
"""State of a failure that no analysis has seen."""
TABLES = "SELECT count(*) AS tables FROM duckdb_tables() WHERE table_name IN ('taxonomies', 'members')"
ANALYSES = """
SELECT r.run_id, r.name, r.model, coalesce(r.model_digest, r.model) AS model_key, r.started_at, t.taxonomy_id,
       t.split, t.suites, t.parent, t.embedder, t.stability, t.params->>'grouping' AS grouping, t.made_at, m.failures
FROM (SELECT taxonomy_id, run_id, count(*) AS failures FROM members GROUP BY ALL) m
JOIN taxonomies t USING (taxonomy_id) JOIN runs r USING (run_id)
ORDER BY r.started_at DESC, r.run_id, t.made_at DESC, t.taxonomy_id
"""
CAUSES = """
SELECT c.taxonomy_id, c.cause_id, coalesce(n.label, c.label) AS label, c.keywords, c.size,
       CASE WHEN n.label IS NULL THEN c.label_source ELSE 'person' END AS label_source
FROM causes c LEFT JOIN (
    SELECT cause_id, label FROM cause_names
    QUALIFY row_number() OVER (PARTITION BY cause_id ORDER BY named_at DESC, rowid DESC) = 1) n USING (cause_id)
WHERE c.taxonomy_id = ? ORDER BY c.place
"""
HELD = """
WITH held AS (
    SELECT run_id, suite, sample_id, attempt, cause_id, similarity, novel, x, y FROM members
    WHERE taxonomy_id = $1 AND list_contains($2::VARCHAR[], run_id)
    QUALIFY row_number() OVER (PARTITION BY run_id, suite, sample_id, attempt ORDER BY rowid DESC) = 1),
"""
"""Where failures belong: the latest word on each."""
SCORED = """
scored AS (
    SELECT r.run_id, r.suite, r.sample_id, r.attempt, coalesce(r.sample_digest, '') AS digest,
           coalesce(s.origin, r.sample_id) AS origin, s.name, s.split, s.target, s.tags, sc.mode, sc.answer,
           sc.measures, r.completion_keys[1] AS said
    FROM latest r JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
    LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest
    WHERE $4 IN ('all', s.split))
"""
LATEST = """
latest AS (
    SELECT run_id, suite, sample_id, attempt, sample_digest, score_key, completion_keys FROM records{only}
    WHERE list_contains($2::VARCHAR[], run_id) AND list_contains($3::VARCHAR[], suite) AND score_key IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY run_id, suite, sample_id, attempt ORDER BY recorded_at DESC) = 1),
"""
EVERY = HELD + LATEST.format(only="") + SCORED
"""All scored answers."""
MATCHED = " SEMI JOIN wanted USING (run_id, suite, sample_id, attempt)"
SOME = HELD + "wanted AS (SELECT * FROM held WHERE {which})," + LATEST.format(only=MATCHED) + SCORED
"""Scored answers of some failures."""
ANSWERS = f"""{EVERY}
SELECT suite, sample_id, attempt, digest, origin, mode, cause_id,
       CASE WHEN mode <> 'right' AND cause_id IS NULL THEN measures END AS measures
FROM scored LEFT JOIN held USING (run_id, suite, sample_id, attempt)
ORDER BY suite, sample_id, attempt
"""
TREND = f"""{EVERY}
SELECT run_id, cause_id, failures, answers, origins
FROM (SELECT run_id, count(*) AS answers, count(DISTINCT origin) AS origins FROM scored GROUP BY run_id)
LEFT JOIN (SELECT run_id, cause_id, count(*) AS failures
           FROM held JOIN scored USING (run_id, suite, sample_id, attempt) WHERE mode <> 'right'
           GROUP BY run_id, cause_id) USING (run_id)
"""
MEMBERS = f"""{SOME.format(which="cause_id = $5")}
SELECT suite, sample_id, attempt, name, split, mode, answer, target, similarity, novel
FROM wanted JOIN scored USING (run_id, suite, sample_id, attempt) WHERE mode <> 'right'
ORDER BY round(similarity, 5) DESC, suite, sample_id, attempt LIMIT $6 OFFSET $7
"""
PLACE = f"""{SOME.format(which="cause_id = $5")}
SELECT place FROM (
    SELECT suite, sample_id, attempt,
           row_number() OVER (ORDER BY round(similarity, 5) DESC, suite, sample_id, attempt) - 1 AS place
    FROM wanted JOIN scored USING (run_id, suite, sample_id, attempt) WHERE mode <> 'right')
WHERE concat_ws('/', suite, sample_id, attempt) = $6
"""
MAP = f"""{SOME.format(which="x IS NOT NULL AND y IS NOT NULL")}
SELECT *, count(*) OVER () AS places FROM (
    SELECT cause_id AS cause, round(x, 3) AS x, round(y, 3) AS y, count(*) AS failures,
           min(concat_ws('/', suite, sample_id, attempt)) AS key,
           min_by(coalesce(name, sample_id), concat_ws('/', suite, sample_id, attempt)) AS sample
    FROM wanted JOIN scored USING (run_id, suite, sample_id, attempt) WHERE mode <> 'right' GROUP BY ALL)
ORDER BY hash(key) LIMIT $5
"""
FAMILY = "SELECT taxonomy_id, coalesce(parent, '') AS parent, made_at, n FROM taxonomies ORDER BY made_at, taxonomy_id"
DESCENTS = """
SELECT d.taxonomy_id, d.kind, d.old_cause, d.new_cause, d.cosine, d.jaccard
FROM descents d JOIN taxonomies t USING (taxonomy_id)
WHERE list_contains(?::VARCHAR[], d.taxonomy_id) ORDER BY t.made_at, d.rowid
"""
METRICS = "SELECT suite, metrics FROM run_suites WHERE run_id = ?"


@dataclass(frozen=True)
class Standing:
    """A run in a taxonomy: how much fails, for which cause, and what changed."""

    answers: int
    """Answers with a score, right ones too."""
    failures: int
    pending: int
    """Failures that no analysis has seen; among `failures`, in no cause."""
    shares: Mapping[str, Share]
    """By cause id; '' is what is like no cause."""
    changes: Mapping[str, Change] = field(default_factory=dict)
    """By cause id; empty without a run before, or without a sample that both scored."""
    flows: tuple[Flow, ...] = ()


def analyses(ask: Ask) -> Rows:
    """Return a row a run and taxonomy, newest run and taxonomy first; none in a file from before failures."""
    return ask(ANALYSES, ()) if ask(TABLES, ())[0]["tables"] == 2 else []


def causes(ask: Ask, taxonomy_id: str) -> Rows:
    """Return the causes of a taxonomy in their order, under the names that people gave them."""
    return ask(CAUSES, (taxonomy_id,))


def answers(ask: Ask, analysis: Mapping[str, Any]) -> list[Answer]:
    """Return every scored answer of a run with its cause, sorted by key."""
    declared = {row["suite"]: {**row, "metrics": json.loads(row["metrics"])} for row in
                ask(METRICS, (analysis["run_id"],))}  # fmt: skip
    metrics = {suite: declared_metric(row, "") for suite, row in declared.items()}
    found = []
    for row in ask(ANSWERS, scope(analysis)):
        state = RIGHT if row["mode"] == "right" else row["cause_id"]
        if state is None:
            state = PENDING if failed(metrics[row["suite"]], row["measures"], row["mode"]) else RIGHT
        found.append(Answer((row["suite"], row["sample_id"], row["attempt"]), row["digest"], row["origin"], state))
    return found


def standing(
    ask: Ask, analysis: Mapping[str, Any], ids: Sequence[str], before: Mapping[str, Any] | None = None
) -> Standing:
    """Return shares of the causes `ids` of the taxonomy and, against another run of the same taxonomy, changes."""
    now = answers(ask, analysis)
    failing = [answer for answer in now if answer.state != RIGHT]
    pending = sum(answer.state == PENDING for answer in failing)
    shares = trends.shares(now, ids)
    then = answers(ask, before) if before else []
    if not {(a.key[:2], a.digest) for a in then} & {(a.key[:2], a.digest) for a in now}:
        return Standing(len(now), len(failing), pending, shares)
    return Standing(
        len(now), len(failing), pending, shares, trends.changes(then, now, ids), trends.flows(then, now)
    )  # fmt: skip


def trend(ask: Ask, runs: Sequence[Mapping[str, Any]], cause: str) -> Rows:
    """Return a row a run and cause, in the order of `runs`: share of all answers; of `cause` with a 95% interval.

    `runs`: analyses of one taxonomy. Where answers share origins, the interval is made of each answer (`answers`).
    """
    counted = ask(TREND, scope(runs[0], [row["run_id"] for row in runs])) if runs else []
    found = []
    for number, analysis in enumerate(runs):
        own = {row["cause_id"]: row for row in counted if row["run_id"] == analysis["run_id"]}
        if not own:
            continue
        n, origins = (next(iter(own.values()))[name] for name in ("answers", "origins"))
        base = {"run_id": analysis["run_id"], "order": number, "answers": n}
        for name in sorted({cause, *(name for name in own if name)}):
            k = own[name]["failures"] if name in own else 0
            row = {**base, "cause": name, "failures": k, "share": k / n, "low": None, "high": None}
            if name == cause:
                whole = stats.wilson(k, n) if origins == n else _share(ask, analysis, cause)
                row |= {"low": whole.low, "high": whole.high}
            found.append(row)
    return found


def members(ask: Ask, analysis: Mapping[str, Any], cause: str, page: int) -> Rows:
    """Return the failures of a cause, `PAGE` of them from page `page` (0 is the first), the most typical first."""
    return ask(MEMBERS, (*scope(analysis), cause, PAGE, page * PAGE))


def place(ask: Ask, analysis: Mapping[str, Any], cause: str, key: str) -> int | None:
    """Return where, from 0, a failure stands among those of a cause; None where it is not. `key`: suite/id/attempt."""
    found = ask(PLACE, (*scope(analysis), cause, key))
    return int(found[0]["place"]) if found else None


def points(ask: Ask, analysis: Mapping[str, Any]) -> Rows:
    """Return places on the taxonomy's map with their failures, at most `POINTS` of the `places`, evenly left out.

    A row a place and cause: number of failures, key and name of one of them.
    """
    return ask(MAP, (*scope(analysis), POINTS))


def lineage(ask: Ask, taxonomy_id: str) -> tuple[Rows, Rows]:
    """Return the taxonomies that this one came from and that came from it, oldest first, and what became of causes.

    Labels of causes stand in the second as `old` and `new`.
    """
    every = ask(FAMILY, ())
    kin, size = {taxonomy_id}, 0
    while len(kin) > size:
        size = len(kin)
        kin |= {row["parent"] for row in every if row["taxonomy_id"] in kin and row["parent"]}
        kin |= {row["taxonomy_id"] for row in every if row["parent"] in kin}
    chain = [row for row in every if row["taxonomy_id"] in kin]
    labels = {row["cause_id"]: row["label"] for one in chain for row in causes(ask, one["taxonomy_id"])}
    found = ask(DESCENTS, ([row["taxonomy_id"] for row in chain],)) if len(chain) > 1 else []
    named = [{**row, "old": labels.get(row["old_cause"], row["old_cause"]),
              "new": labels.get(row["new_cause"], row["new_cause"])} for row in found]  # fmt: skip
    return chain, named


def _share(ask: Ask, analysis: Mapping[str, Any], cause: str) -> stats.Estimate:
    return trends.shares(answers(ask, analysis), [cause])[cause].of_answers


def scope(analysis: Mapping[str, Any], runs: Sequence[str] = ()) -> tuple[Any, ...]:
    """Return the parameters of `EVERY` and `SOME`."""
    chosen = list(runs) or [analysis["run_id"]]
    return (analysis["taxonomy_id"], chosen, list(analysis["suites"]), analysis["split"])
