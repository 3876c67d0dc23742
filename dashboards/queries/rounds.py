"""Improvement loops: their state, their rounds, what each cost and gained.

    loops(ask)[0]                     -> {"loop": "nightly", "outcome": None, "rounds": 3, "budget": {"usd": 5.0}, ..}
    rounds(ask, "nightly")[-1]        -> {"number": 2, "accepted": False, "why": "no gain is proven", "gain": 0.01, ..}
    budget(ask, loop)                 -> [{"what": "usd", "spent": 1.2, "cap": 5.0, "share": 0.24}]

`gain`, `low`, `high`: of the samples that a round aimed at, as its decision stored them (`harness.gate.accept`: paired,
sealed samples alone, a share of the metric's range); `others`: of all other samples. A loop whose outcome is NULL runs,
or was killed. Sources: the tables `loops`, `rounds`, `steps`, `spendings`, `gates`. Cost: milliseconds, a row a round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.queries import Ask, Rows, has

MOST = 200
"""Rounds of a loop that are shown, the latest."""
LOOPS = """
SELECT loop, model, outcome, why, recipe, started_at, finished_at,
       count(*) OVER (PARTITION BY loop)::INTEGER AS starts
FROM loops QUALIFY row_number() OVER (PARTITION BY loop ORDER BY started_at DESC) = 1
ORDER BY started_at DESC, loop LIMIT 500
"""
ROUNDS = "SELECT * FROM rounds WHERE loop = ? ORDER BY number DESC LIMIT ?"
SPENT = "SELECT what, sum(amount) AS spent FROM spendings WHERE loop = ? GROUP BY what ORDER BY what"
LOOKS = "SELECT count(*)::INTEGER AS looks FROM gates WHERE loop = ?"
BOUNDS = """
SELECT c.suite, max(c.bound) AS bound FROM checks c JOIN gates g USING (gate_id)
WHERE g.loop = ? AND c.rule = 'absolute' AND c.required AND c.bound IS NOT NULL GROUP BY c.suite ORDER BY c.suite
"""
BOOKED = "SELECT max(spent_at) AS at FROM spendings WHERE loop = ?"
HEALED = """
SELECT m.cause_id, count(DISTINCT (m.suite, m.sample_id, m.attempt)) FILTER (a.mode IS NOT NULL)::INTEGER AS answered,
       count(DISTINCT (m.suite, m.sample_id, m.attempt)) FILTER (a.mode <> 'right')::INTEGER AS still
FROM members m LEFT JOIN results a
  ON a.run_id = ? AND a.suite = m.suite AND a.sample_id = m.sample_id AND a.attempt = m.attempt
WHERE m.run_id = ? AND m.cause_id <> '' GROUP BY m.cause_id
"""
NOW = """
SELECT step, fault, seconds, finished_at FROM steps WHERE loop = ? ORDER BY finished_at DESC LIMIT 1
"""
STEPS = """
SELECT s.step_key, s.step, s.version, s.parameters, s.artifact_id, a.kind, s.fault, s.log, s.seconds, s.finished_at
FROM steps s LEFT JOIN artifacts a USING (artifact_id)
WHERE list_contains(?::VARCHAR[], s.artifact_id)
   OR (s.artifact_id IS NULL AND s.loop = ? AND s.finished_at >= ?::TIMESTAMP
       AND (?::TIMESTAMP IS NULL OR s.finished_at <= ?::TIMESTAMP))
QUALIFY s.artifact_id IS NULL OR row_number() OVER (PARTITION BY s.artifact_id ORDER BY s.finished_at DESC) = 1
ORDER BY s.finished_at
"""
COSTS = """
SELECT step_key, what, sum(amount) AS amount FROM spendings
WHERE loop = ? AND spent_at >= ?::TIMESTAMP AND (?::TIMESTAMP IS NULL OR spent_at <= ?::TIMESTAMP)
GROUP BY step_key, what ORDER BY step_key, what
"""
JSON_COLUMNS = ("causes", "decision", "spent_before", "cost")


def loops(ask: Ask) -> Rows:
    """Return the latest start of every loop, the newest first, its recipe's `budget` and `wanted` rounds beside it."""
    found = []
    for row in _asked(ask, "loops", LOOPS):
        recipe = json.loads(row["recipe"] or "{}")
        own = {"budget": recipe.get("budget") or {}, "wanted": recipe.get("rounds"), "steps": recipe.get("steps") or []}
        found.append({**row, **own})
    return found


