"""Records of a run, searched and paged: the rows of a page, how many there are, and what there is to filter by.

    found = search(ask, Filter(run="tiny-0a..", outcome="wrong", text="zebra"), page=1)
    found[0]           -> {"sample_id": "9f..", "mode": "wrong_order", "score": 0.0, "total": 259, "said": " ja..", ..}
    beside(ask, Filter(run="tiny-0a.."), "9f..")   -> {"place": 12, "total": 625, "before": "3c..", "after": "71.."}

Right is what `harness.failures.cases` does not call a failure: the mode `right`, or the better end of the metric's
range. Better and worse than another run is by the primary value, attempt by attempt, as `harness compare` pairs them.

Cost: records of one run are joined with its scores (0.2 s for 40,000 of 2 million); searching texts and sorting by
time read its completions too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask, Rows, has

PAGE = 50
"""Rows of a page."""
PREVIEW = 160
"""Characters of a completion, an answer or a target in a list."""
OPTIONS = 300
"""Values of one filter at most."""
OUTCOMES = {"right": "p.fine", "wrong": "NOT p.fine", "fault": "p.fine IS NULL"}
FLIPS = {"worse": "p.change < 0", "better": "p.change > 0"}
PROMPT = "coalesce(h.text, '') || c.tail"
HAYSTACKS = {
    "prompt": (f"if(c.form = 'chat', '', {PROMPT})", f"if(c.form = 'chat', {PROMPT}, '')"),
    "completion": ("concat_ws(chr(10), c.text, c.reasoning)", "c.tool_calls"),
}
"""Part of a conversation -> its plain texts, and those stored as JSON, in which quotes and line ends are escaped."""
ANSWERED = "coalesce(contains(lower(p.answer), lower(?)), FALSE)"
PARTS = (*HAYSTACKS, "answer")
"""Where a text is looked for."""
UNASSIGNED = "none"
"""Stands for a cause: the failures that the newest analysis of a run put nowhere."""
GOODNESS = "p.score * if(p.up, 1, -1)"
ORDERS = {
    "as asked": "p.suite, p.row, p.sample_id, p.attempt",
    "worst first": f"{GOODNESS} NULLS LAST, p.suite, p.row",
    "best first": f"{GOODNESS} DESC NULLS LAST, p.suite, p.row",
    "slowest first": "e.seconds DESC NULLS LAST, p.row",
    "fastest first": "e.seconds NULLS LAST, p.row",
    "longest first": "e.tokens DESC NULLS LAST, p.row",
}


@dataclass(frozen=True)
class Filter:
    """What is looked for; an empty field lets everything through."""

    run: str
    suite: str = ""
    tag: str = ""
    """A value of any tag, or `name=value`."""
    mode: str = ""
    """Of a score, or `fault: boundary/kind`."""
    outcome: str = ""
    """One of `OUTCOMES`."""
    cluster: str = ""
    """Id of a cause, or `UNASSIGNED`."""
    text: str = ""
    """Stands in the prompt, the completion or the extracted answer, whatever its case."""
    within: str = ""
    """One of `PARTS`, all where empty."""
    flip: str = ""
    """Run to compare with: only samples that have another primary value there."""
    way: str = ""
    """One of `FLIPS`, both where empty."""
    slower_s: float = 0.0
    """Least seconds of all completions of a record together."""


MEASURED = """
    SELECT r.suite, r.sample_id, r.attempt, r.sample_digest, r.completion_keys, r.fault_message, sc.answer,
           coalesce(sc.mode, 'fault: ' || r.fault_boundary || '/' || r.fault_kind) AS mode,
           sc.measures[w.value] AS score, w.up,
           CASE WHEN sc.key IS NULL THEN NULL WHEN sc.mode = 'right' THEN TRUE
                ELSE coalesce(CASE WHEN w.up THEN sc.measures[w.value] >= coalesce(sc.measures[w.below], w.best) - 1e-9
                                   ELSE sc.measures[w.value] <= w.best + 1e-9 END, TRUE) END AS fine
    FROM records r
    JOIN (SELECT suite, metrics->0->>'value' AS value,
                 coalesce((metrics->0->>'higher_is_better')::BOOLEAN, TRUE) AS up,
                 CASE WHEN (metrics->0->>'aggregate') LIKE 'ratio:%' THEN (metrics->0->>'aggregate')[7:] END AS below,
                 coalesce(TRY_CAST(CASE WHEN up THEN metrics->0->>'high' ELSE metrics->0->>'low' END AS DOUBLE),
                          CASE WHEN up THEN 1 ELSE 0 END) AS best
          FROM run_suites WHERE run_id = ?) w ON w.suite = r.suite
    LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
    WHERE r.run_id = ?"""
"""Records of a run with primary value and whether it is full marks: the run twice."""
HEARD = """heard AS (
    SELECT k.suite, k.sample_id, k.attempt, sum(c.seconds) AS seconds, sum(c.completion_tokens) AS tokens,
           bool_or({hit}) AS hit
    FROM (SELECT suite, sample_id, attempt, unnest(completion_keys) AS key FROM records WHERE run_id = ?{own}) k
    JOIN completions c ON c.key = k.key{heads} GROUP BY ALL)"""
HOLDS = """
    SELECT * FROM members WHERE run_id = ?
    QUALIFY row_number() OVER (PARTITION BY taxonomy_id, suite, sample_id, attempt ORDER BY rowid DESC) = 1"""
"""Where failures of a run belong: the latest row holds."""
MEMBERS = f"""(SELECT suite, sample_id, attempt FROM ({HOLDS})
     WHERE cause_id = ? AND (cause_id <> '' OR taxonomy_id = (
         SELECT arg_max(taxonomy_id, rowid) FROM members WHERE run_id = ?)))"""
TAG = """(list_contains(map_values(p.tags), ?)
     OR list_contains(list_transform(map_entries(p.tags), lambda e: e.key || '=' || e.value), ?))"""
KEY = "(p.suite, p.sample_id, p.attempt)"
RUNS = "SELECT run_id, name, model, started_at FROM runs ORDER BY started_at DESC, run_id"
SUITES = "SELECT suite FROM run_suites WHERE run_id = ? ORDER BY suite"
MODES = """
SELECT coalesce(sc.mode, 'fault: ' || r.fault_boundary || '/' || r.fault_kind) AS mode, count(*) AS n
FROM records r LEFT JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite
WHERE r.run_id = ? AND (? = '' OR r.suite = ?) GROUP BY ALL ORDER BY n DESC, mode
"""
TAGS = f"""
SELECT DISTINCT tag FROM (
    SELECT unnest(list_transform(map_entries(tags), lambda e: e.key || '=' || e.value)) AS tag FROM samples
    WHERE suite IN (SELECT suite FROM run_suites WHERE run_id = ? AND (? = '' OR suite = ?)))
