"""What many failures of a cause share, and whether the run's right answers share it too.

    marks(ask, analysis, "3f9a..")[0]
      -> {"mark": "finish: length", "here": 0.95, "right": 0.01, "failures": 38, "passed": 1, ..}

A mark is a tag of the sample, how the answer ended, or an unusual length. One that right answers have as often does not
explain the failures. Counts alone: what to look at, no test. Cost: a pass over the records and completions of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.queries import Ask, Rows
from dashboards.queries.clusters import EVERY, scope

MARKED, MARKS = 0.1, 15
"""Share of a cause's failures that a mark has at least to be told, and marks told at most."""
TRAITS = f"""{EVERY.rstrip()},
told AS (
    SELECT mode <> 'right' AS wrong, tags, c.finish, c.completion_tokens AS tokens
    FROM scored LEFT JOIN held USING (run_id, suite, sample_id, attempt) LEFT JOIN completions c ON c.key = said
    WHERE mode = 'right' OR cause_id = $5),
usual AS (SELECT quantile_cont(tokens, 0.1) AS low, quantile_cont(tokens, 0.9) AS high FROM told WHERE NOT wrong),
traits AS (
    SELECT wrong, 'finish: ' || finish AS mark FROM told WHERE finish <> ''
    UNION ALL SELECT wrong, unnest(list_transform(map_entries(tags), lambda e: e.key || ': ' || e.value)) FROM told
    UNION ALL SELECT wrong, CASE WHEN tokens > high THEN 'longer than nine of ten right answers'
                                 ELSE 'shorter than nine of ten right answers' END
              FROM told, usual WHERE tokens > high OR tokens < low)
SELECT mark, count(*) FILTER (wrong) AS failures, count(*) FILTER (NOT wrong) AS passed,
       (SELECT count(*) FROM told WHERE wrong) AS all_failures,
       (SELECT count(*) FROM told WHERE NOT wrong) AS all_passed
FROM traits GROUP BY mark
"""


def marks(ask: Ask, analysis: Mapping[str, Any], cause: str) -> Rows:
    """Return tags, finish and length that many failures of a cause have: `here` and `right`, shares of 0 to 1.

    `right`: of the run's right answers. The most telling first, at most `MARKS`; none without a right answer, and none
    that all of both have.
    """
    found = []
    for row in ask(TRAITS, (*scope(analysis), cause)):
        if row["all_failures"] and row["all_passed"]:
            here, right = row["failures"] / row["all_failures"], row["passed"] / row["all_passed"]
            if here >= MARKED and not here == right == 1:
                found.append({**row, "here": here, "right": right})
    return sorted(found, key=lambda row: (row["right"] - row["here"], row["mark"]))[:MARKS]