def rounds(ask: Ask, loop: str) -> Rows:
    """Return the rounds of a loop in their order with gain and cost; JSON parsed."""
    found = []
    for row in reversed(_asked(ask, "rounds", ROUNDS, (loop, MOST))):
        parsed = {k: json.loads(v) if k in JSON_COLUMNS and v else v for k, v in row.items()}
        found.append({**parsed, **_gained(parsed["decision"] or {})})
    return found


def _gained(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return gain and interval of what was aimed at, and of the others; None where it was not decided."""
    by_rule = {check["rule"]: check for check in decision.get("checks") or ()}
    aimed, others = by_rule.get("superiority", {}), by_rule.get("non_inferiority", {})
    return {
        "gain": aimed.get("observed"), "low": aimed.get("low"), "high": aimed.get("high"),
        "others": others.get("observed"), "others_low": others.get("low"), "margin": others.get("bound"),
    }  # fmt: skip


def state(ask: Ask, loop: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a loop stands: `state` in words, round, last step done, looks at the gate."""
    done = rounds(ask, loop["loop"])
    last = done[-1] if done else None
    step = _asked(ask, "steps", NOW, (loop["loop"],))
    looks = _asked(ask, "gates", LOOKS, (loop["loop"],))
    booked = _asked(ask, "spendings", BOOKED, (loop["loop"],))
    signs = [loop["started_at"], *(row["at"] for row in booked), *(row["finished_at"] for row in step)]
    outcome = loop["outcome"]
    return {
        "state": f"{outcome}: {loop['why']}" if outcome else "not at its end: it runs, or was killed",
        "round": last["number"] if last else 0, "wanted": loop["wanted"],
        "steps done": len(last["artifacts"] or ()) if last else 0, "steps": len(loop["steps"]),
        "last step": step[0]["step"] if step else None, "at": step[0]["finished_at"] if step else None,
        "fault": step[0]["fault"] if step else None, "looks at the gate": looks[0]["looks"] if looks else 0,
        "accepted": sum(bool(row["accepted"]) for row in done),
        "rejected": sum(row["accepted"] is False for row in done), "started": loop["started_at"],
        "alive": max(at for at in signs if at is not None),
    }  # fmt: skip


def budget(ask: Ask, loop: Mapping[str, Any]) -> Rows:
    """Return what is spent of each kind against its cap; `cap` and `share` are None where there is no cap."""
    spent = {row["what"]: row["spent"] for row in _asked(ask, "spendings", SPENT, (loop["loop"],))}
    found = []
    for what in sorted({*spent, *loop["budget"]}):
        amount, cap = spent.get(what, 0.0), loop["budget"].get(what)
        found.append({"what": what, "spent": amount, "cap": cap, "share": amount / cap if cap else None})
    return found


def bounds(ask: Ask, loop: str) -> dict[str, float]:
    """Return suite -> the score that the loop's gate asks for at least."""
    found = _asked(ask, "checks", BOUNDS, (loop,)) if has(ask, "gates") else []
    return {row["suite"]: row["bound"] for row in found}


def causes(ask: Ask, row: Mapping[str, Any]) -> Rows:
    """Return what a round learned from, the largest first: `failures` before, and how many of these `still` fail.

    Cases of `dev`, which the round has learned from: they tell where it took, and prove no gain. None: not asked again.
    """
    pair = (row["run_after"], row["run_before"])
    told = _asked(ask, "members", HEALED, pair) if all(pair) else []
    after = {one["cause_id"]: one for one in told}
    found = []
    for key, one in sorted((row["causes"] or {}).items(), key=lambda item: (-item[1]["failures"], item[0])):
        own = after.get(key) or {"answered": 0, "still": 0}
        still = own["still"] if own["answered"] else None
        found.append({"cause": key, "label": one["label"], "failures": one["failures"], "still": still})
    return found


def steps(ask: Ask, row: Mapping[str, Any]) -> Rows:
    """Return the steps of a round in their order, what broke among them, each with what was booked for it."""
    during = (str(row["started_at"]), *[_text(row["finished_at"])] * 2)
    booked: dict[str, dict[str, float]] = {}
    for one in _asked(ask, "spendings", COSTS, (row["loop"], *during)):
        booked.setdefault(one["step_key"], {})[one["what"]] = one["amount"]
    found = _asked(ask, "steps", STEPS, (list(row["artifacts"] or ()), row["loop"], *during))
    return [{**one, "booked": booked.get(one["step_key"], {})} for one in found]


def _text(at: Any) -> str | None:
    return None if at is None else str(at)


def _asked(ask: Ask, table: str, sql: str, parameters: Sequence[Any] = ()) -> Rows:
    """Return the rows of a query, none where the file is from before `table`."""
    return ask(sql, parameters) if has(ask, table) else []