ORDER BY tag LIMIT {OPTIONS}
"""
CLUSTERS = f"""
SELECT c.cause_id, coalesce(max(n.label), max(c.label)) AS label, m.n
FROM (SELECT cause_id, count(DISTINCT (suite, sample_id, attempt)) AS n FROM ({HOLDS})
      WHERE cause_id <> '' GROUP BY cause_id) m
JOIN causes c USING (cause_id)
LEFT JOIN (SELECT cause_id, arg_max(label, named_at) AS label FROM cause_names GROUP BY cause_id) n USING (cause_id)
GROUP BY c.cause_id, m.n ORDER BY m.n DESC, label LIMIT {OPTIONS}
"""


def search(ask: Ask, wanted: Filter, page: int = 1, order: str = "as asked") -> Rows:
    """Return the rows of a page (from 1) with `total`, the count of all that fit; none behind the last page."""
    head, source, parameters = _fitting(ask, wanted, order)
    return ask(
        f"""{head}, page AS (
    SELECT p.*, count(*) OVER () AS total, row_number() OVER (ORDER BY {ORDERS[order]}) AS place
    {source} ORDER BY place LIMIT {PAGE} OFFSET ?),
said AS (
    SELECT k.place, left(arg_max(c.text, k.turn), {PREVIEW}) AS said, sum(c.seconds) AS seconds
    FROM (SELECT place, unnest(completion_keys) AS key, generate_subscripts(completion_keys, 1) AS turn FROM page) k
    JOIN completions c ON c.key = k.key GROUP BY k.place)
SELECT page.* EXCLUDE (completion_keys, sample_digest, "row", tags, up, target, answer), said.said, said.seconds,
       left(answer, {PREVIEW}) AS answer, left(target ->> '$', {PREVIEW}) AS expected
FROM page LEFT JOIN said USING (place) ORDER BY place""",
        [*parameters, (page - 1) * PAGE],
    )


def count(ask: Ask, wanted: Filter) -> int:
    """Return how many records fit."""
    head, source, parameters = _fitting(ask, wanted)
    return int(ask(f"{head}\nSELECT count(*) AS n {source}", parameters)[0]["n"])


def beside(ask: Ask, wanted: Filter, sample_id: str, order: str = "as asked") -> dict[str, Any] | None:
    """Return place, total, and the samples before and after a sample among those that fit; None: it does not fit."""
    head, source, parameters = _fitting(ask, wanted, order)
    found = ask(
        f"""{head}, numbered AS (
    SELECT p.suite, p.sample_id, row_number() OVER (ORDER BY {ORDERS[order]}) AS n {source}),
lined AS (SELECT sample_id, min(n) AS n FROM numbered GROUP BY suite, sample_id)
SELECT place, total, before, after FROM (
    SELECT sample_id, row_number() OVER w AS place, count(*) OVER () AS total,
           lag(sample_id) OVER w AS before, lead(sample_id) OVER w AS after FROM lined WINDOW w AS (ORDER BY n))
