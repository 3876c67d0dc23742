"""Verdicts of gates, newest first, and one of them with its checks.

    page(ask, outcome="FAIL", limit=50)[0]  -> {"gate_id": "gate-2f9a36b57b", "outcome": "FAIL", "kept": 4, ..}
    verdict(ask, "gate-2f9a")               -> (row of `gates`, Verdict("FAIL", (Check(..), ..), ..))
    history(ask, row)[0]                    -> {"number": 1, "gate": .., "what": "mmlu, regression", ..}

Cost: milliseconds; checks are read for the verdicts of one page only. A file from before gates has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dashboards.queries import Ask, Rows, has
from harness.errors import UsageError, nearest
from harness.types import Check, Verdict

OUTCOMES = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")
WHERE = """(? = '' OR outcome = ?)
  AND contains(lower(concat_ws(' ', model, candidate, reference, policy, loop, gate_id)), lower(?))"""
COUNTS = f"SELECT outcome, count(*) AS n FROM gates WHERE {WHERE} GROUP BY outcome"
PAGE = f"""
WITH shown AS (
  SELECT gate_id, decided_at, outcome, exit_code, model, candidate, reference, policy, split, sealed, way, loop, note,
         rowid AS place
  FROM gates WHERE {WHERE} ORDER BY decided_at DESC, rowid DESC LIMIT ? OFFSET ?
)
SELECT shown.*, count(c.gate_id) AS checks, count(*) FILTER (c.outcome = 'PASS') AS kept
FROM shown LEFT JOIN checks c USING (gate_id) GROUP BY ALL ORDER BY decided_at DESC, place DESC
"""
NAMES = "SELECT gate_id FROM gates ORDER BY decided_at DESC, rowid DESC"
ONE = "SELECT * FROM gates WHERE gate_id = ?"
CHECKS = "SELECT * FROM checks WHERE gate_id = ? ORDER BY place"
HISTORY = """
WITH near AS (
  SELECT gate_id, decided_at, outcome, candidate, rowid AS place FROM gates
  WHERE CASE WHEN ?::VARCHAR IS NULL THEN loop IS NULL AND model IS NOT DISTINCT FROM ? ELSE loop = ? END
  ORDER BY decided_at DESC, rowid DESC LIMIT ?
), shown AS (
  SELECT *, row_number() OVER (ORDER BY decided_at, place) AS number FROM near
), said AS (
  SELECT gate_id, 'verdict' AS what, outcome, -1 AS line FROM shown
  UNION ALL
  SELECT gate_id, coalesce(nullif(c.suite, ''), 'run') || ', ' || c.rule, c.outcome, c.place
  FROM checks c SEMI JOIN shown USING (gate_id)
)
SELECT number, gate_id AS gate, strftime(decided_at, '%Y-%m-%d %H:%M') AS decided, candidate, what, said.outcome
FROM shown JOIN said USING (gate_id) ORDER BY line, what, number
"""
REMEMBERED = 24
"""Verdicts of a history at most: a column each."""


def counts(ask: Ask, words: str = "") -> dict[str, int]:
    """Return outcome -> number of verdicts whose model, runs, policy, loop or id contain `words`; every outcome."""
    found = ask(COUNTS, ["", "", words]) if has(ask, "gates") else []
    return dict.fromkeys(OUTCOMES, 0) | {row["outcome"]: row["n"] for row in found}


def page(ask: Ask, outcome: str = "", words: str = "", limit: int = 50, offset: int = 0) -> Rows:
    """Return verdicts, newest first, with `checks` and how many of them were `kept`. Empty outcome: all."""
    return ask(PAGE, [outcome, outcome, words, limit, offset]) if has(ask, "gates") else []


def verdict(ask: Ask, gate_id: str) -> tuple[dict[str, Any], Verdict]:
    """Return the row of a gate (by its id or the beginning of it), and what it decided.

    Raises:
        UsageError: no such gate, or more than one; tells the nearest.
    """
    known = [str(row["gate_id"]) for row in ask(NAMES, ())] if has(ask, "gates") else []
    found = [name for name in known if name.startswith(gate_id)]
    if len(found) != 1 and gate_id not in known:
        what = f"{gate_id!r} could be {len(found)} gates" if found else f"no gate {gate_id!r}"
        raise UsageError(what, nearest(gate_id, found or known), "choose one of the list")
    named = gate_id if gate_id in known else found[0]
    row = ask(ONE, [named])[0]
    checks = tuple(_check(each) for each in ask(CHECKS, [named]))
    return row, Verdict(row["outcome"], checks, row["candidate"], row["reference"], named, row["note"] or "")


def history(ask: Ask, row: Mapping[str, Any], limit: int = REMEMBERED) -> Rows:
    """Return a row a check, and one a verdict, of the latest verdicts of the loop of `row` (of `gates`), or its model.

    `number` 1 is the oldest; the verdict as a whole is `what` = verdict.
    """
    return ask(HISTORY, [row["loop"], row["model"], row["loop"], limit])


def _check(row: Mapping[str, Any]) -> Check:
    own = {name: row[name] for name in Check.__dataclass_fields__}
    # Infinities are no JSON and are stored as text.
    return Check(**own | {"numbers": {name: float(value) for name, value in json.loads(row["numbers"]).items()}})