WHERE sample_id = ? LIMIT 1""",
        [*parameters, sample_id],
    )
    return found[0] if found else None


def runs(ask: Ask) -> Rows:
    """Return all runs, newest first."""
    return ask(RUNS, ())


def suites(ask: Ask, run: str) -> list[str]:
    """Return the suites of a run."""
    return [str(row["suite"]) for row in ask(SUITES, (run,))]


def modes(ask: Ask, run: str, suite: str = "") -> dict[str, int]:
    """Return mode -> how many records, the most frequent first."""
    return {str(row["mode"]): int(row["n"]) for row in ask(MODES, (run, suite, suite))}


def tags(ask: Ask, run: str, suite: str = "") -> list[str]:
    """Return the tags of a run's samples as `name=value`, at most `OPTIONS`."""
    return [str(row["tag"]) for row in ask(TAGS, (run, suite, suite))]


def clusters(ask: Ask, run: str) -> Rows:
    """Return the causes that failures of a run belong to: cause_id, label, n; none in a file from before causes."""
    return ask(CLUSTERS, (run,)) if has(ask, "members") else []


def _fitting(ask: Ask, wanted: Filter, order: str = "as asked") -> tuple[str, str, list[Any]]:
    """Return the WITH clause, FROM with WHERE over `p` (and `e`, the completions), and the parameters in order."""
    own, suite = (" AND suite = ?", [wanted.suite]) if wanted.suite else ("", [])  # a run may have twenty
    measured = MEASURED + own.replace("suite", "r.suite")
    rooms, parameters = [f"mine AS ({measured})"], [wanted.run, wanted.run, *suite]
    columns = joins = ""
    if wanted.flip:
        rooms.append(f"other AS ({measured})")
        parameters += [wanted.flip, wanted.flip, *suite]
        columns = ", o.score AS other_score, o.mode AS other_mode, (r.score - o.score) * if(r.up, 1, -1) AS change"
        joins = " JOIN other o ON o.suite = r.suite AND o.sample_id = r.sample_id AND o.attempt = r.attempt"
    rooms.append(
        f"picked AS (SELECT r.*, s.name, s.split, s.tags, s.target, s.rowid AS row{columns} FROM mine r"
        f" LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest{joins})"
    )
    source = "FROM picked p"
    spoken = bool(wanted.text) and wanted.within != "answer"
    if spoken or wanted.slower_s > 0 or "e." in ORDERS[order]:
        hit, needles = _hit(wanted) if spoken else ("TRUE", [])
        heads = " LEFT JOIN heads h ON h.key = c.head_key" if spoken else ""
        rooms.append(HEARD.format(hit=hit, heads=heads, own=own))
        parameters += [*needles, wanted.run, *suite]
        source += " LEFT JOIN heard e USING (suite, sample_id, attempt)"
    tests, tested = _tests(wanted, analysed=not wanted.cluster or has(ask, "members"))
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    return "WITH " + ",\n".join(rooms), source + where, [*parameters, *tested]


def _hit(wanted: Filter) -> tuple[str, list[str]]:
    """Return the condition that a completion holds the text that is looked for, and its parameters."""
    places = [HAYSTACKS[wanted.within]] if wanted.within in HAYSTACKS else list(HAYSTACKS.values())
    escaped = json.dumps(wanted.text, ensure_ascii=False)[1:-1]
    hits = [f"contains(lower({place}), lower(?))" for pair in places for place in pair]
    return " OR ".join(hits), [wanted.text, escaped] * len(places)


def _tests(wanted: Filter, analysed: bool) -> tuple[list[str], list[Any]]:
    """Return the conditions of a filter and their parameters. `analysed`: whether the file has a table of causes."""
    cause = "" if wanted.cluster == UNASSIGNED else wanted.cluster
    text = {"answer": ANSWERED}.get(wanted.within, "e.hit" if wanted.within in PARTS else f"(e.hit OR {ANSWERED})")
    every: list[tuple[str, list[Any], bool]] = [
        ("p.mode = ?", [wanted.mode], bool(wanted.mode)),
        ("e.seconds >= ?", [wanted.slower_s], wanted.slower_s > 0),
        (text, [wanted.text] * text.count("?"), bool(wanted.text)),
        (TAG, [wanted.tag, wanted.tag], bool(wanted.tag)),
        (OUTCOMES.get(wanted.outcome, ""), [], wanted.outcome in OUTCOMES),
        (FLIPS.get(wanted.way, "p.change <> 0"), [], bool(wanted.flip)),
        (f"{KEY} IN {MEMBERS}", [wanted.run, cause, wanted.run], bool(wanted.cluster) and analysed),
        ("FALSE", [], not analysed),
    ]
    kept = [(test, values) for test, values, is_asked in every if is_asked]
    return [test for test, _ in kept], [value for _, values in kept for value in values]
